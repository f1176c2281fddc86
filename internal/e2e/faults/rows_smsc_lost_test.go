package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// What one lost connection leaves in doubt is what was unanswered on it: its window, which is 100 in these rows.
const window = 100

// TestConnectionsToTheSMSCLost: what was on its way when a connection went is in doubt and says so in its one result.
func TestConnectionsToTheSMSCLost(t *testing.T) {
	const cuts = 4
	cutting := func(a smppproxy.Action) func(w *world) {
		return func(w *world) {
			for i := range cuts {
				w.share(0.15 * float64(i+1))
				w.bound(1)
				w.breaking(a, 1, smppproxy.Rule{Command: smppproxy.SubmitSMResp, After: 20, Times: 1, Do: a})
			}
		}
	}
	run(t, []row{{
		name: "connection cut before an answer", quick: true,
		breaks:  fmt.Sprintf("%d times, right before a submit_sm_resp is handed on", cuts),
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: cutting(smppproxy.CutBefore),
		hold: hold{maxDoubt: cuts * window, check: cutsAreAnnounced},
	}, {
		name:    "connection cut after an answer",
		breaks:  fmt.Sprintf("%d times, right after a submit_sm_resp was handed on", cuts),
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: cutting(smppproxy.CutAfter),
		hold: hold{maxDoubt: cuts * window},
	}, {
		name:    "connection cut, DELIVERY_IN_DOUBT=hold",
		breaks:  fmt.Sprintf("%d times, right before a submit_sm_resp is handed on; nothing may be sent twice", cuts),
		records: 4000, rate: 500, smppVia: proxied, env: []string{"DELIVERY_IN_DOUBT=hold"},
		play: cutting(smppproxy.CutBefore),
		hold: hold{maxDoubt: cuts * window, check: func(w *world, b *books) {
			cutsAreAnnounced(w, b)
			nothingSentTwice(w, b)
		}},
	}, {
		name:    "half a PDU, then the end of the connection",
		breaks:  fmt.Sprintf("%d times, half of a submit_sm_resp", cuts),
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: cutting(smppproxy.HalfCut),
		hold: hold{maxDoubt: cuts * window, check: cutsAreAnnounced},
	}, {
		name:    "half a PDU, then silence on an open connection",
		breaks:  "twice, half of a submit_sm_resp and nothing after it; RESPONSE_TIMEOUT=2s",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied, env: []string{"SMSC_0_RESPONSE_TIMEOUT=2s", "SMSC_0_ENQUIRE_LINK=2s"},
		play: func(w *world) {
			for i := range 2 {
				w.share(0.2 * float64(i+1))
				before := w.proxy(0).Connections()
				w.breaking(smppproxy.HalfSilent, 1, smppproxy.Rule{Command: smppproxy.SubmitSMResp, Times: 1, Do: smppproxy.HalfSilent})
				w.until("new connection", patience, func() bool { return w.proxy(0).Connections() > before })
			}
		},
		hold: hold{maxDoubt: 2 * 2 * window, check: cutsAreAnnounced},
	}, {
		name:    "the SMSC goes away and comes back",
		breaks:  "all connections cut and none accepted for 10 s",
		records: 6000, rate: 500, inbound: 100, smppVia: proxied,
		play: func(w *world) {
			w.share(0.2)
			w.bound(1)
			w.proxy(0).Deaf(true)
			w.proxy(0).Cut()
			w.pass(10 * time.Second)
			w.proxy(0).Deaf(false)
		},
		hold: hold{maxDoubt: window},
	}, {
		name:    "the SMSC stands still",
		breaks:  "for 15 s nothing passes in either direction, though connections stay and are accepted; RESPONSE_TIMEOUT=3s",
		records: 6000, rate: 500, inbound: 100, smppVia: proxied, env: []string{"SMSC_0_RESPONSE_TIMEOUT=3s", "SMSC_0_BIND_TIMEOUT=3s"},
		play: func(w *world) {
			w.share(0.2)
			w.proxy(0).Stall(true)
			w.pass(15 * time.Second)
			w.proxy(0).Stall(false)
		},
		// What lay in the proxy when the session gave up reaches the SMSC when the stall ends, after its copy perhaps.
		hold: hold{maxDoubt: 2 * window, late: 2 * window},
	}, {
		name:    "the SMSC unbinds, and answers what is on its way",
		breaks:  "3 times",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: func(w *world) {
			for i := range 3 {
				w.share(0.2 * float64(i+1))
				w.bound(1)
				before := w.proxy(0).Connections()
				if w.proxy(0).Unbind() != 1 {
					w.t.Error("there was no bind to unbind")
				}
				w.until("new bind", patience, func() bool { return w.proxy(0).Connections() > before })
			}
		},
		hold: hold{noDoubt: true},
	}, {
		name:    "the SMSC unbinds and hangs up",
		breaks:  "3 times, without answering what is on its way",
		records: 4000, rate: 500, inbound: 100,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Constant(50 * time.Millisecond)}},
		play: func(w *world) {
			for i := range 3 {
				w.share(0.2 * float64(i+1))
				before := w.smscs[0].Stats().BindsTotal
				w.bound(1)
				w.smscs[0].UnbindAll()
				w.until("new bind", patience, func() bool { return w.smscs[0].Stats().BindsTotal > before })
			}
		},
		hold: hold{maxDoubt: 3 * window},
	}})
}

// cutsAreAnnounced: something was on its way at each cut, so nothing in doubt would mean that it went unnoticed.
func cutsAreAnnounced(w *world, b *books) {
	doubt := b.statusCount("in_doubt")
	for i := range b.results {
		if b.results[i].PossibleDuplicate {
			doubt++
		}
	}
	if doubt == 0 {
		w.t.Error("no result says that it was in doubt, and the answer to at least one submit was cut off")
	}
}

// nothingSentTwice: with hold, what is in doubt stays so.
func nothingSentTwice(w *world, b *books) {
	seen := map[piece]bool{}
	for i := range b.submits {
		s := &b.submits[i]
		at := piece{s.To, s.Part}
		if seen[at] && s.MessageID != "" {
			w.t.Errorf("a submit came twice, although what is in doubt is to be held")
		}
		seen[at] = seen[at] || s.MessageID != ""
	}
}
