package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestAFrozenReplicaThatWakesUpSendsNothingOld freezes a replica past the group's session, so that another has taken over
// when it wakes.
func TestAFrozenReplicaThatWakesUpSendsNothingOld(t *testing.T) {
	// thaw is called with replica 0 frozen: the other has all partitions before it goes on.
	thaw := func(w *world) {
		w.t.Helper()
		p := w.replica(0)
		w.pass(sessionOf(w) + 500*time.Millisecond)
		w.flowing()
		p.cont()
		w.faultOver()
		w.pass(time.Second)
	}
	rows := []row{
		{
			name: "frozen past the session, any moment", breaks: "SIGSTOP to one of two replicas until the other has its partitions, SIGCONT, three times", ci: true,
			records: 9000, rate: 300, inbound: 300, replicas: 2, env: quickGroups.env, settings: quickGroups.settings,
			play: func(w *world) {
				for range 3 {
					w.flowing()
					w.replica(0).stop()
					thaw(w)
					if !w.replica(0).running() { // it may find that it was replaced and end, which Kubernetes takes for a restart
						w.replica(0).start()
					}
					w.replica(0).ready()
				}
			},
			hold: hold{maxDoubt: 3 * crashBound, mayExit: true},
		},
		{
			name: "frozen, and nobody took over", breaks: "SIGSTOP to the only replica past the session, SIGCONT within the SMSC's time for answers",
			records: 4000, rate: 300, inbound: 200, env: quickGroups.env, settings: quickGroups.settings,
			play: func(w *world) {
				w.share(0.3)
				w.replica(0).stop()
				w.pass(4 * time.Second)
				w.replica(0).cont()
				w.faultOver()
			},
			hold: hold{noDoubt: true},
		},
	}
	for _, p := range []struct {
		point, where string
		late         int
		ci           bool
	}{
		{"smpp-sink-plain.before", "before a commit of grants alone is sent", 0, false},
		{"smpp-sink-plain.after", "after it, before the grants may be used", 0, false},
		{"smpp-sink-produce.before", "in a transaction, before its records are produced", 0, false},
		{"sink.fill.before", "after they are, before those that came meanwhile follow", 0, false},
		{"smpp-sink-offsets.before", "after all of them are, before the offsets", 0, false},
		{"smpp-sink-end.before", "before EndTxn", 0, false},
		{"smpp-sink-end.after", "after EndTxn, before it knows how it ended", 0, false},
		{"sink.offer.before", "with new grants, before any is sent", 0, true},
		{"sink.answers.after", "between the answer and the commit of its result", 0, false},
		{"session.write.after", "between the write and the answer", 0, false},
		// The one window that is left, one write wide: see flush in internal/smpp.
		{"session.write.before", "between the last look at the lease and the write", 100, false},
		{"smpp-source-end.before", "before the resolver's EndTxn", 0, false},
		{"source.respond.before", "before a deliver_sm_resp", 0, false},
	} {
		rows = append(rows, row{
			name: "frozen at " + p.point, breaks: "SIGSTOP " + p.where + ", SIGCONT when the other of two replicas has its partitions", quick: p.ci,
			records: 5000, rate: 300, inbound: 300, replicas: 2, env: passing(p.point, quickGroups.env), settings: quickGroups.settings,
			first: []string{fmt.Sprintf("SMPP_FAULTPOINT=%s:3:stop", p.point)},
			play: func(w *world) {
				w.share(0.2)
				w.flowing()
				w.replica(0).arm()
				w.freezes(w.replica(0))
				thaw(w)
			},
			hold: hold{maxDoubt: crashBound, late: p.late, mayExit: true},
		})
	}
	run(t, rows)
}

// sessionOf is the group's session timeout in the row.
func sessionOf(w *world) time.Duration {
	d := sessionTimeout
	for _, e := range w.row.env {
		if v, ok := strings.CutPrefix(e, "KAFKA_SESSION_TIMEOUT="); ok {
			d, _ = time.ParseDuration(v)
		}
	}
	return d
}
