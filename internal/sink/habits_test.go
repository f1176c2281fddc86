package sink

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/number"
	"github.com/smpp-connector/smpp-connector/internal/profile"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func carrier(t *testing.T, name string) config.SMSC {
	t.Helper()
	p, err := profile.BuiltInSet().Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return config.SMSC{Name: "c", SourceAddress: "Acme", Habits: p}
}

const entity, template = `"dlt_principal_entity_id":"1701158019811140068"`, `"dlt_template_id":"1707161700000000002"`

func TestAMessageGoesOutAsItsCarrierWantsIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, profile, record string
		check                 func(*wire.SM) bool
	}{
		{"TON and NPI", "clicksend", `{"to":"+61411111111","text":"hi"}`, func(m *wire.SM) bool { return m.Dest.TON == 1 && m.Dest.NPI == 0 }},
		{"a name as the sender", "smsportal", `{"to":"+27821234567","text":"hi"}`, func(m *wire.SM) bool { return m.Source.TON == 0 && string(m.Source.Addr) == "Acme" }},
		{"a short code as the sender", "sinch", `{"to":"+4612345678","from":"72345","text":"hi"}`, func(m *wire.SM) bool { return m.Source.TON == 0 && m.Source.NPI == 1 }},
		{"data_coding 0 is Latin-1", "sinch-cloud-latin1", `{"to":"+4612345678","text":"ärger"}`, func(m *wire.SM) bool { return m.DataCoding == 0 }},
		{"priority_flag is a route", "cheapglobalsms", `{"to":"+4612345678","text":"hi","priority":2}`, func(m *wire.SM) bool { return m.PriorityFlag == 0 }},
		{"priority_flag is a priority", "standard", `{"to":"+4612345678","text":"hi","priority":2}`, func(m *wire.SM) bool { return m.PriorityFlag == 2 }},
		{"TLVs by name", "india-dlt", `{"to":"+919876543210","text":"hi","tlvs":{` + entity + `,` + template + `,"source_port":"258"}}`, func(m *wire.SM) bool {
			port, _ := m.TLV(wire.TagSourcePort)
			id, _ := m.TLV(0x1401)
			return len(m.TLVs) == 3 && hex.EncodeToString(port) == "0102" && string(id) == "1707161700000000002"
		}},
		{"TLVs by tag and as octets", "india-dlt", `{"to":"+919876543210","text":"hi","tlvs":{"0x1400":"1701158019811140068","dlt_template_id":"hex:31373037313631373030303030303030303032"}}`, func(m *wire.SM) bool { return len(m.TLVs) == 2 }},
	} {
		b, err := encoded(t, carrier(t, tt.profile), false, tt.record)
		if err != nil || !tt.check(&b.sm) {
			t.Errorf("%s: %+v, %v", tt.name, b.sm, err)
		}
	}
}

func TestWhatACarrierWouldRefuseIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, profile, record, want string }{
		{"a missing TLV", "india-dlt", `{"to":"+919876543210","text":"hi","tlvs":{` + entity + `}}`, `field "tlvs": value dlt_template_id, missing`},
		{"none at all", "india-dlt", `{"to":"+919876543210","text":"hi"}`, `field "tlvs": value dlt_principal_entity_id, missing`},
		{"one too short", "india-dlt", `{"to":"+919876543210","text":"hi","tlvs":{` + entity + `,"dlt_template_id":"17"}}`, `dlt_template_id, 2 characters: give 19 digits`},
		{"a name that is not known", "standard", `{"to":"+4612345678","text":"hi","tlvs":{"source_prot":"1"}}`, `the nearest name is source_port`},
		{"a number that is none", "standard", `{"to":"+4612345678","text":"hi","tlvs":{"source_port":"http"}}`, `source_port, no whole number`},
		{"one by name and by tag", "standard", `{"to":"+4612345678","text":"hi","tlvs":{"0x020a":"ab","source_port":"1"}}`, `source_port, which is 0x020a, twice`},
		{"a schedule", "smsportal", `{"to":"+27821234567","text":"hi","deliver_at":"2026-01-01T00:00:00Z"}`, `field "deliver_at"`},
		{"a name too long", "sinch", `{"to":"+4612345678","from":"Sinch Company","text":"hi"}`, `field "from"`},
	} {
		_, err := encoded(t, carrier(t, tt.profile), false, tt.record)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestStatusesAndWaitsAreTheCarriersOwn(t *testing.T) {
	t.Parallel()
	p, err := profile.BuiltInSet().Get("infobip")
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{habits: []habits{{profile: profile.Default()}, {profile: p}}}
	const disabled = 0x4A1
	if got := s.statuses(&message{target: 0}).Of(disabled); got != wire.Permanent {
		t.Errorf("standard: %s", got)
	}
	own := s.statuses(&message{target: 1})
	if got := own.Of(disabled); got != wire.Temporary {
		t.Errorf("infobip: %s", got)
	}
	for attempt := range 100 {
		if d := pause(attempt, own.Backoff(disabled)); d < 2500*time.Millisecond || d > 5*time.Minute+2500*time.Millisecond {
			t.Errorf("attempt %d waits %s", attempt, d)
		}
		if d := pause(attempt, wire.Backoff{First: time.Millisecond, Most: 24 * time.Hour}); d <= 0 || d > 25*time.Hour {
			t.Errorf("attempt %d waits %s", attempt, d)
		}
	}
}

func TestNumbersOfTheDefaultCountryAreDialledInternationally(t *testing.T) {
	t.Parallel()
	country, err := number.ParseCountry("DE")
	if err != nil {
		t.Fatal(err)
	}
	smsc := carrier(t, "standard")
	smsc.LongMessages = "udh8"
	h, err := habitsOf(&smsc, false)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{"0170 1234567": "491701234567", "+33612345678": "33612345678", "12345": "12345", "+999123456789": "", "Acme": ""} {
		var out record.Outbound
		if err := out.Decode([]byte(`{"to":"` + to + `","text":"hi"}`)); err != nil && to != "Acme" {
			t.Fatal(err)
		}
		dialled, err := country.Normal(to)
		if want == "" {
			fault := numberFault(err)
			if fault == nil || !strings.Contains(fault.Error(), `field "to"`) || strings.Contains(fault.Error(), "123456") {
				t.Errorf("%s: %v", to, fault)
			}
			continue
		}
		b, err := encode(&out, dialled, h, 7, time.Unix(0, 0))
		if err != nil || string(b.sm.Dest.Addr) != want {
			t.Errorf("%s is dialled as %s, %v", to, b.sm.Dest.Addr, err)
		}
	}
}
