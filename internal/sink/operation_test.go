package sink

import (
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestAnSMSCOfVersion33GetsNeitherTLVsNorReceiptsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	old := config.SMSC{Session: config.Session{InterfaceVersion: config.Version33}}
	for _, receipts := range []string{"final", "failure", "all"} {
		b, err := encoded(t, old, false, `{"to":"+491701","text":"hi","receipts":"`+receipts+`"}`)
		if err != nil || b.sm.RegisteredDelivery != 1 {
			t.Errorf("%s: registered_delivery %d, error %v", receipts, b.sm.RegisteredDelivery, err)
		}
	}
	if _, err := encoded(t, old, false, `{"to":"+491701","text":"hi","tlvs":{"0x1400":"a"}}`); err == nil || !strings.Contains(err.Error(), "INTERFACE_VERSION") {
		t.Errorf("error %v", err)
	}
}

func TestWhatADataSMCarries(t *testing.T) {
	t.Parallel()
	data := config.SMSC{Session: config.Session{SubmitWith: config.SubmitWithData}}
	for value, want := range map[string]struct {
		op   smpp.Op
		ttl  string
		text string
	}{
		`{"to":"+491701","text":"hi","validity":"90s"}`:                                             {smpp.OpData, "\x00\x00\x00\x5a", "hi"},
		`{"to":"+491701","text":"hi","validity":"90s","tlvs":{"qos_time_to_live":"5"}}`:             {smpp.OpData, "\x00\x00\x00\x05", "hi"},
		`{"to":"+491701","text":""}`:                                                                {smpp.OpData, "", ""},
		`{"to":"+491701","text":"hi","protocol_id":0}`:                                              {smpp.OpSubmit, "", ""},
		`{"to":"+491701","text":"hi","deliver_at":"2099-01-01T00:00:00Z"}`:                          {smpp.OpSubmit, "", ""},
		`{"to":"+491701","text":"hi","action":"replace","message_id":"7"}`:                          {smpp.OpReplace, "", ""},
		`{"to":"+491701","action":"cancel","message_id":"7","tlvs":{"user_message_reference":"1"}}`: {smpp.OpCancel, "", ""},
	} {
		b, err := encoded(t, data, false, value)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		var s smpp.Submit
		b.fill(&s, 0)
		ttl, _ := s.SM.TLV(wire.TagQOSTimeToLive)
		payload, there := s.SM.TLV(wire.TagMessagePayload)
		if s.Op != want.op || string(ttl) != want.ttl || string(payload) != want.text || there != (want.op == smpp.OpData) {
			t.Errorf("%s: %s, time to live % x, payload %q", value, s.Op, ttl, payload)
		}
		if want.op >= smpp.OpCancel && (string(s.MessageID) != "7" || len(s.SM.TLVs) > 0) {
			t.Errorf("%s: %+v", value, s)
		}
	}
}
