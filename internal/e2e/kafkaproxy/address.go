package kafkaproxy

import "github.com/twmb/franz-go/pkg/kmsg"

// namesBrokers tells which answers carry addresses. Those to Produce and Fetch do when a
// partition has moved (KIP-951).
func namesBrokers(key kmsg.Key) bool {
	switch key {
	case kmsg.Metadata, kmsg.FindCoordinator, kmsg.DescribeCluster, kmsg.Produce, kmsg.Fetch:
		return true
	}
	return false
}

// rename puts our addresses in the place of the brokers', and tells whether there were any.
func (p *Proxy) rename(resp kmsg.Response) (changed bool, err error) {
	set := func(node int32, host *string, port *int32) {
		if node < 0 || *host == "" || err != nil { // no such broker, says an answer with an error
			return
		}
		var at hostPort
		if at, err = p.ours(*host, *port); err == nil {
			*host, *port, changed = at.host, at.port, true
		}
	}
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			b := &r.Brokers[i]
			set(b.NodeID, &b.Host, &b.Port)
		}
	case *kmsg.FindCoordinatorResponse:
		set(r.NodeID, &r.Host, &r.Port)
		for i := range r.Coordinators {
			b := &r.Coordinators[i]
			set(b.NodeID, &b.Host, &b.Port)
		}
	case *kmsg.DescribeClusterResponse:
		for i := range r.Brokers {
			b := &r.Brokers[i]
			set(b.NodeID, &b.Host, &b.Port)
		}
	case *kmsg.ProduceResponse:
		for i := range r.Brokers {
			b := &r.Brokers[i]
			set(b.NodeID, &b.Host, &b.Port)
		}
	case *kmsg.FetchResponse:
		for i := range r.Brokers {
			b := &r.Brokers[i]
			set(b.NodeID, &b.Host, &b.Port)
		}
	}
	return changed, err
}
