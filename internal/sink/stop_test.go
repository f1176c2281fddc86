package sink_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func kafkatestAdmin(x *bench) *kadm.Client { return kadm.NewClient(kafkatest.Client(x.t, x.b)) }

// TestAStoppedReplicaLeavesNoGoroutine is not parallel: others' goroutines would count.
func TestAStoppedReplicaLeavesNoGoroutine(t *testing.T) {
	for _, limit := range []time.Duration{patience, 0} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(0, 20*time.Millisecond)}})
			x.produce(campaign(2000)...)
			before := goleak.IgnoreCurrent()
			r := x.start()
			x.submitted(500)
			r.stop(limit)
			// What is left of the other side ends as its connections do.
			x.until("the SMSC saw it go", func() bool { return x.smc.Stats().Binds == 0 })
			var left error
			defer func() {
				if left != nil {
					t.Error(left)
				}
			}()
			x.until("its goroutines have ended", func() bool {
				left = goleak.Find(before)
				return left == nil
			})
		})
	}
}

// TestStopEndsWhateverItInterrupts stops at moments from the very start on.
func TestStopEndsWhateverItInterrupts(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	const n = 2000
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(0, 5*time.Millisecond)}}, "SMSC_0_WINDOW=20")
	x.produce(campaign(n)...)
	for i, at := range []func(r *replica){
		func(*replica) {},
		func(r *replica) { x.until("a bind", r.accounts[0].Ready) },
		func(r *replica) { x.until("partitions", func() bool { return len(r.Status().Partitions) > 0 }) },
		func(r *replica) { x.submitted(100) },
	} {
		r := x.start()
		at(r)
		var two sync.WaitGroup
		for range 2 { // both return when all is done
			two.Go(func() { r.stop(patience) })
		}
		two.Wait()
		if i < 2 {
			continue // the group need not even be there
		}
		if doubt, _ := x.committed(); doubt != 0 {
			t.Errorf("%d are in doubt after a clean stop", doubt)
		}
	}
	r := x.start()
	x.once(n, x.results(n))
	r.stop(patience)
	x.settled(n)
}

// TestStopEndsThoughAnAssignmentWaitsForACommitThatKafkaDoesNotTake: what the group calls
// holds up the poller, and that what Stop waits for.
func TestStopEndsThoughAnAssignmentWaitsForACommitThatKafkaDoesNotTake(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{})
	x.produce(campaign(100)...)
	x.smc.Pause()
	r := x.start()
	x.submitted(10)
	var commits, joins, beats atomic.Int32 // each counted since the one before
	count := func(n *atomic.Int32, after *atomic.Int32) func(kmsg.Request) bool {
		return func(kmsg.Request) bool {
			if after == nil || after.Load() > 0 {
				n.Add(1)
			}
			return true
		}
	}
	const ever = -1
	c := b.Kfake()
	faults := c.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: ever, When: count(&commits, nil)},
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.CoordinatorLoadInProgress, Count: ever},
		kfake.Fault{Keys: []kmsg.Key{kmsg.SyncGroup}, Observe: true, Count: ever, When: count(&joins, &commits)},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, Count: ever, When: count(&beats, &joins)},
	)
	t.Cleanup(faults.Remove)
	x.until("a commit is in hand", func() bool { return commits.Load() > 0 })
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.RebalanceInProgress, Count: 1})
	x.until("it has its assignment, and heartbeats", func() bool { return beats.Load() > 0 })
	stopped := make(chan struct{})
	go func() {
		r.stop(0)
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("it does not stop")
	}
}

// TestAHandOverDoesNotWaitForTheNextTransaction: the first answers make one, and those after them are written at once all the same, not a minute
// later, when Stop has given up.
//
// With a broker that refuses one of them, it is tried again at once, too.
func TestAHandOverDoesNotWaitForTheNextTransaction(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused %v", refuse), func(t *testing.T) {
			t.Parallel()
			b := kafkatest.Kfake(t)
			x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(200*time.Millisecond, 800*time.Millisecond)}}, "KAFKA_SESSION_TIMEOUT=5m")
			x.cfg.Delivery.CommitInterval = time.Minute // more than may be configured, so that no pause of the machine is as long
			x.produce(campaign(50)...)
			r := x.start()
			x.submitted(10)
			if refuse {
				b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.IllegalGeneration, Count: 1})
			}
			r.stop(45 * time.Second)
			if doubt, done := x.committed(); doubt != 0 || done < 10 {
				t.Errorf("%d are in doubt, %d done", doubt, done)
			}
		})
	}
}
