package kafkatest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestLimit bounds every request of this package's own; a broker on the same machine answers in milliseconds, and in as many seconds where that is
// busy with other things.
const requestLimit = 3 * time.Minute

// Client returns a client of the broker that is closed with the test.
func Client(tb testing.TB, b *Broker, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addrs...)}, opts...)...)
	if err != nil {
		tb.Fatalf("broker: %s: %v", b.Kind, err)
	}
	tb.Cleanup(cl.Close)
	return cl
}

// CreateTopics creates topics with the broker's defaults, each of so many partitions.
func CreateTopics(tb testing.TB, b *Broker, partitions int32, topics ...string) {
	tb.Helper()
	CreateTopicsWith(tb, b, partitions, nil, topics...)
}

// CreateTopicsWith creates topics with settings of their own, such as "cleanup.policy": "compact".
func CreateTopicsWith(tb testing.TB, b *Broker, partitions int32, settings map[string]string, topics ...string) {
	tb.Helper()
	values := make(map[string]*string, len(settings))
	for k, v := range settings {
		values[k] = &v
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	cl := Client(tb, b)
	defer cl.Close()
	answers, err := kadm.NewClient(cl).CreateTopics(ctx, partitions, 1, values, topics...)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		tb.Fatalf("broker: %s: topics %v were not created: %v", b.Kind, topics, err)
	}
	if err := serve(ctx, kadm.NewClient(cl), topics); err != nil {
		tb.Fatalf("broker: %s: topics %v were created and are not served: %v", b.Kind, topics, err)
	}
}

// serve waits until the broker serves the topics: on a busy machine that is some time after it has said that they are made.
func serve(ctx context.Context, adm *kadm.Client, topics []string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ends, err := adm.ListEndOffsets(ctx, topics...)
		if err == nil {
			err = ends.Error()
		}
		if err == nil && len(ends) == len(topics) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// ReadAll reads a topic with read_committed from its start to its end of now, and returns the records in the order of
// partitions and offsets. The end is the last stable offset: a record after the first one of a transaction that is still
// open is not read, as with any other such reader. A broker answers the end of a transaction before it has written its markers,
// so what is open is waited for, for up to markersWait.
func ReadAll(tb testing.TB, b *Broker, topic string) []*kgo.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	cl := Client(tb, b)
	defer cl.Close()
	adm := kadm.NewClient(cl)
	all, err := readAll(ctx, cl, adm, topic)
	if err != nil {
		tb.Fatalf("broker: %s: topic %s could not be read to its end: %v", b.Kind, topic, err)
	}
	return all
}

func readAll(ctx context.Context, cl *kgo.Client, adm *kadm.Client, topic string) ([]*kgo.Record, error) {
	details, err := adm.ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	detail := details[topic]
	if detail.Err != nil {
		return nil, detail.Err
	}
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	ends, err := stableEnds(ctx, adm, topic)
	if err != nil {
		return nil, err
	}
	var all []*kgo.Record
	for _, p := range detail.Partitions.Sorted() {
		start, _ := starts.Lookup(topic, p.Partition)
		end, _ := ends.Lookup(topic, p.Partition)
		records, err := readPartition(ctx, cl.Broker(int(p.Leader)), detail, p.Partition, start.Offset, end.Offset)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// markersWait is long enough for a broker on a busy machine to write the markers of a transaction that has ended. Where one is left open on purpose, every
// ReadAll takes as long.
const markersWait = 10 * time.Second

// stableEnds are the last stable offsets, once they have got to where the log ended when it was called.
func stableEnds(ctx context.Context, adm *kadm.Client, topic string) (kadm.ListedOffsets, error) {
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	for limit := time.Now().Add(markersWait); ; time.Sleep(20 * time.Millisecond) {
		stable, err := adm.ListCommittedOffsets(ctx, topic)
		if err == nil {
			err = stable.Error()
		}
		if err != nil {
			return nil, err
		}
		open := false
		ends.Each(func(end kadm.ListedOffset) {
			o, _ := stable.Lookup(topic, end.Partition)
			open = open || o.Offset < end.Offset
		})
		if !open || time.Now().After(limit) {
			return stable, nil
		}
	}
}

// readPartition fetches by hand rather than with a consumer: what stands last before the end may be a marker or an aborted
// record, which a consumer does not show, so a consumer could not tell that it has arrived.
func readPartition(ctx context.Context, leader *kgo.Broker, detail kadm.TopicDetail, partition int32, start, end int64) ([]*kgo.Record, error) {
	var all []*kgo.Record
	for at := start; at < end; {
		req := kmsg.NewPtrFetchRequest()
		req.MaxWaitMillis = 500
		req.MinBytes = 1
		req.MaxBytes = 16 << 20
		req.IsolationLevel = 1
		req.SessionEpoch = -1
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = detail.Topic
		rt.TopicID = detail.ID
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition = partition
		rp.FetchOffset = at
		rp.PartitionMaxBytes = req.MaxBytes
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		answer, err := leader.RetriableRequest(ctx, req)
		if err != nil {
			return nil, err
		}
		resp := answer.(*kmsg.FetchResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return nil, err
		}
		if len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue
		}
		got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset:         at,
			IsolationLevel: kgo.ReadCommitted(),
			Topic:          detail.Topic,
			Partition:      partition,
		}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
		if got.Err != nil {
			return nil, got.Err
		}
		all = append(all, got.Records...)
		at = next
	}
	// A transaction that was committed meanwhile may have brought more than was asked for.
	return slices.DeleteFunc(all, func(r *kgo.Record) bool { return r.Offset >= end }), nil
}
