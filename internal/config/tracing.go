package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Tracing is the OpenTelemetry variables that decide whether there are traces, and those that people ask for. All others of the standard
// (certificates, compression, time-outs, limits) count as well: the SDK reads them from the process's environment by itself.
//
// The standard has a value that is not understood ignored with a warning, and one environment often serves programs in many
// languages. So no value here is a fault that keeps the connector from starting.
type Tracing struct {
	Disabled           string `env:"SDK_DISABLED" type:"true|false" desc:"true: no traces, whatever else is set"`
	Exporter           string `env:"TRACES_EXPORTER" type:"otlp or none" desc:"otlp: traces are sent; not set: only where an endpoint is. See internal/TRACING.md"`
	Endpoint           string `env:"EXPORTER_OTLP_ENDPOINT" type:"url" desc:"where the collector takes OTLP; http://localhost:4318, or :4317 by grpc, when not set"`
	TracesEndpoint     string `env:"EXPORTER_OTLP_TRACES_ENDPOINT" type:"url" desc:"the same for traces alone, with its whole path"`
	Protocol           string `env:"EXPORTER_OTLP_PROTOCOL" type:"http/protobuf or grpc" desc:"how the collector is spoken to, http/protobuf when not set"`
	TracesProtocol     string `env:"EXPORTER_OTLP_TRACES_PROTOCOL" type:"http/protobuf or grpc" desc:"the same for traces alone"`
	Headers            string `env:"EXPORTER_OTLP_HEADERS" secret:"true" desc:"headers sent to the collector: name=value, comma-separated, values percent-encoded"`
	TracesHeaders      string `env:"EXPORTER_OTLP_TRACES_HEADERS" secret:"true" desc:"the same for traces alone, in place of the others"`
	ServiceName        string `env:"SERVICE_NAME" type:"text" desc:"service.name of the spans, smpp-connector when not set"`
	ResourceAttributes string `env:"RESOURCE_ATTRIBUTES" type:"list of key=value" desc:"what else is said of this process: deployment.environment.name=production, …"`
	Sampler            string `env:"TRACES_SAMPLER" type:"a sampler's name" desc:"parentbased_always_on when not set: what a record's traceparent says, and all records without one; parentbased_traceidratio, always_off, …"`
	SamplerArg         string `env:"TRACES_SAMPLER_ARG" type:"number, 0 to 1" desc:"share of the traces, for the samplers by ratio"`
	Propagators        string `env:"PROPAGATORS" type:"list" desc:"tracecontext is the one that is known; without it in the list headers are neither read nor written"`
	QueueSize          string `env:"BSP_MAX_QUEUE_SIZE" type:"whole number" desc:"spans that wait to be sent at most, 2048 when not set; more are dropped and counted"`
}

// On tells whether there are traces: asked for by name, or by a collector's address.
func (t *Tracing) On() bool {
	if strings.EqualFold(strings.TrimSpace(t.Disabled), "true") {
		return false
	}
	if t.Exporter == "" {
		return t.Endpoint != "" || t.TracesEndpoint != ""
	}
	return slices.Contains(list(t.Exporter), "otlp")
}

// GRPC tells which of the two protocols is spoken.
func (t *Tracing) GRPC() bool { return t.protocol() == "grpc" }

func (t *Tracing) protocol() string { return cmp.Or(t.TracesProtocol, t.Protocol, "http/protobuf") }

// Propagates tells whether records' traceparent headers are read and written.
func (t *Tracing) Propagates() bool {
	return t.Propagators == "" || slices.Contains(list(t.Propagators), "tracecontext")
}

// defaultQueueSize is the standard's.
const defaultQueueSize = 2048

// MaxQueue is how many spans may wait to be sent.
func (t *Tracing) MaxQueue() int {
	if n, err := strconv.Atoi(strings.TrimSpace(t.QueueSize)); err == nil && n > 0 {
		return n
	}
	return defaultQueueSize
}

// Ignored names what is set, not understood and therefore left aside, with what takes its place.
func (t *Tracing) Ignored() (warnings []string) {
	for _, name := range list(t.Exporter) {
		if name != "otlp" && name != "none" {
			warnings = append(warnings, "OTEL_TRACES_EXPORTER: only otlp and none are known here, and "+quote(name)+" is neither")
		}
	}
	if !t.On() {
		return warnings
	}
	if p := t.protocol(); p != "grpc" && p != "http/protobuf" {
		warnings = append(warnings, "OTEL_EXPORTER_OTLP_PROTOCOL: "+quote(p)+" is not known, and http/protobuf is spoken")
	}
	if t.QueueSize != "" && strconv.Itoa(t.MaxQueue()) != strings.TrimSpace(t.QueueSize) {
		warnings = append(warnings, "OTEL_BSP_MAX_QUEUE_SIZE: "+quote(t.QueueSize)+" is not a whole number above 0, and "+strconv.Itoa(defaultQueueSize)+" is taken")
	}
	if !t.Propagates() {
		warnings = append(warnings, "OTEL_PROPAGATORS: tracecontext is not among them and is the only one known here, so records' headers are neither read nor written")
	}
	return warnings
}
