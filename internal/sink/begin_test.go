package sink_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestResultsThatComeWhileOthersAreWrittenGoAlong: the broker holds the first result's write until all that was sent is answered, and one transaction
// has all of it. The next would come two minutes later.
func TestResultsThatComeWhileOthersAreWrittenGoAlong(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(200*time.Millisecond, 800*time.Millisecond)}}, "KAFKA_SESSION_TIMEOUT=5m")
	x.cfg.Delivery.CommitInterval = 2 * time.Minute // more than may be configured, so that no pause of the machine is as long
	held, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	transactions := transactionsOf(b)
	c := b.Kfake()
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r.(*kmsg.ProduceRequest).TransactionID != nil {
			first.Do(func() {
				close(held)
				c.SleepControl(func() { <-release })
			})
		}
		return nil, nil, false
	})
	x.produce(campaign(50)...)
	r := x.start()
	<-held
	x.until("all that was sent is answered", func() bool { return r.accounts[0].Status().InUse == 0 })
	sent := int(x.smc.Stats().Submits)
	close(release)
	if sent < 2 {
		t.Fatalf("%d were sent before the first result was written", sent)
	}
	x.results(sent)
	if n := transactions.Load(); n != 1 {
		t.Errorf("%d transactions for %d results", n, sent)
	}
	if _, done := x.committed(); done != int64(sent) {
		t.Errorf("%d are done, %d were sent", done, sent)
	}
	r.stop(patience) // while the SMSC answers
	x.settled(len(x.results(sent)))
}
