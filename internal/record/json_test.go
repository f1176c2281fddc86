package record

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

var (
	at     = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	source = Source{Topic: "sms.outbound", Partition: 2, Offset: 1234567, Timestamp: at.Add(-time.Second)}
)

func fullResult() Result {
	return Result{
		ID: "order-7", Status: Accepted, SMSC: "carrier-a", To: "+491701234567", From: "ACME", Encoding: "gsm7", Transliterated: []string{"’→'", "U+00A0→ "}, Attempts: 3,
		Parts: []PartResult{
			{Part: 1, MessageID: "4f1a", CommandStatus: 0, StatusName: "ESME_ROK", Answered: true},
			{Part: 2, CommandStatus: 11, StatusName: "ESME_RINVDSTADR", Answered: true},
			{Part: 3},
		},
		PossibleDuplicate: true, Error: "part 2: the SMSC says \"no\"", Source: source,
		ReceivedAt: at, SubmittedAt: at.Add(5 * time.Millisecond), AnsweredAt: at.Add(42 * time.Millisecond), Metadata: []byte(`{"campaign":"spring"}`),
	}
}

func fullReceipt() Receipt {
	s := source
	return Receipt{
		ID: "order-7", MessageID: "4f1a", Part: 1, Parts: 2, State: "DELIVERED", Final: true, Stat: "DELIVRD", Error: "000",
		SubmittedAt: at, DoneAt: at.Add(time.Minute), SMSC: "carrier-a", To: "+491701234567", From: "ACME", Correlated: true,
		Source: &s, ReceivedAt: at.Add(61 * time.Second), Metadata: []byte(`{"campaign":"spring"}`),
		Raw: Raw{
			ShortMessage: []byte("id:4f1a stat:DELIVRD err:000 text:Hi"),
			TLVs:         []TLV{{0x001e, []byte("4f1a\x00")}, {0x0427, []byte{2}}, {0x1400, []byte("a")}, {0x1400, []byte("hex:b")}},
		},
	}
}

func fullInbound() Inbound {
	return Inbound{
		ID: "i-1", From: "+491701234567", To: "12345", Text: "Grüße\n😀", Encoding: "ucs2", DataCoding: 8, Parts: 3, Complete: false,
		Missing: []int{2, 3}, SMSC: "carrier-a", ReceivedAt: at, InReplyTo: &InReplyTo{ID: "order-7", Metadata: []byte(`{"campaign":"spring"}`)},
		Raw: Raw{TLVs: []TLV{{0x0204, []byte{0, 7}}}, UDH: []byte{5, 0, 3, 9, 3, 1}},
	}
}

func TestResultsAreWrittenLikeThis(t *testing.T) {
	t.Parallel()
	full := fullResult()
	golden(t, full.AppendJSON(nil), `{"id":"order-7","status":"accepted","smsc":"carrier-a","to":"+491701234567","from":"ACME",`+
		`"parts":[{"part":1,"message_id":"4f1a","command_status":0,"status_name":"ESME_ROK"},{"part":2,"command_status":11,"status_name":"ESME_RINVDSTADR"},{"part":3}],`+
		`"encoding":"gsm7","transliterated":["’→'","U+00A0→ "],"attempts":3,"possible_duplicate":true,"error":"part 2: the SMSC says \"no\"",`+
		`"source":{"topic":"sms.outbound","partition":2,"offset":1234567,"timestamp":"2026-01-02T15:04:04.000Z"},`+
		`"received_at":"2026-01-02T15:04:05.000Z","submitted_at":"2026-01-02T15:04:05.005Z","answered_at":"2026-01-02T15:04:05.042Z","metadata":{"campaign":"spring"}}`)
	back, err := DecodeResult(full.AppendJSON(nil))
	if err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	short := Result{ID: "t-0-1", Status: Invalid, Error: "no", Source: Source{Topic: "t", Offset: 1}}
	golden(t, short.AppendJSON(nil), `{"id":"t-0-1","status":"invalid","attempts":0,"possible_duplicate":false,"error":"no","source":{"topic":"t","partition":0,"offset":1}}`)
	// A name that the caller left out is looked up.
	named := Result{Parts: []PartResult{{Part: 1, CommandStatus: 0x58, Answered: true}, {Part: 2, CommandStatus: 0x4ff, Answered: true}}}
	golden(t, named.AppendJSON(nil), `{"id":"","status":"","parts":[{"part":1,"command_status":88,"status_name":"ESME_RTHROTTLED"},{"part":2,"command_status":1279,"status_name":"0x000004ff"}],`+
		`"attempts":0,"possible_duplicate":false,"source":{"topic":"","partition":0,"offset":0}}`)
}

func TestReceiptsAreWrittenLikeThis(t *testing.T) {
	t.Parallel()
	full := fullReceipt()
	golden(t, full.AppendJSON(nil), `{"id":"order-7","message_id":"4f1a","part":1,"parts":2,"state":"DELIVERED","final":true,"stat":"DELIVRD","error":"000",`+
		`"submitted_at":"2026-01-02T15:04:05.000Z","done_at":"2026-01-02T15:05:05.000Z","smsc":"carrier-a","to":"+491701234567","from":"ACME","correlated":true,`+
		`"source":{"topic":"sms.outbound","partition":2,"offset":1234567,"timestamp":"2026-01-02T15:04:04.000Z"},"received_at":"2026-01-02T15:05:06.000Z","metadata":{"campaign":"spring"},`+
		`"raw":{"short_message":"id:4f1a stat:DELIVRD err:000 text:Hi","tlvs":{"0x001e":"hex:3466316100","0x0427":"hex:02","0x1400":"a","0x1400#2":"hex:6865783a62"}}}`)
	back, err := DecodeReceipt(full.AppendJSON(nil))
	if err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	short := Receipt{State: "UNKNOWN", Raw: Raw{ShortMessage: []byte{0xff}}}
	golden(t, short.AppendJSON(nil), `{"state":"UNKNOWN","final":false,"correlated":false,"raw":{"short_message":"hex:ff"}}`)
}

func TestInboundMessagesAreWrittenLikeThis(t *testing.T) {
	t.Parallel()
	full := fullInbound()
	golden(t, full.AppendJSON(nil), `{"id":"i-1","from":"+491701234567","to":"12345","text":"Grüße\n😀","encoding":"ucs2","data_coding":8,"parts":3,"complete":false,"missing":[2,3],`+
		`"smsc":"carrier-a","received_at":"2026-01-02T15:04:05.000Z","in_reply_to":{"id":"order-7","metadata":{"campaign":"spring"}},"raw":{"tlvs":{"0x0204":"hex:0007"},"udh":"hex:050003090301"}}`)
	back, err := DecodeInbound(full.AppendJSON(nil))
	if err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	binary := Inbound{Payload: []byte{0xff, 0}, IsPayload: true, DataCoding: 4, Parts: 1, Complete: true}
	golden(t, binary.AppendJSON(nil), `{"payload":"/wA=","data_coding":4,"parts":1,"complete":true}`)
	if back, err = DecodeInbound(binary.AppendJSON(nil)); err != nil || !reflect.DeepEqual(back, binary) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	golden(t, new(Inbound).AppendJSON(nil), `{"text":"","data_coding":0,"complete":false}`)
}

func TestOutboundRecordsAreWrittenLikeThis(t *testing.T) {
	t.Parallel()
	full := Outbound{
		ID: "order-7", To: "+491701234567", From: "ACME", Text: "Hi", HasText: true, Encoding: "gsm7", Transliterate: False, Class: 0, Validity: 90 * time.Second,
		ExpiresAt: at, DeliverAt: at.Add(time.Hour), Priority: 2, Receipts: "all", ServiceType: "CMT", ProtocolID: 0, DataCoding: 240, Route: "carrier-a",
		TLVs: []TLV{{0x1400, []byte("text")}, {0x1401, []byte{10, 11}}}, Metadata: []byte(`{"k":"v"}`),
	}
	golden(t, full.AppendJSON(nil), `{"id":"order-7","to":"+491701234567","from":"ACME","text":"Hi","encoding":"gsm7","transliterate":false,"class":0,"validity":"1m30s",`+
		`"expires_at":"2026-01-02T15:04:05.000Z","deliver_at":"2026-01-02T16:04:05.000Z","priority":2,"receipts":"all","service_type":"CMT","protocol_id":0,"data_coding":240,`+
		`"route":"carrier-a","tlvs":{"0x1400":"text","0x1401":"hex:0a0b"},"metadata":{"k":"v"}}`)
	var back Outbound
	if err := back.Decode(full.AppendJSON(nil)); err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	short := Outbound{To: "1", HasPayload: true, Payload: []byte{1}, Class: -1, Priority: -1, ProtocolID: -1, DataCoding: -1}
	golden(t, short.AppendJSON(nil), `{"to":"1","payload":"AQ=="}`)
}

func TestHostileBytesStillMakeARecordThatReadersTake(t *testing.T) {
	t.Parallel()
	const hostile = "\"},{\"\x00\xff\u2028\n"
	r := Receipt{ID: hostile, MessageID: hostile, State: hostile, Stat: hostile, Error: hostile, SMSC: hostile, To: hostile, From: hostile,
		Raw: Raw{ShortMessage: []byte(hostile), TLVs: []TLV{{1, []byte(hostile)}}, UDH: []byte(hostile)}}
	if out := r.AppendJSON(nil); !json.Valid(out) {
		t.Errorf("not JSON: %s", out)
	}
	m := Inbound{ID: hostile, From: hostile, To: hostile, Text: hostile, Encoding: hostile, InReplyTo: &InReplyTo{ID: hostile}}
	if out := m.AppendJSON(nil); !json.Valid(out) {
		t.Errorf("not JSON: %s", out)
	}
}

func TestWhatIsNotARecordIsAnErrorToTheDecoders(t *testing.T) {
	t.Parallel()
	for _, value := range []string{``, `[]`, `{"id":5}`, `{"raw":{"short_message":"hex:x"},"id":5}`} {
		if _, err := DecodeResult([]byte(value)); err == nil {
			t.Errorf("result %q: no error", value)
		}
	}
	for _, value := range []string{``, `{"raw":{"short_message":"hex:x"}}`, `{"raw":{"tlvs":{"1":"a"}}}`, `{"raw":{"tlvs":{"0x1":"hex:x"}}}`, `{"raw":{"udh":"hex:x"}}`} {
		if _, err := DecodeReceipt([]byte(value)); err == nil {
			t.Errorf("receipt %q: no error", value)
		}
		if _, err := DecodeInbound([]byte(value)); err == nil {
			t.Errorf("inbound %q: no error", value)
		}
	}
}

func golden(t *testing.T, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid(got) {
		t.Errorf("not JSON: %s", got)
	}
}
