package faults

import (
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestAnswersThatAreMissingLateOrWrong: connections stand, and what comes over them is not what was hoped for.
func TestAnswersThatAreMissingLateOrWrong(t *testing.T) {
	// all is a rule that is in force while half of the results come.
	all := func(rules ...smppproxy.Rule) func(w *world) {
		return func(w *world) {
			w.share(0.2)
			for _, r := range rules {
				w.proxy(0).Break(rules...)
				w.until("play of the fault", patience, func() bool { return w.proxy(0).Played(r.Do) > 0 })
			}
			w.share(0.7)
			w.proxy(0).Break()
		}
	}
	refuse := func(do smppproxy.Action, status data.CommandStatusType, body ...byte) smppproxy.Rule {
		return smppproxy.Rule{Command: smppproxy.SubmitSM, Share: 0.03, Do: do, Status: uint32(status), Body: body}
	}
	run(t, []row{{
		name: "some submits are never answered", quick: true,
		breaks:  "1 in 100, though the SMSC takes them; RESPONSE_TIMEOUT=2s",
		records: 3000, rate: 500, inbound: 100, env: []string{"SMSC_0_RESPONSE_TIMEOUT=2s"},
		smsc: smsc.Options{Behaviour: smsc.Behaviour{NoAnswer: 0.01, Latency: smsc.Uniform(5*time.Millisecond, 30*time.Millisecond)}},
		hold: hold{check: unansweredAreAnnounced},
	}, {
		name:    "no submit is answered for a while",
		breaks:  "for 8 s, though links are; RESPONSE_TIMEOUT=2s",
		records: 6000, rate: 500, inbound: 100, env: []string{"SMSC_0_RESPONSE_TIMEOUT=2s"},
		play: func(w *world) {
			w.share(0.2)
			w.smscs[0].Pause()
			w.pass(8 * time.Second)
			w.smscs[0].Resume()
		},
		// Each 2 s bring a window of new ones in doubt.
		hold: hold{maxDoubt: 6 * window},
	}, {
		name:    "answers later than RESPONSE_TIMEOUT",
		breaks:  "1 in 50 after 2.6 s, others in their time; RESPONSE_TIMEOUT=2s",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied, env: []string{"SMSC_0_RESPONSE_TIMEOUT=2s"},
		play: func(w *world) {
			w.proxy(0).Break(smppproxy.Rule{Command: smppproxy.SubmitSMResp, Share: 0.02, Do: smppproxy.Late, Delay: 2600 * time.Millisecond})
			w.share(0.7)
			w.proxy(0).Break()
			w.note("%d answers came late, of which %.0f spared a second attempt", w.proxy(0).Played(smppproxy.Late),
				w.replica(0).metric("smpp_connector_sink_late_answers_total"))
		},
		hold: hold{maxDoubt: 4000 / 10, check: cutsAreAnnounced},
	}, {
		name:    "answers out of order",
		breaks:  "all of them, over up to 32 answers",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: all(smppproxy.Rule{Command: smppproxy.SubmitSMResp, Do: smppproxy.Shuffle, Delay: 60 * time.Millisecond}),
		hold: hold{noDoubt: true},
	}, {
		name:    "answers twice",
		breaks:  "all of them, the second 20 ms after the first",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: all(smppproxy.Rule{Command: smppproxy.SubmitSMResp, Do: smppproxy.Twice, Delay: 20 * time.Millisecond}),
		hold: hold{noDoubt: true},
	}, {
		name:    "negative answers for now, with and without a body",
		breaks:  "3 in 100 each ESME_RSYSERR without, ESME_RTHROTTLED with a body, ESME_RMSGQFUL by generic_nack",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: all(refuse(smppproxy.Refuse, data.ESME_RSYSERR), refuse(smppproxy.Refuse, data.ESME_RTHROTTLED, 0), refuse(smppproxy.Nack, data.ESME_RMSGQFUL)),
		hold: hold{noDoubt: true},
	}, {
		name: "negative answers for good, with and without a body", quick: true,
		breaks:  "3 in 100 each ESME_RINVDSTADR without, ESME_RSUBMITFAIL with a body, ESME_RINVCMDID and status 0 by generic_nack",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: all(refuse(smppproxy.Refuse, data.ESME_RINVDSTADR), refuse(smppproxy.Refuse, data.ESME_RSUBMITFAIL, 'x', 0),
			refuse(smppproxy.Nack, data.ESME_RINVCMDID), refuse(smppproxy.Nack, 0)),
		hold: hold{noDoubt: true, statuses: []string{"rejected"}, check: func(w *world, b *books) {
			refused, rejected := w.proxy(0).Played(smppproxy.Refuse)+w.proxy(0).Played(smppproxy.Nack), b.statusCount("rejected")
			// Two refused parts of one record make one result.
			if rejected > refused || rejected < refused*9/10 {
				w.t.Errorf("%d submits were refused for good, and %d results say so", refused, rejected)
			}
			w.note("%d rejected", rejected)
		}},
	}, {
		name:    "a throttling storm",
		breaks:  "for 6 s 9 in 10 submits get ESME_RTHROTTLED or ESME_RMSGQFUL",
		records: 5000, rate: 500, inbound: 100,
		play: func(w *world) {
			w.share(0.2)
			w.change(0, func(b *smsc.Behaviour) {
				b.Errors = []smsc.StatusRate{{Status: uint32(data.ESME_RTHROTTLED), Rate: 0.6}, {Status: uint32(data.ESME_RMSGQFUL), Rate: 0.3}}
			})
			w.pass(6 * time.Second)
			w.change(0, func(b *smsc.Behaviour) { b.Errors = nil })
			w.note("%d submits were throttled", w.smscs[0].Stats().Refused)
		},
		hold: hold{noDoubt: true},
	}, {
		name:    "an SMSC slower than the flow",
		breaks:  "it takes 300 submits a second and throttles the rest of 500, all the time",
		records: 3000, rate: 500, inbound: 100,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{TPS: 300, Latency: smsc.Uniform(5*time.Millisecond, 30*time.Millisecond)}},
		hold: hold{noDoubt: true},
	}})
}

// change alters the behaviour of an SMSC.
func (w *world) change(i int, fn func(b *smsc.Behaviour)) {
	w.t.Helper()
	if err := w.smscs[i].Change(fn); err != nil {
		w.t.Fatal(err)
	}
}
