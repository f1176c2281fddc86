package sink_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// flaky makes a share of the requests that carry commits fail: refused before
// the broker acted, answered as timed out after it did, or cut off without an answer.
func flaky(t *testing.T, c *kfake.Cluster, share float64) *atomic.Int64 {
	t.Helper()
	var struck atomic.Int64
	dice := rand.New(rand.NewPCG(1, 2)) // all of these run on the cluster's own goroutine
	some := func(kmsg.Request) bool {
		if dice.Float64() >= share {
			return false
		}
		struck.Add(1)
		return true
	}
	fault := func(key kmsg.Key, topic string, top bool, errs ...*kerr.Error) {
		for _, err := range errs {
			c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Topic: topic, TopLevel: top, Err: err, Count: -1, When: some})
		}
	}
	fault(kmsg.EndTxn, "", true, kerr.RequestTimedOut, kerr.UnknownServerError, kerr.CoordinatorNotAvailable, kerr.ConcurrentTransactions)
	fault(kmsg.TxnOffsetCommit, "", false, kerr.RequestTimedOut, kerr.CoordinatorLoadInProgress, kerr.IllegalGeneration)
	fault(kmsg.OffsetCommit, "", false, kerr.RequestTimedOut, kerr.CoordinatorNotAvailable, kerr.IllegalGeneration)
	fault(kmsg.Produce, "sms.results", false, kerr.NotEnoughReplicasAfterAppend, kerr.NotLeaderForPartition, kerr.RequestTimedOut)
	fault(kmsg.InitProducerID, "", true, kerr.CoordinatorLoadInProgress)
	for _, key := range []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.OffsetCommit, kmsg.AddPartitionsToTxn} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			if some(nil) {
				return nil, errors.New("cut off"), true
			}
			return nil, nil, false
		})
	}
	return &struck
}

func TestABrokerThatRefusesAndLosesAnswersCostsNothingButTime(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	const n = 3000
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(0, 20*time.Millisecond)}}, "SMSC_0_WINDOW=20")
	x.produce(campaign(n)...)
	struck := flaky(t, b.Kfake(), 0.03)
	r := x.start()
	x.once(n, x.results(n))
	if struck.Load() == 0 {
		t.Error("no fault struck")
	}
	r.stop(patience)
	x.settled(n)
	t.Logf("%d faults", struck.Load())
}

// TestAnOutageOfKafkaLeavesNothingInDoubt kills the broker while answers are on
// their way: they come while it is away, and the one that knows them lives on.
//
// kfake alone. Apache Kafka 4.3.0 that is killed between an EndTxn and its marker in
// __consumer_offsets may come back with the transaction complete and the marker
// missing; the group's offsets are then unstable for good.
func TestAnOutageOfKafkaLeavesNothingInDoubt(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	const n = 6000
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(0, 20*time.Millisecond)}}, "SMSC_0_WINDOW=20")
	x.produce(campaign(n)...)
	r := x.start()
	for i := range 3 {
		x.submitted((i + 1) * n / 5)
		x.smc.Pause()
		b.Kill()
		x.smc.Resume()
		x.until("all answers have come", func() bool { return r.accounts[0].Status().InUse == 0 })
		b.Restart()
	}
	x.once(n, x.results(n))
	r.stop(patience)
	x.settled(n)
}
