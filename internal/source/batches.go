package source

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// smaller is a producer for a topic that does not take the batches of the first one. A client keeps the size of its batches, so each size has its own. The
// first one stays, for the records that are larger than these batches: to make the batches larger again for their sake would have the others refused. Each may hold as much as waits for Kafka at most; those before the last have nothing more to come.
type smaller struct {
	cl      *kgo.Client
	batches kafka.Batches
}

// produce hands a record to the producer of its size. What is refused because of its batch is answered as whatever else Kafka does not take: the
// SMSC sends it again, by when there are smaller batches.
func (s *Source) produce(r *kgo.Record, promise func(*kgo.Record, error)) {
	cl, by := s.producer, s.smaller.Load()
	if by != nil && by.batches.Takes(r) {
		cl = by.cl
	}
	cl.TryProduce(context.Background(), r, func(r *kgo.Record, err error) {
		if errors.Is(err, kerr.MessageTooLarge) && (by == nil || cl == by.cl) {
			s.shrink(by, r)
		}
		promise(r, err)
	})
}

// shrink makes a producer of smaller batches in place of one; who comes later finds it made.
func (s *Source) shrink(from *smaller, refused *kgo.Record) {
	s.shrinking.Lock()
	defer s.shrinking.Unlock()
	if s.stopped || s.smaller.Load() != from {
		return
	}
	next := &smaller{}
	if from != nil {
		next.batches = from.batches
	} else {
		s.log.Warn("a topic does not take the batches of what the SMSCs deliver; it gets smaller ones. Raise its max.message.bytes to 1048576 (1 MiB) and restart", "topic", s.topic)
	}
	if !next.batches.Shrink(refused.Topic, []*kgo.Record{refused}) {
		return
	}
	cl, err := s.dialer.Unmeasured().Client("source-producer-small", append(s.producing(), next.batches.Opt())...)
	if err != nil {
		s.log.Error("no producer of smaller batches", "error", err)
		return
	}
	next.cl = cl
	s.all = append(s.all, cl)
	s.smaller.Store(next)
}
