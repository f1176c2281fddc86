package trace

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Message is what the trace of one outbound record hangs on. nil: there is none. It belongs to whom the record belongs to, one
// goroutine at a time.
//
// No span of it is open while the record waits: that may take hours. What happens to it is spans of its own, children of the one that
// ended when it had been read.
type Message struct {
	tracer  *Tracer
	parent  context.Context // with the span of the record's processing
	sampled bool
	refs    []Ref // of the last submit of each part, to link what comes back; nil where not sampled
	result  Span
}

// Ref names a span that was sampled: its trace's id and its own. The zero value names none.
type Ref [24]byte

func refOf(sc trace.SpanContext) (r Ref) {
	trace, span := sc.TraceID(), sc.SpanID()
	copy(r[:], trace[:])
	copy(r[16:], span[:])
	return r
}

func (r Ref) context() trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(r[:16]), SpanID: trace.SpanID(r[16:]), TraceFlags: trace.FlagsSampled, Remote: true})
}

// Take begins the trace of a record that was read at the time begun, or goes on with its producer's, and makes the span of its decoding, routing and
// encoding, which end now. fault is what came of a record that can never be sent, else "".
func (t *Tracer) Take(rec *kgo.Record, h Headers, begun time.Time, fault string) *Message {
	if t == nil {
		return nil
	}
	parent := context.Background()
	if t.propagates {
		parent = parentOf(h)
	}
	_, span := t.sampled.Start(parent, "process "+rec.Topic, trace.WithTimestamp(begun), trace.WithSpanKind(trace.SpanKindConsumer))
	// Its context alone is kept: a span is a kilobyte, and a record may wait for long.
	m := &Message{tracer: t, parent: trace.ContextWithSpanContext(context.Background(), span.SpanContext()), sampled: span.IsRecording()}
	if m.sampled {
		span.SetAttributes(semconv.MessagingSystemKafka, semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"),
			semconv.MessagingDestinationName(rec.Topic), semconv.MessagingDestinationPartitionID(strconv.Itoa(int(rec.Partition))),
			semconv.MessagingKafkaOffset(int(rec.Offset)), semconv.MessagingConsumerGroupName(t.group))
		if fault != "" {
			span.SetStatus(codes.Error, fault) // not what is wrong: that may quote the record
			span.SetAttributes(semconv.ErrorTypeKey.String(fault))
		}
	}
	span.End()
	return m
}

// Submit is one request to an SMSC and what came of it.
type Submit struct {
	Name           string // submit_sm, …
	SMSC           string
	Part           int // from 0
	Parts, Attempt int
	Sent, Answered time.Time
	// Error is the name of the command_status, or what there is in place of an answer; "": accepted.
	Error  string
	Status uint32 // the command_status
	Silent bool   // there was no answer
}

// Submitted makes the span of a request that has been answered, or given up.
func (m *Message) Submitted(s *Submit) {
	if m == nil || !m.sampled {
		return
	}
	_, span := m.tracer.sampled.Start(m.parent, s.Name+" "+s.SMSC, trace.WithTimestamp(s.Sent), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("smpp.smsc", s.SMSC), attribute.Int("smpp.part", s.Part+1), attribute.Int("smpp.parts", s.Parts), attribute.Int("smpp.attempt", s.Attempt)))
	if !s.Silent {
		span.SetAttributes(attribute.Int64("smpp.command_status", int64(s.Status)))
	}
	if s.Error != "" {
		span.SetStatus(codes.Error, s.Error)
		span.SetAttributes(semconv.ErrorTypeKey.String(s.Error))
	}
	if len(m.refs) != s.Parts { // the first, or the first in another encoding
		m.refs = make([]Ref, s.Parts)
	}
	m.refs[s.Part] = refOf(span.SpanContext())
	span.End(trace.WithTimestamp(s.Answered))
}

// Ref names the last submit of a part, from 0.
func (m *Message) Ref(part int) Ref {
	if m == nil || part >= len(m.refs) {
		return Ref{}
	}
	return m.refs[part]
}

// Result begins the span of the record that tells what came of the message, and gives its headers. Begun again, what was
// begun before is forgotten.
func (m *Message) Result(topic, status string, attempts int) []kgo.RecordHeader {
	if m == nil {
		return nil
	}
	_, span := m.tracer.sampled.Start(m.parent, "send "+topic, trace.WithSpanKind(trace.SpanKindProducer))
	if span.IsRecording() {
		span.SetAttributes(semconv.MessagingSystemKafka, semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("send"),
			semconv.MessagingDestinationName(topic), attribute.String("smpp.status", status), attribute.Int("smpp.attempts", attempts))
	}
	m.result = Span{span: span, propagates: m.tracer.propagates}
	return m.result.Headers()
}

// Committed ends that span: the transaction is known to have succeeded. A result that was never committed has none.
func (m *Message) Committed(now time.Time) {
	if m != nil {
		m.result.End(now)
		m.result = Span{}
	}
}

// TraceID is the id of the message's trace, for exemplars; "" where there is none or it was not sampled.
func (m *Message) TraceID() string {
	if m == nil || !m.sampled {
		return ""
	}
	return trace.SpanContextFromContext(m.parent).TraceID().String()
}

// Observe is o.Observe with the trace as an exemplar, if there is one.
func Observe(o prometheus.Observer, value float64, traceID string) {
	if traceID == "" {
		o.Observe(value)
		return
	}
	o.(prometheus.ExemplarObserver).ObserveWithExemplar(value, prometheus.Labels{"trace_id": traceID})
}
