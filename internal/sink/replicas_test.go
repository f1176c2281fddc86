package sink_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// until returns when cond holds; the test ends if it does not.
func (x *bench) until(what string, cond func() bool) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			x.t.Fatalf("%s: not within %s; SMSC: %+v", what, patience, x.smc.Stats())
		}
	}
}

func (x *bench) submitted(n int) {
	x.t.Helper()
	x.until(fmt.Sprintf("%d submits", n), func() bool { return x.smc.Stats().Submits >= uint64(n) })
}

// once checks that each of a campaign has one result that is accepted and doubts
// nothing, and that the SMSC got each exactly once.
func (x *bench) once(n int, got map[string][]record.Result) {
	x.t.Helper()
	sends, bad := x.sends(), 0
	for i := range n {
		rs, times := got[fmt.Sprintf("m%d", i)], sends[fmt.Sprintf("4917%08d", i)]
		if len(rs) == 1 && rs[0].Status == "accepted" && !rs[0].PossibleDuplicate && times == 1 {
			continue
		}
		if bad++; bad <= 5 {
			x.t.Errorf("m%d was sent %d times and has %d results: %+v", i, times, len(rs), rs)
		}
	}
	if bad > 0 {
		x.t.Errorf("%d of %d are wrong", bad, n)
	}
}

// settled waits until the group's offsets say that n are done, and that nothing is
// in doubt.
func (x *bench) settled(n int) {
	x.t.Helper()
	x.until("nothing in doubt and everything done", func() bool {
		doubt, done := x.committed()
		return doubt == 0 && done == int64(n)
	})
}

func TestAReplicaThatComesAndGoesLeavesNothingInDoubt(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		const n, rounds = 9000, 4
		x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(5*time.Millisecond, 30*time.Millisecond)}}, "SMSC_0_WINDOW=25")
		x.produce(campaign(n)...)
		a := x.start()
		for i := range rounds {
			at := x.smc.Stats().Submits
			r := x.start()
			x.until("the new replica holds partitions", func() bool { return len(r.Status().Partitions) > 0 && r.accounts[0].Ready() })
			x.submitted(min(int(at)+n/rounds/3, n))
			if i%2 == 1 { // the one that was there first goes, the new one stays
				a, r = r, a
			}
			r.stop(patience)
			// 25 in the window and, at 25 answers in 17.5 ms, half a second of pace.
			if doubt, _ := x.committed(); doubt > 25+715 {
				t.Errorf("after a clean goodbye %d are granted, more than the window and half a second's pace of the one left", doubt)
			}
		}
		x.once(n, x.results(n))
		a.stop(patience)
		x.settled(n)
	})
}

func TestReplicasShareThePaceByTheirPartitions(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{}, "SMSC_0_TPS=400")
	x.produce(campaign(20)...)
	a, r := x.start(), x.start()
	x.until("both hold half", func() bool {
		return len(a.Status().Partitions) == 2 && len(r.Status().Partitions) == 2 &&
			a.accounts[0].Status().TPS == 200 && r.accounts[0].Status().TPS == 200
	})
	r.stop(patience)
	x.until("the one left has it all", func() bool { return a.accounts[0].Status().TPS == 400 })
	x.once(20, x.results(20))
}
