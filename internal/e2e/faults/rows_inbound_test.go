package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestWhatSubscribersSendWhileThingsBreak: what was acknowledged is in Kafka, and what was not comes again.
func TestWhatSubscribersSendWhileThingsBreak(t *testing.T) {
	const kills = 3
	again := smsc.Retry{Timeout: 3 * time.Second, Delay: 300 * time.Millisecond, Max: 1000}
	at := func(point string) row {
		return row{
			name:    "killed while receiving, at " + point,
			breaks:  "at the 500th deliver_sm of the second life, receipts among them",
			records: 2000, rate: 250, inbound: 2000,
			smsc: smsc.Options{Behaviour: smsc.Behaviour{Retry: again}},
			play: func(w *world) {
				// It leaves first, so that the group has settled again when it dies: kfake never lets go of a member that
				// died between JoinGroup and SyncGroup, as Apache Kafka does after its session.
				w.replica(0).terminate()
				w.replica(0).arm()
				w.replica(0).start("SMPP_FAULTPOINT=" + point + ":500:kill")
				w.replica(0).wait(patience)
				w.faultOver()
				w.replica(0).start()
			},
			hold: hold{maxDoubt: 2 * (window + 250/2)},
		}
	}
	run(t, []row{{
		name:    "killed while receiving",
		breaks:  fmt.Sprintf("%d times kill -9, while 250 messages and 250 receipts come in a second", kills),
		records: 3000, rate: 250, inbound: 3000,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Retry: again}},
		play: func(w *world) {
			for i := range kills {
				w.until("messages acknowledged in this life", patience, func() bool { return w.smscs[0].Stats().MOAcked >= uint64(700*(i+1)) })
				w.replica(0).kill()
				w.faultOver()
				w.replica(0).start()
			}
		},
		hold: hold{maxDoubt: kills * (window + 250/2), check: repetitions},
	}, at("source.produce.before"), at("source.respond.before"), at("source.respond.after"), {
		name:    "Kafka away while receiving",
		breaks:  "the broker killed for 12 s, while 250 messages and 250 receipts come in a second",
		records: 3000, rate: 250, inbound: 3000,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Retry: again}},
		play: func(w *world) {
			w.share(0.3)
			w.broker.Kill()
			killed := time.Now()
			w.until("deliver_sm refused", patience, func() bool { return refusedSince(w, killed) > 0 })
			w.pass(time.Until(killed.Add(12 * time.Second)))
			back := time.Now()
			w.broker.Restart()
			// What Kafka held before it died may be acknowledged a moment later, and never anything else.
			for i := range w.smscs {
				for _, d := range w.smscs[i].Delivers() {
					if d.Acked && d.EndedAt.After(killed.Add(2*time.Second)) && d.EndedAt.Before(back) {
						w.t.Fatalf("deliver_sm %d was acknowledged %s after Kafka had gone", d.Sequence, d.EndedAt.Sub(killed))
					}
				}
			}
		},
		hold: hold{noDoubt: true, check: toldToTryAgain},
	}, {
		name:    "the SMSC does not get our deliver_sm_resp",
		breaks:  "1 in 20 lost on the way; it sends those again after 3 s",
		records: 1000, rate: 250, inbound: 1000, smppVia: proxied,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Retry: again}},
		play: func(w *world) {
			w.breaking(smppproxy.Swallow, 50, smppproxy.Rule{Command: smppproxy.DeliverSMResp, Share: 0.05, Do: smppproxy.Swallow})
			w.share(0.8)
			w.proxy(0).Break()
		},
		hold: hold{noDoubt: true, check: repetitions},
	}, {
		name:    "connections cut while receiving",
		breaks:  "4 times, in the middle of a deliver_sm; and 4 times at our answer to one",
		records: 3000, rate: 250, inbound: 3000, smppVia: proxied,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Retry: again}},
		play: func(w *world) {
			for i := range 4 {
				w.share(0.15 * float64(i+1))
				w.bound(1)
				w.breaking(smppproxy.HalfCut, 1, smppproxy.Rule{Command: smppproxy.DeliverSM, After: 10, Times: 1, Do: smppproxy.HalfCut})
				w.bound(1)
				w.breaking(smppproxy.CutBefore, 1, smppproxy.Rule{Command: smppproxy.DeliverSMResp, After: 10, Times: 1, Do: smppproxy.CutBefore})
			}
		},
		hold: hold{maxDoubt: 8 * window, check: repetitions},
	}, {
		name: "parts of long messages over two replicas", quick: true,
		breaks:  "the parts of each message in random order over the binds of both",
		records: 500, rate: 100, inbound: 2000, replicas: 2,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{MO: smsc.MO{Spread: true, Shuffle: true}, Retry: again}},
		hold: hold{noDoubt: true, check: partsCameOverBoth},
	}, {
		name:    "parts of long messages over two replicas, of which one is killed",
		breaks:  "the same, and kill -9 of one of them twice",
		records: 1500, rate: 150, inbound: 3000, replicas: 2,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{MO: smsc.MO{Spread: true, Shuffle: true}, Retry: again}},
		play: func(w *world) {
			for i := range 2 {
				w.share(0.25 * float64(i+1))
				w.bound(2)
				w.replica(i).kill()
				w.faultOver()
				w.replica(i).start()
			}
		},
		hold: hold{maxDoubt: 2 * (window + 150/2), check: partsCameOverBoth},
	}})
}

// refusedSince is how many deliver_sm were refused with a status, since a moment.
func refusedSince(w *world, t time.Time) (n int) {
	for _, s := range w.smscs {
		for _, d := range s.Delivers() {
			if d.Status != 0 && d.EndedAt.After(t) {
				n++
			}
		}
	}
	return n
}

// toldToTryAgain: each refusal is one after which an SMSC sends a message again, and there were some.
func toldToTryAgain(w *world, b *books) {
	refused, silent := 0, 0
	for i := range b.delivers {
		d := &b.delivers[i]
		switch data.CommandStatusType(d.Status) {
		case data.ESME_ROK:
			if d.Reason == "timeout" {
				silent++
			}
		case data.ESME_RSYSERR, data.ESME_RMSGQFUL:
			refused++
		default:
			w.t.Errorf("a deliver_sm was refused with %s", smsc.StatusName(d.Status))
		}
	}
	if refused == 0 {
		w.t.Error("no deliver_sm was refused: the fault did not happen")
	}
	for _, s := range w.smscs {
		if n := s.Stats().GivenUp; n > 0 {
			w.t.Errorf("the SMSC gave up %d messages", n)
		}
	}
	w.note("%d tries refused, %d answered too late", refused, silent)
}

// repetitions notes what the SMSC had to send again.
func repetitions(w *world, b *books) {
	again := 0
	for i := range b.delivers {
		if b.delivers[i].Try > 1 {
			again++
		}
	}
	if again == 0 {
		w.t.Error("the SMSC has sent nothing again: the fault did not happen")
	}
	w.note("%d deliver_sm sent again", again)
}

// partsCameOverBoth: the row shows nothing if the parts of each message came over one bind.
func partsCameOverBoth(w *world, b *books) {
	binds := map[string]map[int]bool{}
	for i := range b.delivers {
		d := &b.delivers[i]
		if d.Kind != smsc.KindMO || d.Total < 2 || !d.Acked {
			continue
		}
		if binds[d.From] == nil {
			binds[d.From] = map[int]bool{}
		}
		binds[d.From][d.Bind] = true
	}
	split := 0
	for _, over := range binds {
		if len(over) > 1 {
			split++
		}
	}
	if split == 0 {
		w.t.Error("no message came over more than one bind")
	}
	whole := 0
	for i := range b.inbound {
		if b.inbound[i].Complete && b.inbound[i].Parts > 1 {
			whole++
		}
	}
	w.note("%d of %d long messages came over both, %d are published whole", split, len(binds), whole)
}
