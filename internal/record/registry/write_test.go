package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas"
	"github.com/smpp-connector/smpp-connector/schemas/pb"
)

func fake(tb testing.TB) (*srfake.Registry, *Client) {
	tb.Helper()
	f := srfake.New()
	tb.Cleanup(f.Close)
	c, err := NewClient(config.Registry{URLs: []string{f.URL()}})
	if err != nil {
		tb.Fatal(err)
	}
	return f, c
}

var topics = Topics{Results: "sms.results", Receipts: "sms.receipts", Inbound: "sms.inbound"}

func writer(tb testing.TB, format string) *Writer {
	tb.Helper()
	_, c := fake(tb)
	w, err := NewWriter(tb.Context(), c, format, topics, true)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

var (
	at     = time.Date(2026, 3, 1, 9, 30, 0, 12e6, time.UTC)
	source = record.Source{Topic: "sms.outbound", Partition: 3, Offset: 1288, Timestamp: at}
	raw    = record.Raw{ShortMessage: []byte("id:1 stat:DELIVRD"), TLVs: []record.TLV{{Tag: 0x1e, Value: []byte("1\x00")}, {Tag: 0x1400, Value: []byte("a")}, {Tag: 0x1400, Value: []byte("b")}}, UDH: []byte{5, 0}}

	fullResult = record.Result{
		ID: "order-1", Status: record.Rejected, SMSC: "acme", To: "+491701234567", From: "Acme", Encoding: "gsm7", Attempts: 2, PossibleDuplicate: true, Error: "refused",
		Parts: []record.PartResult{{Part: 1, MessageID: "10C8F40D", Answered: true}, {Part: 2, CommandStatus: 0x0b, Answered: true}, {Part: 3}}, Source: source,
		ReceivedAt: at, SubmittedAt: at.Add(time.Second), AnsweredAt: at.Add(2 * time.Second), Metadata: []byte(`{"customer":"c-17","ä":"\u2028"}`), Transliterated: []string{"’→'", "é→e"},
	}
	fullReceipt = record.Receipt{
		ID: "order-1", MessageID: "10C8F40D", Part: 1, Parts: 2, State: "DELIVERED", Final: true, Stat: "DELIVRD", Error: "000", SubmittedAt: at, DoneAt: at.Add(time.Minute),
		SMSC: "acme", To: "+491701234567", From: "Acme", Correlated: true, Source: &source, ReceivedAt: at, Metadata: []byte(`{"customer":"c-17"}`), Raw: raw,
	}
	fullInbound = record.Inbound{
		ID: "smpp.deliver-2-77", From: "491701234567", To: "12345", Text: "Thank you!", Encoding: "gsm7", DataCoding: 8, Parts: 3, Complete: false, Missing: []int{2},
		SMSC: "acme", ReceivedAt: at, InReplyTo: &record.InReplyTo{ID: "order-1", Metadata: []byte(`{"customer":"c-17"}`)}, Raw: raw,
	}
	results  = []record.Result{fullResult, {ID: "x", Status: record.Invalid, Source: record.Source{Topic: "t", Timestamp: time.UnixMilli(-1)}}}
	receipts = []record.Receipt{fullReceipt, {State: "UNKNOWN"}}
	inbounds = []record.Inbound{fullInbound, {IsPayload: true, Payload: []byte{0, 0xff}, Complete: true}, {IsPayload: true}, {}}
)

// plainJSON is a JSON object as its members, without what is absent there and has a default elsewhere.
func plainJSON(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return m
}

// TestEveryFormSaysWhatTheJSONSays writes each record in each form, reads it by the form's own library and compares it
// with the JSON. It is how a field that one form forgets is found.
func TestEveryFormSaysWhatTheJSONSays(t *testing.T) {
	t.Parallel()
	for _, format := range []string{Avro, Protobuf, JSONSchema} {
		w := writer(t, format)
		for i := range results {
			same(t, format, schemas.Result, results[i].AppendJSON(nil), w.AppendResult(nil, &results[i]), &pb.Result{})
		}
		for i := range receipts {
			same(t, format, schemas.Receipt, receipts[i].AppendJSON(nil), w.AppendReceipt(nil, &receipts[i]), &pb.Receipt{})
		}
		for i := range inbounds {
			same(t, format, schemas.Inbound, inbounds[i].AppendJSON(nil), w.AppendInbound(nil, &inbounds[i]), &pb.Inbound{})
		}
	}
}

func same(t *testing.T, format, name string, plain, got []byte, message proto.Message) {
	t.Helper()
	want := plainJSON(t, plain)
	if len(got) < 5 || got[0] != 0 {
		t.Fatalf("%s %s: % x is not the wire format", format, name, got)
	}
	data := got[5:]
	var m map[string]any
	switch format {
	case JSONSchema:
		if !bytes.Equal(data, plain) {
			t.Errorf("%s: %s, want %s", name, data, plain)
		}
		validate(t, name, data)
		return
	case Protobuf:
		if err := proto.Unmarshal(data[1:], message); err != nil {
			t.Fatal(err)
		}
		b, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		m = plainJSON(t, b)
	case Avro:
		var v any
		if rest, err := avro.MustParse(schemas.Avro(name)).Decode(data, &v); err != nil || len(rest) > 0 {
			t.Fatalf("%v, %d bytes left", err, len(rest))
		}
		b, err := json.Marshal(textOf(v))
		if err != nil {
			t.Fatal(err)
		}
		m = plainJSON(t, b)
	}
	// JSON leaves out what is absent; the forms have null, an empty list or a zero there.
	clean(m, want)
	if !reflect.DeepEqual(m, want) {
		t.Errorf("%s %s:\n%v\nwant\n%v", format, name, m, want)
	}
}

// textOf writes times and bytes as the JSON has them.
func textOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			m[k] = textOf(x)
		}
		return m
	case []any:
		for i := range v {
			v[i] = textOf(v[i])
		}
		return v
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z")
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	return v
}

// clean drops from got what stands for nothing, and lets numbers and times be written in one way.
func clean(got, want map[string]any) {
	for k, v := range got {
		_, wanted := want[k]
		switch v := v.(type) {
		case map[string]any:
			if w, ok := want[k].(map[string]any); ok {
				clean(v, w)
			} else if len(v) == 0 {
				delete(got, k)
			}
		case []any:
			if len(v) == 0 {
				delete(got, k)
			}
			if w, ok := want[k].([]any); ok && len(w) == len(v) {
				for i := range v {
					x, ok1 := v[i].(map[string]any)
					y, ok2 := w[i].(map[string]any)
					if ok1 && ok2 {
						clean(x, y)
					}
				}
			}
		case nil:
			delete(got, k)
		case string:
			if n, ok := want[k].(json.Number); ok && string(n) == v {
				got[k] = n // protojson writes an int64 as a string
			} else if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				got[k] = t.UTC().Format("2006-01-02T15:04:05.000Z")
			} else if v == "" && !wanted {
				delete(got, k)
			}
		case json.Number:
			if !wanted && v == "0" {
				delete(got, k)
			}
		}
	}
}

func validate(t *testing.T, name string, data []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schemas.JSON(name)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range doc.(map[string]any) {
		if k == "properties" && len(v.(map[string]any)) > 0 {
			doc.(map[string]any)["additionalProperties"] = false // here: a field that the schema has forgotten
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil && len(data) > 150 { // the shortest have a state or id that no record has
		t.Errorf("%s: %v\n%s", name, err, data)
	}
}

// TestNothingIsRegisteredUnlessAskedFor and what is missing is named with the remedy.
func TestNothingIsRegisteredUnlessAskedFor(t *testing.T) {
	t.Parallel()
	f, c := fake(t)
	_, err := NewWriter(t.Context(), c, Avro, topics, false)
	if err == nil || !strings.Contains(err.Error(), "sms.results-value") || !strings.Contains(err.Error(), "SCHEMA_REGISTRY_REGISTER=true") || !strings.Contains(err.Error(), "schemas/avro/result.avsc") {
		t.Fatalf("%v", err)
	}
	if f.SubjectExists("sms.results-value") {
		t.Fatal("it was registered")
	}
	for name, topic := range map[string]string{schemas.Result: topics.Results, schemas.Receipt: topics.Receipts, schemas.Inbound: topics.Inbound} {
		if _, _, err := f.RegisterSchema(Subject(topic), sr.Schema{Schema: schemas.Avro(name)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewWriter(t.Context(), c, Avro, topics, false); err != nil {
		t.Error(err)
	}
}

// TestACredentialThatTheRegistryRefusesIsNamed, once and without itself.
func TestACredentialThatTheRegistryRefusesIsNamed(t *testing.T) {
	t.Parallel()
	f := srfake.New(srfake.WithAuth("Basic " + base64.StdEncoding.EncodeToString([]byte("u:right"))))
	t.Cleanup(f.Close)
	ping := func(password string) error {
		c, err := NewClient(config.Registry{URLs: []string{f.URL()}, Username: "u", Password: config.SecretOf(password)})
		if err != nil {
			t.Fatal(err)
		}
		return c.Ping(context.WithoutCancel(t.Context()))
	}
	if err := ping("wrong"); err == nil || !strings.Contains(err.Error(), "SCHEMA_REGISTRY_PASSWORD") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	if err := ping("right"); err != nil {
		t.Error(err)
	}
}

// FuzzWhateverAnSMSCSendsCanBeWritten gives the writers what no alphabet and no clock would.
func FuzzWhateverAnSMSCSendsCanBeWritten(f *testing.F) {
	f.Add("id", []byte("text"), uint32(1), int64(5), uint16(0x1400))
	f.Add("\xff", []byte{0xff, 0}, uint32(math.MaxUint32), int64(math.MinInt64), uint16(0))
	writers := []*Writer{writer(f, Avro), writer(f, Protobuf), writer(f, JSONSchema)}
	f.Fuzz(func(t *testing.T, s string, b []byte, n uint32, ms int64, tag uint16) {
		when := time.UnixMilli(ms)
		raw := record.Raw{ShortMessage: b, TLVs: []record.TLV{{Tag: tag, Value: b}, {Tag: tag, Value: []byte(s)}}, UDH: b}
		src := record.Source{Topic: s, Partition: int32(n), Offset: ms, Timestamp: when}
		for _, w := range writers {
			w.AppendResult(nil, &record.Result{ID: s, Status: s, SMSC: "a", To: s, From: s, Error: s, Source: src, ReceivedAt: when, Parts: []record.PartResult{{Part: int(n), MessageID: s, CommandStatus: n, Answered: true}}})
			w.AppendReceipt(nil, &record.Receipt{ID: s, MessageID: s, State: s, Stat: s, Error: s, To: s, From: s, SubmittedAt: when, DoneAt: when, Source: &src, Raw: raw})
			w.AppendInbound(nil, &record.Inbound{ID: s, From: s, To: s, Text: s, Payload: b, IsPayload: n%2 == 0, Missing: []int{int(n)}, InReplyTo: &record.InReplyTo{ID: s}, Raw: raw})
		}
	})
}

func BenchmarkResult(b *testing.B) {
	forms := []struct {
		name string
		form record.Form
	}{{"json", record.JSON{}}, {Avro, writer(b, Avro)}, {Protobuf, writer(b, Protobuf)}}
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = f.form.AppendResult(buf[:0], &fullResult)
			}
		})
	}
}
