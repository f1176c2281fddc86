package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// What a takeover is promised to take beyond the session timeout, and a clean stop at all; measured and printed. Only what no
// loaded machine explains fails.
const (
	promisedTakeover = 2 * time.Second
	promisedHandOver = time.Second
	loadedMachine    = 15 * time.Second
)

// takeover notes how long the partition that waited longest was without a result since a moment, beyond what it had to wait.
func (w *world) takeover(what string, since time.Time, hadTo, promised time.Duration) {
	w.t.Helper()
	longest := w.seen.silence(since)
	w.note("%s: no partition without a new result for longer than %s (%s promised)", what, round(longest), round(hadTo+promised))
	if longest > hadTo+promised+loadedMachine {
		w.t.Errorf("%s: a partition had no new result for %s", what, longest)
	}
}

// flowing waits until every partition has a result that came after now: all are with somebody. So they are when the whole flow is through.
func (w *world) flowing() {
	w.t.Helper()
	now, want := time.Now(), expectedResults(w.row)
	w.until("new result from every partition", patience, func() bool {
		return w.seen.partitionsSince(now) == partitions || w.results() >= want
	})
}

// TestATakeover is measured on both protocols of consumer groups.
func TestATakeover(t *testing.T) {
	var rows []row
	for _, protocol := range []string{"classic", "consumer"} {
		rows = append(rows, row{
			name: "one of three replicas leaves", breaks: "SIGTERM to one, under load", protocol: protocol, quick: protocol == "consumer",
			records: 6000, rate: 300, inbound: 300, replicas: 3,
			play: func(w *world) {
				w.share(0.3)
				w.flowing()
				began := time.Now()
				if code := w.replica(1).terminate(); code != 0 {
					w.t.Errorf("exit code %d", code)
				}
				w.faultOver()
				w.flowing()
				w.takeover("after a clean stop", began, 0, promisedHandOver)
			},
			hold: hold{noDoubt: true},
		}, row{
			name: "one of three replicas killed", breaks: "kill -9 of one, under load; it does not come back", protocol: protocol, quick: protocol == "classic",
			records: 8000, rate: 300, inbound: 300, replicas: 3,
			play: func(w *world) {
				w.share(0.2)
				w.flowing()
				began := time.Now()
				w.replica(1).kill()
				w.faultOver()
				w.pass(sessionTimeout)
				w.flowing()
				w.takeover("after kill -9", began, sessionTimeout, promisedTakeover)
			},
			hold: hold{maxDoubt: crashBound},
		})
	}
	run(t, rows)
}

func TestReplicasComeAndGo(t *testing.T) {
	run(t, []row{
		{
			name: "a second and a third replica join", breaks: "at a quarter and at half of the flow",
			records: 6000, rate: 500, inbound: 300, smsc: slowAnswers(),
			play: func(w *world) {
				for _, at := range []float64{0.25, 0.5} {
					w.share(at)
					p := w.add()
					p.start()
					p.ready()
				}
				w.faultOver()
			},
			hold: hold{noDoubt: true, check: func(w *world, _ *books) { w.everybodySent() }},
		},
		{
			name: "rolling restart", breaks: "SIGTERM and start of each of three replicas in turn", ci: true,
			records: 9000, rate: 500, inbound: 300, replicas: 3, smsc: slowAnswers(),
			play: func(w *world) {
				w.share(0.1)
				for _, p := range w.replicas {
					if code := p.terminate(); code != 0 {
						w.t.Errorf("%s: exit code %d", p.name, code)
					}
					p.start()
					p.ready()
					w.flowing()
				}
				w.faultOver()
			},
			hold: hold{noDoubt: true},
		},
		{
			name: "scaled to zero and back", breaks: "SIGTERM to both replicas at once, two seconds of none, both started again",
			records: 5000, rate: 500, inbound: 300, replicas: 2,
			play: func(w *world) {
				w.share(0.3)
				for _, p := range w.replicas {
					p.terminating()
				}
				for _, p := range w.replicas {
					if code := p.wait(time.Minute); code != 0 {
						w.t.Errorf("%s: exit code %d", p.name, code)
					}
				}
				if g := w.granted(); g > 0 {
					w.t.Errorf("%d records are in doubt after a clean stop", g)
				}
				w.pass(2 * time.Second)
				for _, p := range w.replicas {
					p.start()
				}
				w.faultOver()
			},
			hold: hold{noDoubt: true},
		},
		{
			name: "replicas killed and started in turn", breaks: "kill -9 of one of three, twelve times, the next before the last has its partitions back",
			records: 15000, rate: 300, inbound: 600, replicas: 3, env: quickGroups.env, settings: quickGroups.settings,
			play: func(w *world) {
				w.share(0.05)
				for i := range 12 {
					p := w.replica(i % 3)
					p.kill()
					w.pass(time.Duration(500+i*250) * time.Millisecond)
					p.start()
				}
				w.faultOver()
			},
			hold: hold{maxDoubt: 12 * crashBound},
		},
	})
}

// everybodySent checks that the load was spread at all: every replica has sent something.
func (w *world) everybodySent() {
	for i, s := range w.smscs {
		binds := map[int]int{}
		for _, e := range s.Submits() {
			binds[e.Bind]++
		}
		if len(binds) < len(w.replicas) {
			w.t.Errorf("%s: %d replicas, and only %d binds have sent anything", smscName(i), len(w.replicas), len(binds))
		}
	}
}

// TestWhatACrashLeavesInDoubt measures contract §5.4.
func TestWhatACrashLeavesInDoubt(t *testing.T) {
	var rows []row
	for _, window := range []int{10, 100, 500} {
		for _, load := range []struct {
			name          string
			records, rate int
		}{{"200 a second", 3000, 200}, {"all that the window allows", 40000, 0}} {
			// Answers after 20 ms: a window of n carries 50n a second.
			pace := 50 * window
			if load.rate > 0 {
				pace = min(pace, load.rate)
			}
			// By what is produced; while a backlog is caught up, as on a machine that was busy, by what the window carries.
			bound, catchingUp := window+pace/2, window+50*window/2
			rows = append(rows, row{
				name:    fmt.Sprintf("in doubt after a crash, window %d, %s", window, load.name),
				breaks:  "kill -9 once, in the middle",
				records: min(load.records, 40*pace), rate: load.rate,
				env:      []string{"KAFKA_SESSION_TIMEOUT=2s", fmt.Sprintf("SMSC_0_WINDOW=%d", window)},
				settings: quickGroups.settings,
				smsc:     smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Constant(20 * time.Millisecond)}},
				value: func(i int) []byte {
					return fmt.Appendf(nil, `{"id":"m%d","to":"+%s","text":"message %d","metadata":{"n":"%d"}}`, i, number(i), i, i)
				},
				play: func(w *world) {
					w.share(0.4)
					behind := int(w.produced.Load()) - w.results()
					w.replica(0).kill()
					doubt := w.granted()
					if load.rate > 0 && behind > load.rate/2 {
						w.note("%d in doubt by the group's books, %d at most promised while %d records are caught up", doubt, catchingUp, behind)
					} else {
						w.note("%d in doubt by the group's books, %d at most promised", doubt, bound)
						if doubt > bound {
							w.t.Errorf("%d records are in doubt, %d at most should be", doubt, bound)
						}
					}
					w.replica(0).start()
					w.faultOver()
					w.replica(0).ready()
				},
				hold: hold{maxDoubt: catchingUp},
			})
		}
	}
	run(t, rows)
}
