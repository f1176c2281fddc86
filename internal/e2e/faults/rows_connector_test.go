package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// quickGroups lets a dead replica's partitions go after two seconds, so that many deaths fit into one run.
var quickGroups = row{
	env:      []string{"KAFKA_SESSION_TIMEOUT=2s"},
	settings: []string{"group.min.session.timeout.ms=1000"},
}

// crashBound is contract §5.4: the windows of the lost replica's binds and half a second of its pace. The pace is what the SMSC
// gives, not what is produced: after each takeover a backlog is caught up. A window of 100 and answers after 5 to 30 ms make 5,700 a second.
const crashBound = 100 + 5700/2

func TestNothingBroken(t *testing.T) {
	run(t, []row{{
		name: "nothing is broken", breaks: "nothing", quick: true, records: 4000, rate: 1000, inbound: 300,
		hold: hold{noDoubt: true},
	}})
}

// TestTheConnectorKilled is promises 1 to 5 for kill -9.
func TestTheConnectorKilled(t *testing.T) {
	random := func(kills int) func(w *world) {
		return func(w *world) {
			seed := uint64(time.Now().UnixNano())
			w.t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 1))
			p := w.replica(0)
			for range kills {
				// From the very start of the process on: some die while they join, some in the middle of the flow.
				w.pass(time.Duration(300+rnd.IntN(4500)) * time.Millisecond)
				p.kill()
				p.start()
			}
			w.faultOver()
			p.ready()
		}
	}
	run(t, []row{
		{
			name: "kill -9 at six random moments", breaks: "the only replica, 0.3 to 4.8 s after each start", quick: true,
			records: 5000, rate: 250, inbound: 300, env: quickGroups.env, settings: quickGroups.settings,
			play: random(6), hold: hold{maxDoubt: 6 * crashBound},
		},
		{
			name: "kill -9 at fifty random moments", breaks: "the only replica, 0.3 to 4.8 s after each start",
			records: 40000, rate: 300, inbound: 2000, env: quickGroups.env, settings: quickGroups.settings,
			play: random(50), hold: hold{maxDoubt: 50 * crashBound},
		},
	})
}

// passing is an environment in which a point is passed on a busy machine too: grants are committed alone where an SMSC has nothing left to
// send before the next transaction is due, and on such a machine it is always due.
func passing(point string, env []string) []string {
	if strings.HasPrefix(point, "smpp-sink-plain.") {
		return append(slices.Clip(env), "DELIVERY_COMMIT_INTERVAL=200ms")
	}
	return env
}

// TestTheConnectorKilledAtEachPoint kills the process at a named place in the code, at a pass in the middle of the flow.
func TestTheConnectorKilledAtEachPoint(t *testing.T) {
	var rows []row
	for _, p := range []struct {
		point string
		n     int
		ci    bool
		where string
	}{
		{"smpp-sink-plain.before", 1, false, "before a commit of grants alone is sent"},
		{"smpp-sink-plain.after", 1, false, "after it, before the grants may be used"},
		{"smpp-sink-produce.before", 3, false, "in a transaction, before its records are produced"},
		{"sink.fill.before", 3, false, "after they are, before those that came meanwhile follow"},
		{"smpp-sink-offsets.before", 3, false, "after all of them are, before the offsets"},
		{"smpp-sink-end.before", 3, false, "before EndTxn"},
		{"smpp-sink-end.after", 3, true, "after EndTxn, before we know how it ended"},
		{"sink.offer.before", 3, true, "after the commit of grants, before any is sent"},
		{"session.write.before", 3, false, "between the last look at the lease and the write"},
		{"session.write.after", 3, true, "between the write and the answer"},
		{"session.answers.before", 3, false, "between the answer and the loop"},
		{"sink.answers.after", 3, false, "between the answer and the commit of its result"},
		{"source.produce.before", 10, false, "before a deliver_sm is produced"},
		{"source.respond.before", 10, true, "after it is durable, before its response"},
		{"source.respond.after", 10, false, "after its response"},
		{"smpp-source-produce.before", 2, false, "in the resolver's transaction, before its records are produced"},
		{"smpp-source-end.before", 2, false, "before the resolver's EndTxn"},
		{"smpp-source-end.after", 2, false, "after it, before we know how it ended"},
		{"resolve.store.before", 2, false, "after the resolver's commit, before its store has it"},
		{"resolve.store.after", 2, false, "after its store has it"},
	} {
		rows = append(rows, row{
			name: "killed at " + p.point, breaks: fmt.Sprintf("kill -9 %s, at pass %d from a third of the flow on", p.where, p.n), quick: p.ci,
			records: 3000, rate: 500, inbound: 300, env: passing(p.point, quickGroups.env), settings: quickGroups.settings,
			first: []string{fmt.Sprintf("SMPP_FAULTPOINT=%s:%d:kill", p.point, p.n)},
			play: func(w *world) {
				w.share(0.3)
				w.replica(0).arm()
				w.dies(w.replica(0))
				w.replica(0).start()
				w.faultOver()
				w.replica(0).ready()
			},
			hold: hold{maxDoubt: crashBound},
		})
	}
	run(t, rows)
}

// TestTheConnectorKilledWhileItLetsGo kills a replica in a revoke, while another takes over, and in the drain after SIGTERM.
func TestTheConnectorKilledWhileItLetsGo(t *testing.T) {
	var rows []row
	for _, p := range []struct {
		point, where string
		ci           bool
	}{
		{"sink.revoke.begin", "in a revoke, before it has begun to let go", false},
		{"sink.letgo.waiting", "in a revoke, while answers are awaited", true},
		{"sink.revoke.end", "in a revoke, after its last commit", false},
	} {
		rows = append(rows, row{
			name: "killed at " + p.point, breaks: "kill -9 " + p.where + ", as a second replica joins", quick: p.ci,
			records: 3000, rate: 500, inbound: 200, env: quickGroups.env, settings: quickGroups.settings,
			first: []string{"SMPP_FAULTPOINT=" + p.point + ":1:kill"},
			play: func(w *world) {
				w.share(0.2)
				w.replica(0).arm()
				w.add().start()
				w.dies(w.replica(0))
				w.faultOver()
				w.replica(0).start()
				w.replica(0).ready()
			},
			hold: hold{maxDoubt: crashBound},
		})
	}
	for _, p := range []struct {
		point, where string
		ci, noDoubt  bool
	}{
		{"sink.drain.begin", "before the drain", false, false},
		{"sink.letgo.waiting", "in the drain, while answers are awaited", false, false},
		{"sink.drain.clean", "after the drain's last commit", false, true},
		{"sink.drain.left", "after the group was left", false, true},
	} {
		rows = append(rows, row{
			name: "killed at " + p.point + " after SIGTERM", breaks: "kill -9 " + p.where, quick: p.ci,
			records: 3000, rate: 500, inbound: 200, env: quickGroups.env, settings: quickGroups.settings,
			first: []string{"SMPP_FAULTPOINT=" + p.point + ":1:kill"},
			play: func(w *world) {
				w.share(0.3)
				w.replica(0).arm()
				w.replica(0).terminating()
				w.dies(w.replica(0))
				w.replica(0).start()
				w.faultOver()
				w.replica(0).ready()
			},
			hold: hold{maxDoubt: crashBound, noDoubt: p.noDoubt},
		})
	}
	run(t, rows)
}

func TestTheResolverKilledWhileItRebuildsItsState(t *testing.T) {
	run(t, []row{{
		name: "killed at resolve.restore.middle", breaks: "STATE_DIR deleted, and kill -9 twice while it is rebuilt from Kafka, at the 1st and the 4th partition",
		records: 3000, rate: 500, inbound: 300, env: quickGroups.env, settings: quickGroups.settings,
		play: func(w *world) {
			p := w.replica(0)
			w.share(0.4)
			p.kill()
			p.arm()
			for _, n := range []int{1, 4} {
				if err := os.RemoveAll(filepath.Join(filepath.Dir(p.log), "state")); err != nil {
					w.t.Fatal(err)
				}
				p.start(fmt.Sprintf("SMPP_FAULTPOINT=resolve.restore.middle:%d:kill", n))
				w.dies(p)
			}
			p.start()
			w.faultOver()
			p.ready()
		},
		hold: hold{maxDoubt: 3 * crashBound},
	}})
}

func TestTheConnectorStoppedCleanly(t *testing.T) {
	run(t, []row{{
		name: "SIGTERM under load", breaks: "the only replica, three times, with answers that take up to 300 ms; nothing is granted between", ci: true,
		records: 6000, rate: 1000, inbound: 300, smsc: slowAnswers(),
		play: func(w *world) {
			for _, at := range []float64{0.2, 0.4, 0.6} {
				w.share(at)
				began := time.Now()
				if code := w.replica(0).terminate(); code != 0 {
					w.t.Errorf("exit code %d", code)
				}
				w.note("stopped after %s", round(time.Since(began)))
				if g := w.granted(); g > 0 {
					w.t.Errorf("%d records are in doubt after a clean stop", g)
				}
				w.replica(0).start()
				w.faultOver()
				w.replica(0).ready()
			}
		},
		hold: hold{noDoubt: true},
	}})
}
