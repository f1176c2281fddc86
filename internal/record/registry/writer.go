package registry

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas"
)

// Formats of FORMAT beside json.
const (
	Avro       = "avro"
	Protobuf   = "protobuf"
	JSONSchema = "jsonschema"
)

// Subject is the subject of a topic's values (TopicNameStrategy).
func Subject(topic string) string { return topic + "-value" }

// NotRegisteredError is a schema that must be registered before anything can be written by it.
type NotRegisteredError struct{ Subject, File string }

func (e *NotRegisteredError) Error() string {
	return fmt.Sprintf("subject %s does not have schemas/%s: register it there, or set SCHEMA_REGISTRY_REGISTER=true", e.Subject, e.File)
}

// Writer writes records in one format. It is a record.Form.
type Writer struct {
	result, receipt, inbound []byte // what stands before the data
	form                     encoders
}

type encoders struct {
	result  func([]byte, *record.Result) ([]byte, error)
	receipt func([]byte, *record.Receipt) ([]byte, error)
	inbound func([]byte, *record.Inbound) ([]byte, error)
}

var formats = map[string]struct {
	kind sr.SchemaType
	file string // below schemas/, with the record's name
	text func(string) string
	encoders
}{
	Avro:     {sr.TypeAvro, "avro/%s.avsc", schemas.Avro, encoders{appendAvroResult, appendAvroReceipt, appendAvroInbound}},
	Protobuf: {sr.TypeProtobuf, "protobuf/%s.proto", schemas.Protobuf, encoders{appendPBResult, appendPBReceipt, appendPBInbound}},
	JSONSchema: {sr.TypeJSON, "jsonschema/%s.schema.json", schemas.JSON, encoders{
		func(dst []byte, r *record.Result) ([]byte, error) { return r.AppendJSON(dst), nil },
		func(dst []byte, r *record.Receipt) ([]byte, error) { return r.AppendJSON(dst), nil },
		func(dst []byte, m *record.Inbound) ([]byte, error) { return m.AppendJSON(dst), nil },
	}},
}

// Topics are the topics whose schemas a Writer needs; "" for one that nothing is written to.
type Topics struct{ Results, Receipts, Inbound string }

// NewWriter finds the ids of our schemas, which it registers where that is asked for. Without an id nothing can be written:
// who gets an error asks again.
func NewWriter(ctx context.Context, c *Client, format string, topics Topics, register bool) (*Writer, error) {
	f, ok := formats[format]
	if !ok {
		return nil, fmt.Errorf("FORMAT=%s is not known", format)
	}
	w := &Writer{form: f.encoders}
	for _, of := range []struct {
		name, topic string
		prefix      *[]byte
	}{{schemas.Result, topics.Results, &w.result}, {schemas.Receipt, topics.Receipts, &w.receipt}, {schemas.Inbound, topics.Inbound, &w.inbound}} {
		if of.topic == "" {
			continue
		}
		id, err := c.idOf(ctx, Subject(of.topic), sr.Schema{Schema: f.text(of.name), Type: f.kind}, register)
		if unknown(err) {
			err = &NotRegisteredError{Subject(of.topic), fmt.Sprintf(f.file, of.name)}
		}
		if err != nil {
			return nil, fmt.Errorf("schema registry: %w", remedy(err))
		}
		*of.prefix = prefix(id, f.kind == sr.TypeProtobuf)
	}
	return w, nil
}

func (c *Client) idOf(ctx context.Context, subject string, s sr.Schema, register bool) (int, error) {
	ctx = sr.WithParams(ctx, sr.Normalize) // a registry may have written it anew
	if register {
		got, err := c.sr.CreateSchema(ctx, subject, s)
		return got.ID, err
	}
	got, err := c.sr.LookupSchema(ctx, subject, s)
	return got.ID, err
}

// prefix is Confluent's wire format up to the data. Our Protobuf messages are the first of their file, whose path is written as a
// single zero.
func prefix(id int, protobuf bool) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
	if protobuf {
		b = append(b, 0)
	}
	return b
}

// AppendResult appends the result with its schema's id.
func (w *Writer) AppendResult(dst []byte, r *record.Result) []byte {
	return must(w.form.result(append(dst, w.result...), r))
}

// AppendReceipt appends the receipt with its schema's id.
func (w *Writer) AppendReceipt(dst []byte, r *record.Receipt) []byte {
	return must(w.form.receipt(append(dst, w.receipt...), r))
}

// AppendInbound appends the message with its schema's id.
func (w *Writer) AppendInbound(dst []byte, m *record.Inbound) []byte {
	return must(w.form.inbound(append(dst, w.inbound...), m))
}

// must holds because nothing in a record can be refused: every string is UTF-8 (record.Clean), every type is the schema's.
// FuzzWhateverAnSMSCSendsCanBeWritten looks for what could.
func must(b []byte, err error) []byte {
	if err != nil {
		panic("registry: a record that its own schema refuses: " + err.Error())
	}
	return b
}
