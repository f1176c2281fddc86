package sink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// transactionsOf counts what ends from now on.
func transactionsOf(b *kafkatest.Broker) *atomic.Int64 {
	var n atomic.Int64
	c := b.Kfake()
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		n.Add(1)
		return nil, nil, false
	})
	return &n
}

// The second record is answered soon after the first one's transaction, so its result waits for
// the next, forty seconds later. With or after that transaction the third would be sent, were it
// not granted alone before: halfway, which leaves twenty to a slow machine.
func TestWhatCanBeSentAtOnceDoesNotWaitForTheNextTransaction(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{}, "KAFKA_SESSION_TIMEOUT=5m")
	x.cfg.Delivery.CommitInterval = 40 * time.Second // more than may be configured
	transactions := transactionsOf(b)
	x.start()
	x.produce(campaign(1)...)
	x.until("the first has its result", func() bool { return transactions.Load() == 1 })
	more := campaign(3)
	x.produce(more[1])
	x.submitted(2)
	x.produce(more[2])
	x.submitted(3)
	if n := transactions.Load(); n != 1 {
		t.Errorf("the third record was sent after %d transactions", n)
	}
}

// TestDeliveryCommitIntervalLiesBetweenTwoTransactions at least, however many results wait: who raises it wants fewer transactions on its brokers.
//
// An SMSC with a window of 10 that takes 30 ms to answer gets through some 160 messages in the time for which a grant provides (maxAhead), so that the 4000 are enough for
// twenty transactions however long each takes.
func TestDeliveryCommitIntervalLiesBetweenTwoTransactions(t *testing.T) {
	t.Parallel()
	const interval, many = 100 * time.Millisecond, 20
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Constant(30 * time.Millisecond)}}, "SMSC_0_WINDOW=10", "DELIVERY_COMMIT_INTERVAL="+interval.String())
	transactions := transactionsOf(b)
	x.produce(campaign(4000)...)
	began := time.Now()
	r := x.start()
	x.until("twenty transactions", func() bool { return transactions.Load() >= many })
	if n, took := transactions.Load(), time.Since(began); took < time.Duration(n-1)*interval {
		t.Errorf("%d transactions in %s, and %s lies between two", n, took, interval)
	}
	r.stop(patience) // while the SMSC answers
}
