package sink

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
)

// An input topic that is deleted and created again begins anew at offset 0. Three
// things then stand in its way:
//
//   - The client goes on asking for the topic that is gone, by its id, and never reads
//     the new one until it is told to forget the topic.
//   - A commit names a topic by its name: a late one of the old topic's offsets is taken
//     for the new one. Read by a successor, all records of the new topic below that C would
//     count as done, and be lost. So the metadata carries the topic's id.
//   - What we know of the old topic's partitions must not be resumed.
//
// What had been sent of the old topic still gets its result, if its answer comes within
// the time of a hand-over and the new topic is there by then; what had not been sent is
// gone with its topic.

// topicIDs of what the offsets are of.
func (s *Sink) topicIDs(ctx context.Context, offsets kafka.Offsets) (map[string]string, error) {
	topics := make([]string, 0, len(offsets))
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 { // asked for none, Kafka would tell of all
		return nil, nil
	}
	return kafka.TopicIDs(ctx, s.consumer, topics...)
}

// ofFormerTopics takes out the offsets that were committed for a topic which is no more.
func (s *Sink) ofFormerTopics(offsets kafka.Offsets, metas map[tp]*ledger.Meta, ids map[string]string) {
	s.anew = make(map[tp]bool)
	for key, m := range metas {
		if id := ids[key.topic]; m.Topic == "" || id == "" || m.Topic == id {
			continue
		}
		s.log.Warn("the committed offset is of an earlier topic of this name, which was deleted; reading the new topic from its start",
			"topic", key.topic, "partition", key.partition)
		offsets.Set(key.topic, key.partition, kafka.OffsetMeta{Offset: -1})
		*m = ledger.Meta{}
		s.anew[key] = true
	}
}

// startOfNewTopics runs right after onOffsets, in the same goroutine, and has the client
// read where our ledgers begin.
func (s *Sink) startOfNewTopics(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for key := range s.anew {
		if _, ok := offsets[key.topic][key.partition]; ok {
			offsets[key.topic][key.partition] = kgo.NewOffset().AtStart().WithEpoch(-1)
		}
	}
	return offsets, nil
}

// takeUpAnew lets go of a topic that the brokers do not know any more, and reads it again
// once there is one of its name. It does not block.
func (s *Sink) takeUpAnew(ctx context.Context, topic string) {
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	if s.gone[topic] {
		return
	}
	s.gone[topic] = true
	s.polling.Go(func() { // ends with ctx, which Stop ends and waits for
		defer func() {
			s.goneMu.Lock()
			delete(s.gone, topic)
			s.goneMu.Unlock()
		}()
		s.awaitTopic(ctx, topic)
	})
}

func (s *Sink) awaitTopic(ctx context.Context, topic string) {
	s.log.Warn("an input topic was deleted: what is left of it is gone; reading on when there is a topic of this name again", "topic", topic)
	var keys []tp
	s.do(ctx, func() {
		for key := range s.parts {
			if key.topic == topic {
				keys = append(keys, key)
			}
		}
	})
	if len(keys) > 0 { // nil would be all
		lctx, cancel := context.WithTimeout(ctx, s.revokeTimeout())
		s.letGo(lctx, keys)
		cancel()
		s.do(ctx, func() { // these do not come back
			for _, key := range keys {
				if p := s.limbo[key]; p != nil {
					delete(s.limbo, key)
					s.forget(p)
				}
			}
		})
	}
	for n := 1; ; n++ {
		ids, err := kafka.TopicIDs(ctx, s.consumer, topic)
		if _, ok := ids[topic]; err == nil && ok {
			break
		}
		if kafka.Sleep(ctx, max(kafka.Backoff(n), 50*time.Millisecond)) != nil {
			return
		}
	}
	s.consumer.PurgeTopicsFromConsuming(topic)
	s.consumer.AddConsumeTopics(topic) // with a pattern it does nothing, and the topic is found by itself
	s.log.Info("reading the new topic", "topic", topic)
}
