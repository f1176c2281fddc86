package trace

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// queue is the way of ended spans to the collector: the SDK's batches, with a bound of ours in front of them so that what is dropped is
// counted. The SDK drops as well, but keeps the number to itself; it never has to, since no more is let in than its own queue holds.
type queue struct {
	sdktrace.SpanProcessor
	most    int64
	waiting atomic.Int64 // ended and neither sent nor given up
	dropped prometheus.Counter
}

func newQueue(exporter sdktrace.SpanExporter, most int, log *slog.Logger, reg prometheus.Registerer) *queue {
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smpp_connector_trace_spans_total",
		Help: "Spans that ended, by what became of them: exported, dropped since too many waited, failed since the collector did not take them.",
	}, []string{"outcome"})
	q := &queue{most: int64(most), dropped: spans.WithLabelValues("dropped")}
	reg.MustRegister(spans, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smpp_connector_trace_queued_spans", Help: "Spans that wait to be sent to the collector.",
	}, func() float64 { return float64(q.waiting.Load()) }))
	q.SpanProcessor = sdktrace.NewBatchSpanProcessor(&counted{
		SpanExporter: exporter, waiting: &q.waiting, log: log, exported: spans.WithLabelValues("exported"), failed: spans.WithLabelValues("failed"),
	}, sdktrace.WithMaxQueueSize(most))
	return q
}

// OnEnd takes a span or drops it; it does not wait.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.waiting.Add(1) > q.most {
		q.waiting.Add(-1)
		q.dropped.Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// counted is an exporter that counts, and tells once when the collector goes and once when it is back.
type counted struct {
	sdktrace.SpanExporter
	waiting          *atomic.Int64
	exported, failed prometheus.Counter
	log              *slog.Logger
	away             bool // one batch at a time is exported
}

func (c *counted) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.waiting.Add(-int64(len(spans)))
	if err != nil {
		c.failed.Add(float64(len(spans)))
		if !c.away {
			c.log.Warn("the collector does not take our traces; messages go on without them", "error", err)
		}
		c.away = true
		return nil // it is told
	}
	c.exported.Add(float64(len(spans)))
	if c.away {
		c.log.Info("the collector takes our traces again")
		c.away = false
	}
	return nil
}
