package registry

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas"
	"github.com/smpp-connector/smpp-connector/schemas/pb"
)

// headers are record.Headers.
type headers map[string][]byte

func (h headers) Header(name string) []byte { return h[name] }

func framed(id int, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), data...)
}

func encode(t *testing.T, schema string, v any) []byte {
	t.Helper()
	b, err := avro.MustParse(schema).Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func p[T any](v T) *T { return &v }

const foreignAvro = `{"type":"record","name":"Sms","namespace":"shop","fields":[
	{"name":"created","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"text","type":"string"},
	{"name":"priority","type":{"type":"enum","name":"P","symbols":["low","high"]},"default":"low"},
	{"name":"to","type":["null","string"]},
	{"name":"expires_at","type":"long"},
	{"name":"class","type":"double"},
	{"name":"metadata","type":{"type":"map","values":["null","string"]}},
	{"name":"customer","type":{"type":"record","name":"C","fields":[{"name":"id","type":"int"}]}}]}`

const foreignProto = `syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "shop/meta.proto";
message Order { int32 number = 1; }
message Envelope {
  message Other { string x = 1; }
  message Sms {
    enum Receipts { none = 0; final = 1; }
    uint64 ignored = 9;
    google.protobuf.StringValue to = 7;
    string text = 3;
    google.protobuf.Duration validity = 4;
    google.protobuf.Timestamp expires_at = 5;
    Receipts receipts = 6;
    google.protobuf.Int32Value class = 8;
    Meta unrelated = 10;
    map<string, string> metadata = 2;
  }
}`

// TestWhatIsReadIsRecognisedByItself reads one message in every form that it can come in.
func TestWhatIsReadIsRecognisedByItself(t *testing.T) {
	t.Parallel()
	f, c := fake(t)
	register := func(subject string, s sr.Schema) int {
		t.Helper()
		id, _, err := f.RegisterSchema(subject, s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	expires := time.Date(2027, 1, 2, 3, 4, 5, 678e6, time.UTC)
	want := record.Outbound{Encoding: "auto", ID: "order-1", To: "+491701234567", HasText: true, Text: "Grüße 😀", Class: 0, Priority: 3, ProtocolID: -1, DataCoding: -1, ExpiresAt: expires,
		Validity: 90 * time.Second, TLVs: []record.TLV{{Tag: 0x1400, Value: []byte{0xa, 0xb}}}, Metadata: []byte(`{"customer":"c-17"}`)}
	json := `{"id":"order-1","to":"+491701234567","text":"Grüße 😀","class":0,"validity":"90s","expires_at":"2027-01-02T03:04:05.678Z","priority":3,"tlvs":{"0x1400":"hex:0a0b"},"metadata":{"customer":"c-17"}}`
	ourAvro := encode(t, schemas.Avro(schemas.Outbound), map[string]any{"id": "order-1", "to": "+491701234567", "text": "Grüße 😀", "class": 0, "validity": "90s", "expires_at": expires,
		"priority": 3, "tlvs": map[string]any{"0x1400": "hex:0a0b"}, "metadata": map[string]any{"customer": "c-17"}})
	ourProto, err := proto.Marshal(&pb.Outbound{Id: p("order-1"), To: "+491701234567", Text: p("Grüße 😀"), Class: p(int32(0)), Validity: p("90s"), ExpiresAt: timestamppb.New(expires),
		Priority: p(int32(3)), Tlvs: map[string]string{"0x1400": "hex:0a0b"}, Metadata: map[string]string{"customer": "c-17"}})
	if err != nil {
		t.Fatal(err)
	}
	avroID := register("sms.outbound-value", sr.Schema{Schema: schemas.Avro(schemas.Outbound)})
	protoID := register("other-value", sr.Schema{Schema: schemas.Protobuf(schemas.Outbound), Type: sr.TypeProtobuf})
	jsonID := register("third-value", sr.Schema{Schema: schemas.JSON(schemas.Outbound), Type: sr.TypeJSON})

	guid := "0b1d2f3a-0000-4000-8000-00000000abcd"
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/schemas/guids/"+guid) {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		_, _ = w.Write([]byte(`{"id":1,"guid":"` + guid + `","schemaType":"PROTOBUF","schema":` + quoted(schemas.Protobuf(schemas.Outbound)) + `}`))
		return true
	})
	rawGUID, _ := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))

	foreignWant := want
	foreignWant.ID, foreignWant.Validity, foreignWant.TLVs, foreignWant.Priority = "", 0, nil, -1
	foreignWant.ExpiresAt = time.UnixMilli(expires.UnixMilli()).UTC()
	foreignAvroOf := strings.Replace(foreignAvro, `"name":"priority"`, `"name":"importance"`, 1)
	foreignAvroID := register("foreign-value", sr.Schema{Schema: foreignAvroOf})
	foreignAvroData := encode(t, foreignAvroOf, map[string]any{"created": time.Now(), "text": "Grüße 😀", "importance": "low", "to": "+491701234567", "expires_at": expires.UnixMilli(), "class": 0.0,
		"metadata": map[string]any{"customer": "c-17"}, "customer": map[string]any{"id": 1}})

	register("meta", sr.Schema{Schema: `syntax = "proto3"; message Meta { string a = 1; }`, Type: sr.TypeProtobuf})
	foreignProtoID := register("foreign-proto-value", sr.Schema{Schema: foreignProto, Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "shop/meta.proto", Subject: "meta", Version: 1}}})
	// Envelope.Sms is message 1 of message 1: the path 1, 1, written with its length as zigzag numbers.
	foreignProtoData := append([]byte{4, 2, 2}, protoSms(expires)...)
	protoWant := foreignWant
	protoWant.Validity, protoWant.Receipts, protoWant.ExpiresAt = 90*time.Second, "final", expires

	r := NewReader(t.Context(), c)
	for _, in := range []struct {
		name  string
		value []byte
		h     headers
		want  record.Outbound
	}{
		{"plain JSON", []byte(json), nil, want},
		{"plain JSON behind a space", []byte(" " + json), nil, want},
		{"our Avro", framed(avroID, ourAvro), nil, want},
		{"our Protobuf", framed(protoID, append([]byte{0}, ourProto...)), nil, want},
		{"our Protobuf, the path written out", framed(protoID, append([]byte{2, 0}, ourProto...)), nil, want},
		{"JSON Schema", framed(jsonID, []byte(json)), nil, want},
		{"a schema's GUID in a header", ourProto, headers{record.SchemaIDHeader: append(append([]byte{1}, rawGUID...), 0)}, want},
		{"Avro by another's schema", framed(foreignAvroID, foreignAvroData), nil, foreignWant},
		{"Protobuf by another's schema, nested, with imports", framed(foreignProtoID, foreignProtoData), nil, protoWant},
	} {
		t.Run(in.name, func(t *testing.T) {
			var got record.Outbound
			if err := decoded(r, &got, in.value, in.h); err != nil {
				t.Fatal(err)
			}
			got.ExpiresAt, in.want.ExpiresAt = got.ExpiresAt.UTC(), in.want.ExpiresAt.UTC()
			if !reflect.DeepEqual(got, in.want) {
				t.Errorf("%+v\nwant\n%+v", got, in.want)
			}
		})
	}
	for _, wrong := range []struct {
		name  string
		value []byte
		h     headers
		says  string
	}{
		{"an id that the registry does not have", framed(4711, ourAvro), nil, "schema 4711"},
		{"half a prefix", []byte{0, 0, 0}, nil, "3 bytes"},
		{"data that is not the schema's", framed(avroID, []byte{0xff, 0xff}), nil, "does not fit"},
		{"data with something behind", framed(avroID, append(bytes.Clone(ourAvro), 1)), nil, "does not fit"},
		{"a message that the schema does not have", framed(protoID, append([]byte{2, 8}, ourProto...)), nil, "does not fit"},
		{"a field that is wrong", framed(jsonID, []byte(`{"to":"x"}`)), nil, `field "to"`},
		{"a header that is none", []byte(json), headers{record.SchemaIDHeader: {7}}, "GUID"},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			var got record.Outbound
			err := decoded(r, &got, wrong.value, wrong.h)
			var field *record.FieldError
			if !errors.As(err, &field) || !strings.Contains(err.Error(), wrong.says) || field.Remedy == "" {
				t.Errorf("%v; want a field error with %q", err, wrong.says)
			}
			if got.Class != -1 {
				t.Error("the absent fields are not absent")
			}
		})
	}
}

// decoded comes again while the registry has not told the schema, as the sink does: Decode waits for a moment only.
func decoded(r *Reader, o *record.Outbound, value []byte, h headers) error {
	for limit := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if err := r.Decode(o, value, h, true); !errors.Is(err, record.ErrNotYet) || time.Now().After(limit) {
			return err
		}
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer("\\", `\\`, "\n", `\n`, "\t", `\t`, `"`, `\"`).Replace(s) + `"`
}

// protoSms is Envelope.Sms, written by hand: no code is made of a foreign schema.
func protoSms(expires time.Time) []byte {
	text := func(number byte, s string) []byte { return append([]byte{number<<3 | 2, byte(len(s))}, s...) }
	var b []byte
	b = append(b, text(7, string(text(1, "+491701234567")))...)
	b = append(b, text(3, "Grüße 😀")...)
	b = append(b, text(4, "\x08\x5a")...)
	ts, _ := proto.Marshal(timestamppb.New(expires))
	b = append(b, text(5, string(ts))...)
	b = append(b, 6<<3, 1)
	b = append(b, text(8, "")...)
	return append(b, text(2, string(text(1, "customer"))+string(text(2, "c-17")))...)
}

// TestARegistryThatIsAwayDelaysOnlyWhatNeedsIt: the record steps aside at once, is readable when the registry is back, and others
// go on meanwhile.
func TestARegistryThatIsAwayDelaysOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	f, c := fake(t)
	id, _, err := f.RegisterSchema("sms.outbound-value", sr.Schema{Schema: schemas.Avro(schemas.Outbound)})
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	away.Store(true)
	f.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return away.Load()
	})
	r := NewReader(t.Context(), c)
	value := framed(id, encode(t, schemas.Avro(schemas.Outbound), map[string]any{"to": "+491701234567", "text": "x"}))
	var o record.Outbound
	if err := r.Decode(&o, value, headers{}, false); !errors.Is(err, record.ErrNotYet) {
		t.Fatalf("%v", err)
	}
	if err := r.Decode(&o, []byte(`{"to":"+491701234567","text":"x"}`), headers{}, false); err != nil {
		t.Errorf("what needs no schema: %v", err)
	}
	away.Store(false)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		err := r.Decode(&o, value, headers{}, false)
		if err == nil {
			break
		}
		if !errors.Is(err, record.ErrNotYet) {
			t.Fatal(err)
		}
		if t.Context().Err() != nil {
			t.Fatal("it never became readable")
		}
	}
	away.Store(true) // what is known stays known
	if err := r.Decode(&o, value, headers{}, false); err != nil || o.To != "+491701234567" {
		t.Errorf("%v %q", err, o.To)
	}
}

// TestSchemasThatRecordsMakeUpDoNotPileUp: ids come from whoever may write records.
func TestSchemasThatRecordsMakeUpDoNotPileUp(t *testing.T) {
	t.Parallel()
	r := NewReader(t.Context(), mustClient(t))
	for i := range 3 * maxSchemas {
		s := &schema{done: make(chan struct{}), missing: true, err: errors.New("x"), at: time.Now()}
		close(s.done)
		r.mu.Lock()
		if len(r.known) >= maxSchemas {
			r.forget()
		}
		r.known[string(binary.BigEndian.AppendUint32(nil, uint32(i)))] = s
		n := len(r.known)
		r.mu.Unlock()
		if n > maxSchemas {
			t.Fatalf("%d are kept", n)
		}
	}
}

func mustClient(t *testing.T) *Client {
	c, err := NewClient(config.Registry{URLs: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzDataBehindASchemasID reads whatever bytes by each kind of schema.
func FuzzDataBehindASchemasID(f *testing.F) {
	a, err := compileAvro(schemas.Avro(schemas.Outbound), nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := compileProtobuf(schemas.Protobuf(schemas.Outbound), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	foreign, err := compileAvro(foreignAvro, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 0, 2, 0x41})
	f.Add([]byte{4, 2, 2, 0x12, 1, 0x31})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []decoder{a, b, foreign} {
			json, err := d.appendJSON(nil, data)
			if err != nil {
				continue
			}
			var o record.Outbound
			var field *record.FieldError
			if err := o.Decode(json); err != nil && !errors.As(err, &field) {
				t.Errorf("%v", err)
			} else if err != nil && strings.Contains(err.Error(), "not JSON") {
				t.Errorf("% x became %s: %v", data, json, err)
			}
		}
	})
}
