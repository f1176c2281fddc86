package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// standIn makes kfake answer fetches of partition 0 as fn says.
func standIn(b *kafkatest.Broker, fn func(at int64, p *kmsg.FetchResponseTopicPartition)) {
	b.Kfake().ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Kfake().KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		if len(req.Topics) == 0 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		t, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		t.Topic, t.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
		p.HighWatermark, p.LastStableOffset = 3, 3
		fn(req.Topics[0].Partitions[0].FetchOffset, &p)
		t.Partitions = append(t.Partitions, p)
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
}

// emptied is what compaction leaves of the last batch of a log: its header, which says how far it reached.
func emptied(first int64, offsets int32) []byte {
	batch := kmsg.RecordBatch{FirstOffset: first, Magic: 2, LastOffsetDelta: offsets - 1, ProducerID: 7, FirstTimestamp: 1767225600000, MaxTimestamp: 1767225600000}
	raw := batch.AppendTo(nil)
	batch.Length = int32(len(raw) - 12)
	raw = batch.AppendTo(nil)
	batch.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return batch.AppendTo(nil)
}

func TestWhatCompactionLeavesOfTheLastBatchIsTheEnd(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(at int64, p *kmsg.FetchResponseTopicPartition){
		"an empty batch": func(at int64, p *kmsg.FetchResponseTopicPartition) {
			if at < 3 {
				p.RecordBatches = emptied(0, 3)
			}
		},
		"nothing at all": func(int64, *kmsg.FetchResponseTopicPartition) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kafkatest.Kfake(t)
			kafkatest.CreateTopics(t, b, 1, "compacted")
			produceValues(t, b, "compacted", "a", "b", "c")
			standIn(b, answer)
			r := kafka.Reader{Client: kafkatest.Client(t, b), Patience: patience, Compacted: true}
			at, err := r.ReadTo(t.Context(), "compacted", 0, 0, 3, func(rec *kgo.Record) error { return fmt.Errorf("record %d", rec.Offset) })
			if at != 3 || err != nil {
				t.Errorf("arrived at %d, %v; want 3", at, err)
			}
			// A reader that follows operators' commands starts as well.
			c := kafka.NewControl(&kafka.Dialer{Config: config.Kafka{Brokers: b.Addrs}, Log: slog.New(slog.DiscardHandler)}, "compacted", slog.New(slog.DiscardHandler),
				func(string, kafka.Command, bool) { t.Error("a command") })
			if err := c.Start(t.Context()); err != nil {
				t.Error(err)
			}
			c.Stop()
		})
	}
}

// An empty answer proves nothing of a topic that is not compacted: its log may be on its way from slow storage.
func TestAnEmptyAnswerIsNoEndOfATopicThatIsNotCompacted(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "topic")
	produceValues(t, b, "topic", "a", "b", "c")
	standIn(b, func(int64, *kmsg.FetchResponseTopicPartition) {})
	r := kafka.Reader{Client: kafkatest.Client(t, b), Patience: time.Second}
	if at, err := r.ReadTo(t.Context(), "topic", 0, 0, 3, nil); err == nil || !strings.Contains(err.Error(), "topic topic, partition 0") || at != 0 {
		t.Errorf("arrived at %d, %v", at, err)
	}
}

// What follows an open transaction is not committed: an empty answer before it is no end.
func TestAReaderWaitsBehindAnOpenTransaction(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "compacted")
	produceValues(t, b, "compacted", "a", "b", "c")
	standIn(b, func(_ int64, p *kmsg.FetchResponseTopicPartition) { p.LastStableOffset = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	r := kafka.Reader{Client: kafkatest.Client(t, b), Compacted: true, Trouble: func(err error) {
		told = append(told, err.Error())
		cancel()
	}}
	if at, err := r.ReadTo(ctx, "compacted", 0, 0, 3, nil); err == nil || at != 0 {
		t.Errorf("arrived at %d, %v", at, err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "open from offset 2 on") || !strings.Contains(told[0], "--topic compacted --partition 0 --start-offset 2") {
		t.Errorf("was told of %q", told)
	}
}

func TestAReaderGoesOnAfterWhatPassesAndEndsAtWhatStays(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "topic")
	produceValues(t, b, "topic", "a", "b", "c")
	refuse := func(all ...*kerr.Error) {
		for _, e := range all { // each for one request
			b.Kfake().ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				req := kreq.(*kmsg.FetchRequest)
				resp := req.ResponseKind().(*kmsg.FetchResponse)
				rt, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
				rt.Topic, rt.TopicID, p.ErrorCode = req.Topics[0].Topic, req.Topics[0].TopicID, e.Code
				rt.Partitions = append(rt.Partitions, p)
				resp.Topics = append(resp.Topics, rt)
				return resp, nil, true
			})
		}
	}
	read := func() (values []string, at int64, err error) {
		r := kafka.Reader{Client: kafkatest.Client(t, b), Patience: patience}
		at, err = r.ReadTo(t.Context(), "topic", 0, 0, 3, func(rec *kgo.Record) error {
			values = append(values, string(rec.Value))
			return nil
		})
		return values, at, err
	}
	refuse(kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.OffsetOutOfRange)
	if values, at, err := read(); len(values) != 3 || at != 3 || err != nil {
		t.Errorf("%q, arrived at %d, %v", values, at, err)
	}
	refuse(kerr.TopicAuthorizationFailed)
	if _, _, err := read(); !errors.Is(err, kerr.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "give this client's principal") {
		t.Errorf("%v", err)
	}
	wrong := errors.New("not this one")
	r := kafka.Reader{Client: kafkatest.Client(t, b)}
	if at, err := r.ReadTo(t.Context(), "topic", 0, 0, 3, func(*kgo.Record) error { return wrong }); err != wrong || at != 0 { //nolint: the very error
		t.Errorf("arrived at %d, %v", at, err)
	}
	if _, err := kadm.NewClient(kafkatest.Client(t, b)).DeleteRecords(t.Context(), kadm.Offsets{"topic": {0: {Topic: "topic", At: 2}}}); err != nil {
		t.Fatal(err)
	}
	if values, at, err := read(); len(values) != 1 || at != 3 || err != nil {
		t.Errorf("of a log that was cut: %q, arrived at %d, %v", values, at, err)
	}
}

func produceValues(t *testing.T, b *kafkatest.Broker, topic string, values ...string) {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Key: []byte("key"), Value: []byte(v)}
		if v == "" {
			r.Value = nil
		}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestApacheKafkasCompactionLeavesAnEmptyBatchBeforeTheEnd makes one: Kafka never cleans the segment that it writes to, but what is committed
// ends before it where a transaction is open.
func TestApacheKafkasCompactionLeavesAnEmptyBatchBeforeTheEnd(t *testing.T) {
	t.Parallel()
	b := kafkatest.Apache(t, "log.cleaner.backoff.ms=50")
	kafkatest.CreateTopicsWith(t, b, 1, map[string]string{"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0", "max.compaction.lag.ms": "1",
		"delete.retention.ms": "0"}, "compacted")
	// A value, and its tombstone by another producer, whose last batch stays for its sequence number when the tombstone is gone.
	produceValues(t, b, "compacted", "value")
	produceValues(t, b, "compacted", "")
	begin := func(id string) *kgo.Client {
		cl := kafkatest.Client(t, b, kgo.TransactionalID(id), kgo.TransactionTimeout(14*time.Minute))
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "compacted", Key: []byte(id), Value: []byte("not committed")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return cl
	}
	aborted := begin("aborted")
	begin("open")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // the cleaner comes by when it can
	defer cancel()
	raw := kafkatest.Client(t, b)
	until := func(what string, fine func(all []kmsg.RecordBatch) bool) {
		for {
			all, told := committedBatches(t, ctx, raw, "compacted")
			if told && fine(all) {
				t.Logf("%s: %d batches", what, len(all))
				return
			}
			if err := kafka.Sleep(ctx, 50*time.Millisecond); err != nil {
				t.Fatalf("%s: the log holds %+v", what, all)
			}
		}
	}
	// A first pass notes in the tombstone's batch when it may go, a second one, for which there must be something to clean, has it go.
	const horizon = 1 << 6
	until("the tombstone may go", func(all []kmsg.RecordBatch) bool {
		return len(all) > 0 && all[len(all)-1].FirstOffset == 1 && all[len(all)-1].Attributes&horizon != 0
	})
	if err := aborted.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	until("no record is left before the open transaction", func(all []kmsg.RecordBatch) bool {
		return !slices.ContainsFunc(all, func(b kmsg.RecordBatch) bool { return b.NumRecords > 0 })
	})
	ends, err := kadm.NewClient(raw).ListCommittedOffsets(ctx, "compacted")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("compacted", 0); end.Offset != 3 {
		t.Fatalf("what is committed ends at %d, want 3", end.Offset)
	}
	r := kafka.Reader{Client: raw, Patience: patience, Compacted: true}
	at, err := r.ReadTo(ctx, "compacted", 0, 0, 3, func(rec *kgo.Record) error { return fmt.Errorf("record %d", rec.Offset) })
	if at != 3 || err != nil {
		t.Errorf("arrived at %d, %v; want 3", at, err)
	}
}

// committedBatches are what a fetch brings; told is whether it says anything of the partition.
func committedBatches(t *testing.T, ctx context.Context, cl *kgo.Client, topic string) (all []kmsg.RecordBatch, told bool) {
	t.Helper()
	details, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel, req.SessionEpoch = 500, 1, 1<<20, 1, -1
	rt, rp := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	rt.Topic, rt.TopicID, rp.PartitionMaxBytes = topic, details[topic].ID, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	answer, err := cl.Broker(int(details[topic].Partitions[0].Leader)).RetriableRequest(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	resp := answer.(*kmsg.FetchResponse)
	if len(resp.Topics) == 0 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		return nil, false
	}
	for raw := resp.Topics[0].Partitions[0].RecordBatches; len(raw) > 12; {
		n := 12 + int(binary.BigEndian.Uint32(raw[8:]))
		var batch kmsg.RecordBatch
		if n > len(raw) || batch.ReadFrom(raw[:n]) != nil {
			break
		}
		all = append(all, batch)
		raw = raw[n:]
	}
	return all, true
}
