package sink

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
)

// Kafka may forget commits that it has confirmed: a broker of few replicas whose disk was lost, an unclean leader election, or a
// coordinator that answers before it has read all of its log. It then names an older commit than ours, or none, and whoever believes it sends
// all since then once more, unsaid. A replica that lives knows better: it asks again for a while, and then goes on from what it
// knows, which its next commit tells Kafka anew. If all replicas die with the broker nobody knows, and what Kafka says is all there is.
//
// An operator's reset (kafka-consumer-groups.sh --reset-offsets) has an offset and no metadata. It is followed.

// askedAgainFor is how long Kafka is asked again when it says less than it has confirmed.
const askedAgainFor = 5 * time.Second

// behind tells that Kafka names an older commit than one of ours, or than the one that we took the partition over with.
func (p *partition) behind(om kafka.OffsetMeta) bool {
	if p.n == 0 { // none of either
		return false
	}
	if om.Offset < 0 {
		return true
	}
	m, err := ledger.ParseMetadata(om.Metadata)
	return err == nil && om.Metadata != "" && m.Topic == p.ledger.Topic() && m.N < p.n
}

// known is what we know of a partition, held or lost a moment ago; nil for nothing that may be gone on with.
func (s *Sink) known(key tp) *partition {
	p := s.limbo[key]
	if p == nil {
		p = s.parts[key]
	}
	if p == nil || p.letGo != nil {
		return nil
	}
	return p
}

// unforgotten asks for the committed offsets again while they are behind what we know. What they are after that is returned.
func (s *Sink) unforgotten(ctx context.Context, cl *kgo.Client, offsets kafka.Offsets) (kafka.Offsets, error) {
	until := time.Now().Add(askedAgainFor)
	for n := 1; ; n++ {
		again := make(map[string][]int32)
		if !s.doSettled(ctx, func() {
			for topic, ps := range offsets {
				for partition, om := range ps {
					if p := s.known(tp{topic, partition}); p != nil && p.behind(om) {
						again[topic] = append(again[topic], partition)
					}
				}
			}
		}) {
			return nil, context.Cause(ctx)
		}
		if len(again) == 0 || time.Now().After(until) {
			return offsets, nil
		}
		if n == 1 {
			s.log.Warn("Kafka names older commits than it has confirmed; asking again", "partitions", again)
		}
		if err := kafka.Sleep(ctx, kafka.Backoff(n+4)); err != nil {
			return nil, err
		}
		newer, err := kafka.Stable(ctx, cl, s.cfg.SinkGroup(), again)
		if err != nil {
			return nil, err
		}
		for topic, ps := range newer {
			for partition, om := range ps {
				offsets.Set(topic, partition, om)
			}
		}
	}
}

// keep goes on from what we know, although Kafka knows less.
func (s *Sink) keep(p *partition, om kafka.OffsetMeta) {
	s.log.Error("Kafka has lost commits that it had confirmed; going on from what this replica knows. Look at the broker's disk, at unclean.leader.election.enable, and at the replicas of __consumer_offsets",
		"topic", p.topic, "partition", p.partition, "offset", om.Offset, "known_offset", p.committed.Offset)
	s.metrics.forgotten.Inc()
}
