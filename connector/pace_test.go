package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// stalls measures how long this process was held up at most: connector and
// simulator are both in it, and what stood still for a moment arrives all at once.
func stalls(t *testing.T) (longest func() time.Duration) {
	t.Helper()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	var worst time.Duration
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-quit:
				return
			case <-tick.C:
				now := time.Now()
				worst = max(worst, now.Sub(last))
				last = now
			}
		}
	})
	stop := sync.OnceFunc(func() { close(quit); wg.Wait() })
	t.Cleanup(stop)
	return func() time.Duration { stop(); return worst }
}

// checkPace looks at every span of a second and longer. What was held up on its way
// counts as sent when it was not: stall is taken off the pace.
func checkPace(t *testing.T, submits []smsc.Submit, tps float64, stall time.Duration) {
	t.Helper()
	at := make([]time.Time, len(submits))
	for i := range submits {
		at[i] = submits[i].At
	}
	slices.SortFunc(at, time.Time.Compare)
	worst, end := 0, 0
	for i := range at {
		for end < len(at) && at[end].Sub(at[i]) < time.Second {
			end++
		}
		worst = max(worst, end-i)
	}
	if allowed := 1.05 * tps * (1 + stall.Seconds()); float64(worst) > allowed {
		t.Errorf("a second held %d submit_sm at a limit of %v (5 %% more and stalls of up to %s would be %.0f)", worst, tps, stall, allowed)
	}
	took := at[len(at)-1].Sub(at[0])
	if allowed := 1.05 * tps * (took + time.Second/50 + stall).Seconds(); float64(len(at)-1) > allowed {
		t.Errorf("%d submit_sm in %s at a limit of %v", len(at), took, tps)
	}
	t.Logf("%d submit_sm in %s, at most %d in a second, longest stall %s", len(at), took, worst, stall)
}

func TestNoSecondHoldsMoreThanTheLimitWhateverThePartsAndTheRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{Errors: []smsc.StatusRate{{Status: 0x08, Rate: 0.05}}, Latency: smsc.Uniform(0, 30*time.Millisecond)})
	w.replica("SMSC_0_TPS=150", "SMSC_0_BINDS=2", "SMSC_0_WINDOW=200")
	longest := stalls(t)
	w.send("s", 250, number("49"), map[string]any{"receipts": "none"})
	w.send("l", 50, number("49"), map[string]any{"receipts": "none", "text": strings.Repeat("in three parts ", 25)})
	w.results(300)
	checkPace(t, w.smscs[0].Submits(), 150, longest())
}

func TestReplicasShareTheLimitWhileAnotherJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	longest := stalls(t)
	first := w.replica("SMSC_0_TPS=150", "SMSC_0_WINDOW=200", "KAFKA_SESSION_TIMEOUT=6s")
	w.send("a", 700, number("49"), map[string]any{"receipts": "none"})
	second := w.replica("SMSC_0_TPS=150", "SMSC_0_WINDOW=200", "KAFKA_SESSION_TIMEOUT=6s")
	share := func(a *app) float64 { return a.accounts[0].Status().TPS }
	eventually(t, "equal share of the limit", func() bool {
		return len(first.theSink().Status().Partitions) == 2 && len(second.theSink().Status().Partitions) == 2 && share(first) == 75 && share(second) == 75
	})
	w.send("b", 100, number("49"), map[string]any{"receipts": "none"})
	w.results(800)
	checkPace(t, w.smscs[0].Submits(), 150, longest())
}
