package record

import (
	"reflect"
	"strings"
	"testing"
)

func TestAnActionNamesTheMessageThatItIsAbout(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Outbound{
		`{"action":"submit","to":"+491701234567","text":"hi","message_id":7,"smsc":8}`: {},
		`{"action":"cancel","to":"+491701234567","message_id":"4F1A","smsc":"acme"}`:   {Action: Cancel, MessageID: "4F1A", Route: "acme"},
		// The record that was sent, and two fields more.
		`{"action":"cancel","to":"+491701234567","text":"hi","message_id":"4F1A","route":"acme"}`:                {Action: Cancel, MessageID: "4F1A", Route: "acme"},
		`{"action":"replace","to":"+491701234567","text":"hi","message_id":"4F1A"}`:                              {Action: Replace, MessageID: "4F1A"},
		`{"action":"replace","to":"+491701234567","text":"hi","message_id":"4F1A","route":"acme","smsc":"acme"}`: {Action: Replace, MessageID: "4F1A", Route: "acme"},
	} {
		got, err := decode(value)
		if err != nil || got.Action != want.Action || got.MessageID != want.MessageID || got.Route != want.Route {
			t.Errorf("%s: %+v, error %v", value, got, err)
		}
		again, err := decode(string(got.AppendJSON(nil)))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: read back as %+v, error %v", value, again, err)
		}
	}
	for value, field := range map[string]string{
		`{"action":"delete","to":"1","text":"hi"}`:                                     "action",
		`{"action":"cancel","to":"1"}`:                                                 "message_id",
		`{"action":"cancel","to":"1","message_id":""}`:                                 "message_id",
		`{"action":"cancel","to":"1","message_id":7}`:                                  "message_id",
		`{"action":"cancel","to":"1","message_id":"` + strings.Repeat("a", 256) + `"}`: "message_id",
		`{"action":"cancel","message_id":"7"}`:                                         "to",
		`{"action":"replace","to":"1","message_id":"7"}`:                               "text",
		`{"action":"cancel","to":"1","message_id":"7","route":"a","smsc":"b"}`:         "smsc",
		`{"action":"cancel","to":"1","message_id":"7","smsc":["b"]}`:                   "smsc",
		`{"action":"replace","to":"1","text":"a","payload":"CgsM","message_id":"7"}`:   "payload",
	} {
		_, err := decode(value)
		if f, ok := err.(*FieldError); !ok || f.Field != field {
			t.Errorf("%s: error %v, want one of %s", value, err, field)
		}
	}
}

func TestParametersByNameAreWrittenAgain(t *testing.T) {
	t.Parallel()
	for _, tlvs := range []string{`{"0x1400":"a","source_port":"80","b2":"hex:00"}`, `{"b2":"hex:00"}`, `{"0x1400":"a"}`} {
		got, err := decode(`{"to":"1","text":"","tlvs":` + tlvs + `}`)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decode(string(got.AppendJSON(nil))); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: read back as %+v, error %v", tlvs, again, err)
		}
	}
}
