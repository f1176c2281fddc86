package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// Spread is how a group's partitions are given to its members.
type Spread uint8

const (
	// ByPartition moves as few as it can, each alone.
	ByPartition Spread = iota
	// ByRange gives partitions of the same number, of all topics, to the same member. In a classic group every
	// rebalance takes all of them away first.
	ByRange
)

// GroupOpts make a client a member of a group, by KAFKA_GROUP_PROTOCOL.
//
// heartbeat is how often a member of a classic group reports. Only in the answer does it learn that another has left, or waits to
// be let in: at the usual 3 s, nobody would have the partitions of a replica that was stopped cleanly for as long.
//
// By the consumer protocol (KIP-848) the broker assigns, and session and heartbeats are its own settings; partitions come and go one
// by one, whatever the spread.
func GroupOpts(k *config.Kafka, group string, spread Spread, heartbeat time.Duration) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.ConsumerGroup(group),
		kgo.SessionTimeout(k.SessionTimeout),
		kgo.HeartbeatInterval(min(heartbeat, k.SessionTimeout/4)),
		kgo.RebalanceTimeout(time.Minute),
		kgo.DisableAutoCommit(),
	}
	if k.GroupProtocol == config.GroupConsumer {
		// The names that the client has for the broker's assignors "uniform" and "range".
		balancer := kgo.StickyBalancer()
		if spread == ByRange {
			balancer = kgo.RangeBalancer()
		}
		return append(opts, kgo.ServerSideBalancer(), kgo.Balancers(balancer))
	}
	balancer := kgo.CooperativeStickyBalancer()
	if spread == ByRange {
		balancer = kgo.RangeBalancer()
	}
	return append(opts, kgo.Balancers(balancer))
}

// CheckGroupProtocol says whether the brokers know the protocol that is asked for. The client would else take the classic one and
// say nothing, with another balancer than the members that were configured for it.
func CheckGroupProtocol(ctx context.Context, cl *kgo.Client, k *config.Kafka) error {
	if k.GroupProtocol != config.GroupConsumer {
		return nil
	}
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("asking the brokers for what they know: %w", err)
	}
	for _, key := range resp.ApiKeys {
		if key.ApiKey == int16(kmsg.ConsumerGroupHeartbeat) && key.MaxVersion >= 1 {
			return nil
		}
	}
	return fmt.Errorf("KAFKA_GROUP_PROTOCOL=%s: these brokers do not know it (Kafka 4.0 and later do): use %s", config.GroupConsumer, config.GroupClassic)
}

// defaultConsumerSession is the session of a group by the consumer protocol where the broker does not say it: Kafka's
// default, and the least that can be set unless somebody has lowered group.consumer.min.session.timeout.ms too.
const defaultConsumerSession = 45 * time.Second

// SessionTimeout is after how long without a heartbeat the group gives a member's partitions to others: what a
// lease must stay well below. Of a group by the consumer protocol the broker says it, if it may be asked; pass a nil client not to ask.
func SessionTimeout(ctx context.Context, cl *kgo.Client, k *config.Kafka, group string) time.Duration {
	if k.GroupProtocol != config.GroupConsumer {
		return k.SessionTimeout
	}
	if cl == nil {
		return defaultConsumerSession
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeGroupConfig, group, []string{"consumer.session.timeout.ms"}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return defaultConsumerSession
	}
	for _, r := range resp.Resources {
		for _, c := range r.Configs {
			if c.Name != "consumer.session.timeout.ms" || c.Value == nil {
				continue
			}
			if ms, err := strconv.Atoi(*c.Value); err == nil && ms > 0 {
				return time.Duration(ms) * time.Millisecond
			}
		}
	}
	return defaultConsumerSession
}
