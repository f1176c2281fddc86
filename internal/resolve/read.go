package resolve

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

const readBytes = 2 << 20

// read gives fn the records of a partition from an offset up to an end, both of which are
// offsets and not numbers of records, and returns where it arrived: at end or beyond.
//
// It fetches by hand. The last that stands before the end may be a marker, a record of an
// aborted transaction, or one that compaction has taken out; a consumer shows none of
// them, so one could not tell that it has arrived. Reading committed only, it waits
// where a transaction is open.
//
// An offset that the log does not have any more, because it was cut meanwhile, is
// moved up to its start.
func (r *Resolver) read(ctx context.Context, topic string, partition int32, from, end int64, fn func(*kgo.Record) error) (int64, error) {
	at := from
	for n := 0; at < end; {
		next, err := readSome(ctx, r.plain, topic, partition, at, end, fn)
		var fe *foldError
		switch {
		case errors.As(err, &fe):
			return at, fe.err
		case err == nil:
			if next > at {
				n = 0
			}
			at = next
			continue
		case errors.Is(err, kerr.OffsetOutOfRange):
			starts, serr := kadm.NewClient(r.plain).ListStartOffsets(ctx, topic)
			if o, ok := starts.Lookup(topic, partition); serr == nil && ok && o.Err == nil && o.Offset > at {
				at = o.Offset
				continue
			}
		}
		if n++; n == 10 {
			r.log.Warn("a partition taken over cannot be restored; trying on", "topic", topic, "partition", partition, "error", err)
		}
		if serr := kafka.Sleep(ctx, kafka.Backoff(n)); serr != nil {
			return at, errors.Join(err, serr)
		}
	}
	return at, nil
}

// foldError is fn's.
type foldError struct{ err error }

func (e *foldError) Error() string { return e.err.Error() }

func readSome(ctx context.Context, cl *kgo.Client, topic string, partition int32, at, end int64, fn func(*kgo.Record) error) (int64, error) {
	// Looked up each time from the client's cache: leaders move.
	details, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err != nil {
		return at, err
	}
	detail := details[topic]
	if detail.Err != nil {
		return at, detail.Err
	}
	leader := detail.Partitions[partition].Leader
	if leader < 0 {
		return at, fmt.Errorf("%s[%d] has no leader", topic, partition)
	}
	for at < end {
		req := kmsg.NewPtrFetchRequest()
		req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 500, 1, readBytes
		req.IsolationLevel = 1
		req.SessionEpoch = -1
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic, rt.TopicID = topic, detail.ID
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = partition, at, readBytes
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		answer, err := cl.Broker(int(leader)).RetriableRequest(ctx, req)
		if err != nil {
			return at, err
		}
		resp := answer.(*kmsg.FetchResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return at, err
		}
		if len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
			if err := ctx.Err(); err != nil {
				return at, err
			}
			continue
		}
		got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: topic, Partition: partition,
		}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
		if got.Err != nil {
			return at, got.Err
		}
		for _, rec := range got.Records {
			if err := fn(rec); err != nil {
				return at, &foldError{err}
			}
		}
		at = next
	}
	return at, nil
}
