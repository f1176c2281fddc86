package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Cause is what a receipt or an inbound message goes back to.
type Cause struct {
	Known  bool // to a message of ours
	Submit Ref  // the submit of it, where that was sampled
}

// publish begins the span of a receipt or an inbound message on its way to its topic: a trace of its own, since it comes hours after
// the message that it belongs to, with a link to that one's submit. It is sampled where the submit was; what belongs to no message
// of ours is left to the sampler.
func (t *Tracer) publish(topic string, c Cause, attributes ...attribute.KeyValue) Span {
	if t == nil {
		return Span{}
	}
	opts := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindProducer)}
	tracer := t.sampled
	switch {
	case c.Submit != Ref{}:
		tracer = t.always
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: c.Submit.context()}))
	case c.Known:
		tracer = t.never
	}
	_, span := tracer.Start(context.Background(), "send "+topic, opts...)
	if span.IsRecording() {
		span.SetAttributes(semconv.MessagingSystemKafka, semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("send"), semconv.MessagingDestinationName(topic))
		span.SetAttributes(attributes...)
	}
	return Span{span: span, propagates: t.propagates}
}

// End ends the span of a record that is known to be committed.
func (s Span) End(now time.Time) {
	if s.span != nil {
		s.span.End(trace.WithTimestamp(now))
	}
}

// Receipt begins the span of a receipt.
func (t *Tracer) Receipt(topic, smsc, state string, final bool, c Cause) Span {
	if t == nil {
		return Span{}
	}
	return t.publish(topic, c, attribute.String("smpp.smsc", smsc), attribute.String("smpp.receipt.state", state),
		attribute.Bool("smpp.receipt.final", final), attribute.Bool("smpp.receipt.correlated", c.Known))
}

// Inbound begins the span of a message that somebody wrote.
func (t *Tracer) Inbound(topic, smsc string, parts int, complete bool, c Cause) Span {
	if t == nil {
		return Span{}
	}
	return t.publish(topic, c, attribute.String("smpp.smsc", smsc), attribute.Int("smpp.parts", parts),
		attribute.Bool("smpp.complete", complete), attribute.Bool("smpp.reply", c.Known))
}
