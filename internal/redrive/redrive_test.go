package redrive

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

// options are those of a connector named smpp, with every dead letter asked for.
func options(b *kafkatest.Broker) Options {
	return Options{
		Dialer:      &kafka.Dialer{Config: config.Kafka{Brokers: b.Addrs}, Log: slog.New(slog.DiscardHandler)},
		DeadLetters: "sms.deadletter", Journal: "smpp.redriven", TransactionalID: "smpp-redrive", Connector: "smpp-sink",
		CreateJournal: true, Replication: 1, Filter: Filter{Reader: record.PlainReader{}},
		Input: func(t string) bool { return t == "sms.outbound" }, Execute: true, MaxRedrives: 3,
	}
}

// failed is a dead letter as the sink writes it.
func failed(offset int, status, smsc string, more ...record.Header) *kgo.Record {
	d := record.DeadLetter{Source: record.Source{Topic: "sms.outbound", Partition: int32(offset % 2), Offset: int64(offset)}, Connector: "smpp-sink", Task: "0",
		Stage: record.StageTaskPut, Class: "smpp-connector/sink", ExceptionClass: "smpp." + status, Message: "no", Status: status, SMSC: smsc,
		CommandStatus: 0x45, HasCommandStatus: smsc != ""}
	r := &kgo.Record{Topic: "sms.deadletter", Partition: int32(offset % 3), Key: fmt.Appendf(nil, "k%d", offset), Value: fmt.Appendf(nil, `{"id":"id-%d","to":"+491701234567","text":"x"}`, offset),
		Timestamp: time.UnixMilli(1767225600000).Add(time.Duration(offset) * time.Minute), Headers: []kgo.RecordHeader{{Key: "trace", Value: strconv.AppendInt(nil, int64(offset), 10)}}}
	for _, h := range d.AppendHeaders(more) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func produce(t *testing.T, b *kafkatest.Broker, records ...*kgo.Record) {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// putBack are the values of a topic, sorted.
func putBack(t *testing.T, b *kafkatest.Broker, topic string) (values []string) {
	t.Helper()
	for _, r := range kafkatest.ReadAll(t, b, topic) {
		values = append(values, string(r.Value))
	}
	slices.Sort(values)
	return values
}

func TestDeadLettersGoBackOnceWhateverTheFilters(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 2, "sms.outbound")
		kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
		var dead []*kgo.Record
		for i := range 40 {
			dead = append(dead, failed(i, []string{"rejected", "expired"}[i%2], "acme"))
		}
		dead = append(dead, failed(40, "in_doubt", "acme"), failed(41, "invalid", ""))
		produce(t, b, dead...)

		// A dry run writes nothing, not even the journal's topic.
		o := options(b)
		o.Execute = false
		report, err := Run(t.Context(), o)
		if err != nil || report.Left[Asked] != 41 || report.Left[InDoubt] != 1 || report.Done != 0 || len(report.Examples) != maxExamples {
			t.Fatalf("%+v %v", report, err)
		}
		if got := putBack(t, b, "sms.outbound"); len(got) != 0 {
			t.Fatalf("a dry run has put back %s", got)
		}

		o = options(b)
		o.Filter.Statuses = []string{"rejected"}
		report, err = Run(t.Context(), o)
		if err != nil || report.Done != 20 || report.Left[NotAsked] != 22 {
			t.Fatalf("%+v %v", report, err)
		}
		o.Filter.Statuses = nil
		o.Filter.SMSCs = []string{"acme"} // of which half has gone back
		report, err = Run(t.Context(), o)
		if err != nil || report.Done != 20 || report.Left[Already] != 20 || report.Left[InDoubt] != 1 {
			t.Fatalf("%+v %v", report, err)
		}
		o.Filter = Filter{Reader: record.PlainReader{}, Statuses: []string{"in_doubt", "invalid", "rejected"}}
		if report, err = Run(t.Context(), o); err != nil || report.Done != 2 || report.Left[Already] != 20 {
			t.Fatalf("%+v %v", report, err)
		}
		var want []string
		for _, r := range dead {
			want = append(want, string(r.Value))
		}
		slices.Sort(want)
		if got := putBack(t, b, "sms.outbound"); !slices.Equal(got, want) {
			t.Errorf("%d records are put back, want %d: %s", len(got), len(want), got)
		}
		for _, r := range kafkatest.ReadAll(t, b, "sms.outbound") {
			h := headersOf(r)
			offset, _ := strconv.Atoi(h["trace"])
			from := fmt.Sprintf("sms.outbound-%d-%d", offset%2, offset)
			if len(h) != 4 || h["smpp.redriven"] != "1" || h["smpp.redriven.from"] != from || h["smpp.redriven.timestamp"] != dead[offset].Timestamp.UTC().Format("2006-01-02T15:04:05.000Z") ||
				string(r.Key) != fmt.Sprint("k", offset) || r.Partition != int32(offset%2) || time.Since(r.Timestamp) > time.Hour {
				t.Errorf("%+v with %v", r, h)
			}
		}
	})
}

func headersOf(r *kgo.Record) map[string]string {
	h := make(map[string]string)
	for _, x := range r.Headers {
		h[x.Key] = string(x.Value)
	}
	return h
}

func TestARunThatIsStoppedIsEndedByTheNext(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 2, "sms.outbound")
		kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
		var dead []*kgo.Record
		for i := range 60 {
			dead = append(dead, failed(i, "rejected", "acme"))
		}
		produce(t, b, dead...)
		o := options(b)
		o.Rate = 4 // so that each has a transaction of its own
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Progress = func(_, _, done int64) {
			if done == 2 {
				cancel()
				time.Sleep(time.Second) // by now the next ones are due: it is stopped although it need not wait for anything
			}
		}
		report, err := Run(ctx, o)
		if !errors.Is(err, context.Canceled) || report.Done != 2 {
			t.Fatalf("%+v %v", report, err)
		}
		if got := putBack(t, b, "sms.outbound"); int64(len(got)) != report.Done {
			t.Fatalf("%d are put back, the report says %d", len(got), report.Done)
		}
		if report, err = Run(t.Context(), options(b)); err != nil {
			t.Fatalf("%+v %v", report, err)
		}
		if got := slices.Compact(putBack(t, b, "sms.outbound")); len(got) != 60 || report.Done+report.Left[Already] != 60 {
			t.Errorf("%d of 60, %+v", len(got), report)
		}
		if got := putBack(t, b, "sms.outbound"); len(got) != 60 {
			t.Errorf("%d records for 60", len(got))
		}
	})
}

// Without a rate there is nothing to wait for between two transactions, and a fetch brings the records of many.
func TestARunWithoutARateIsStoppedBetweenTwoTransactions(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "sms.outbound", "sms.deadletter")
	var dead []*kgo.Record
	for i := range 3 * batchRecords {
		r := failed(i, "rejected", "acme")
		r.Partition = 0
		dead = append(dead, r)
	}
	produce(t, b, dead...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(b)
	o.Progress = func(_, _, done int64) {
		if done > 0 {
			cancel()
		}
	}
	report, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || report.Done != batchRecords {
		t.Fatalf("%+v %v", report, err)
	}
	if got := putBack(t, b, "sms.outbound"); len(got) != batchRecords {
		t.Errorf("%d are put back, the report says %d", len(got), report.Done)
	}
}

// The broker takes what is produced, and is gone before it has answered: whether it is written nobody knows, and nobody is left to tell.
func TestARunEndsThoughTheBrokerDoesNotComeBack(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 2, "sms.outbound")
	kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
	for i := range 20 {
		produce(t, b, failed(i, "rejected", "acme"))
	}
	taken, hold := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	var once sync.Once
	b.Kfake().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Kfake().KeepControl()
		once.Do(func() { close(taken) })
		b.Kfake().SleepControl(func() { <-hold })
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type outcome struct {
		report *Report
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		report, err := Run(ctx, options(b))
		ended <- outcome{report, err}
	}()
	<-taken
	go b.Kill() // it waits for hold
	cancel()    // SIGTERM
	select {
	case got := <-ended:
		if got.err == nil || got.report.Done != 0 {
			t.Errorf("%+v %v", got.report, got.err)
		}
	case <-time.After(3 * time.Minute):
		t.Error("the run goes on")
	}
}

// A later run begins while an earlier one is between two transactions: the earlier one must not go on from what it knows.
func TestTwoRunsAtOnceDoubleNothing(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 2, "sms.outbound")
		kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
		for i := range 30 {
			produce(t, b, failed(i, "rejected", "acme"))
		}
		first := options(b)
		first.Rate = 100 // several transactions
		other := false
		first.Progress = func(_, _, done int64) {
			if done > 0 && !other {
				other = true
				if report, err := Run(t.Context(), options(b)); err != nil || report.Left[Already] != done {
					t.Errorf("the later run: %+v %v, want %d put back before", report, err, done)
				}
			}
		}
		if _, err := Run(t.Context(), first); err == nil {
			t.Error("the earlier run has not ended with an error")
		} else {
			t.Log(err)
		}
		if got := putBack(t, b, "sms.outbound"); len(got) != 30 || len(slices.Compact(got)) != 30 {
			t.Errorf("%d records for 30", len(got))
		}
	})
}

func TestATopicIsReadToItsEndPastAbortedRecords(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 1, "sms.outbound", "sms.deadletter")
		cl := kafkatest.Client(t, b, kgo.TransactionalID("other"))
		for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			r := failed(i, "rejected", "")
			r.Partition = 0
			if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := cl.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		report, err := Run(t.Context(), options(b))
		if err != nil || report.Done != 1 {
			t.Fatalf("%+v %v", report, err)
		}
	})
}

func TestDeadLettersOfATopicMadeAnewAreOthers(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	o := options(b)
	kafkatest.CreateTopics(t, b, 1, "sms.outbound", "sms.deadletter")
	for n := int64(1); n <= 2; n++ {
		r := failed(0, "rejected", "")
		produce(t, b, r)
		report, err := Run(t.Context(), o)
		if err != nil || report.Done != 1 {
			t.Fatalf("%+v %v", report, err)
		}
		if n == 1 {
			if _, err := kadm.NewClient(kafkatest.Client(t, b)).DeleteTopic(t.Context(), "sms.deadletter"); err != nil {
				t.Fatal(err)
			}
			kafkatest.CreateTopics(t, b, 1, "sms.deadletter")
		}
	}
	// What the journal knew of the former topic is cleared away.
	tombstones := 0
	for _, r := range kafkatest.ReadAll(t, b, o.Journal) {
		if r.Value == nil {
			tombstones++
		}
	}
	if tombstones != 1 {
		t.Errorf("%d tombstones, want 1", tombstones)
	}
}

func TestATopicThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	o := options(b)
	o.CreateJournal = false
	if _, err := Run(t.Context(), o); err == nil || !contains(err, "smpp.redriven", "KAFKA_TOPICS_CREATE") {
		t.Errorf("no journal: %v", err)
	}
	o.CreateJournal = true
	if _, err := Run(t.Context(), o); err == nil || !contains(err, "sms.deadletter", "DEADLETTER_TOPIC") {
		t.Errorf("no dead letters: %v", err)
	}
	kafkatest.CreateTopics(t, b, 1, "sms.deadletter")
	if report, err := Run(t.Context(), o); err != nil || report.Done != 0 {
		t.Errorf("an empty topic: %+v %v", report, err)
	}
	produce(t, b, &kgo.Record{Topic: "sms.deadletter", Value: []byte("x")})
	o.To = "nowhere"
	if _, err := Run(t.Context(), o); err == nil || !contains(err, "nowhere") {
		t.Errorf("no topic to put to: %v", err)
	}
}

// TestAJournalThatIsNotReadToItsEndPutsNothingBack: what an earlier run has entered stands behind a transaction whose end the broker has not written yet, and may come to be seen.
func TestAJournalThatIsNotReadToItsEndPutsNothingBack(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 2, "sms.outbound")
	kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
	produce(t, b, failed(0, "rejected", "acme"))
	o := options(b)
	adm := kafkatest.Client(t, b)
	if _, err := kafka.EnsureTopics(t.Context(), adm, []kafka.Topic{{Name: o.Journal, Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}}, true, 1); err != nil {
		t.Fatal(err)
	}
	ids, err := kafka.TopicIDs(t.Context(), adm, o.DeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := newJournal(o.DeadLetters, ids[o.DeadLetters]).entries(o.Journal, []letter{read(&kgo.Record{Topic: o.DeadLetters})})
	if err != nil {
		t.Fatal(err)
	}
	earlier := kafkatest.Client(t, b, kgo.TransactionalID("earlier"), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := earlier.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	back := failed(0, "rejected", "acme")
	back.Topic = "sms.outbound"
	if err := earlier.ProduceSync(t.Context(), append(entries, back)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), o)
	if err == nil || report.Done > 0 {
		t.Errorf("%+v without an error", report)
	}
	if err := earlier.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if got := putBack(t, b, "sms.outbound"); len(got) != 1 {
		t.Errorf("one dead letter was put back %d times", len(got))
	}
}

// random is a text that compression does not make much smaller.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)[:n]
}

func TestATopicThatTakesSmallBatchesGetsAllBackButWhatIsTooLargeAlone(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopicsWith(t, b, 2, map[string]string{"max.message.bytes": "100000"}, "sms.outbound")
		kafkatest.CreateTopics(t, b, 3, "sms.deadletter")
		var dead []*kgo.Record
		for i := range 600 {
			r := failed(i, "rejected", "acme")
			r.Value = fmt.Appendf(nil, `{"id":"id-%d","to":"+491701234567","text":"%s"}`, i, random(900))
			if i == 3 {
				r.Value = []byte(random(200_000))
			}
			dead = append(dead, r)
		}
		produce(t, b, dead...)
		report, err := Run(t.Context(), options(b))
		if err != nil || report.Done != 599 || report.Left[Asked] != 599 || report.Left[TooLarge] != 1 {
			t.Errorf("%+v %v", report, err)
		}
		report, err = Run(t.Context(), options(b))
		if err != nil || report.Done != 0 || report.Left[Already] != 599 || report.Left[TooLarge] != 1 {
			t.Errorf("once more: %+v %v", report, err)
		}
		if got := putBack(t, b, "sms.outbound"); len(got) != 599 || len(slices.Compact(got)) != 599 {
			t.Errorf("%d records for 599", len(got))
		}
	})
}

// The sink writes batches of nearly 1 MiB, so a dead letter may be as large.
func TestALetterAsLargeAsTheSinkWritesThemGoesBack(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 2, "sms.outbound")
	kafkatest.CreateTopics(t, b, 1, "sms.deadletter")
	var dead []*kgo.Record
	for i := range 20 {
		r := failed(i, "invalid", "")
		r.Partition = 0
		if i == 3 {
			r.Value = []byte(random(1_020_000))
		}
		dead = append(dead, r)
	}
	cl := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(1<<20-512))
	if err := cl.ProduceSync(t.Context(), dead...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if report, err := Run(t.Context(), options(b)); err != nil || report.Done != 20 {
		t.Errorf("%+v %v", report, err)
	}
}
