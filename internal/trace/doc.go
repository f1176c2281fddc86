// Package trace makes OpenTelemetry spans of what the stages tell it, and sends them to a collector by OTLP.
//
// A nil *Tracer is tracing that is off: the stages then hold nil *Messages and zero Spans, and pay for it with a comparison. What
// traces there are, and how they hang together: internal/TRACING.md.
//
// A trace is never in the way of a message. No span is waited for; what the collector does not take in time is dropped and counted.
// A process that dies takes with it the spans it had not sent, and nothing else.
//
// Spans say where a record lies and what came of it. They hold no text, no numbers, no keys, no ids that producers made up.
//
// The package knows OpenTelemetry and the form of Kafka's headers, and imports no room of the connector but config.
package trace
