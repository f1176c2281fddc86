package resolve

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// read gives fn the committed records of a partition from an offset up to an end, and returns where it arrived: at end or beyond. What the
// brokers refuse is asked for again until ctx ends, since a partition that is not restored cannot go on.
func (r *Resolver) read(ctx context.Context, topic string, partition int32, from, end int64, fn func(*kgo.Record) error) (int64, error) {
	reader := kafka.Reader{Client: r.plain, Compacted: topic == r.waiting, Trouble: func(err error) {
		r.log.Warn("a partition taken over cannot be restored; trying on", "topic", topic, "partition", partition, "error", err)
	}}
	return reader.ReadTo(ctx, topic, partition, from, end, fn)
}
