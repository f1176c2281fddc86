package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/otlptest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// producer is the traceparent of a record's producer, with its number in the ids.
func producer(n int, flags string) (trace, span, header string) {
	trace, span = fmt.Sprintf("4bf92f3577b34da6a3ce929d%08x", n), fmt.Sprintf("00f067aa%08x", n)
	return trace, span, "00-" + trace + "-" + span + "-" + flags
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// simulator starts an SMSC in this process.
func simulator(t *testing.T, b smsc.Behaviour) *smsc.SMSC {
	t.Helper()
	s, err := smsc.New(smsc.Options{Behaviour: b})
	if err == nil {
		err = s.Start(context.WithoutCancel(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// byID waits for n records of a topic and gives them by the id in their JSON, with the raw record.
func byID[T any](t *testing.T, b *kafkatest.Broker, topic string, n int, id func(*T) string, decode func([]byte) (T, error)) map[string][]*kgo.Record {
	t.Helper()
	follow(t, b, topic)(n, time.Minute)
	out := map[string][]*kgo.Record{}
	for _, r := range kafkatest.ReadAll(t, b, topic) {
		v, err := decode(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		out[id(&v)] = append(out[id(&v)], r)
	}
	return out
}

const tracedText = "Your parcel arrives today"

// TestATraceGoesFromTheProducerToResultReceiptAndReply sends records with every kind of traceparent and follows the headers of what
// comes back into the spans that a collector got.
func TestATraceGoesFromTheProducerToResultReceiptAndReply(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		collector := otlptest.HTTP(t)
		s := simulator(t, smsc.Behaviour{MessageID: smsc.IDHexDec, Latency: smsc.Uniform(time.Millisecond, 5*time.Millisecond), Rules: []smsc.Rule{{Suffix: "0009", Status: 0x0b}}})
		c := start(t, b, s.Addr(), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
		c.ready()

		trace1, span1, sampled := producer(1, "01")
		trace2, _, unsampled := producer(2, "00")
		trace3, _, long := producer(3, "01")
		trace4, _, refused := producer(4, "01")
		for _, r := range []struct{ id, to, text, traceparent string }{
			{"sampled", "491701230001", tracedText, sampled},
			{"unsampled", "491701230002", tracedText, unsampled},
			{"long", "491701230003", strings.Repeat(tracedText+". ", 9), long},
			{"refused", "491701230009", tracedText, refused},
			{"bad", "491701230005", tracedText, "00-not-a-parent"},
			{"none", "491701230006", tracedText, ""},
		} {
			rec := &kgo.Record{Topic: "sms.outbound", Key: []byte(r.id), Value: fmt.Appendf(nil, `{"id":%q,"to":%q,"text":%q}`, r.id, r.to, r.text)}
			if r.traceparent != "" {
				rec.Headers = []kgo.RecordHeader{{Key: "traceparent", Value: []byte(r.traceparent)}, {Key: "tracestate", Value: []byte("vendor=1")}}
			}
			if err := kafkatest.Client(t, b).ProduceSync(t.Context(), rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		results := byID(t, b, "sms.results", 6, func(r *record.Result) string { return r.ID }, record.DecodeResult)
		receipts := byID(t, b, "sms.receipts", 5+parts(results["long"][0])-1, func(r *record.Receipt) string { return r.ID }, record.DecodeReceipt)
		// That a message was sent to a subscriber is known in another partition than its receipt: who writes at once may still be a stranger.
		written := 0
		write := func(from string, answer bool) (last *kgo.Record) {
			t.Helper()
			for range 100 {
				if err := s.SendMO(from, "32323", "Thank you"); err != nil {
					t.Fatal(err)
				}
				written++
				all := byID(t, b, "sms.inbound", written, func(m *record.Inbound) string { return m.From }, record.DecodeInbound)[from]
				last = all[len(all)-1] // of one key, and so of one partition
				if !answer || bytes.Contains(last.Value, []byte(`"in_reply_to"`)) {
					return last
				}
			}
			t.Fatalf("%s answers to nothing", from)
			return nil
		}
		sampledReply, unsampledReply, stranger := write("491701230001", true), write("491701230002", true), write("491709999999", false)
		page := scrape(t, c)
		if code := c.terminate(); code != 0 { // which sends what is left
			t.Errorf("exit code %d", code)
		}

		spans := map[string]otlptest.Span{}
		for _, sp := range collector.Spans() {
			spans[sp.ID] = sp
		}
		// of is the span that a record's header names.
		of := func(r *kgo.Record, name string) otlptest.Span {
			t.Helper()
			p := strings.Split(header(r, "traceparent"), "-")
			if len(p) != 4 {
				t.Fatalf("%s has traceparent %q", r.Topic, header(r, "traceparent"))
			}
			sp, ok := spans[p[2]]
			if !ok || sp.Trace != p[1] || p[3] != "01" || sp.Name != name {
				t.Fatalf("%s says %s, and there is %+v", r.Topic, strings.Join(p, "-"), sp)
			}
			return sp
		}
		// submits are those of a trace, by part.
		submits := func(trace string) map[string]otlptest.Span {
			m := map[string]otlptest.Span{}
			for _, sp := range spans {
				if sp.Trace == trace && sp.Name == "submit_sm foreign" {
					m[sp.Attributes["smpp.part"]] = sp
				}
			}
			return m
		}

		sent := of(results["sampled"][0], "send sms.results")
		process, submit := spans[sent.Parent], submits(trace1)["1"]
		if sent.Trace != trace1 || process.Name != "process sms.outbound" || process.Parent != span1 || process.Trace != trace1 || submit.Parent != process.ID || header(results["sampled"][0], "tracestate") != "vendor=1" {
			t.Errorf("the record's spans do not hang together: %+v, %+v, %+v", process, submit, sent)
		}
		if submit.Kind != "client" || submit.Attributes["smpp.smsc"] != "foreign" || submit.Attributes["smpp.command_status"] != "0" || submit.End <= submit.Start || submit.Start < process.Start || sent.End < submit.End {
			t.Errorf("%+v", submit)
		}
		receipt := of(receipts["sampled"][0], "send sms.receipts")
		reply := of(sampledReply, "send sms.inbound")
		for _, sp := range []otlptest.Span{receipt, reply} {
			if sp.Parent != "" || sp.Trace == trace1 || len(sp.Links) != 1 || sp.Links[0] != (otlptest.Link{Trace: trace1, Span: submit.ID}) {
				t.Errorf("%s is not linked to the submit %s: %+v", sp.Name, submit.ID, sp)
			}
		}

		// Each part is a span of its own, and each receipt is linked to its part's.
		linked := map[string]bool{}
		for _, r := range receipts["long"] {
			v, err := record.DecodeReceipt(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			want := submits(trace3)[strconv.Itoa(v.Part)]
			if sp := of(r, "send sms.receipts"); len(sp.Links) != 1 || want.ID == "" || sp.Links[0].Span != want.ID {
				t.Errorf("part %d: %+v, want a link to %s", v.Part, sp, want.ID)
			}
			linked[want.ID] = true
		}
		if len(linked) != 2 {
			t.Errorf("receipts of %d parts are linked", len(linked))
		}

		if sp := submits(trace4)["1"]; sp.Error != "ESME_RINVDSTADR" || sp.Attributes["smpp.command_status"] != "11" {
			t.Errorf("a refused submit: %+v", sp)
		}
		of(results["refused"][0], "send sms.results")

		// Not sampled: no span, and the decision is passed on.
		for _, r := range []*kgo.Record{results["unsampled"][0], receipts["unsampled"][0], unsampledReply} {
			if h := header(r, "traceparent"); !strings.HasSuffix(h, "-00") {
				t.Errorf("%s of the record that was not sampled has %q", r.Topic, h)
			}
		}
		for _, sp := range spans {
			if sp.Trace == trace2 {
				t.Errorf("a span of the trace that was not sampled: %+v", sp)
			}
		}
		// Without a parent, or with a bad one, a record begins its trace; so does what strangers write.
		for _, id := range []string{"bad", "none"} {
			if sp := of(results[id][0], "send sms.results"); spans[sp.Parent].Parent != "" || spans[sp.Parent].Name != "process sms.outbound" {
				t.Errorf("%s: %+v", id, sp)
			}
		}
		if sp := of(stranger, "send sms.inbound"); sp.Parent != "" || len(sp.Links) > 0 {
			t.Errorf("%+v", sp)
		}

		for _, secret := range []string{"4917012300", "parcel", "Thank", "secret"} {
			if collector.Holds(secret) {
				t.Errorf("the collector was told %q", secret)
			}
		}
		for _, name := range []string{"smpp_connector_smpp_round_trip_seconds", "smpp_connector_sink_answer_to_result_seconds", "smpp_connector_sink_record_to_result_seconds", "smpp_connector_sink_transaction_seconds"} {
			if !regexp.MustCompile(`(?m)^` + name + `_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\}`).MatchString(page) {
				t.Errorf("%s has no exemplar", name)
			}
		}
	})
}

// parts is how many parts a result has.
func parts(r *kgo.Record) int { return bytes.Count(r.Value, []byte(`"part":`)) }

// scrape asks for the metrics as Prometheus does.
func scrape(t *testing.T, c *connector) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.http+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestWithTracesOffNothingIsSentAndNoHeaderIsAdded(t *testing.T) {
	b, collector, s := kafkatest.Kfake(t), otlptest.HTTP(t), simulator(t, smsc.Behaviour{})
	c := start(t, b, s.Addr(), "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	c.ready()
	_, _, parent := producer(1, "01")
	rec := &kgo.Record{Topic: "sms.outbound", Value: []byte(`{"id":"a","to":"491701230001","text":"hi"}`), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(parent)}}}
	if err := kafkatest.Client(t, b).ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	follow(t, b, "sms.receipts")(1, time.Minute)
	if page := scrape(t, c); strings.Contains(page, "trace_") {
		t.Error("there are metrics or exemplars of traces")
	}
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, topic := range []string{"sms.results", "sms.receipts"} {
		for _, r := range kafkatest.ReadAll(t, b, topic) {
			if len(r.Headers) > 0 {
				t.Errorf("%s: %v", topic, r.Headers)
			}
		}
	}
	for _, r := range kafkatest.ReadAll(t, b, "smpp.submitted") {
		if r.Value[0] != 1 {
			t.Errorf("a batch of submissions without spans is of version %d", r.Value[0])
		}
	}
	if n := collector.Calls(); n > 0 {
		t.Errorf("the collector was called %d times", n)
	}
}

func TestWithTheCollectorAwayDeliveryGoesOnAndDropsAreCounted(t *testing.T) {
	b, s := kafkatest.Kfake(t), simulator(t, smsc.Behaviour{})
	c := start(t, b, s.Addr(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+freeAddress(t), "OTEL_BSP_MAX_QUEUE_SIZE=20")
	c.ready()
	const n = 500
	flow(t, b, n, 10_000)
	follow(t, b, "sms.results")(n, time.Minute)
	follow(t, b, "sms.receipts")(n+n/20, time.Minute)
	// Of each message four: its processing, submit, result and receipt. Which of them found place among the 20 that the collector was
	// asked to take is chance, and that none was taken is not.
	waitFor(t, time.Minute, fmt.Sprintf("count of the %d spans that were lost", 4*n-20), func() bool {
		o := outcomes(t, scrape(t, c))
		if o["exported"] > 0 {
			t.Fatalf("%v spans were exported to nobody", o["exported"])
		}
		return o["dropped"]+o["failed"] >= 4*n-20
	})
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// outcomes are what became of the spans, on a metrics page.
func outcomes(t *testing.T, page string) map[string]float64 {
	t.Helper()
	m := map[string]float64{}
	for _, line := range regexp.MustCompile(`(?m)^smpp_connector_trace_spans_total\{outcome="([a-z]+)"\} (\S+)`).FindAllStringSubmatch(page, -1) {
		count, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		m[line[1]] = count
	}
	if len(m) != 3 {
		t.Fatalf("outcomes of spans: %v", m)
	}
	return m
}
