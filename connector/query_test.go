package main

import (
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestAMessageWhoseReceiptDoesNotComeIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.smscs = append(w.smscs, startSMSC(t, smsc.Options{Remember: 1000, Behaviour: smsc.Behaviour{
		Receipts: smsc.Receipts{Off: true, Delay: smsc.Constant(1500 * time.Millisecond)}, MessageID: smsc.IDHexDec,
	}}))
	w.replica("SMSC_0_QUERY_AFTER=1s")
	w.send("x", 5, number("49"), nil)
	results := w.results(5)
	receipts := w.receipts(5)
	w.joined(results, receipts)
	for _, r := range receipts {
		if r.State != "DELIVERED" || !r.Final || !r.Correlated || r.DoneAt.IsZero() || r.Error != "000" {
			t.Errorf("%+v", r)
		}
	}
	if st := w.smscs[0].Stats(); st.Queried < 5 || st.ReceiptsSent != 0 {
		t.Errorf("%+v", st)
	}
}

func TestTheAnswerToAQueryIsWrittenAsTheReceiptItAmountsTo(t *testing.T) {
	t.Parallel()
	body := receiptOf(record.ReceiptKey("acme", "4711"), &wire.QueryResp{FinalDate: []byte("260301103000004+"), MessageState: 5, ErrorCode: 33})
	var sm wire.SM
	if err := sm.Decode(body); err != nil {
		t.Fatal(err)
	}
	if got, want := string(sm.ShortMessage), "id:4711 done date:260301093000 stat:UNDELIV err:033 text:"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	id, _ := sm.TLV(wire.TagReceiptedMessageID)
	state, _ := sm.TLV(wire.TagMessageState)
	if string(id) != "4711\x00" || string(state) != "\x05" || sm.ESMClass != 4 {
		t.Errorf("%q, % x, esm_class %d", id, state, sm.ESMClass)
	}
	for in, want := range map[string]string{"": "", "2603011030": "", "260301103000": "260301103000", "260301103000002-": "260301110000", "not a date!!": ""} {
		if got := finalDate([]byte(in)); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}
