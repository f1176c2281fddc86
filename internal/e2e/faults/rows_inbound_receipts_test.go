package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestReceiptsThatCarriersBend: doubled, too early, too late, by another way, of messages that nobody sent.
func TestReceiptsThatCarriersBend(t *testing.T) {
	const strangers = 200
	run(t, []row{{
		name: "receipts doubled", quick: true,
		breaks:  "every one is sent a second time, word for word, after the first was acknowledged",
		records: 2000, rate: 500,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Receipts: smsc.Receipts{Repeat: 1}}},
		hold: hold{noDoubt: true, check: func(w *world, b *books) {
			acked := w.smscs[0].Stats().ReceiptsAcked
			if acked < 2*uint64(len(b.receipts))-10 {
				w.t.Errorf("%d receipts were acknowledged and %d published: they were not doubled", acked, len(b.receipts))
			}
			w.note("%d acknowledged, %d published", acked, len(b.receipts))
		}},
	}, {
		name:    "receipts before the submit_sm_resp",
		breaks:  "every one, by 100 ms",
		records: 2000, rate: 500,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{
			Latency: smsc.Constant(100 * time.Millisecond), Receipts: smsc.Receipts{BeforeResponse: 1}}},
		env:  []string{"SMSC_0_WINDOW=500"},
		hold: hold{noDoubt: true},
	}, {
		name:    "receipts over another replica's bind",
		breaks:  "every one over a bind that the message was not sent on",
		records: 2000, rate: 500, replicas: 2,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Receipts: smsc.Receipts{Via: smsc.ViaOther}}},
		hold: hold{noDoubt: true},
	}, {
		name:    "receipts for unknown ids",
		breaks:  fmt.Sprintf("%d of messages that nobody sent; SOURCE_MATCH_WAIT=3s", strangers),
		records: 1000, rate: 250, env: []string{"SOURCE_MATCH_WAIT=3s"},
		play: func(w *world) {
			w.share(0.3)
			for i := range strangers {
				if err := w.smscs[0].SendPDU("", strangeReceipt(w, i)); err != nil {
					w.t.Fatal(err)
				}
			}
			w.faultOver()
			w.until("uncorrelated receipt of each", patience, func() bool { return w.uncorrelated() >= strangers })
			w.note("all published after %s", round(time.Since(w.over)))
		},
		hold: hold{noDoubt: true, uncorrelated: true, check: func(w *world, b *books) {
			seen := map[string]bool{}
			for i := range b.receipts {
				if rc := &b.receipts[i]; !rc.Correlated {
					seen[rc.MessageID] = true
					if rc.State != "DELIVERED" || rc.From != "32323" && rc.To != "32323" || rc.ID != "" {
						w.t.Errorf("the receipt for unknown id %s is published as %s %q from %s to %s", rc.MessageID, rc.State, rc.ID, rc.From, rc.To)
					}
				}
			}
			for i := range strangers {
				if !seen[strangeID(i)] {
					w.t.Errorf("the receipt for unknown id %s is not published", strangeID(i))
				}
			}
			if len(seen) != strangers {
				w.t.Errorf("%d ids are published without submission, %d were strange", len(seen), strangers)
			}
		}},
	}, {
		name: "receipts after SOURCE_RECEIPT_WAIT",
		breaks: "every one 12 s after its message; SOURCE_RECEIPT_WAIT=4s, SOURCE_MATCH_WAIT=2s: a final UNKNOWN for each, joined, " +
			"and the late receipt as it came, uncorrelated",
		records: 300, rate: 100, env: []string{"SOURCE_RECEIPT_WAIT=4s", "SOURCE_MATCH_WAIT=2s"},
		smsc: smsc.Options{Behaviour: smsc.Behaviour{Receipts: smsc.Receipts{Delay: smsc.Constant(12 * time.Second)}}},
		play: func(w *world) {
			w.until("receipt of each, alone", patience, func() bool {
				return w.uncorrelated() >= float64(w.smscs[0].Stats().Accepted) && w.results() == expectedResults(w.row)
			})
		},
		hold: hold{noDoubt: true, uncorrelated: true, check: func(w *world, b *books) {
			unknown, late := map[string]int{}, map[string]int{}
			for i := range b.receipts {
				switch rc := &b.receipts[i]; {
				case rc.Correlated && rc.State == "UNKNOWN" && rc.Final:
					unknown[rc.MessageID]++
				case !rc.Correlated && rc.State == "DELIVERED":
					late[rc.MessageID]++
				default:
					w.t.Errorf("a receipt %s of %s, correlated: %t", rc.State, rc.MessageID, rc.Correlated)
				}
			}
			for i := range b.submits {
				if id := b.submits[i].MessageID; unknown[id] != 1 || late[id] != 1 {
					w.t.Errorf("message id %s has %d UNKNOWN and %d late receipts", id, unknown[id], late[id])
				}
			}
			w.note("%d UNKNOWN joined, %d late receipts alone", len(unknown), len(late))
		}},
	}})
}

func strangeID(i int) string { return fmt.Sprintf("strange-%05d", i) }

// strangeReceipt is one for a message that nobody sent.
func strangeReceipt(w *world, i int) *pdu.DeliverSM {
	d := pdu.NewDeliverSM().(*pdu.DeliverSM)
	var err error
	if d.SourceAddr, err = pdu.NewAddressWithTonNpiAddr(1, 1, number(i)); err != nil {
		w.t.Fatal(err)
	}
	if d.DestAddr, err = pdu.NewAddressWithTonNpiAddr(3, 0, "32323"); err != nil {
		w.t.Fatal(err)
	}
	d.EsmClass = 0x04 // SMPP v3.4 §5.2.12
	now := time.Now().UTC().Format("0601021504")
	text := fmt.Sprintf("id:%s sub:001 dlvrd:001 submit date:%s done date:%s stat:DELIVRD err:000 text:x", strangeID(i), now, now)
	if err := d.Message.SetMessageDataWithEncoding([]byte(text), data.GSM7BIT); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// uncorrelated is how many receipts the replicas have published without their submission.
func (w *world) uncorrelated() (n float64) {
	for _, p := range w.replicas {
		n += p.metric(`smpp_connector_resolver_receipts_total{correlated="false"`)
	}
	return n
}
