package smpp

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestRedactionKeepsWhatACaptureIsMadeForAndNothingElse(t *testing.T) {
	t.Parallel()
	sm := wire.SM{
		Source: wire.Address{TON: 1, NPI: 1, Addr: []byte("491701234567")}, Dest: wire.Address{Addr: []byte("Brand")}, ESMClass: 0x44,
		ShortMessage: []byte("\x05\x00\x03\x07\x02\x01id:4F-1a sub:001 dlvrd:001 submit date:2603011200 done date:2603011201 stat:DELIVRD err:000 text:Hello 491701234567"),
		TLVs:         []wire.TLV{{Tag: wire.TagMessageState, Value: []byte{2}}, {Tag: 0x1400, Value: []byte("private")}, {Tag: wire.TagSourceSubaddress, Value: []byte("4917")}},
	}
	deliver, err := sm.AppendDeliver(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	length := len(deliver)
	redact(deliver, true)
	var got wire.SM
	if err := got.Decode(deliver[wire.HeaderLen:]); err != nil || len(deliver) != length {
		t.Fatal(err)
	}
	if string(got.Source.Addr) != "000000000000" || string(got.Dest.Addr) != "xxxxx" || got.Source.TON != 1 {
		t.Errorf("addresses %q, %q", got.Source.Addr, got.Dest.Addr)
	}
	if want := "\x05\x00\x03\x07\x02\x01id:4F-1a sub:001 dlvrd:001 submit date:2603011200 done date:2603011201 stat:DELIVRD err:000 text:" + strings.Repeat("x", 18); string(got.ShortMessage) != want {
		t.Errorf("%q", got.ShortMessage)
	}
	if v, _ := got.TLV(0x1400); string(v) != "xxxxxxx" {
		t.Errorf("%q", v)
	}
	if v, _ := got.TLV(wire.TagMessageState); string(v) != "\x02" {
		t.Errorf("%q", v)
	}

	bind := appendBind(nil, &AccountConfig{SystemID: "esme", Password: "secret", AddressRange: "^4917"}, Transceiver, 1)
	open := bytes.Clone(bind)
	redact(bind, true)
	redact(open, false)
	if bytes.Contains(bind, []byte("secret")) || bytes.Contains(open, []byte("secret")) || !bytes.Contains(bind, []byte("esme")) ||
		bytes.Contains(bind, []byte("4917")) || !bytes.Contains(open, []byte("4917")) {
		t.Errorf("%q, %q", bind, open)
	}
}

// TestNothingLongerThanAFewDigitsSurvivesRedaction: whatever is in a PDU, and wherever it is cut.
func TestRedactionOfAnythingKeepsHeaderAndLengthAndHidesTheNumber(t *testing.T) {
	t.Parallel()
	const secret = "491701234567"
	ids := []uint32{
		wire.SubmitSM, wire.DeliverSM, wire.DataSMID, wire.CancelSM, wire.ReplaceSM, wire.QuerySM, wire.AlertNotification, wire.SubmitMulti,
		wire.BindTransceiver, wire.Outbind, 0x777, 0x80000777,
	}
	rapid.Check(t, func(t *rapid.T) {
		sm := wire.SM{Source: wire.Address{Addr: []byte(secret)}, Dest: wire.Address{Addr: []byte(secret)}, ShortMessage: []byte(secret),
			TLVs: []wire.TLV{{Tag: rapid.Uint16().Draw(t, "tag"), Value: []byte("\x00" + secret)}}}
		if openTags[sm.TLVs[0].Tag] {
			sm.TLVs = nil
		}
		pdu, err := sm.AppendSubmit(nil, 7)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(wire.HeaderLen, len(pdu)).Draw(t, "cut")
		pdu = pdu[:cut]
		id := rapid.SampledFrom(ids).Draw(t, "id")
		pdu[0], pdu[1], pdu[2], pdu[3] = 0, 0, byte(cut>>8), byte(cut)
		pdu[4], pdu[5], pdu[6], pdu[7] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		before := bytes.Clone(pdu[:wire.HeaderLen])
		redact(pdu, true)
		if !bytes.Equal(pdu[:wire.HeaderLen], before) || len(pdu) != cut {
			t.Fatal("the header has changed")
		}
		// The message_id of a query or cancel stands where the source address of a submit
		// does not: what is kept there is an id.
		if bytes.Contains(pdu, []byte(secret)) && id != wire.CancelSM && id != wire.ReplaceSM && id != wire.QuerySM && id != wire.Outbind && id != wire.BindTransceiver {
			t.Fatalf("%s: %q", wire.CommandName(id), pdu)
		}
	})
}
