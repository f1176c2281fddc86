package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestTransactionalInputEndsWithoutLag has aborted transactions and markers between
// the records and behind the last one.
func TestTransactionalInputEndsWithoutLag(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		x := setup(t, b, smsc.Options{})
		cl := kafkatest.Client(t, b, kgo.TransactionalID("pipeline"), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
		n := 0
		for round := range 12 {
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			end := kgo.TransactionEndTry(round%3 == 0) // the last one is aborted
			for i := range 20 {
				v := fmt.Sprintf(`{"id":"r%d-%d","to":"+49178%07d","text":"x"}`, round, i, round*100+i)
				if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.outbound", Value: []byte(v)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if end {
				n += 20
			}
			if err := cl.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		r := x.start()
		if got := x.results(n); len(got) != n {
			t.Errorf("%d ids have results, want %d", len(got), n)
		}
		end := x.end()
		x.until("the group has no lag", func() bool { _, done := x.committed(); return done == end })
		if st := x.smc.Stats(); st.Submits != uint64(n) {
			t.Errorf("%d were sent, want %d", st.Submits, n)
		}
		r.stop(patience)
	})
}

// end is the sum of the input partitions' ends.
func (x *bench) end() (sum int64) {
	x.t.Helper()
	os, err := kafkatestAdmin(x).ListEndOffsets(x.t.Context(), "sms.outbound")
	if err != nil {
		x.t.Fatal(err)
	}
	for _, ps := range os {
		for _, p := range ps {
			sum += p.Offset
		}
	}
	return sum
}

func TestNullValuesAreSkippedWithoutAResultAndLeaveNoLag(t *testing.T) {
	t.Parallel()
	x := setup(t, kafkatest.Kfake(t), smsc.Options{})
	values := campaign(100)
	for i := range values {
		if i%2 == 1 {
			values[i] = ""
		}
	}
	x.produce(values...)
	r := x.start()
	if got := x.results(50); len(got) != 50 {
		t.Errorf("%d ids have results", len(got))
	}
	x.settled(100)
	r.stop(patience)
}

// TestARecordTooLargeForItsResultHoldsNobodyUp: results and dead letters are
// larger than what they tell of.
func TestARecordTooLargeForItsResultHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	x := setup(t, kafkatest.Kfake(t), smsc.Options{})
	const limit = 990_000 // the producer's own limit is 1,000,012
	big := func(n int) string { return strings.Repeat("a", n) }
	x.produce(
		`{"id":"before","to":"+491","text":"a"}`,
		`{"id":"metadata","to":"+492","text":"a","metadata":{"m":"`+big(60_000)+`"}}`,
		`{"id":"text","to":"+493","text":"`+big(limit)+`"}`,
		`{"id":"to","to":"`+big(limit)+`","text":"a"}`,
		`{"id":"from","to":"+494","from":"`+big(limit)+`","text":"a"}`,
		`{"id":"id`+big(limit)+`","to":"+495","text":"a"}`,
		`{"id":"escaped","to":"`+strings.Repeat(`\u0001`, limit/6)+`","text":"a"}`,
		`{"id":"after","to":"+496","text":"a"}`,
	)
	r := x.start()
	got := x.results(8)
	for id, want := range map[string]string{"before": "accepted", "metadata": "accepted", "text": "invalid", "to": "invalid", "from": "invalid", "escaped": "invalid", "after": "accepted"} {
		if rs := got[id]; len(rs) != 1 || rs[0].Status != want {
			for _, r := range rs {
				t.Logf("%.40s is %s: %.200s", id, r.Status, r.Error)
			}
			t.Errorf("%s has %d results, want one that is %s", id, len(rs), want)
		}
	}
	r.stop(patience)
	x.settled(8)
}

func TestOnePartitionWithOneRecordIsEnough(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{}, "SINK_TOPICS=single")
	kafkatest.CreateTopics(t, b, 1, "single")
	cl := kafkatest.Client(t, b)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "single", Value: []byte(campaign(1)[0])}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r := x.start()
	x.once(1, x.results(1))
	r.stop(patience)
	x.settled(1)
}

// TestAPausedPartitionGoesOn has many more records in few partitions than are held in memory.
func TestAPausedPartitionGoesOn(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	const n = 30000
	x := setup(t, b, smsc.Options{}, "SINK_TOPICS=single", "SMSC_0_WINDOW=1000")
	kafkatest.CreateTopics(t, b, 1, "single")
	cl := kafkatest.Client(t, b)
	var rs []*kgo.Record
	for _, v := range campaign(n) {
		rs = append(rs, &kgo.Record{Topic: "single", Value: []byte(v)})
	}
	if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	x.smc.Pause()
	r := x.start()
	x.until("the partition is paused", func() bool {
		st := r.Status()
		return len(st.Partitions) == 1 && st.Partitions[0].Paused
	})
	x.smc.Resume()
	x.once(n, x.results(n))
	r.stop(patience)
	x.settled(n)
}
