package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestReceiptsFindTheirRecordHoweverTheyCome(t *testing.T) {
	t.Parallel()
	quick := smsc.Uniform(0, 20*time.Millisecond)
	for name, b := range map[string]smsc.Behaviour{
		"on another bind":                          {Receipts: smsc.Receipts{Delay: quick, Via: smsc.ViaOther}},
		"before the response":                      {Latency: smsc.Uniform(5*time.Millisecond, 20*time.Millisecond), Receipts: smsc.Receipts{BeforeResponse: 1}},
		"in TLVs alone":                            {Receipts: smsc.Receipts{Delay: quick, Form: smsc.FormTLV}},
		"word for word twice":                      {Receipts: smsc.Receipts{Delay: quick, Repeat: 1}},
		"hexadecimal answered, decimal reported":   {MessageID: smsc.IDHexDec, Receipts: smsc.Receipts{Delay: quick}},
		"decimal answered, hexadecimal reported":   {MessageID: smsc.IDDecHex, Receipts: smsc.Receipts{Delay: quick}},
		"all at once, and before the response too": {MessageID: smsc.IDHexDec, Receipts: smsc.Receipts{Delay: quick, Via: smsc.ViaOther, Form: smsc.FormBoth, BeforeResponse: 0.5, Repeat: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, b)
			a := w.replica("SMSC_0_BINDS=3")
			w.bound(a, "smsc0", 3)
			w.send("r", 100, number("49"), nil)
			results := w.results(100)
			w.joined(results, w.receipts(100))
			// What comes after all receipts have been acknowledged would be one too many.
			if err := w.smscs[0].WaitFor(t.Context(), func(s smsc.Stats) bool { return s.Queue+s.InFlight == 0 && s.ReceiptsAcked >= 100 }); err != nil {
				t.Fatal(err)
			}
			if err := w.smscs[0].SendMO("4915100001", "32323", "after the receipts"); err != nil {
				t.Fatal(err)
			}
			w.read("sms.inbound", 1)
			w.joined(results, w.receipts(100))
		})
	}
}

// While Kafka is away nothing is acknowledged, and so nothing is lost.
func TestMessagesThatComeWhileKafkaIsAwayAreSentAgainAndArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{Retry: smsc.Retry{Timeout: patience, Delay: 200 * time.Millisecond, Max: 1000}})
	a := w.replica()
	w.bound(a, "smsc0", 1)
	if err := w.smscs[0].SendMO("4915100000", "32323", "before"); err != nil {
		t.Fatal(err)
	}
	w.read("sms.inbound", 1)
	eventually(t, "acknowledgement of the first", func() bool { return w.smscs[0].Stats().MOAcked == 1 })
	w.broker.Kill()
	for i := range 30 {
		if err := w.smscs[0].SendMO(fmt.Sprintf("49151%06d", i), "32323", fmt.Sprintf("message %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "negative answer to a deliver_sm", func() bool { return w.smscs[0].Stats().Retried > 0 })
	if n := w.smscs[0].Stats().MOAcked; n != 1 {
		t.Errorf("%d messages were acknowledged while Kafka held one", n)
	}
	eventually(t, "word of it in /ready", func() bool { return len(a.ready().Missing) > 0 })
	w.broker.Restart()
	eventually(t, "acknowledgement of all", func() bool { return w.smscs[0].Stats().MOAcked == 31 })
	texts := map[string]bool{}
	eventually(t, "arrival of all", func() bool {
		for _, v := range w.read("sms.inbound", 31) {
			m, err := record.DecodeInbound(v)
			if err != nil {
				t.Fatal(err)
			}
			texts[m.Text] = true
		}
		return len(texts) == 31
	})
	for _, d := range w.smscs[0].Delivers() {
		if !d.Acked && !slices.Contains([]uint32{0x08, 0x14}, d.Status) { // ESME_RSYSERR, ESME_RMSGQFUL
			t.Errorf("a deliver_sm was answered %#x (%s): an SMSC may take that as final", d.Status, d.Reason)
		}
	}
}
