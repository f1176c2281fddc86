package config

import (
	"slices"
	"strings"
	"testing"
)

func TestTracesAreAskedForByNameOrByACollectorsAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ string
		on      bool
	}{
		{"", false},
		{"OTEL_SERVICE_NAME=sms", false},
		{"OTEL_TRACES_EXPORTER=otlp", true},
		{"OTEL_TRACES_EXPORTER=otlp,console", true},
		{"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", false},
		{"OTEL_TRACES_EXPORTER=zipkin OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", true},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:4318/v1/traces", true},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c:4318/v1/metrics", false},
		{"OTEL_SDK_DISABLED=TRUE OTEL_TRACES_EXPORTER=otlp", false},
		{"OTEL_SDK_DISABLED=1 OTEL_TRACES_EXPORTER=otlp", true}, // true alone is true
	} {
		if got := mustLoad(t, least(strings.Fields(c.environ)...)); got.Tracing.On() != c.on {
			t.Errorf("%q: traces are %v, want %v", c.environ, got.Tracing.On(), c.on)
		}
	}
}

// One environment serves programs in many languages: what the standard has for others must not keep us from starting.
func TestEveryOpenTelemetryVariableIsAccepted(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, least("OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=prometheus", "OTEL_LOGS_EXPORTER=none", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_JAVAAGENT_ENABLED=false", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_PROPAGATORS=b3", "OTEL_BSP_MAX_QUEUE_SIZE=many", "OTEL_TRACES_SAMPLER=jaeger_remote"))
	if c.Tracing.GRPC() || c.Tracing.Propagates() || c.Tracing.MaxQueue() != 2048 {
		t.Errorf("%+v", c.Tracing)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_PROPAGATORS", "OTEL_BSP_MAX_QUEUE_SIZE"} {
		if !slices.ContainsFunc(c.Tracing.Ignored(), func(w string) bool { return strings.HasPrefix(w, name+": ") }) {
			t.Errorf("nobody is told that %s is not as it was set: %q", name, c.Tracing.Ignored())
		}
	}
}

func TestWhatIsSaidForTracesAloneGoesFirst(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, least("OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", "OTEL_PROPAGATORS=baggage,tracecontext", "OTEL_BSP_MAX_QUEUE_SIZE=10"))
	if !c.Tracing.GRPC() || !c.Tracing.Propagates() || c.Tracing.MaxQueue() != 10 || len(c.Tracing.Ignored()) > 0 {
		t.Errorf("%+v, warnings %q", c.Tracing, c.Tracing.Ignored())
	}
}
