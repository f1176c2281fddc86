package sink

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func encoded(t *testing.T, smsc config.SMSC, transliterate bool, value string) (body, error) {
	t.Helper()
	if smsc.LongMessages == "" {
		smsc.LongMessages = "udh8"
	}
	h, err := habitsOf(&smsc, transliterate)
	if err != nil {
		t.Fatal(err)
	}
	var out record.Outbound
	if err := out.Decode([]byte(value)); err != nil {
		t.Fatal(err)
	}
	return encode(&out, out.To, h, 7, time.Unix(0, 0))
}

func TestTextsGoOutAsRecordAndSMSCSay(t *testing.T) {
	t.Parallel()
	turkish := strings.Repeat("Şimdi dağa çıkıyoruz. ", 6)
	for _, tt := range []struct {
		name, fields string
		national     []string
		translit     bool
		enc          sms.Encoding
		dc           byte
		parts        int
		ud           string // of the first part, if given
		changes      []string
	}{
		{name: "plain", fields: `"text":"hi"`, enc: sms.GSM7, parts: 1, ud: "hi"},
		{name: "flash", fields: `"text":"hi","class":0`, enc: sms.GSM7, dc: 0x10, parts: 1, ud: "hi"},
		{name: "flash in UCS-2", fields: `"text":"П","class":0`, enc: sms.UCS2, dc: 0x18, parts: 1},
		{name: "a class that Latin-1 has not", fields: `"text":"ç","class":1`, enc: sms.UCS2, dc: 0x19, parts: 1},
		{name: "cyrillic", fields: `"text":"Привет","encoding":"cyrillic"`, enc: sms.Cyrillic, dc: 6, parts: 1, ud: "\xbf\xe0\xd8\xd2\xd5\xe2"},
		{name: "hebrew", fields: `"text":"שלום","encoding":"hebrew"`, enc: sms.Hebrew, dc: 7, parts: 1, ud: "\xf9\xec\xe5\xed"},
		{name: "ascii", fields: `"text":"a_b","encoding":"ascii"`, enc: sms.ASCII, dc: 1, parts: 1, ud: "a_b"},
		{name: "the data_coding names UCS-2", fields: `"text":"hi","data_coding":8`, enc: sms.UCS2, dc: 8, parts: 1, ud: "\x00h\x00i"},
		{name: "a message waiting in UCS-2", fields: `"text":"hi","data_coding":232`, enc: sms.UCS2, dc: 0xE8, parts: 1, ud: "\x00h\x00i"},
		{name: "a message waiting", fields: `"text":"[","data_coding":200`, enc: sms.GSM7, dc: 0xC8, parts: 1, ud: "\x1b<"},
		{name: "the data_coding names what the text is not", fields: `"text":"П","data_coding":0`, enc: sms.UCS2, dc: 0, parts: 1, ud: "\x04\x1f"},
		{name: "the data_coding names no alphabet", fields: `"text":"hi","data_coding":245`, enc: sms.GSM7, dc: 0xF5, parts: 1, ud: "hi"},
		{name: "both are named", fields: `"text":"é","encoding":"latin1","data_coding":0`, enc: sms.Latin1, dc: 0, parts: 1, ud: "\xe9"},
		{name: "payload", fields: `"payload":"AAEC"`, enc: sms.Binary, dc: 4, parts: 1, ud: "\x00\x01\x02"},
		{name: "payload with a name", fields: `"payload":"v+A=","encoding":"cyrillic"`, enc: sms.Cyrillic, dc: 6, parts: 1, ud: "\xbf\xe0"},
		{name: "national tables are not for all", fields: `"text":"` + turkish + `"`, enc: sms.UCS2, dc: 8, parts: 2},
		{name: "national tables", fields: `"text":"` + turkish + `"`, national: []string{"turkish"}, enc: sms.GSM7, parts: 1},
		{name: "not transliterated", fields: `"text":"it’s"`, enc: sms.UCS2, dc: 8, parts: 1},
		{name: "transliterated by the configuration", fields: `"text":"it’s"`, translit: true, enc: sms.GSM7, parts: 1, ud: "it's", changes: []string{"’→'"}},
		{name: "by the record", fields: `"text":"it’s","transliterate":true`, enc: sms.GSM7, parts: 1, ud: "it's", changes: []string{"’→'"}},
		{name: "not by the record", fields: `"text":"it’s","transliterate":false`, translit: true, enc: sms.UCS2, dc: 8, parts: 1},
		{name: "into what is asked for", fields: `"text":"“ç”","encoding":"latin1"`, translit: true, enc: sms.Latin1, dc: 3, parts: 1, ud: "\"\xe7\"", changes: []string{"“→\"", "”→\""}},
		{name: "not in vain", fields: `"text":"it’s 👍"`, translit: true, enc: sms.UCS2, dc: 8, parts: 1},
	} {
		b, err := encoded(t, config.SMSC{National: tt.national}, tt.translit, `{"to":"+491701234567",`+tt.fields+`}`)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if b.parts.Encoding != tt.enc || b.sm.DataCoding != tt.dc || len(b.parts.UD) != tt.parts || !slices.Equal(b.changes, tt.changes) ||
			tt.ud != "" && string(b.parts.UD[0]) != tt.ud || b.parts.UDHI != (b.sm.ESMClass == 0x40) {
			t.Errorf("%s: %d parts of %s, data_coding %#x, esm_class %#x, % x, changed %q", tt.name, len(b.parts.UD), b.parts.Encoding, b.sm.DataCoding, b.sm.ESMClass, b.parts.UD[0], b.changes)
		}
	}
	for fields, field := range map[string]string{
		`"text":"ж","encoding":"hebrew"`:           "text",
		`"text":"ж","encoding":"gsm7"`:             "text",
		`"text":"a","encoding":"ascii","class":1`:  "class",
		`"text":"a","encoding":"latin1","class":1`: "class",
	} {
		_, err := encoded(t, config.SMSC{}, true, `{"to":"+491701234567",`+fields+`}`)
		var wrong *record.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v, want an error of %s", fields, err, field)
		}
	}
}

func TestLanguagesOfTheConfigurationAreThoseThatHaveTables(t *testing.T) {
	t.Parallel()
	environ := []string{"KAFKA_BROKERS=k:1", "SMSC_0_NAME=a", "SMSC_0_ADDRESS=h:1"}
	for l := sms.Turkish; sms.AllLanguages.Has(l); l++ {
		c, err := config.Load(append(environ, "SMSC_0_NATIONAL="+strings.ToUpper(l.String())))
		if err != nil {
			t.Fatal(err)
		}
		c.SMSCs[0].LongMessages = "udh8"
		if h, err := habitsOf(&c.SMSCs[0], false); err != nil || h.text.Languages != 1<<l {
			t.Errorf("%s: %b, %v", l, h.text.Languages, err)
		}
	}
	c, err := config.Load(append(environ, "SMSC_0_NATIONAL=turkish, all"))
	if err != nil {
		t.Fatal(err)
	}
	if h, err := habitsOf(&c.SMSCs[0], false); err != nil || h.text.Languages != sms.AllLanguages {
		t.Errorf("all: %b, %v", h.text.Languages, err)
	}
	if _, err := config.Load(append(environ, "SMSC_0_NATIONAL=turkish,klingon")); err == nil || !strings.Contains(err.Error(), "klingon") {
		t.Errorf("klingon: %v", err)
	}
}

// What reference promises, by octet and by 16 bits.
func TestReferencesOfOneDestinationAreApart(t *testing.T) {
	t.Parallel()
	const topic = "sms.outbound"
	if a, b := reference(topic, 3, 12345), reference(topic, 3, 12345); a != b {
		t.Errorf("a record has the references %d and %d", a, b)
	}
	// Those that follow each other in a partition.
	for d := int64(1); d < 1<<16; d++ {
		a, b := reference(topic, 3, 1e9), reference(topic, 3, 1e9+d)
		if a == b || d < 256 && byte(a) == byte(b) {
			t.Fatalf("records %d apart have the same reference", d)
		}
	}
	// Those at about the same place of other partitions.
	for p := range int32(256) {
		for q := range p {
			if byte(reference(topic, p, 0)) == byte(reference(topic, q, 0)) {
				t.Fatalf("partitions %d and %d begin at the same number", p, q)
			}
		}
	}
	for p := range int32(12) {
		for q := range p {
			for d := int64(-7); d <= 7; d++ {
				if byte(reference(topic, p, 500)) == byte(reference(topic, q, 500+d)) {
					t.Errorf("partitions %d and %d, %d apart, have the same number", p, q, d)
				}
			}
		}
	}
	for p := range int32(100) {
		for q := range p {
			for d := int64(-150); d <= 150; d++ {
				if reference(topic, p, 500) == reference(topic, q, 500+d) {
					t.Fatalf("partitions %d and %d, %d apart, have the same number of 16 bits", p, q, d)
				}
			}
		}
	}
	// Those of topics with like names.
	seen := map[byte]string{}
	for _, topic := range []string{"sms.outbound", "sms.outbound1", "sms.outbound2", "sms.otp", "otp", "alerts", "marketing"} {
		r := byte(reference(topic, 0, 0))
		if other, taken := seen[r]; taken {
			t.Errorf("%s and %s begin at the same number", topic, other)
		}
		seen[r] = topic
	}
}
