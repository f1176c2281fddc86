package faults

import (
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestGarbageFromTheSMSC: no octets that it sends end the process, and none that keep the framing even cost the bind.
func TestGarbageFromTheSMSC(t *testing.T) {
	run(t, []row{{
		name: "nonsense in good frames",
		breaks: "between PDUs: unknown command ids, responses to nothing, generic_nack without our sequence, " +
			"requests that an SMSC may not make, deliver_sm and submit_sm_resp with broken bodies",
		records: 3000, rate: 500, inbound: 100, smppVia: proxied,
		play: func(w *world) {
			for i, b := range nonsense() {
				w.share(0.05 + 0.05*float64(i))
				if w.proxy(0).Send(b) != 1 {
					w.t.Error("there was no bind to send nonsense to")
				}
			}
		},
		hold: hold{noDoubt: true, check: func(w *world, _ *books) {
			if n := w.proxy(0).Connections(); n != 1 {
				w.t.Errorf("nonsense in good frames cost the bind: %d connections", n)
			}
		}},
	}, {
		name: "lost framing", quick: true,
		breaks:  "a command_length of 0, of 15, of 0xFFFFFFFF, and 100 random octets",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied,
		play: func(w *world) {
			random := w.proxy(0).Random(100)
			random[0] |= 0x80 // a command_length beyond any limit: else they may be one long PDU's beginning
			for i, b := range [][]byte{
				smppproxy.Header(0, smppproxy.SubmitSMResp, 0, 1), smppproxy.Header(15, smppproxy.DeliverSM, 0, 1),
				smppproxy.Header(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), random,
			} {
				w.share(0.15 * float64(i+1))
				w.bound(1)
				before := w.proxy(0).Connections()
				w.proxy(0).Send(b)
				w.until("new bind", patience, func() bool { return w.proxy(0).Connections() > before })
			}
		},
		hold: hold{maxDoubt: 4 * window},
	}, {
		name:    "a PDU that is promised and never comes",
		breaks:  "a command_length of 60,000 and 16 octets, then all else as ever; RESPONSE_TIMEOUT=2s",
		records: 4000, rate: 500, inbound: 100, smppVia: proxied, env: []string{"SMSC_0_RESPONSE_TIMEOUT=2s"},
		play: func(w *world) {
			w.share(0.3)
			w.proxy(0).Send(smppproxy.Header(60_000, smppproxy.DeliverSM, 0, 1))
			// Good PDUs are swallowed by it until it is whole; what it was is then no deliver_sm, and the rest no frame or one.
			w.share(0.5)
		},
		hold: hold{},
	}, {
		name:    "one octet a segment",
		breaks:  "all that the SMSC sends",
		records: 1000, rate: 200, inbound: 50, smppVia: func(w *world, addr string) string {
			at := proxied(w, addr)
			w.proxies[addr].Segment(1)
			return at
		},
		hold: hold{noDoubt: true},
	}, {
		name:    "an SMSC that reads slowly",
		breaks:  "100 PDUs a second, while 300 records a second come",
		records: 800, rate: 300, inbound: 50,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{ReadRate: 100, Latency: smsc.Constant(time.Millisecond)}},
		hold: hold{noDoubt: true},
	}, {
		name:    "an SMSC that hardly reads at all",
		breaks:  "for 12 s 200 octets a second; RESPONSE_TIMEOUT=3s",
		records: 4000, rate: 500, inbound: 50, smppVia: proxied, env: []string{"SMSC_0_RESPONSE_TIMEOUT=3s"},
		play: func(w *world) {
			w.share(0.2)
			w.proxy(0).ReadRate(200)
			w.proxy(0).Cut()
			w.pass(12 * time.Second)
			w.proxy(0).ReadRate(0)
		},
		// What is read slowly enough arrives after the session has given it up.
		hold: hold{maxDoubt: 8 * window, late: 8 * window},
	}})
}

// nonsense is what frames can hold and SMPP does not know, or not here. Its numbers are none that the SMSC uses itself.
func nonsense() [][]byte {
	return [][]byte{
		smppproxy.PDU(0x00001234, 0, 0x60000077),                      // an unknown request
		smppproxy.PDU(0x80001234, 0, 78, 1, 2, 3),                     // an unknown response
		smppproxy.PDU(smppproxy.GenericNack, 3, 0x7FFFFFFF),           // about nothing that was sent
		smppproxy.PDU(smppproxy.SubmitSMResp, 0, 0x7FFFFFFF, 'x'),     // the same, and no C-octet string
		smppproxy.PDU(smppproxy.SubmitSM, 0, 0x60000079, 0, 0, 0),     // a submit_sm to us
		smppproxy.PDU(smppproxy.BindTransceive, 0, 0x60000080),        // a bind to us
		smppproxy.PDU(smppproxy.DeliverSM, 0, 0x60000081, 0xFF, 0xFF), // a deliver_sm that ends in its first field
		smppproxy.PDU(smppproxy.DeliverSM, 0, 0x60000082),             // one without a body
		smppproxy.PDU(smppproxy.EnquireLink, 0, 0x60000083, 9, 9, 9),  // an enquire_link with a body
	}
}
