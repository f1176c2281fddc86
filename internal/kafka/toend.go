package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Reader reads partitions from an offset up to an end, both of which are offsets and not numbers of records, and knows when it has arrived.
//
// It fetches by hand. What stands last before the end may be a marker, a record of an aborted transaction, a batch of which compaction has left
// the header alone, or nothing; a consumer shows none of them, and whoever waits for a record there waits in vain. Here the header of a
// batch says how far it reaches, whatever is in it.
//
// It reads what is committed, so up to an end behind an open transaction it waits. It is for one goroutine.
type Reader struct {
	Client *kgo.Client
	// Patience is how long no progress is borne; 0: until the context ends.
	Patience time.Duration
	// Compacted topics may have nothing at all before the end, not even an empty batch. Of any other topic an empty answer says nothing: a
	// broker that has moved the log to slow storage gives one too.
	Compacted bool
	// Trouble is told once a step of what has failed ten times in a row, and of an open transaction that is waited for as long. It may be nil.
	Trouble func(error)

	detail kadm.TopicDetail // of the topic that was read last, looked up again after each failure: leaders move
}

const (
	readerBytes = 2 << 20
	readerWait  = 500 * time.Millisecond
	// emptyAnswers in a row, each half a second on a real broker, are the end of a compacted topic.
	emptyAnswers = 10
)

// ReadTo hands on the records of a partition, and returns where it arrived: at end or beyond. An offset that the log does not have any more,
// because it was cut meanwhile, is moved up to the log's start. Records at end and beyond are handed on too where they come with those before.
func (r *Reader) ReadTo(ctx context.Context, topic string, partition int32, from, end int64, take func(*kgo.Record) error) (at int64, err error) {
	for at = from; at < end && err == nil; {
		at, err = r.ReadSome(ctx, topic, partition, at, end, take)
	}
	return at, err
}

// ReadSome is one step of ReadTo: it returns when it got further.
func (r *Reader) ReadSome(ctx context.Context, topic string, partition int32, at, end int64, take func(*kgo.Record) error) (int64, error) {
	var since time.Time // when nothing came for the first time
	for failed, empty := 0, 0; ; {
		got, next, err := r.fetch(ctx, topic, partition, at)
		if err == nil {
			for _, rec := range got.Records {
				if err := take(rec); err != nil {
					return at, err
				}
			}
		}
		if ctx.Err() != nil {
			return at, errors.Join(ctx.Err(), err)
		}
		if since.IsZero() {
			since = time.Now()
		}
		switch {
		case err == nil && next > at:
			return next, nil
		case err == nil:
			failed = 0
			// The end of what is committed was read before the log was, so nothing can have come in between.
			if empty++; r.Compacted && got.LastStableOffset >= end && empty >= emptyAnswers {
				return end, nil
			}
			if err = fmt.Errorf("nothing comes from offset %d on", at); got.LastStableOffset >= 0 && got.LastStableOffset < end {
				err = openTransaction(topic, partition, got.LastStableOffset)
				if empty == emptyAnswers && r.Trouble != nil {
					r.Trouble(err)
				}
			}
			if serr := Sleep(ctx, Backoff(empty)); serr != nil { // some brokers answer at once
				return at, errors.Join(err, serr)
			}
		default:
			empty = 0
			r.detail = kadm.TopicDetail{}
			if errors.Is(err, kerr.OffsetOutOfRange) {
				starts, serr := kadm.NewClient(r.Client).ListStartOffsets(ctx, topic)
				if o, ok := starts.Lookup(topic, partition); serr == nil && ok && o.Err == nil && o.Offset > at {
					return o.Offset, nil
				}
			}
			if failed++; failed == 10 && r.Trouble != nil {
				r.Trouble(err)
			}
			if serr := Sleep(ctx, Backoff(failed)); serr != nil {
				return at, errors.Join(err, serr)
			}
		}
		if r.Patience > 0 && (time.Since(since) > r.Patience || lasting(err)) {
			return at, fmt.Errorf("reading topic %s, partition %d, to its end: %w", topic, partition, Remedy(err))
		}
	}
}

// openTransaction says what is waited for. One of a producer that died ends by itself at its transaction timeout; one that stays is the
// broker's: a marker that was never written.
func openTransaction(topic string, partition int32, from int64) error {
	return fmt.Errorf("a transaction that is open from offset %d on holds back what is behind it; if it stays for longer than its producer's transaction.timeout.ms, "+
		"kafka-transactions.sh abort --topic %s --partition %d --start-offset %d ends it", from, topic, partition, from)
}

// lasting tells errors that trying again does not mend.
func lasting(err error) bool {
	var ke *kerr.Error
	return errors.As(err, &ke) && !ke.Retriable && !errors.Is(err, kerr.OffsetOutOfRange)
}

// fetch asks the leader once. No answer for the partition is none of its log: a broker that throttles gives such.
func (r *Reader) fetch(ctx context.Context, topic string, partition int32, at int64) (got kgo.FetchPartition, next int64, err error) {
	got.LastStableOffset = -1
	if r.detail.Topic != topic {
		details, err := kadm.NewClient(r.Client).ListTopics(ctx, topic)
		if err != nil {
			return got, at, err
		}
		if err := details[topic].Err; err != nil {
			return got, at, err
		}
		r.detail = details[topic]
	}
	p, ok := r.detail.Partitions[partition]
	if !ok || p.Leader < 0 {
		return got, at, fmt.Errorf("partition %d of topic %s has no leader", partition, topic)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(readerWait/time.Millisecond), 1, readerBytes
	req.IsolationLevel = 1
	req.SessionEpoch = -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic, r.detail.ID
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = partition, at, readerBytes
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	answer, err := r.Client.Broker(int(p.Leader)).RetriableRequest(ctx, req)
	if err != nil {
		return got, at, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return got, at, err
	}
	if len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
		return got, at, nil
	}
	got, next = kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: topic, Partition: partition},
		&resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if got.Err != nil {
		return got, at, got.Err
	}
	return got, next, nil
}
