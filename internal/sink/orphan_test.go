package sink_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestWhatADeadPredecessorLeftOpenIsEndedAfterTheTakeover: it died when it had produced results and before its transaction had offsets, so that
// these are stable, and the broker would keep the transaction open for minutes. What ends it goes on when the group's callback is over.
func TestWhatADeadPredecessorLeftOpenIsEndedAfterTheTakeover(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		x := setup(t, b, smsc.Options{})
		x.produce(campaign(1)...)
		r := x.start()
		x.results(1)
		r.stop(patience)

		dead := kafkatest.Client(t, b, kgo.TransactionalID(kafka.TransactionalIDs("smpp-sink-", x.writer())[0]), kgo.TransactionTimeout(5*time.Minute),
			kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := dead.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(4) {
			if err := dead.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.results", Partition: p, Value: []byte("of the dead")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}

		x.produce(`{"id":"after","to":"+492","text":"a"}`)
		x.start()
		if got := x.results(2); len(got["after"]) != 1 {
			t.Errorf("results: %v", got)
		}
	})
}

// writer is the one that the committed metadata names.
func (x *bench) writer() (w string) {
	x.t.Helper()
	x.eachCommitted(func(_ int64, m *ledger.Meta) { w = max(w, m.Writer) })
	return w
}
