package trace

import (
	"context"
	"iter"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Headers are those of a Kafka record.
type Headers interface {
	Header(name string) []byte // nil: none
}

// w3c reads and writes traceparent and tracestate (https://www.w3.org/TR/trace-context/).
var w3c propagation.TraceContext

// maxHeader bounds what is read: a tracestate has 512 bytes, by the standard's §3.3.1.5 at least as many must be passed on, and
// what a producer puts there is passed on with all that follows from its record.
const maxHeader = 1024

// incoming is a record's headers as the propagator reads them.
type incoming struct{ Headers }

func (h incoming) Get(key string) string {
	v := h.Header(key)
	if len(v) > maxHeader {
		return ""
	}
	return string(v)
}

func (incoming) Set(string, string) {}

func (incoming) Keys() []string { return nil }

// outgoing gathers a record's headers.
type outgoing []kgo.RecordHeader

func (*outgoing) Get(string) string { return "" }

func (h *outgoing) Set(key, value string) {
	*h = append(*h, kgo.RecordHeader{Key: key, Value: []byte(value)})
}

func (*outgoing) Keys() []string { return nil }

// parentOf is the context that a record's headers name. What is not in the standard's form is as if it were not there.
func parentOf(h Headers) context.Context {
	return w3c.Extract(context.Background(), incoming{h})
}

// Span is one that is about to end: that of a record which is on its way to Kafka. The zero value is none.
type Span struct {
	span       trace.Span
	propagates bool
}

// Headers make whoever consumes the record go on with its trace.
func (s Span) Headers() []kgo.RecordHeader {
	if s.span == nil || !s.propagates {
		return nil
	}
	h := make(outgoing, 0, 2)
	w3c.Inject(trace.ContextWithSpan(context.Background(), s.span), &h)
	return h
}

// splitList gives the items of a comma-separated list, without the space around them.
func splitList(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

func cutPair(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	return name, value, ok && name != ""
}
