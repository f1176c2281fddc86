package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// checkPace looks at every second of the connector's own clock, at which it handed over the first part of each message, and at how many parts and retries
// have come to the SMSC by when: later than they were sent, if they or this process were held up on the way, and never earlier.
func checkPace(t *testing.T, results map[string]record.Result, submits []smsc.Submit, tps float64) {
	t.Helper()
	var sent, came []time.Time
	for id, r := range results {
		if r.SubmittedAt.IsZero() {
			t.Fatalf("%s: %s, and never submitted", id, r.Status)
		}
		sent = append(sent, r.SubmittedAt)
	}
	for i := range submits {
		came = append(came, submits[i].At)
	}
	slices.SortFunc(sent, time.Time.Compare)
	slices.SortFunc(came, time.Time.Compare)
	worst, end := 0, 0
	for i := range sent {
		for end < len(sent) && sent[end].Sub(sent[i]) < time.Second-time.Millisecond { // results have milliseconds
			end++
		}
		worst = max(worst, end-i)
	}
	if float64(worst) > 1.05*tps {
		t.Errorf("in a second %d messages were submitted at a limit of %v", worst, tps)
	}
	for i, at := range came {
		took := at.Sub(sent[0]) + time.Second/50 // which the pace may have saved up
		if allowed := 1.05 * tps * took.Seconds(); float64(i) > allowed {
			t.Fatalf("%d submit_sm came within %s at a limit of %v", i+1, took, tps)
		}
	}
	t.Logf("%d submit_sm in %s, at most %d messages in a second", len(came), came[len(came)-1].Sub(sent[0]), worst)
}

func TestNoSecondHoldsMoreThanTheLimitWhateverThePartsAndTheRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{Errors: []smsc.StatusRate{{Status: 0x08, Rate: 0.05}}, Latency: smsc.Uniform(0, 30*time.Millisecond)})
	w.replica("SMSC_0_TPS=150", "SMSC_0_BINDS=2", "SMSC_0_WINDOW=200")
	w.send("s", 250, number("49"), map[string]any{"receipts": "none"})
	w.send("l", 50, number("49"), map[string]any{"receipts": "none", "text": strings.Repeat("in three parts ", 25)})
	checkPace(t, w.results(300), w.smscs[0].Submits(), 150)
}

func TestReplicasShareTheLimitWhileAnotherJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	first := w.replica("SMSC_0_TPS=150", "SMSC_0_WINDOW=200")
	w.send("a", 700, number("49"), map[string]any{"receipts": "none"})
	second := w.replica("SMSC_0_TPS=150", "SMSC_0_WINDOW=200")
	share := func(a *app) float64 { return a.accounts[0].Status().TPS }
	eventually(t, "equal share of the limit", func() bool {
		return len(first.theSink().Status().Partitions) == 2 && len(second.theSink().Status().Partitions) == 2 && share(first) == 75 && share(second) == 75
	})
	w.send("b", 100, number("49"), map[string]any{"receipts": "none"})
	checkPace(t, w.results(800), w.smscs[0].Submits(), 150)
}
