package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/smpp-connector/smpp-connector/internal/resolve"
	"github.com/smpp-connector/smpp-connector/internal/sink"
)

type sinkWorker struct{ *sink.Sink }

func (w sinkWorker) pause(ctx context.Context, on bool) { w.Pause(ctx, on) }

type resolverWorker struct{ *resolve.Resolver }

func (w resolverWorker) pause(_ context.Context, on bool) { w.Pause(on) }

// theSink is the one that runs; nil: none.
func (a *app) theSink() *sink.Sink {
	if w, ok := a.parts["sink"].worker().(sinkWorker); ok {
		return w.Sink
	}
	return nil
}

// gatherer brings together the metrics of the process and of the parts that run.
type gatherer struct{ app *app }

func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	all := prometheus.Gatherers{g.app.reg}
	for _, p := range g.app.parts {
		p.mu.Lock()
		if p.reg != nil {
			all = append(all, p.reg)
		}
		p.mu.Unlock()
	}
	return all.Gather()
}
