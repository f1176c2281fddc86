package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// scope names us as the maker of the spans.
const scope = "github.com/smpp-connector/smpp-connector"

// Tracer makes the spans of one replica. It is safe for use by all stages at once.
type Tracer struct {
	group      string // the sink's
	propagates bool

	provider *sdktrace.TracerProvider
	sampled  trace.Tracer // by OTEL_TRACES_SAMPLER
	always   trace.Tracer // what a link has decided: see publish
	never    trace.Tracer
}

// Options are what a tracer needs.
type Options struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	Reg     prometheus.Registerer
}

// New makes a tracer as the OTEL_ variables say; nil where they ask for none. The collector may be away, now or at any time.
//
// What config.Tracing does not hold the SDK reads from the process's environment: addresses, certificates, compression, time-outs, the
// sampler, the batches' size.
func New(ctx context.Context, o Options) (*Tracer, error) {
	cfg := &o.Config.Tracing
	for _, warning := range cfg.Ignored() {
		o.Log.Warn("a variable is not as it was set", "warning", warning)
	}
	if !cfg.On() {
		return nil, nil
	}
	// What the SDK has to say goes where all else goes, and is about its settings.
	otel.SetLogger(logr.FromSlogHandler(withoutValues{o.Log.Handler()}))
	otel.SetErrorHandler(sparingly(o.Log))
	exporter, err := newExporter(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("traces to the collector: %w; see the OTEL_EXPORTER_OTLP_ variables", err)
	}
	res, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("smpp-connector"), semconv.ServiceVersion(o.Version), attribute.String("smpp.connector", o.Config.Name)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv()) // the last goes before the first
	if err != nil {
		o.Log.Warn("not all is known that spans say of this process", "error", err)
	}
	queue := newQueue(exporter, cfg.MaxQueue(), o.Log, o.Reg)
	provider := func(more ...sdktrace.TracerProviderOption) *sdktrace.TracerProvider {
		return sdktrace.NewTracerProvider(append(more, sdktrace.WithSpanProcessor(queue), sdktrace.WithResource(res))...)
	}
	t := &Tracer{group: o.Config.SinkGroup(), propagates: cfg.Propagates(), provider: provider()}
	t.sampled = t.provider.Tracer(scope, trace.WithInstrumentationVersion(o.Version))
	t.always = provider(sdktrace.WithSampler(sdktrace.AlwaysSample())).Tracer(scope, trace.WithInstrumentationVersion(o.Version))
	t.never = provider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer(scope, trace.WithInstrumentationVersion(o.Version))
	return t, nil
}

// Stop sends what waits, for as long as ctx allows and not long if the collector is away.
func (t *Tracer) Stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // it has been told and counted
}

var stopWait = 3 * time.Second // longer in tests

func newExporter(ctx context.Context, cfg *config.Tracing) (sdktrace.SpanExporter, error) {
	given := cfg.TracesHeaders
	if given == "" {
		given = cfg.Headers
	}
	headers := parseHeaders(given) // the SDK would read them by itself, but not from a file
	if cfg.GRPC() {
		var opts []otlptracegrpc.Option
		if len(headers) > 0 {
			opts = append(opts, otlptracegrpc.WithHeaders(headers))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	var opts []otlptracehttp.Option
	if len(headers) > 0 {
		opts = append(opts, otlptracehttp.WithHeaders(headers))
	}
	return otlptracehttp.New(ctx, opts...)
}

// parseHeaders reads a list in the form of W3C Baggage, as the OTLP specification has it. What is no pair is left out.
func parseHeaders(s string) map[string]string {
	headers := map[string]string{}
	for pair := range splitList(s) {
		name, value, ok := cutPair(pair)
		if !ok {
			continue
		}
		if plain, err := url.PathUnescape(value); err == nil {
			headers[name] = plain
		}
	}
	return headers
}

// withoutValues keeps of what the SDK logs the words and the error: it shows settings that it cannot read, and a header that somebody
// wrote without a name may be a password.
type withoutValues struct{ slog.Handler }

func (h withoutValues) Handle(ctx context.Context, r slog.Record) error {
	bare := slog.NewRecord(r.Time, r.Level, "OpenTelemetry: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if _, ok := a.Value.Any().(error); ok {
			bare.AddAttrs(a)
		}
		return true
	})
	return h.Handler.Handle(ctx, bare)
}

func (h withoutValues) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h withoutValues) WithGroup(string) slog.Handler { return h }

// sparingly logs what the SDK finds, once a minute at most: a collector that refuses a part of every batch would else fill the log.
func sparingly(log *slog.Logger) otel.ErrorHandler {
	var last atomic.Int64
	return otel.ErrorHandlerFunc(func(err error) {
		now := time.Now().Unix()
		if was := last.Load(); now-was >= 60 && last.CompareAndSwap(was, now) {
			log.Warn("traces", "error", err)
		}
	})
}
