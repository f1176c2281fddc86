package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// FuzzRecord takes any value through all that happens to a record up to its PDUs and its result. It ends as one of the two: PDUs that
// another codec reads to the record's destination, or a fault that says why; in either case with a result that is JSON and not much
// larger than the record.
func FuzzRecord(f *testing.F) {
	for _, v := range []string{
		`{"id":"a","to":"+491701234567","from":"ACME","text":"Hi \ud83d\ude00","class":1,"validity":"90s","deliver_at":"2036-01-02T15:04:05Z"}`,
		`{"to":"1","payload":"CgsM","encoding":"latin1","tlvs":{"0x1400":"a","0x1401":"hex:0a"},"metadata":{"k":"v"},"data_coding":245,"protocol_id":64}`,
		`{"to":"+49170","text":"` + strings.Repeat("ü€", 200) + `","from":"+4917012","service_type":"CMT","priority":3}`,
		`{"to":"+49170","text":"x","route":"b"}`, `{"to":"+49170","text":"x","route":"\u001b[31m"}`, `{"to":"+49170","text":"` + "\xff" + `"}`, `null`, ``,
		`{"to":"+49170","text":"","encoding":"ucs2","tlvs":{"0x0424":"both"}}`,
	} {
		f.Add([]byte(v))
	}
	s, _ := idle(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		m := &message{rec: &kgo.Record{Topic: "in", Offset: 7, Value: bytes.Clone(value), Key: []byte("k")}, size: len(value)}
		if m.rec.Value == nil {
			m.rec.Value = []byte{}
		}
		s.prepare(m, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), true)
		if m.fault != nil {
			checkFault(t, m)
			m.status, m.reason = m.fault.status, m.fault.err.Error()
		} else {
			for i := range m.body.parts.UD {
				var sm wire.SM
				m.body.fillSM(&sm, i)
				checkPDU(t, m, &sm)
			}
			m.status = "accepted"
		}
		r := new(kgo.Record)
		s.fillResult(r, m)
		result := r.Value
		if _, err := record.DecodeResult(result); err != nil || !json.Valid(result) {
			t.Fatalf("%q is no result: %v", result, err)
		}
		if len(result) > 6*len(value)+2000 {
			t.Fatalf("a record of %d bytes has a result of %d", len(value), len(result))
		}
		key, metadata := m.carried()
		if (len(key)+len(metadata))*maxForms*max(len(m.pieces), 1) > maxCarried {
			t.Fatalf("submissions carry %d and %d bytes for each of %d parts", len(key), len(metadata), len(m.pieces))
		}
	})
}

// checkFault holds for every fault: it says what to do, and is fit for a header and for the log.
func checkFault(t *testing.T, m *message) {
	t.Helper()
	if m.fault.status != "invalid" && m.fault.status != "unroutable" {
		t.Fatalf("status %q", m.fault.status)
	}
	if e := m.fault.err.Error(); e == "" || len(e) > 1000 {
		t.Fatalf("an error of %d bytes: %.1000s", len(e), e)
	}
	// What is neither text nor a number may still be someone's: the log has nothing of the record but its place.
	if told := stopError(m).Error(); strings.Contains(told, m.out.Route) && len(m.out.Route) > 8 || strings.ContainsAny(told, "\x00\x1b\n\r") {
		t.Fatalf("the log tells %q", told)
	}
}

// checkPDU reads the PDU as an SMSC does.
func checkPDU(t *testing.T, m *message, sm *wire.SM) {
	t.Helper()
	raw, err := sm.AppendSubmit(nil, 1)
	if err != nil {
		var field *wire.FieldError
		if !errors.As(err, &field) || len(m.out.TLVs) == 0 { // only TLVs may be more than a PDU holds
			t.Fatalf("%+v cannot be encoded: %v", sm, err)
		}
		return
	}
	var back wire.SM
	if err := back.Decode(raw[wire.HeaderLen:]); err != nil || string(back.Dest.Addr) != string(m.body.sm.Dest.Addr) {
		t.Fatalf("%x is read as %+v, %v", raw, back, err)
	}
	if len(raw) > data.MAX_PDU_LEN || back.ESMClass&0x40 != 0 {
		return // beyond what the other codec reads: it takes user data headers apart, and records may bring their own TLVs and payloads
	}
	p, err := pdu.Parse(bytes.NewReader(raw))
	if err != nil {
		return // it refuses TLVs of lengths that the specification does not have, and data codings that it has no alphabet for
	}
	theirs := p.(*pdu.SubmitSM)
	text, _ := theirs.Message.GetMessageData()
	if theirs.DestAddr.Address() != string(back.Dest.Addr) || theirs.SourceAddr.Address() != string(back.Source.Addr) || !bytes.Equal(text, back.ShortMessage) {
		t.Fatalf("we wrote %+v, and it is read as %+v", sm, theirs)
	}
}
