package record

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Form is a form in which records are written and read. It must be safe for use by several goroutines.
type Form interface {
	AppendResult(dst []byte, r *Result) []byte
	AppendReceipt(dst []byte, r *Receipt) []byte
	AppendInbound(dst []byte, m *Inbound) []byte
}

// JSON is the plain form.
type JSON struct{}

// AppendResult appends the result as one JSON object.
func (JSON) AppendResult(dst []byte, r *Result) []byte { return r.AppendJSON(dst) }

// AppendReceipt appends the receipt as one JSON object.
func (JSON) AppendReceipt(dst []byte, r *Receipt) []byte { return r.AppendJSON(dst) }

// AppendInbound appends the message as one JSON object.
func (JSON) AppendInbound(dst []byte, m *Inbound) []byte { return m.AppendJSON(dst) }

// ErrNotYet says that a record cannot be read for now, because the registry that knows its schema cannot be reached. Whether it
// is right or wrong is not known: it must be tried again, and nothing else may wait for it.
var ErrNotYet = errors.New("the record's schema is not known yet")

// Reader reads outbound records.
type Reader interface {
	// Decode reads a value into o; see Outbound.Decode. It may wait a moment for what it does not know yet only if that is allowed;
	// else, and after that moment, the error is ErrNotYet.
	Decode(o *Outbound, value []byte, h Headers, wait bool) error
}

// Headers are a Kafka record's headers.
type Headers interface {
	// Header is the value of the last header of that name, nil where there is none.
	Header(name string) []byte
}

// SchemaIDHeader is the header in which newer producers of Confluent's put the schema's id, in place of the value's first bytes.
const SchemaIDHeader = "__value_schema_id"

// PlainReader reads JSON, for a connector without a registry.
type PlainReader struct{}

// Decode refuses what needs a registry with the remedy, since its bytes would else be called broken JSON.
func (PlainReader) Decode(o *Outbound, value []byte, h Headers, _ bool) error {
	err := o.Decode(value)
	if err != nil && (len(value) > 5 && value[0] == 0 || h.Header(SchemaIDHeader) != nil) {
		return &FieldError{Value: "of a schema registry's form", Remedy: "must be JSON as long as SCHEMA_REGISTRY_URL is not set"}
	}
	return err
}

// Strings are the members of Raw as its JSON has them; nil and "" where absent.
func (r *Raw) Strings() (shortMessage *string, tlvs map[string]string, udh string) {
	shown := func(b []byte) string {
		if printable(b) {
			return string(b)
		}
		q := appendHex(nil, b)
		return string(q[1 : len(q)-1])
	}
	if r.ShortMessage != nil {
		s := shown(r.ShortMessage)
		shortMessage = &s
	}
	if len(r.TLVs) > 0 {
		tlvs = make(map[string]string, len(r.TLVs))
		nth := make(map[uint16]int, len(r.TLVs))
		for _, t := range r.TLVs {
			key := string(appendTag(nil, t.Tag))
			if nth[t.Tag]++; nth[t.Tag] > 1 {
				key += "#" + strconv.Itoa(nth[t.Tag])
			}
			tlvs[key] = shown(t.Value)
		}
	}
	if len(r.UDH) > 0 {
		q := appendHex(nil, r.UDH)
		udh = string(q[1 : len(q)-1])
	}
	return shortMessage, tlvs, udh
}

// Absent tells that there is nothing in it.
func (r *Raw) Absent() bool { return r.absent() }

// MetadataMap is metadata, compact JSON, as a map; nil where there is none.
func MetadataMap(metadata []byte) map[string]string {
	if len(metadata) == 0 {
		return nil
	}
	var m map[string]string
	if json.Unmarshal(metadata, &m) != nil {
		return nil // cannot be: Decode has checked it
	}
	return m
}

// Clean is s with U+FFFD for what is not UTF-8, as JSON has it.
func Clean(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// Timestamped tells whether a source has a timestamp: Kafka marks a record without one by -1 milliseconds.
func (s *Source) Timestamped() bool { return !s.Timestamp.IsZero() && s.Timestamp.UnixMilli() != -1 }
