package record

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// decoder turns the tokens of an outbound record into its fields. It keeps the
// first error and goes on.
type decoder struct {
	b    []byte
	at   [fields]token // the last occurrence of each field
	utf8 bool          // the whole value is valid UTF-8
	err  *FieldError
}

// fill reads the fields in the contract's order.
func (d *decoder) fill(o *Outbound) {
	o.ID = d.id()
	o.To = d.to()
	o.From = d.from()
	o.Text, o.HasText = d.str(fieldText)
	o.Payload, o.HasPayload = d.payload()
	d.action(o)
	d.body(o)
	o.Transliterate = d.flag(fieldTransliterate)
	o.Class = d.integer(fieldClass, 3)
	o.Validity = d.duration(fieldValidity)
	o.ExpiresAt = d.time(fieldExpiresAt)
	o.DeliverAt = d.time(fieldDeliverAt)
	o.Priority = d.integer(fieldPriority, 3)
	o.Receipts = d.oneOf(fieldReceipts, "none", "final", "failure", "all")
	o.ServiceType = d.serviceType()
	o.ProtocolID = d.integer(fieldProtocolID, 255)
	o.DataCoding = d.integer(fieldDataCoding, 255)
	o.Route, _ = d.str(fieldRoute)
	d.subject(o)
	o.TLVs, o.NamedTLVs = d.tlvs()
	o.Metadata = d.metadata()
}

func (d *decoder) action(o *Outbound) {
	if a := d.oneOf(fieldAction, "submit", Cancel, Replace); a != "submit" {
		o.Action = a
	}
}

// subject reads which message a cancel or replace is about.
func (d *decoder) subject(o *Outbound) {
	if o.Action == Submit {
		return
	}
	id, ok := d.str(fieldMessageID)
	if ok && (id == "" || len(id) > MaxMessageID) || !d.given(fieldMessageID) {
		d.wrong(fieldMessageID)
	}
	o.MessageID = id
	smsc, ok := d.str(fieldSMSC)
	switch {
	case !ok:
	case o.Route != "" && o.Route != smsc:
		d.fail(fieldSMSC, strconv.Quote(clip(smsc)), "must be the same as route, or be left out: it is one SMSC that has the message")
	default:
		o.Route = smsc
	}
}

// body reads the encoding and judges it together with text and payload.
func (d *decoder) body(o *Outbound) {
	const either = "must be given, or payload: a record has exactly one of the two"
	text, payload := d.given(fieldText), d.given(fieldPayload)
	switch {
	case text && payload:
		d.fail(fieldPayload, d.at[fieldPayload].shown(d.b, true), "must be left out where text is given: a record has exactly one of the two")
	case !text && !payload && o.Action != Cancel:
		d.fail(fieldText, "", either)
	}
	encoding := d.oneOf(fieldEncoding, "auto", "gsm7", "latin1", "ucs2", "binary", "ascii", "cyrillic", "hebrew")
	switch {
	case encoding == "binary" && text:
		d.fail(fieldEncoding, `"binary"`, "must be another where text is given: binary needs payload")
	case encoding != "" && encoding != "auto":
		o.Encoding = encoding
	case payload && !text:
		o.Encoding = "binary"
	}
}

func (d *decoder) fail(f field, shown, remedy string) {
	if d.err == nil {
		d.err = &FieldError{Field: fieldNames[f], Value: shown, Remedy: remedy}
	}
}

// wrong is fail with the field's own remedy and what was given.
func (d *decoder) wrong(f field) {
	d.fail(f, d.at[f].shown(d.b, secretFields[f]), remedies[f])
}

// given says whether the field is there and not null.
func (d *decoder) given(f field) bool {
	k := d.at[f].kind
	return k != kindAbsent && k != kindNull
}

// str reads a string; ok is false if it is absent or cannot be read.
func (d *decoder) str(f field) (s string, ok bool) {
	if !d.given(f) {
		return "", false
	}
	t := d.at[f]
	if t.kind != kindString {
		d.wrong(f)
		return "", false
	}
	if !d.utf8 && !utf8.Valid(d.b[t.start:t.end]) {
		d.fail(f, badUTF8(d.b), "must be valid UTF-8")
		return "", false
	}
	s, ok = d.unquoted(t)
	if !ok {
		d.fail(f, `a \u escape that is half of a surrogate pair`, "must be valid Unicode: both halves or none")
		return "", false
	}
	return s, true
}

// unquoted is the value of a string token, aliasing the record where it has no
// escapes. It is false if the string holds a lone surrogate, which no UTF-8 can.
func (d *decoder) unquoted(t token) (string, bool) {
	raw, ok := d.b[t.start+1:t.end-1], true
	if t.escaped {
		raw, ok = unescape(raw)
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw)), ok
}

func (d *decoder) id() string {
	s, ok := d.str(fieldID)
	if ok && (s == "" || len(s) > MaxID) {
		d.wrong(fieldID)
	}
	return s
}

func (d *decoder) to() string {
	if !d.given(fieldTo) {
		d.fail(fieldTo, "", remedies[fieldTo])
		return ""
	}
	s, ok := d.str(fieldTo)
	if ok && !plausibleNumber(s) {
		d.wrong(fieldTo)
	}
	return s
}

// plausibleNumber says whether s can be a destination: 1 to 20 digits, a plus
// sign before the first of them at most, and the separators that people write.
// Which number it is, is not judged here.
func plausibleNumber(s string) bool {
	if len(s) > MaxAddress {
		return false
	}
	digits, plus := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case c == '+':
			if plus || digits > 0 {
				return false
			}
			plus = true
		case c == ' ', c == '-', c == '.', c == '(', c == ')', c == '/':
		default:
			return false
		}
	}
	return digits > 0 && digits <= MaxDigits
}

// from is judged where senders are parsed; here it only must be a line of text.
func (d *decoder) from() string {
	s, ok := d.str(fieldFrom)
	if !ok {
		return ""
	}
	if len(s) > MaxAddress {
		d.wrong(fieldFrom)
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			d.wrong(fieldFrom)
		}
	}
	return s
}

// payload accepts base64 with or without its padding.
func (d *decoder) payload() ([]byte, bool) {
	s, ok := d.str(fieldPayload)
	if !ok {
		return nil, false
	}
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(s, "=") {
		encoding = base64.StdEncoding
	}
	out, err := encoding.Strict().DecodeString(s)
	if err != nil {
		d.wrong(fieldPayload)
		return nil, false
	}
	return out, true
}

// integer reads a number from 0 to limit, -1 if it is absent or wrong. Fractions
// and exponents are refused even where they come out whole: a writer that sends
// 5.0 has a type that will one day send 5.5.
func (d *decoder) integer(f field, limit int) int {
	if !d.given(f) {
		return -1
	}
	t := d.at[f]
	if t.kind == kindNumber {
		// Three digits are all that a limit has; longer ones cannot be in range as
		// JSON has no leading zeros.
		if raw := d.b[t.start:t.end]; len(raw) <= 3 {
			if n, err := strconv.Atoi(string(raw)); err == nil && n >= 0 && n <= limit {
				return n
			}
		}
	}
	d.wrong(f)
	return -1
}

func (d *decoder) flag(f field) Flag {
	if !d.given(f) {
		return Absent
	}
	t := d.at[f]
	switch {
	case t.kind != kindBool:
		d.wrong(f)
		return Absent
	case d.b[t.start] == 't':
		return True
	default:
		return False
	}
}

func (d *decoder) oneOf(f field, words ...string) string {
	s, ok := d.str(f)
	if !ok {
		return ""
	}
	for _, w := range words {
		if s == w {
			return w
		}
	}
	d.wrong(f)
	return ""
}

func (d *decoder) duration(f field) time.Duration {
	s, ok := d.str(f)
	if !ok {
		return 0
	}
	v, err := time.ParseDuration(s)
	if err != nil || v <= 0 {
		d.wrong(f)
		return 0
	}
	return v
}

func (d *decoder) time(f field) time.Time {
	s, ok := d.str(f)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	// Parse also takes "T5:" for an hour and a comma before the fraction; RFC 3339
	// has all its digits in place.
	if err != nil || s[13] != ':' || s[19] == ',' {
		d.wrong(f)
		return time.Time{}
	}
	if t.IsZero() {
		// "0001-01-01T00:00:00Z" was given and so must not read as absent: what has
		// long expired would be sent.
		t = t.Add(time.Millisecond)
	}
	return t.UTC()
}

func (d *decoder) serviceType() string {
	s, ok := d.str(fieldServiceType)
	if !ok {
		return ""
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			d.wrong(fieldServiceType)
			return ""
		}
	}
	if len(s) > MaxServiceType {
		d.wrong(fieldServiceType)
		return ""
	}
	return s
}
