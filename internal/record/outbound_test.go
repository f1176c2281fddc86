package record

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// decode is Decode into an Outbound that held something else before.
func decode(value string) (Outbound, error) {
	o := Outbound{ID: "left over", To: "left over", Class: 3, TLVs: []TLV{{1, nil}}, Metadata: []byte("left over")}
	err := o.Decode([]byte(value))
	return o, err
}

// plainOutbound is what Decode makes of a record with only to and an empty text.
func plainOutbound(change func(*Outbound)) Outbound {
	o := Outbound{To: "+491701234567", HasText: true, Encoding: "auto", Class: -1, Priority: -1, ProtocolID: -1, DataCoding: -1}
	change(&o)
	return o
}

func TestEveryFieldOfTheContractIsRead(t *testing.T) {
	t.Parallel()
	got, err := decode(`{
		"id": "order-7", "to": "+49 170 1234567", "from": "ACME", "text": "Gr\u00fc\u00dfe \ud83d\ude00\n", "encoding": "ucs2",
		"transliterate": true, "class": 0, "validity": "1h30m", "expires_at": "2026-01-02T15:04:05.678+01:00", "deliver_at": "2026-01-02T10:00:00Z",
		"priority": 3, "receipts": "all", "service_type": "CMT", "protocol_id": 65, "data_coding": 255, "route": "carrier-a",
		"tlvs": {"0x1400": "text", "0x1401": "hex:0a0B", "0x5": "hex:"}, "metadata": { "a" : "1", "b\u0020" : "\u00e9" },
		"unknown": [1, {"x": null}]
	}`)
	if err != nil {
		t.Fatal(err)
	}
	want := Outbound{
		ID: "order-7", To: "+49 170 1234567", From: "ACME", Text: "Grüße 😀\n", HasText: true, Encoding: "ucs2", Transliterate: True, Class: 0,
		Validity: 90 * time.Minute, ExpiresAt: time.Date(2026, 1, 2, 14, 4, 5, 678e6, time.UTC),
		DeliverAt: time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC), Priority: 3, Receipts: "all", ServiceType: "CMT",
		ProtocolID: 65, DataCoding: 255, Route: "carrier-a",
		TLVs:     []TLV{{0x1400, []byte("text")}, {0x1401, []byte{10, 11}}, {5, []byte{}}},
		Metadata: []byte(`{"a":"1","b\u0020":"\u00e9"}`),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRecordsThatAreRight(t *testing.T) {
	t.Parallel()
	const start = `{"to":"+491701234567","text":""`
	for name, c := range map[string]struct {
		value string
		want  func(*Outbound)
	}{
		"only what is required":        {start + `}`, func(*Outbound) {}},
		"spaces around everything":     {" \t\r\n" + `{ "to" : "+491701234567" , "text" : "" } ` + "\n", func(*Outbound) {}},
		"null is absent":               {start + `,"id":null,"from":null,"payload":null,"encoding":null,"class":null,"validity":null,"tlvs":null,"metadata":null}`, func(*Outbound) {}},
		"an unknown field of any type": {start + `,"To":5,"x":{"to":[true,false,null,-1.5e+3,"\u0000"]}}`, func(*Outbound) {}},
		"an escaped key":               {start + `,"i\u0064":"7"}`, func(o *Outbound) { o.ID = "7" }},
		"what is not to be changed":    {start + `,"transliterate":false}`, func(o *Outbound) { o.Transliterate = False }},
		"an alphabet of ISO-8859":      {start + `,"encoding":"cyrillic"}`, func(o *Outbound) { o.Encoding = "cyrillic" }},
		"the last of two":              {`{"to":"1",` + start[1:] + `,"id":"a","id":"b"}`, func(o *Outbound) { o.ID = "b" }},
		"the last of two, first wrong": {`{"to":["x"],` + start[1:] + `,"class":"high","class":2}`, func(o *Outbound) { o.Class = 2 }},
		"the last of two is null":      {start + `,"class":2,"class":null}`, func(*Outbound) {}},
		"text and then null, with payload": {start + `,"text":null,"payload":"CgsM"}`, func(o *Outbound) {
			o.HasText, o.HasPayload, o.Payload, o.Encoding = false, true, []byte{10, 11, 12}, "binary"
		}},
		"payload with an alphabet's name": {`{"to":"+491701234567","payload":"aGk","encoding":"latin1"}`, func(o *Outbound) {
			o.HasText, o.HasPayload, o.Payload, o.Encoding = false, true, []byte("hi"), "latin1"
		}},
		"payload that is empty": {`{"to":"+491701234567","payload":"","encoding":"auto"}`, func(o *Outbound) { o.HasText, o.HasPayload, o.Payload, o.Encoding = false, true, []byte{}, "binary" }},
		"payload with padding": {`{"to":"+491701234567","payload":"aGk="}`, func(o *Outbound) {
			o.HasText, o.HasPayload, o.Payload, o.Encoding = false, true, []byte("hi"), "binary"
		}},
		"a tag given twice":          {start + `,"tlvs":{"0x1400":5,"0X1401":"a","0x1400":"b"}}`, func(o *Outbound) { o.TLVs = []TLV{{0x1400, []byte("b")}, {0x1401, []byte("a")}} }},
		"a tag written in two ways":  {start + `,"tlvs":{"0x05":"a","0x5":"b"}}`, func(o *Outbound) { o.TLVs = []TLV{{5, []byte("b")}} }},
		"metadata's key given twice": {start + `,"metadata":{"a":5,"b":"1","\u0061":"2"}}`, func(o *Outbound) { o.Metadata = []byte(`{"a":"2","b":"1"}`) }},
		"TLVs by name": {start + `,"tlvs":{"source_port":"5000","0x5":"a","dlt_template_id":"hex:31"}}`, func(o *Outbound) {
			o.TLVs, o.NamedTLVs = []TLV{{5, []byte("a")}}, []NamedTLV{{"source_port", []byte("5000"), false}, {"dlt_template_id", []byte("1"), true}}
		}},
		"empty maps":               {start + `,"metadata":{ },"tlvs":{}}`, func(*Outbound) {}},
		"a year 1":                 {start + `,"expires_at":"0001-01-01T00:00:00Z"}`, func(o *Outbound) { o.ExpiresAt = time.Time{}.Add(time.Millisecond) }},
		"a from that is empty":     {start + `,"from":""}`, func(*Outbound) {}},
		"zeros":                    {start + `,"class":0,"priority":-0,"protocol_id":0,"data_coding":0}`, func(o *Outbound) { o.Class, o.Priority, o.ProtocolID, o.DataCoding = 0, 0, 0, 0 }},
		"20 digits and separators": {`{"to":"(+12) 345-678.901/23 4567890","text":""}`, func(o *Outbound) { o.To = "(+12) 345-678.901/23 4567890" }},
		"nesting up to the limit":  {start + `,"x":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`, func(*Outbound) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if want := plainOutbound(c.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestRecordsThatAreWrongNameTheFieldTheValueAndTheRemedy(t *testing.T) {
	t.Parallel()
	const start = `{"to":"+491701234567","text":"hi"`
	many := func(n int, format string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(format, i+1)
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	for _, c := range []struct{ value, want string }{
		{``, `record: must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`},
		{` `, `record: must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`},
		{`hello`, `record: value not JSON: must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`},
		{`[1]`, `record: value a list: must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`},
		{`"+491701234567"`, `record: value a string of 13 characters: must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`},
		{`{"to":"1","text":"a"`, `record: value not JSON at byte 21: must have ',' or '}' there`},
		{`{"to":"1","text":"a}`, `record: value not JSON at byte 21: must have the end of the string there`},
		{`{"to":"1","text":"a"}}`, `record: value not JSON at byte 22: must have the end, as the object is closed there`},
		{`{"to":"1",}`, `record: value not JSON at byte 11: must have a key in quotes there`},
		{`{"to":"1" "text":""}`, `record: value not JSON at byte 11: must have ',' or '}' there`},
		{`{"to" "1"}`, `record: value not JSON at byte 7: must have ':' there`},
		{`{"to":'1'}`, `record: value not JSON at byte 7: must have a value there`},
		{`{"x":01}`, `record: value not JSON at byte 7: must have ',' or '}' there`},
		{`{"x":-}`, `record: value not JSON at byte 7: must have a digit there`},
		{`{"x":1.}`, `record: value not JSON at byte 8: must have a digit there`},
		{`{"x":1e}`, `record: value not JSON at byte 8: must have a digit there`},
		{`{"x":nul}`, `record: value not JSON at byte 6: must have null there`},
		{`{"x":[1,]}`, `record: value not JSON at byte 9: must have a value there`},
		{`{"x":[1 2]}`, `record: value not JSON at byte 9: must have ',' or ']' there`},
		{`{"x":"\x"}`, `record: value not JSON at byte 7: must have an escape such as \n or \u00e9 there`},
		{`{"x":"\u12g4"}`, `record: value not JSON at byte 7: must have an escape such as \n or \u00e9 there`},
		{"{\"x\":\"a\nb\"}", `record: value not JSON at byte 8: must have control characters written as escapes, such as \n there`},
		{start + `,"x":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, `record: value not JSON at byte 1038: must have less nesting there`},
		{start + ",\"x\":\"\xff\"}", `record: value invalid UTF-8 at byte 40: must be valid UTF-8`},
		{start + ",\"\xff\":1}", `record: value invalid UTF-8 at byte 36: must be valid UTF-8`},
		{"{\"to\":\"\xff\"," + start[1:] + `}`, `record: value invalid UTF-8 at byte 8: must be valid UTF-8`},

		{`{}`, `field "to" is missing: must be a string with the recipient's number, at most 20 digits, e.g. "+491701234567"`},
		{`{"to":null,"text":""}`, `field "to" is missing: ` + remedies[fieldTo]},
		{`{"to":491701234567,"text":""}`, `field "to": value a number of 12 characters: ` + remedies[fieldTo]},
		{`{"to":"","text":""}`, `field "to": value a string of 0 characters: ` + remedies[fieldTo]},
		{`{"to":"bob","text":""}`, `field "to": value a string of 3 characters: ` + remedies[fieldTo]},
		{`{"to":"49+170","text":""}`, `field "to": value a string of 6 characters: ` + remedies[fieldTo]},
		{`{"to":"++49170","text":""}`, `field "to": value a string of 7 characters: ` + remedies[fieldTo]},
		{`{"to":"123456789012345678901","text":""}`, `field "to": value a string of 21 characters: ` + remedies[fieldTo]},
		{`{"to":"12\u0000","text":""}`, `field "to": value a string of 8 characters: ` + remedies[fieldTo]},
		{`{"to":"1` + strings.Repeat(" ", 64) + `","text":""}`, `field "to": value a string of 65 characters: ` + remedies[fieldTo]},
		{`{"to":["+491701234567"],"text":""}`, `field "to": value a list: ` + remedies[fieldTo]},

		{start + `,"id":5}`, `field "id": value 5: must be a string of 1 to 1024 bytes, or be left out`},
		{start + `,"id":""}`, `field "id": value "": ` + remedies[fieldID]},
		{start + `,"id":"` + strings.Repeat("é", 600) + `"}`, `field "id": value "` + strings.Repeat("é", 31) + `…: ` + remedies[fieldID]},
		{start + `,"from":49170}`, `field "from": value a number of 5 characters: ` + remedies[fieldFrom]},
		{start + `,"from":"a\nb"}`, `field "from": value a string of 4 characters: ` + remedies[fieldFrom]},
		{start + `,"from":"` + strings.Repeat("1", 65) + `"}`, `field "from": value a string of 65 characters: ` + remedies[fieldFrom]},
		{`{"to":"1"}`, `field "text" is missing: must be given, or payload: a record has exactly one of the two`},
		{`{"to":"1","text":null,"payload":null}`, `field "text" is missing: must be given, or payload: a record has exactly one of the two`},
		{`{"to":"1","text":5}`, `field "text": value a number of 1 character: must be a string with the message`},
		{`{"to":"1","text":{"en":"secret"}}`, `field "text": value an object: must be a string with the message`},
		{start + `,"payload":"CgsM"}`, `field "payload": value a string of 4 characters: must be left out where text is given: a record has exactly one of the two`},
		{`{"to":"1","text":"\ud83d"}`, `field "text": value a \u escape that is half of a surrogate pair: must be valid Unicode: both halves or none`},
		{`{"to":"1","text":"\ude00\ud83d"}`, `field "text": value a \u escape that is half of a surrogate pair: must be valid Unicode: both halves or none`},
		{"{\"to\":\"1\",\"text\":\"a\xc3\"}", `field "text": value invalid UTF-8 at byte 20: must be valid UTF-8`},
		{`{"to":"1","payload":"C#"}`, `field "payload": value a string of 2 characters: must be a string in base64 (RFC 4648 §4), e.g. "CgsM"`},
		{`{"to":"1","payload":"CgsM="}`, `field "payload": value a string of 5 characters: ` + remedies[fieldPayload]},
		{`{"to":"1","payload":"a"}`, `field "payload": value a string of 1 character: ` + remedies[fieldPayload]},
		{`{"to":"1","payload":[10]}`, `field "payload": value a list: ` + remedies[fieldPayload]},
		{start + `,"encoding":"utf8"}`, `field "encoding": value "utf8": must be one of "auto", "gsm7", "latin1", "ucs2", "binary", "ascii", "cyrillic", "hebrew"`},
		{start + `,"transliterate":"yes"}`, `field "transliterate": value "yes": must be true or false`},
		{start + `,"transliterate":1}`, `field "transliterate": value 1: must be true or false`},
		{start + `,"encoding":""}`, `field "encoding": value "": ` + remedies[fieldEncoding]},
		{start + `,"encoding":"binary"}`, `field "encoding": value "binary": must be another where text is given: binary needs payload`},
		{start + `,"class":7}`, `field "class": value 7: must be a whole number from 0 to 3 (0 is flash)`},
		{start + `,"class":-1}`, `field "class": value -1: ` + remedies[fieldClass]},
		{start + `,"class":1.0}`, `field "class": value 1.0: ` + remedies[fieldClass]},
		{start + `,"class":1e0}`, `field "class": value 1e0: ` + remedies[fieldClass]},
		{start + `,"class":"1"}`, `field "class": value "1": ` + remedies[fieldClass]},
		{start + `,"class":true}`, `field "class": value true: ` + remedies[fieldClass]},
		{start + `,"class":18446744073709551616}`, `field "class": value 18446744073709551616: ` + remedies[fieldClass]},
		{start + `,"validity":90}`, `field "validity": value 90: must be a duration above zero in quotes, e.g. "90s" or "24h"`},
		{start + `,"validity":"90"}`, `field "validity": value "90": ` + remedies[fieldValidity]},
		{start + `,"validity":"0s"}`, `field "validity": value "0s": ` + remedies[fieldValidity]},
		{start + `,"validity":"-5m"}`, `field "validity": value "-5m": ` + remedies[fieldValidity]},
		{start + `,"expires_at":1767366245}`, `field "expires_at": value 1767366245: must be an RFC 3339 time in quotes, e.g. "2026-01-02T15:04:05Z"`},
		{start + `,"expires_at":"2026-01-02 15:04:05"}`, `field "expires_at": value "2026-01-02 15:04:05": ` + remedies[fieldExpiresAt]},
		{start + `,"expires_at":"2026-01-02T15:04:05,5Z"}`, `field "expires_at": value "2026-01-02T15:04:05,5Z": ` + remedies[fieldExpiresAt]},
		{start + `,"expires_at":"2026-01-02T5:04:05Z"}`, `field "expires_at": value "2026-01-02T5:04:05Z": ` + remedies[fieldExpiresAt]},
		{start + `,"deliver_at":"2026-02-30T15:04:05Z"}`, `field "deliver_at": value "2026-02-30T15:04:05Z": ` + remedies[fieldDeliverAt]},
		{start + `,"deliver_at":{}}`, `field "deliver_at": value an object: ` + remedies[fieldDeliverAt]},
		{start + `,"priority":4}`, `field "priority": value 4: must be a whole number from 0 to 3 (3 goes first)`},
		{start + `,"receipts":"yes"}`, `field "receipts": value "yes": must be one of "none", "final", "failure", "all"`},
		{start + `,"receipts":false}`, `field "receipts": value false: ` + remedies[fieldReceipts]},
		{start + `,"service_type":"CMTCMT"}`, `field "service_type": value "CMTCMT": must be a string of at most 5 ASCII characters, e.g. "CMT"`},
		{start + `,"service_type":"é"}`, `field "service_type": value "é": ` + remedies[fieldServiceType]},
		{start + `,"protocol_id":256}`, `field "protocol_id": value 256: must be a whole number from 0 to 255`},
		{start + `,"data_coding":1000}`, `field "data_coding": value 1000: must be a whole number from 0 to 255`},
		{start + `,"route":5}`, `field "route": value 5: must be a string with the NAME of a configured SMSC`},

		{start + `,"tlvs":[]}`, `field "tlvs": value a list: must be an object of at most 64 tags or names and values, e.g. {"0x1400": "text", "source_port": "5000", "0x1401": "hex:0a0b"}`},
		{start + `,"tlvs":{"0x1400":5}}`, `field "tlvs": value a number of 1 character at key "0x1400": must be a string in quotes; leave the key out where there is no value`},
		{start + `,"tlvs":{"0x1400":null}}`, `field "tlvs": value null at key "0x1400": must be a string in quotes; leave the key out where there is no value`},
		{start + `,"tlvs":{"5120":"a"}}`, `field "tlvs": value key "5120": must have tags from "0x0001" to "0xffff", or names such as source_port, as keys`},
		{start + `,"tlvs":{"0x0000":"a"}}`, `field "tlvs": value key "0x0000": must have tags from "0x0001" to "0xffff", or names such as source_port, as keys`},
		{start + `,"tlvs":{"0x12345":"a"}}`, `field "tlvs": value key "0x12345": must have tags from "0x0001" to "0xffff", or names such as source_port, as keys`},
		{start + `,"tlvs":{"0x0424":"a"}}`, `field "tlvs": value key "0x0424": must not have message_payload, which the connector sets itself`},
		{start + `,"tlvs":{"message_payload":"a"}}`, `field "tlvs": value key "message_payload": must not have message_payload, which the connector sets itself`},
		{start + `,"tlvs":{"Source Port":"a"}}`, `field "tlvs": value key "Source Port": must have tags from "0x0001" to "0xffff", or names such as source_port, as keys`},
		{start + `,"tlvs":{"0x20C":"a"}}`, `field "tlvs": value key "0x20C": must not have sar_msg_ref_num, which the connector sets itself`},
		{start + `,"tlvs":{"0x1400":"hex:abc"}}`, `field "tlvs": value a string of 7 characters at key "0x1400": must have two hexadecimal digits for each byte after "hex:"`},
		{start + `,"tlvs":{"0x1400":"` + strings.Repeat("a", 65536) + `"}}`, `field "tlvs": value a value of 65536 bytes at key "0x1400": must have values of at most 65535 bytes`},
		{start + `,"tlvs":` + many(65, `"0x%04x":"a"`) + `}`, `field "tlvs": value an object of 65 keys: ` + remedies[fieldTLVs]},
		{start + `,"metadata":"a"}`, `field "metadata": value a string of 1 character: must be an object of strings, at most 64 KiB`},
		{start + `,"metadata":{"a":5}}`, `field "metadata": value a number of 1 character at key "a": must be a string in quotes; leave the key out where there is no value`},
		{start + `,"metadata":{"a":null}}`, `field "metadata": value null at key "a": must be a string in quotes; leave the key out where there is no value`},
		{start + `,"metadata":{"a":{"b":"c"}}}`, `field "metadata": value an object at key "a": must be a string in quotes; leave the key out where there is no value`},
		{start + `,"metadata":{"a":"\ud800"}}`, `field "metadata": value a \u escape that is half of a surrogate pair at key "a": must be valid Unicode: both halves or none`},
		{start + `,"metadata":{"\ud800":"a"}}`, `field "metadata": value a key with half of a surrogate pair: must be valid Unicode: both halves or none`},
		{start + ",\"metadata\":{\"a\":\"\xff\"}}", `field "metadata": value invalid UTF-8 at byte 52: must be valid UTF-8`},
		{start + `,"metadata":{"a":"` + strings.Repeat("x", 65536-7) + `"}}`, `field "metadata": value an object of 65537 bytes: must be an object of strings, at most 64 KiB`},
	} {
		_, err := decode(c.value)
		if err == nil {
			t.Errorf("%.80s: no error, want %s", c.value, c.want)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%.80s:\ngot  %v\nwant %s", c.value, err, c.want)
		}
		if fe := new(FieldError); !errors.As(err, &fe) {
			t.Errorf("%.80s: error of type %T", c.value, err)
		}
	}
}

func TestAWrongRecordStillSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`{"id":"a","to":"1","from":"ACME","metadata":{"k":"v"},"class":9}`,
		`{"class":{},"tlvs":5,"metadata":{"k":"v"},"from":"ACME","to":"1","id":"a"}`,
		`{"id":5,"id":"a","to":"1","text":"x","payload":"y","from":"ACME","metadata":{"k":"v"}}`,
		"{\"id\":\"a\",\"to\":\"1\",\"text\":\"\xff\",\"from\":\"ACME\",\"metadata\":{\"k\":\"v\"}}",
	} {
		o, err := decode(value)
		if err == nil || o.ID != "a" || o.To != "1" || o.From != "ACME" || string(o.Metadata) != `{"k":"v"}` {
			t.Errorf("%s: id %q to %q from %q metadata %s, error %v", value, o.ID, o.To, o.From, o.Metadata, err)
		}
	}
}

func TestAnIDThatCannotBeReadIsLeftToTheDefault(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`{"id":7,"to":"1","text":""}`, `{"id":"","to":"1","text":""}`, `{"id":"a","id":{},"to":"1","text":""}`,
		"{\"id\":\"a\xff\",\"to\":\"1\",\"text\":\"\"}", `{"id":"\ud800","to":"1","text":""}`,
		// Not JSON: an id that comes later would count.
		`{"id":"a","to":"1","text":""`,
	} {
		if o, err := decode(value); err == nil || o.ID != "" {
			t.Errorf("%s: id %q, error %v", value, o.ID, err)
		}
	}
}

func TestErrorsNeverShowNumbersTextOrValues(t *testing.T) {
	t.Parallel()
	const secret = "4917055512345"
	for _, f := range []string{"to", "from", "text", "payload", "tlvs", "metadata"} {
		for _, value := range []string{secret, `"` + secret + `\ud800"`, `"x#` + secret + `\n"`, `[` + secret + `]`, `{"a":"` + secret + `\ud800"}`, `{"0x1400":` + secret + `}`, `{"` + secret + `":5}`, `{"0x1400":"hex:` + secret + `"}`} {
			_, err := decode(`{"to":"1","text":"","` + f + `":` + value + `}`)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s = %s: %v", f, value, err)
			}
		}
	}
	for _, f := range fieldNames {
		value := `{"to":"1","text":"","` + f + `":{"text":["` + secret + `"]}}`
		if f == "message_id" || f == "smsc" { // which mean something with an action alone
			value = `{"action":"replace","message_id":"1",` + value[1:]
		}
		_, err := decode(value)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestMetadataIsCopiedOnlyWhereItMustBe(t *testing.T) {
	t.Parallel()
	value := []byte(`{"to":"1","text":"","metadata":{"a":"1","b":"2"}}`)
	var o Outbound
	if err := o.Decode(value); err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(value, []byte(`{"a"`)); &o.Metadata[0] != &value[i] {
		t.Error("compact metadata was copied")
	}
	// An append to what a caller was given must not write into the record.
	if _ = append(o.Metadata, '!'); value[len(value)-1] != '}' {
		t.Error("appending to the metadata overwrote the record")
	}
}

func TestManyMetadataKeysKeepTheLastOfEach(t *testing.T) {
	t.Parallel()
	var in, want strings.Builder
	for round := range 2 {
		for i := range 500 {
			fmt.Fprintf(&in, `,"k%d":"%d"`, i, round)
			if round == 1 {
				fmt.Fprintf(&want, `,"k%d":"1"`, i)
			}
		}
	}
	o, err := decode(`{"to":"1","text":"","metadata":{` + in.String()[1:] + `}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(o.Metadata); got != "{"+want.String()[1:]+"}" {
		t.Errorf("got %.200s…", got)
	}
}
