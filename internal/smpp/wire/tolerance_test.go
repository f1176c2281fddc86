package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// smBody is a body with a source address and a short message, and tail after it.
func smBody(source string, smLength byte, tail string) []byte {
	return []byte("\x00" + "\x01\x01" + source + "\x00" + "\x01\x01" + "49170\x00" + "\x00\x00\x00" + "\x00\x00" + "\x00\x00\x00\x00" + string(rune(smLength)) + tail)
}

func TestABodyMayEndAfterTheShortMessage(t *testing.T) {
	t.Parallel()
	var m SM
	if err := m.Decode(smBody("12345", 5, "hello")); err != nil || string(m.ShortMessage) != "hello" || len(m.TLVs) != 0 || m.Trailing != nil {
		t.Errorf("%+v, %v", m, err)
	}
	if err := m.Decode(smBody("12345", 0, "")); err != nil || len(m.ShortMessage) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAnSMLengthBeyondTheBodyIsRefused(t *testing.T) {
	t.Parallel()
	m := goldenMessage()
	err := m.Decode(smBody("12345", 6, "hello"))
	var decode *DecodeError
	if !errors.As(err, &decode) || decode.Field != "short_message" || decode.Fault != CutOff || decode.Status() != StatusInvMsgLen {
		t.Errorf("got %#v", err)
	}
	if empty := (SM{}); !equalSM(&m, &empty) {
		t.Errorf("a refused message left %+v", m)
	}
}

func TestOctetsThatMakeNoTLVAreKeptBesideTheTLVsBeforeThem(t *testing.T) {
	t.Parallel()
	whole := "\x04\x27\x00\x01\x02" + "\x00\x1e\x00\x03id\x00"
	for _, tail := range []string{"\x00", "\x14\x00\x00", "\x14\x00\x00\x09only", "\xff\xff\xff\xff"} {
		var m SM
		if err := m.Decode(smBody("12345", 2, "hi"+whole+tail)); err != nil {
			t.Errorf("%q: %v", tail, err)
			continue
		}
		id, ok := m.TLV(TagReceiptedMessageID)
		if len(m.TLVs) != 2 || !ok || string(CString(id)) != "id" || string(m.Trailing) != tail {
			t.Errorf("%q: %+v, trailing %q", tail, m.TLVs, m.Trailing)
		}
		b, err := m.AppendDeliver(nil, 1)
		if err != nil || !bytes.HasSuffix(b, []byte("hi"+whole)) {
			t.Errorf("%q: written again as %x, %v", tail, b, err)
		}
	}
}

func TestTLVsKeepTheirOrderAndRepetitions(t *testing.T) {
	t.Parallel()
	tail := "\x14\x01\x00\x01b" + "\x14\x00\x00\x01a" + "\x14\x01\x00\x00" + "\x14\x01\x00\x01c"
	var m SM
	if err := m.Decode(smBody("12345", 0, tail)); err != nil {
		t.Fatal(err)
	}
	want := []TLV{{0x1401, []byte("b")}, {0x1400, []byte("a")}, {0x1401, nil}, {0x1401, []byte("c")}}
	if !equalTLVs(m.TLVs, want) {
		t.Errorf("got %+v", m.TLVs)
	}
	if v, ok := m.TLV(0x1401); !ok || string(v) != "b" {
		t.Errorf("the first of a repeated tag is %q, %v", v, ok)
	}
	if _, ok := m.TLV(0x1402); ok {
		t.Error("found a tag that is not there")
	}
}

func TestStringsOverTheSpecificationAreReadUpToTheTolerance(t *testing.T) {
	t.Parallel()
	limit := int(TolerateString)
	var m SM
	if err := m.Decode(smBody(strings.Repeat("1", limit), 0, "")); err != nil || len(m.Source.Addr) != limit {
		t.Errorf("%d octets: %v", limit, err)
	}
	err := m.Decode(smBody(strings.Repeat("1", limit+1), 0, ""))
	var decode *DecodeError
	if !errors.As(err, &decode) || decode.Field != "source_addr" || decode.Fault != TooLong || decode.Status() != StatusInvParLen {
		t.Errorf("%d octets: %#v", limit+1, err)
	}

	var r SubmitResp
	id := strings.Repeat("f", limit)
	for _, body := range []string{id, id + "\x00", id + "\x00\x14\x00\x00\x00"} {
		if err := r.Decode([]byte(body)); err != nil || string(r.MessageID) != id {
			t.Errorf("message id of %d octets: %q, %v", limit, r.MessageID, err)
		}
	}
	for _, body := range []string{id + "f", id + "f\x00"} {
		if err := r.Decode([]byte(body)); !errors.As(err, &decode) || decode.Field != "message_id" || decode.Status() != StatusInvParLen || r.MessageID != nil {
			t.Errorf("message id of %d octets: %q, %#v", limit+1, r.MessageID, err)
		}
	}
}

func TestAResponseNeedsNeitherBodyNorNUL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body, id string
		tlvs     int
		trailing string
	}{
		{"", "", 0, ""},
		{"\x00", "", 0, ""},
		{"10C8F40D", "10C8F40D", 0, ""},
		{"10C8F40D\x00", "10C8F40D", 0, ""},
		{"\x00\x00\x1d\x00\x04full", "", 1, ""},
		{"42\x00\x00\x1d\x00\x04full\x00", "42", 1, "\x00"},
	} {
		r := SubmitResp{MessageID: []byte("stale"), TLVs: []TLV{{Tag: 1}}, Trailing: []byte("stale")}
		if err := r.Decode([]byte(tc.body)); err != nil {
			t.Errorf("%q: %v", tc.body, err)
			continue
		}
		if string(r.MessageID) != tc.id || len(r.TLVs) != tc.tlvs || string(r.Trailing) != tc.trailing {
			t.Errorf("%q: %+v", tc.body, r)
		}
		d := DataResp{MessageID: []byte("stale")}
		if err := d.Decode([]byte(tc.body)); err != nil || string(d.MessageID) != tc.id || len(d.TLVs) != tc.tlvs {
			t.Errorf("data_sm_resp %q: %+v, %v", tc.body, d, err)
		}
	}
}

func TestABodyCutAnywhereBeforeItsTLVsIsRefused(t *testing.T) {
	t.Parallel()
	m := goldenMessage()
	pdu, err := m.AppendDeliver(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	body := pdu[HeaderLen:]
	bare := m
	bare.TLVs = nil
	barePDU, err := bare.AppendDeliver(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	tlvs := len(pdu) - len(barePDU)
	var seen []string
	for n := range len(body) - tlvs {
		// The capacity ends with the cut, so that a read beyond it would panic.
		err := new(SM).Decode(body[:n:n])
		var decode *DecodeError
		if !errors.As(err, &decode) || decode.Fault != CutOff || decode.Offset > n {
			t.Fatalf("cut to %d octets: %#v", n, err)
		}
		if want := StatusInvCmdLen; decode.Field != "short_message" && decode.Status() != want {
			t.Errorf("cut to %d octets in %s: status 0x%x", n, decode.Field, decode.Status())
		}
		if !slices.Contains(seen, decode.Field) {
			seen = append(seen, decode.Field)
		}
	}
	want := []string{"service_type", "source_addr", "destination_addr", "esm_class", "schedule_delivery_time", "validity_period", "registered_delivery", "short_message"}
	if !slices.Equal(seen, want) {
		t.Errorf("faults in %q, want %q", seen, want)
	}

	d := DataSM{Source: Address{Addr: []byte("1")}, Dest: Address{Addr: []byte("2")}}
	if pdu, err = d.AppendData(nil, 1); err != nil {
		t.Fatal(err)
	}
	body = pdu[HeaderLen:]
	for n := range len(body) {
		var decode *DecodeError
		if err := new(DataSM).Decode(body[:n:n]); !errors.As(err, &decode) || decode.Fault != CutOff {
			t.Fatalf("data_sm cut to %d octets: %#v", n, err)
		}
	}
}

func TestABodyLongerThanAnyPDUIsRefused(t *testing.T) {
	t.Parallel()
	body := make([]byte, int(MaxPDU)-HeaderLen+1)
	var decode *DecodeError
	if err := new(SM).Decode(body); !errors.As(err, &decode) || decode.Field != "command_length" {
		t.Errorf("deliver_sm: %#v", err)
	}
	if err := new(DataSM).Decode(body); !errors.As(err, &decode) || decode.Field != "command_length" {
		t.Errorf("data_sm: %#v", err)
	}
	if err := new(SubmitResp).Decode(body); !errors.As(err, &decode) || decode.Field != "command_length" {
		t.Errorf("submit_sm_resp: %#v", err)
	}
}

func TestUserDataIsTheShortMessageOrElseThePayload(t *testing.T) {
	t.Parallel()
	payload := TLV{TagMessagePayload, []byte("payload")}
	for _, tc := range []struct {
		m    SM
		want string
	}{
		{SM{}, ""},
		{SM{ShortMessage: []byte("short")}, "short"},
		{SM{TLVs: []TLV{payload}}, "payload"},
		{SM{ShortMessage: []byte("short"), TLVs: []TLV{payload}}, "short"},
	} {
		if got := string(tc.m.UserData()); got != tc.want {
			t.Errorf("%+v: %q", tc.m, got)
		}
	}
}

func TestADecodedMessageCannotBeAppendedIntoTheBody(t *testing.T) {
	t.Parallel()
	m := goldenMessage()
	pdu, err := m.AppendDeliver(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(pdu)
	if err := m.Decode(pdu[HeaderLen:]); err != nil {
		t.Fatal(err)
	}
	for _, s := range slicesOf(&m) {
		if !aliases(pdu, s) {
			t.Errorf("%q lies outside the body", s)
		}
		_ = append(s, "overwritten"...)
	}
	if !bytes.Equal(pdu, before) {
		t.Error("appending to a field wrote into the PDU")
	}
}

func TestCStringEndsAtTheFirstNUL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "\x00": "", "id": "id", "id\x00": "id", "id\x00\x00x": "id"} {
		if got := string((TLV{Value: []byte(in)}).CString()); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
