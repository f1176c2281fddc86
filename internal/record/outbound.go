package record

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Limits of an outbound record. What depends on alphabets and addresses (how many
// parts a text makes, which senders are possible) is judged where they are known.
const (
	MaxID           = 1024    // bytes of id
	MaxDigits       = 20      // digits of to: destination_addr has 21 octets with its NUL (SMPP v3.4 §5.2.9)
	MaxAddress      = 64      // bytes of to and from as written, separators included
	MaxMessageID    = 255     // bytes of message_id, more than SMPP v3.4 §5.2.23 allows and some carriers keep to
	MaxServiceType  = 5       // characters of service_type (SMPP v3.4 §5.2.11)
	MaxTLVs         = 64      // entries of tlvs
	MaxTLVValue     = 65535   // bytes of a TLV's value (SMPP v3.4 §3.2.4.1)
	MaxMetadata     = 1 << 16 // bytes of metadata as compact JSON
	maxMetadataText = "64 KiB"
)

// Outbound is a message to be sent.
//
// Where text and payload meet encoding: text goes with all but binary.
// A payload is sent byte by byte as it is; encoding then only names the
// data_coding to announce, and auto becomes binary.
type Outbound struct {
	ID         string // id; empty if the record has none that can be read: the caller fills in the default
	To         string // to
	From       string // from; "" absent
	Text       string // text
	HasText    bool   // text was given, perhaps empty
	Payload    []byte // payload, decoded from base64
	HasPayload bool   // payload was given, perhaps empty
	Encoding   string // encoding: auto (also when absent), gsm7, latin1, ucs2, binary, ascii, cyrillic, hebrew
	// Transliterate is transliterate: whether characters that the encoding lacks may become others; Absent: as the configuration says.
	Transliterate Flag
	Class         int           // class 0..3; -1 absent
	Validity      time.Duration // validity; 0 absent
	ExpiresAt     time.Time     // expires_at; zero absent
	DeliverAt     time.Time     // deliver_at; zero absent
	Priority      int           // priority 0..3; -1 absent
	Receipts      string        // receipts: none, final, failure, all; "" absent
	// ServiceType is service_type; "" absent.
	ServiceType string
	ProtocolID  int        // protocol_id 0..255; -1 absent
	DataCoding  int        // data_coding 0..255, a raw override; -1 absent
	Route       string     // route, an SMSC's name; "" absent
	TLVs        []TLV      // tlvs, in the record's order, each tag once
	NamedTLVs   []NamedTLV // those given by name, in the record's order
	// Action is action: Submit, Cancel or Replace. With the latter two MessageID is message_id, of the message that
	// is meant, as its result says it, and Route may also have been written smsc. Neither field means anything in a submit.
	Action    string
	MessageID string
	Metadata  []byte // metadata as a compact JSON object of strings, each key once; nil absent or empty
}

// Flag is a boolean field that need not be there.
type Flag int8

// The values of a Flag.
const (
	Absent Flag = iota
	False
	True
)

// TLV is an optional parameter (SMPP v3.4 §3.2.4).
type TLV struct {
	Tag   uint16
	Value []byte
}

// NamedTLV is one that a record gives by a name: its tag, and what octets its text means, are known to the profile of the SMSC that the
// message goes to.
type NamedTLV struct {
	Name  string
	Value []byte
	Raw   bool // Value was given as octets (hex:…), not as text
}

// Source is the place of an outbound record in Kafka.
type Source struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
}

// What a record asks for, in Outbound.Action.
const (
	Submit  = "" // as records write it: "submit", or nothing at all
	Cancel  = "cancel"
	Replace = "replace"
)

// field is one of the fields of an outbound record, in the contract's order.
type field uint8

const (
	fieldID field = iota
	fieldTo
	fieldFrom
	fieldText
	fieldPayload
	fieldEncoding
	fieldTransliterate
	fieldClass
	fieldValidity
	fieldExpiresAt
	fieldDeliverAt
	fieldPriority
	fieldReceipts
	fieldServiceType
	fieldProtocolID
	fieldDataCoding
	fieldRoute
	fieldTLVs
	fieldMetadata
	fieldAction
	fieldMessageID
	fieldSMSC
	fields
)

var fieldNames = [fields]string{
	"id", "to", "from", "text", "payload", "encoding", "transliterate", "class", "validity", "expires_at", "deliver_at",
	"priority", "receipts", "service_type", "protocol_id", "data_coding", "route", "tlvs", "metadata",
	"action", "message_id", "smsc",
}

// secretFields are never quoted in an error.
var secretFields = [fields]bool{
	fieldTo: true, fieldFrom: true, fieldText: true, fieldPayload: true, fieldTLVs: true, fieldMetadata: true,
}

var remedies = [fields]string{
	fieldID:            "must be a string of 1 to 1024 bytes, or be left out",
	fieldTo:            `must be a string with the recipient's number, at most 20 digits, e.g. "+491701234567"`,
	fieldFrom:          `must be a string with the sender, e.g. "+491701234567", "12345" or "ACME", at most 64 bytes`,
	fieldText:          "must be a string with the message",
	fieldPayload:       `must be a string in base64 (RFC 4648 §4), e.g. "CgsM"`,
	fieldEncoding:      `must be one of "auto", "gsm7", "latin1", "ucs2", "binary", "ascii", "cyrillic", "hebrew"`,
	fieldTransliterate: "must be true or false",
	fieldClass:         "must be a whole number from 0 to 3 (0 is flash)",
	fieldValidity:      `must be a duration above zero in quotes, e.g. "90s" or "24h"`,
	fieldExpiresAt:     `must be an RFC 3339 time in quotes, e.g. "2026-01-02T15:04:05Z"`,
	fieldDeliverAt:     `must be an RFC 3339 time in quotes, e.g. "2026-01-02T15:04:05Z"`,
	fieldPriority:      "must be a whole number from 0 to 3 (3 goes first)",
	fieldReceipts:      `must be one of "none", "final", "failure", "all"`,
	fieldServiceType:   `must be a string of at most 5 ASCII characters, e.g. "CMT"`,
	fieldProtocolID:    "must be a whole number from 0 to 255",
	fieldDataCoding:    "must be a whole number from 0 to 255",
	fieldRoute:         "must be a string with the NAME of a configured SMSC",
	fieldTLVs:          `must be an object of at most 64 tags or names and values, e.g. {"0x1400": "text", "source_port": "5000", "0x1401": "hex:0a0b"}`,
	fieldMetadata:      "must be an object of strings, at most " + maxMetadataText,
	fieldAction:        `must be one of "submit", "cancel", "replace"`,
	fieldMessageID:     "must be a string of 1 to 255 bytes, the message_id of the part that is meant, as its result has it",
	fieldSMSC:          "must be a string with the NAME of the SMSC that has the message, as its result has it",
}

// fieldOf finds a field by its key. Keys are compared exactly: "To" is an unknown
// field.
func fieldOf(key []byte) (field, bool) {
	switch string(key) {
	case "id":
		return fieldID, true
	case "to":
		return fieldTo, true
	case "from":
		return fieldFrom, true
	case "text":
		return fieldText, true
	case "payload":
		return fieldPayload, true
	case "encoding":
		return fieldEncoding, true
	case "transliterate":
		return fieldTransliterate, true
	case "class":
		return fieldClass, true
	case "validity":
		return fieldValidity, true
	case "expires_at":
		return fieldExpiresAt, true
	case "deliver_at":
		return fieldDeliverAt, true
	case "priority":
		return fieldPriority, true
	case "receipts":
		return fieldReceipts, true
	case "service_type":
		return fieldServiceType, true
	case "protocol_id":
		return fieldProtocolID, true
	case "data_coding":
		return fieldDataCoding, true
	case "route":
		return fieldRoute, true
	case "tlvs":
		return fieldTLVs, true
	case "metadata":
		return fieldMetadata, true
	case "action":
		return fieldAction, true
	case "message_id":
		return fieldMessageID, true
	case "smsc":
		return fieldSMSC, true
	}
	return 0, false
}

// Decode reads an outbound record's value into o, whatever o held before. Strings
// and bytes of o alias value, see the package's comment.
//
// The error is a *FieldError about the first wrong field in the contract's order;
// every field that can be read is set nevertheless, so that the result about the
// wrong record can carry its id, to, from and metadata. If value is not JSON at
// all nothing is set: which id counts is not known before the end.
func (o *Outbound) Decode(value []byte) error {
	*o = Outbound{Encoding: "auto", Class: -1, Priority: -1, ProtocolID: -1, DataCoding: -1}
	d := decoder{b: value}
	if !d.scan() {
		return d.err
	}
	d.utf8 = utf8.Valid(value)
	d.fill(o)
	if d.err == nil && !d.utf8 {
		// The invalid bytes are in a key, an unknown field or an earlier duplicate.
		d.err = &FieldError{Value: badUTF8(value), Remedy: "must be valid UTF-8"}
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

// badUTF8 names the place of the first byte that is not UTF-8.
func badUTF8(b []byte) string {
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return "invalid UTF-8 at byte " + strconv.Itoa(at+1)
}

// scan checks the syntax of the whole value and notes where each field stands
// last.
func (d *decoder) scan() bool {
	s := scanner{b: d.b}
	const object = `must be one JSON object, e.g. {"to": "+491701234567", "text": "Hello"}`
	if s.space(); s.pos == len(s.b) {
		d.err = &FieldError{Remedy: object}
		return false
	}
	if s.b[s.pos] != '{' {
		var t token
		shown := "not JSON"
		if s.value(&t, 0) {
			shown = t.shown(d.b, true)
		}
		d.err = &FieldError{Value: shown, Remedy: object}
		return false
	}
	s.open()
	for first := true; ; first = false {
		key, value, more := s.member(first, 1)
		if !more {
			break
		}
		name := d.b[key.start+1 : key.end-1]
		if key.escaped {
			name, _ = unescape(name)
		}
		if f, ok := fieldOf(name); ok {
			d.at[f] = value
		}
	}
	if s.fault == "" {
		if s.space(); s.pos < len(s.b) {
			s.fail(s.pos, "the end, as the object is closed")
		}
	}
	if s.fault != "" {
		d.err = &FieldError{Value: "not JSON at byte " + strconv.Itoa(s.pos+1), Remedy: "must have " + s.fault + " there"}
		return false
	}
	return true
}

// OutboundFields are the names of an outbound record's fields, in the contract's order.
func OutboundFields() []string { return append([]string(nil), fieldNames[:]...) }

// IsField tells whether an outbound record has a field of that name.
func IsField(name string) bool {
	_, ok := fieldOf([]byte(name))
	return ok
}
