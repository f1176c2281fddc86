package faults

import (
	"testing"
	"time"
)

// TestAReplicaKilledInsideATransaction: what it has left open would keep its successor from reading what is committed until the
// broker ends it, ten seconds later. The successor ends it itself: the Apache broker here does not look for an hour.
func TestAReplicaKilledInsideATransaction(t *testing.T) {
	run(t, []row{{
		name: "one of two replicas killed inside a transaction", breaks: "kill -9 before EndTxn; it does not come back",
		records: 6000, rate: 300, replicas: 2, env: quickGroups.env,
		settings: append([]string{"transaction.abort.timed.out.transaction.cleanup.interval.ms=3600000"}, quickGroups.settings...),
		first:    []string{"SMPP_FAULTPOINT=smpp-sink-end.before:3:kill"},
		play: func(w *world) {
			w.share(0.2)
			w.flowing()
			began := time.Now()
			w.replica(0).arm()
			w.dies(w.replica(0))
			w.faultOver()
			w.pass(sessionOf(w))
			w.flowing()
			w.takeover("after kill -9", began, sessionOf(w), promisedTakeover)
		},
		hold: hold{maxDoubt: crashBound},
	}})
}
