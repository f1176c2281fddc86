package kafka

import (
	"fmt"
	"maps"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// fullBatch is the largest batch that we write, a little under the max.message.bytes that Apache Kafka gives a topic.
	fullBatch = 1<<20 - 512
	// leastBatch is the size below which batches are not made smaller: of a topic that does not take this, somebody must raise the setting.
	leastBatch = 16 << 10
)

// batchLimits says how large a batch of a topic may be, where that is less than fullBatch. It is one for each topic, since a record of another
// topic may be larger than this one's batches. A client reads it while it runs, so it is never changed, but replaced.
type batchLimits map[string]int

func (l batchLimits) of(topic string) int {
	if n, ok := l[topic]; ok {
		return n
	}
	return fullBatch
}

// next is the limit to try after a batch of the topic was refused as too large, where the largest record needs so much; 0: there is none.
func (l batchLimits) next(topic string, largest int) int {
	limit, need := l.of(topic), min(largest, fullBatch)
	next := max(limit/2, need, leastBatch)
	switch {
	case need > limit:
		return need
	case next >= limit:
		return 0
	}
	return next
}

// Batches are what fit does for the transactor, for those that produce without one. A client keeps the limits that it was made with. It is used by one goroutine.
type Batches struct{ limits batchLimits }

// Opt makes a client's batches as large as its topics are known to take them by now.
func (b *Batches) Opt() kgo.Opt {
	limits := maps.Clone(b.limits)
	return kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return int32(limits.of(topic)) })
}

// Shrink takes it that batches of a topic were refused as too large. It says false where smaller ones do not help: then the largest of the records alone is too large, or the
// topic takes next to nothing.
func (b *Batches) Shrink(topic string, records []*kgo.Record) bool {
	largest := 0
	for _, r := range records {
		if r.Topic == topic {
			largest = max(largest, batchOfOne(r))
		}
	}
	next := b.limits.next(topic, largest)
	if next == 0 {
		return false
	}
	if b.limits = maps.Clone(b.limits); b.limits == nil { // a copy of b has the former ones
		b.limits = batchLimits{}
	}
	b.limits[topic] = next
	return true
}

// Takes tells whether a client made with Opt would take the record.
func (b *Batches) Takes(r *kgo.Record) bool { return batchOfOne(r) <= b.limits.of(r.Topic) }

// batchOfOne is at least as large as a batch with this record alone.
func batchOfOne(r *kgo.Record) int {
	n := 128 + len(r.Key) + len(r.Value) // the header of a batch has 61 bytes, what a record adds to key and value at most 37
	for _, h := range r.Headers {
		n += 10 + len(h.Key) + len(h.Value)
	}
	return n
}

// fit changes how large the batches of a topic may be after one was refused as too large, and says how. Where it says nothing, a record alone is
// too large; else the same may be tried again, with a new client.
//
// The client makes batches as large as it may and never splits one, and the broker compares the batch, not the record, with the topic's
// max.message.bytes. So batches are halved, until the largest record of the transaction is all that one has: then it is that record which is
// too large. The whole transaction counts, not only what was produced last: else a large record that was begun with and the small ones that
// follow it would raise and lower the limit for ever.
//
// A record that is larger than a limit we have lowered is refused by the client itself. The topic may well take it, which is found out by
// letting batches be as large as that.
func (t *Transactor) fit(p *txnProducer) string {
	topic := p.refused
	if topic == "" { // it was no record that was refused
		return ""
	}
	limit, next := p.limits.of(topic), p.limits.next(topic, p.largest(topic))
	if next == 0 {
		return ""
	}
	_, known := t.limits[topic]
	t.limits = maps.Clone(t.limits)
	if t.limits == nil {
		t.limits = batchLimits{}
	}
	t.limits[topic] = next
	if !known { // once: what follows is the search for what the topic takes
		t.log.Warn("a topic does not take full batches; it gets smaller ones, which are slower. Raise its max.message.bytes to 1048576 (1 MiB) and restart",
			"topic", topic, "was_bytes", limit, "batch_bytes", next)
	} else {
		t.log.Debug("the batches of a topic have another size from now on", "topic", topic, "was_bytes", limit, "batch_bytes", next)
	}
	return fmt.Sprintf("batches of %s have at most %d bytes from now on, not %d", topic, next, limit)
}
