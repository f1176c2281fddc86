package trace

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/otlptest"
)

// Variables of the environment are read by the SDK, which is why tests that make a tracer are not parallel.

func TestMain(m *testing.M) {
	stopWait = 2 * time.Minute
	os.Exit(m.Run())
}

type headers map[string]string

func (h headers) Header(name string) []byte {
	if v, ok := h[name]; ok {
		return []byte(v)
	}
	return nil
}

const (
	parentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentSpan  = "00f067aa0ba902b7"
	sampled     = "00-" + parentTrace + "-" + parentSpan + "-01"
	unsampled   = "00-" + parentTrace + "-" + parentSpan + "-00"
)

// tracer makes one as these variables say, on a registry of its own.
func tracer(t *testing.T, environ ...string) (*Tracer, *prometheus.Registry) {
	t.Helper()
	return tracerThatLogs(t, io.Discard, environ...)
}

func tracerThatLogs(t *testing.T, log io.Writer, environ ...string) (*Tracer, *prometheus.Registry) {
	t.Helper()
	// A collector of the same process is never away, and may be slow.
	environ = append([]string{"OTEL_EXPORTER_OTLP_TIMEOUT=120000", "OTEL_BSP_EXPORT_TIMEOUT=120000"}, environ...)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	cfg, err := config.Load(append([]string{"KAFKA_BROKERS=k:9092", "SMSC_0_NAME=acme", "SMSC_0_ADDRESS=a:2775"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	tr, err := New(t.Context(), Options{Config: cfg, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug - 100})), Reg: reg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Stop(context.Background()) })
	return tr, reg
}

func outbound() *kgo.Record { return &kgo.Record{Topic: "sms.outbound", Partition: 3, Offset: 1288} }

func submitted(m *Message, part, parts int) {
	now := time.Now()
	m.Submitted(&Submit{Name: "submit_sm", SMSC: "acme", Part: part, Parts: parts, Attempt: 1, Sent: now.Add(-time.Millisecond), Answered: now})
}

// collected stops the tracer, so that all is sent, and gives the spans by name.
func collected(t *testing.T, tr *Tracer, c *otlptest.Collector) map[string][]otlptest.Span {
	t.Helper()
	tr.Stop(t.Context())
	by := map[string][]otlptest.Span{}
	for _, s := range c.Spans() {
		by[s.Name] = append(by[s.Name], s)
	}
	return by
}

func header(hs []kgo.RecordHeader, name string) string {
	for _, h := range hs {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func TestARecordsTraceGoesOnToItsResultOverBothProtocols(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *otlptest.Collector{"http/protobuf": otlptest.HTTP, "grpc": otlptest.GRPC} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			tr, reg := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL="+name, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x, empty",
				"OTEL_SERVICE_NAME=sms", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
			m := tr.Take(outbound(), headers{"traceparent": sampled, "tracestate": "vendor=1"}, time.Now(), "")
			submitted(m, 0, 2)
			submitted(m, 1, 2)
			first := header(m.Result("sms.results", "accepted", 1), "traceparent") // of a draft that is thrown away
			out := m.Result("sms.results", "accepted", 1)
			m.Committed(time.Now())
			if m.TraceID() != parentTrace {
				t.Errorf("trace %s", m.TraceID())
			}

			by := collected(t, tr, c)
			process, submits, sent := by["process sms.outbound"], by["submit_sm acme"], by["send sms.results"]
			if len(process) != 1 || len(submits) != 2 || len(sent) != 1 || len(c.Spans()) != 4 {
				t.Fatalf("%+v", c.Spans())
			}
			if p := process[0]; p.Trace != parentTrace || p.Parent != parentSpan || p.Kind != "consumer" || p.Attributes["messaging.kafka.offset"] != "1288" ||
				p.Attributes["messaging.destination.partition.id"] != "3" || p.Attributes["messaging.consumer.group.name"] != "connect-smpp-sink" || p.Attributes["messaging.system"] != "kafka" {
				t.Errorf("%+v", p)
			}
			for i, s := range submits {
				ref := m.Ref(i)
				if s.Trace != parentTrace || s.Parent != process[0].ID || s.Kind != "client" || s.Attributes["smpp.parts"] != "2" || s.Attributes["smpp.command_status"] != "0" ||
					s.ID != hex.EncodeToString(ref[16:]) || s.Trace != hex.EncodeToString(ref[:16]) || s.End < s.Start+900_000 {
					t.Errorf("part %d: %+v", i, s)
				}
			}
			if s := sent[0]; s.Parent != process[0].ID || s.Kind != "producer" || header(out, "traceparent") != "00-"+parentTrace+"-"+s.ID+"-01" || header(out, "tracestate") != "vendor=1" {
				t.Errorf("%+v; its record says %q", s, out)
			}
			if first == header(out, "traceparent") {
				t.Error("a result that was not committed and the one that was have the same span")
			}
			if r := sent[0].Resource; r["service.name"] != "sms" || r["service.version"] != "1.2.3" || r["deployment.environment.name"] != "test" {
				t.Errorf("%v", r)
			}
			if got := c.Header("Authorization"); got != "Bearer x" {
				t.Errorf("authorization: %q", got)
			}
			if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP smpp_connector_trace_queued_spans Spans that wait to be sent to the collector.
# TYPE smpp_connector_trace_queued_spans gauge
smpp_connector_trace_queued_spans 0
# HELP smpp_connector_trace_spans_total Spans that ended, by what became of them: exported, dropped since too many waited, failed since the collector did not take them.
# TYPE smpp_connector_trace_spans_total counter
smpp_connector_trace_spans_total{outcome="dropped"} 0
smpp_connector_trace_spans_total{outcome="exported"} 4
smpp_connector_trace_spans_total{outcome="failed"} 0
`)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReceiptsAndRepliesAreTracesOfTheirOwnWithALink(t *testing.T) {
	c := otlptest.HTTP(t)
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_TRACES_SAMPLER=parentbased_always_off") // what was sampled stays so
	m := tr.Take(outbound(), headers{"traceparent": sampled}, time.Now(), "")
	submitted(m, 0, 1)
	receipt := tr.Receipt("sms.receipts", "acme", "DELIVERED", true, Cause{Known: true, Submit: m.Ref(0)})
	reply := tr.Inbound("sms.inbound", "acme", 1, true, Cause{Known: true, Submit: m.Ref(0)})
	receipt.End(time.Now())
	reply.End(time.Now())

	by := collected(t, tr, c)
	submit := by["submit_sm acme"][0]
	for name, s := range map[string]Span{"send sms.receipts": receipt, "send sms.inbound": reply} {
		got := by[name]
		if len(got) != 1 {
			t.Fatalf("%s: %+v", name, c.Spans())
		}
		if g := got[0]; g.Parent != "" || g.Trace == parentTrace || len(g.Links) != 1 || g.Links[0] != (otlptest.Link{Trace: submit.Trace, Span: submit.ID}) ||
			header(s.Headers(), "traceparent") != "00-"+g.Trace+"-"+g.ID+"-01" {
			t.Errorf("%+v; its record says %q", g, s.Headers())
		}
	}
}

func TestWhatIsNotSampledIsNotSentAndTellsWhoComesAfter(t *testing.T) {
	c := otlptest.HTTP(t)
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	m := tr.Take(outbound(), headers{"traceparent": unsampled}, time.Now(), "")
	submitted(m, 0, 1)
	got := header(m.Result("sms.results", "accepted", 1), "traceparent")
	m.Committed(time.Now())
	if !strings.HasPrefix(got, "00-"+parentTrace+"-") || !strings.HasSuffix(got, "-00") || m.TraceID() != "" || m.Ref(0) != (Ref{}) {
		t.Errorf("%q, %q, %x", got, m.TraceID(), m.Ref(0))
	}
	// Its receipt neither, although a new trace would be sampled.
	s := tr.Receipt("sms.receipts", "acme", "DELIVERED", true, Cause{Known: true})
	s.End(time.Now())
	if got := header(s.Headers(), "traceparent"); !strings.HasSuffix(got, "-00") {
		t.Errorf("%q", got)
	}
	if by := collected(t, tr, c); len(by) > 0 {
		t.Errorf("%v", by)
	}
}

func TestABadTraceparentIsAsIfThereWereNone(t *testing.T) {
	c := otlptest.HTTP(t)
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	bad := []string{"", "x", "00-" + parentTrace + "-" + parentSpan, "00-" + strings.Repeat("0", 32) + "-" + parentSpan + "-01", "ff-" + parentTrace + "-" + parentSpan + "-01",
		strings.ToUpper(sampled), sampled + "-more", "\x00\xff", strings.Repeat("0", 1<<20)}
	for _, h := range bad {
		if m := tr.Take(outbound(), headers{"traceparent": h}, time.Now(), ""); m.TraceID() == parentTrace || m.TraceID() == "" {
			t.Errorf("%.60q begins no trace of its own: %q", h, m.TraceID())
		}
	}
	// A bad tracestate does not cost the trace.
	if m := tr.Take(outbound(), headers{"traceparent": sampled, "tracestate": "\x00=,,"}, time.Now(), ""); m.TraceID() != parentTrace {
		t.Errorf("%q", m.TraceID())
	}
	// Nor does one that is far longer than the standard asks for, which is not passed on to all that follows.
	long := "a=" + strings.Repeat("x", 250)
	for i := range 8 {
		long += fmt.Sprintf(",a%d=%s", i, strings.Repeat("x", 250))
	}
	m := tr.Take(outbound(), headers{"traceparent": sampled, "tracestate": long}, time.Now(), "")
	if hs := m.Result("sms.results", "accepted", 1); m.TraceID() != parentTrace || header(hs, "tracestate") != "" {
		t.Errorf("%q, %q", m.TraceID(), hs)
	}
	if got := collected(t, tr, c)["process sms.outbound"]; len(got) != len(bad)+2 {
		t.Errorf("%d spans of %d records", len(got), len(bad)+2)
	}
}

func TestWhatWentWrongIsSaidWithoutTheRecord(t *testing.T) {
	c := otlptest.HTTP(t)
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	tr.Take(outbound(), headers{}, time.Now(), "invalid")
	m := tr.Take(outbound(), headers{}, time.Now(), "")
	now := time.Now()
	m.Submitted(&Submit{Name: "submit_sm", SMSC: "acme", Parts: 1, Attempt: 1, Sent: now, Answered: now, Status: 0x0b, Error: "ESME_RINVDSTADR"})
	m.Submitted(&Submit{Name: "submit_sm", SMSC: "acme", Parts: 1, Attempt: 2, Sent: now, Answered: now, Silent: true, Error: "no_answer"})
	by := collected(t, tr, c)
	errors := map[string]bool{}
	for _, s := range c.Spans() {
		errors[s.Error] = true
		if s.Error != s.Attributes["error.type"] {
			t.Errorf("%+v", s)
		}
	}
	for _, want := range []string{"", "invalid", "ESME_RINVDSTADR", "no_answer"} {
		if !errors[want] {
			t.Errorf("no span says %q: %+v", want, by)
		}
	}
	for _, s := range by["submit_sm acme"] {
		if _, answered := s.Attributes["smpp.command_status"]; answered != (s.Error != "no_answer") {
			t.Errorf("%+v", s)
		}
	}
}

func TestWhatTheSDKCannotReadIsToldWithoutItsValue(t *testing.T) {
	c := otlptest.HTTP(t)
	var log bytes.Buffer
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for _, value := range []string{"hunter2", "authorization=hunter2%zz", "hunter2 =x,=hunter2"} {
			tr, _ := tracerThatLogs(t, &log, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, name+"="+value)
			tr.Take(outbound(), headers{}, time.Now(), "")
			tr.Stop(t.Context())
		}
	}
	if got := log.String(); strings.Contains(got, "hunter2") || !strings.Contains(got, "OpenTelemetry: ") {
		t.Errorf("%s", got)
	}
	if c.Calls() == 0 {
		t.Error("a header that cannot be read costs all traces")
	}
}

func TestHeadersForTheCollectorMayStandInAFile(t *testing.T) {
	c := otlptest.HTTP(t)
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("x-token=a%2Cb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_HEADERS_FILE="+file)
	tr.Take(outbound(), headers{}, time.Now(), "")
	tr.Stop(t.Context())
	if got := c.Header("X-Token"); got != "a,b" {
		t.Errorf("%q", got)
	}
}

func TestWithoutTraceContextAmongThePropagatorsHeadersAreLeftAlone(t *testing.T) {
	c := otlptest.HTTP(t)
	tr, _ := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_PROPAGATORS=none")
	m := tr.Take(outbound(), headers{"traceparent": sampled}, time.Now(), "")
	if hs := m.Result("sms.results", "accepted", 1); m.TraceID() == parentTrace || hs != nil {
		t.Errorf("%q, %q", m.TraceID(), hs)
	}
}

// The collector is slow, then gone. Who makes spans waits for neither, memory is bounded, and every span is accounted for.
func TestACollectorThatIsAwayCostsSpansAndNothingElse(t *testing.T) {
	release := make(chan struct{})
	reached := make(chan struct{}, 100)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		<-release
		w.WriteHeader(http.StatusBadRequest) // which is not tried again
	}))
	t.Cleanup(away.Close)
	tr, reg := tracer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+away.URL, "OTEL_BSP_MAX_QUEUE_SIZE=10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4")
	take := func(n int) {
		for range n {
			tr.Take(outbound(), headers{}, time.Now(), "")
		}
	}
	take(4) // a batch
	<-reached
	take(100)
	close(release)
	tr.Stop(t.Context())
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP smpp_connector_trace_spans_total Spans that ended, by what became of them: exported, dropped since too many waited, failed since the collector did not take them.
# TYPE smpp_connector_trace_spans_total counter
smpp_connector_trace_spans_total{outcome="dropped"} 94
smpp_connector_trace_spans_total{outcome="exported"} 0
smpp_connector_trace_spans_total{outcome="failed"} 10
`), "smpp_connector_trace_spans_total"); err != nil {
		t.Error(err)
	}
}

func TestOffIsFree(t *testing.T) {
	tr, reg := tracer(t, "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
	if tr != nil {
		t.Fatal("there is a tracer")
	}
	if families, err := reg.Gather(); err != nil || len(families) > 0 {
		t.Errorf("%v, %v", families, err)
	}
	rec, h, now := outbound(), headers{"traceparent": sampled}, time.Now()
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Help: "x"})
	if n := testing.AllocsPerRun(100, func() {
		m := tr.Take(rec, h, now, "")
		m.Submitted(&Submit{})
		_ = m.Ref(0)
		_ = m.Result("sms.results", "accepted", 1)
		Observe(histogram, 1, m.TraceID())
		m.Committed(now)
		s := tr.Receipt("sms.receipts", "acme", "DELIVERED", true, Cause{})
		_ = s.Headers()
		s.End(now)
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	tr.Stop(t.Context())
}

func BenchmarkTracedMessage(b *testing.B) {
	for name, h := range map[string]headers{"sampled": {"traceparent": sampled}, "unsampled": {"traceparent": unsampled}, "off": {"traceparent": sampled}} {
		b.Run(name, func(b *testing.B) {
			var tr *Tracer
			if name != "off" {
				c := otlptest.HTTP(b)
				b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
				cfg, err := config.Load([]string{"KAFKA_BROKERS=k:9092", "SMSC_0_NAME=acme", "SMSC_0_ADDRESS=a:2775", "OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL})
				if err != nil {
					b.Fatal(err)
				}
				if tr, err = New(b.Context(), Options{Config: cfg, Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry()}); err != nil {
					b.Fatal(err)
				}
				defer tr.Stop(context.Background())
			}
			rec, now := outbound(), time.Now()
			s := &Submit{Name: "submit_sm", SMSC: "acme", Parts: 1, Attempt: 1, Sent: now, Answered: now}
			b.ReportAllocs()
			for b.Loop() {
				m := tr.Take(rec, h, now, "")
				m.Submitted(s)
				m.Result("sms.results", "accepted", 1)
				m.Committed(now)
			}
		})
	}
}
