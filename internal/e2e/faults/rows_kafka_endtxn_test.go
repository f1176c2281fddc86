package faults

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
)

// TestAnEndOfATransactionThatGotNoClearAnswer: an answer that is merely lost is asked for again by the client, and the broker, which
// knows that the transaction has ended, says the same once more. Only an error in its place leaves the end unknown: taken for an abort, every
// result of the transaction is written twice; taken for a commit where it was none, they are lost.
func TestAnEndOfATransactionThatGotNoClearAnswer(t *testing.T) {
	every := func(n int, do kafkaproxy.Do) func(w *world) {
		return func(w *world) {
			seen := 0
			h := w.between.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Do: do, Err: kerr.UnknownServerError, Count: -1,
				When: func(kmsg.Request) bool { seen++; return seen%n == 0 }})
			w.share(0.9)
			h.Remove()
			if h.Struck() == 0 {
				w.t.Error("no EndTxn was struck: the fault did not happen")
			}
			w.note("%d times", h.Struck())
		}
	}
	run(t, []row{{
		name: "EndTxn applied and answered with an error", breaks: "every tenth, with UNKNOWN_SERVER_ERROR",
		records: 4000, rate: 600, inbound: 100, kafka: throughProxy,
		play: every(10, kafkaproxy.AnswerAfter), hold: hold{noDoubt: true},
	}, {
		name: "EndTxn not applied and answered with an error", breaks: "every tenth, with UNKNOWN_SERVER_ERROR",
		records: 4000, rate: 600, inbound: 100, kafka: throughProxy,
		play: every(10, kafkaproxy.Answer), hold: hold{noDoubt: true},
	}})
}
