package faults

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// becomes ends a replica by SIGTERM and starts it as another release, in its STATE_DIR.
func (p *process) becomes(of release) {
	p.t.Helper()
	if code := p.terminate(); code != 0 {
		p.t.Errorf("%s, of %s: exit code %d", p.name, p.of.name, code)
	}
	p.of = of
	p.start()
	p.ready()
}

// crossing has receipts that come seconds after their messages, and long messages from subscribers over the binds of all replicas: much of both
// is left by one release to the other.
func crossing() smsc.Options {
	return smsc.Options{Behaviour: smsc.Behaviour{
		Latency: smsc.Uniform(5*time.Millisecond, 100*time.Millisecond), Receipts: smsc.Receipts{Delay: smsc.Uniform(0, 8*time.Second)},
		MO: smsc.MO{Spread: true, Shuffle: true}, Retry: smsc.Retry{Timeout: 3 * time.Second, Delay: 300 * time.Millisecond, Max: 1000},
	}}
}

// TestUpgradeAndRollback is what internal/UPGRADE.md promises: replicas of two releases beside each other, one taking over from the other what is in
// Kafka and, by its STATE_DIR, on disk.
func TestUpgradeAndRollback(t *testing.T) {
	var rows []row
	for i, old := range predecessors() {
		rows = append(rows, row{
			name:   "upgraded from " + old.name + " and back",
			breaks: "SIGTERM to one of two replicas after the other, started again as the new release; then both back; STATE_DIR stays", quick: i == 0,
			records: 7000, rate: 350, inbound: 600, replicas: 2, begin: &old, smsc: crossing(),
			play: func(w *world) {
				w.share(0.05)
				for _, to := range []release{present, old} {
					for _, p := range w.replicas {
						p.becomes(to)
						w.flowing() // both releases side by side, after the first
					}
				}
				w.faultOver()
			},
			hold: hold{noDoubt: true, check: func(w *world, b *books) {
				w.livesThatSent()
				partsCameOverBoth(w, b)
				w.setAside()
				w.redrivenOnce(present, old)
			}},
		}, row{
			name:    "killed beside " + old.name,
			breaks:  "kill -9 of the old one of two replicas, of which the new one takes over what was in flight; then the other way round",
			records: 12000, rate: 300, inbound: 600, replicas: 2, begin: &old, smsc: crossing(), env: quickGroups.env, settings: quickGroups.settings,
			play: func(w *world) {
				w.share(0.05)
				w.replica(0).becomes(present)
				w.flowing()
				for i := range 2 {
					p := w.replica(1 - i)
					p.kill()
					w.note("%d in doubt by the group's books as %s was killed", w.granted(), p.of.name)
					w.flowing()
					p.start()
					p.ready()
					w.flowing()
				}
				w.faultOver()
			},
			hold: hold{maxDoubt: 2 * crashBound, check: func(w *world, b *books) { w.livesThatSent(); w.setAside() }},
		}, row{
			name:    "paused by one release, resumed by the other, with " + old.name,
			breaks:  "the sink is paused over REST before a replica is replaced, and resumed after it, on the way there and on the way back",
			records: 3000, rate: 300, begin: &old, smsc: crossing(),
			play: func(w *world) {
				for _, to := range []release{present, old} {
					now := w.results()
					w.until("new results", patience, func() bool { return w.results() > now+300 })
					p := w.replica(0)
					p.put("/connectors/smpp-sink/pause")
					w.until("paused sink", patience, func() bool { return p.says("/connectors/smpp-sink/status", `"PAUSED"`) })
					p.becomes(to)
					w.until("sink paused by the other release", patience, func() bool { return p.says("/connectors/smpp-sink/status", `"PAUSED"`) })
					now = w.results()
					w.pass(2 * time.Second)
					if n := w.results(); n != now {
						w.t.Errorf("%s is paused and has written %d results", to.name, n-now)
					}
					p.put("/connectors/smpp-sink/resume")
				}
				w.faultOver()
			},
			hold: hold{noDoubt: true},
		})
	}
	run(t, rows)
}

// livesThatSent notes how many lives of replicas the SMSC got messages from. On a machine that is so slow that the flow ends before the replacing
// does, those of the one release alone prove nothing.
func (w *world) livesThatSent() {
	w.t.Helper()
	binds := map[int]bool{}
	for _, e := range w.smscs[0].Submits() {
		binds[e.Bind] = true
	}
	if len(binds) <= len(w.replicas) {
		w.t.Errorf("only %d binds have sent anything", len(binds))
	}
	w.note("messages came from %d lives", len(binds))
}

// setAside notes how often a replica has built its STATE_DIR anew: once for each release that could not read what it found, and never again and again.
func (w *world) setAside() {
	w.t.Helper()
	for _, p := range w.replicas {
		n := strings.Count(p.logText(), "is not usable and is built anew")
		if n > 2 {
			w.t.Errorf("%s has built its state anew %d times, and was replaced twice", p.name, n)
		}
		w.note("%s: STATE_DIR built anew %d times", p.name, n)
	}
}

// redrivenOnce has each of the releases put back what is in the dead letter topic, when all replicas have ended: the first everything, the others
// nothing more.
func (w *world) redrivenOnce(releases ...release) {
	w.t.Helper()
	for i, of := range releases {
		before := len(kafkatest.ReadAll(w.t, w.broker, "sms.outbound"))
		path, err := of.binary()
		if err != nil {
			w.t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		cmd := exec.CommandContext(ctx, path, "redrive", "--all", "--execute")
		cmd.Env = w.replica(0).env
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			w.t.Fatalf("redrive of %s: %v\n%s", of.name, err, out)
		}
		want := 0
		if i == 0 {
			want = len(kafkatest.ReadAll(w.t, w.broker, "sms.deadletter"))
		}
		if n := len(kafkatest.ReadAll(w.t, w.broker, "sms.outbound")) - before; n != want || i == 0 && n == 0 {
			w.t.Errorf("redrive of %s put %d dead letters back, and should have %d:\n%s", of.name, n, want, out)
		}
	}
}

// put steers the replica over REST.
func (p *process) put(path string) {
	p.t.Helper()
	hc := retryablehttp.NewClient()
	hc.Logger = nil
	defer hc.HTTPClient.CloseIdleConnections()
	req, err := retryablehttp.NewRequestWithContext(p.t.Context(), http.MethodPut, "http://"+p.http+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		p.t.Fatalf("PUT %s of %s: %s", path, p.name, resp.Status)
	}
}

// says tells whether what a path shows has the words.
func (p *process) says(path, words string) bool {
	resp, err := p.get(path, 0)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(body), words)
}
