package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// figures are the metrics at one time, as the status page reads them: it shows what /metrics says, and counts nothing itself.
type figures map[string]*dto.MetricFamily

func (a *app) figures() figures {
	families, err := gatherer{a}.Gather()
	if err != nil && len(families) == 0 {
		return nil
	}
	f := make(figures, len(families))
	for _, family := range families {
		f[family.GetName()] = family
	}
	return f
}

// total adds up a counter or a gauge, of those alone that have the labels given as name, value, name, value.
func (f figures) total(name string, labels ...string) (sum float64) {
	for _, m := range f[name].GetMetric() {
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && label(m, labels[i]) == labels[i+1]
		}
		if fits {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// by adds up a counter by the values of some labels, in their order.
func (f figures) by(name string, labels ...string) (keys [][]string, counts []float64) {
	sums := map[string]float64{}
	for _, m := range f[name].GetMetric() {
		key := make([]string, len(labels))
		for i, l := range labels {
			key[i] = label(m, l)
		}
		sums[strings.Join(key, "\x00")] += m.GetCounter().GetValue()
	}
	for _, key := range slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) }) {
		keys, counts = append(keys, strings.Split(key, "\x00")), append(counts, sums[key])
	}
	return keys, counts
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// stages are the counters whose rates the status page shows, along the way of a message.
var stages = []struct {
	name, metric string
	labels       []string
}{
	{"Records read", "smpp_connector_sink_records_total", nil},
	{"Submits answered", "smpp_connector_smpp_submits_total", []string{"outcome", "responded"}},
	{"Results written", "smpp_connector_sink_results_total", nil},
	{"From SMSCs: receipts and replies", "smpp_connector_smpp_deliver_received_total", nil},
	{"Receipts written", "smpp_connector_resolver_receipts_total", nil},
	{"Replies written", "smpp_connector_resolver_inbound_total", nil},
}

// A rate is that of the time since the oldest of the samples.
const (
	sampleEvery = 5 * time.Second
	samplesKept = 3
)

// rates remember what the stages' counters were.
type rates struct {
	wake chan struct{} // somebody looks at the page

	mu      sync.Mutex // guards samples
	samples []sample   // oldest first
}

type sample struct {
	at     time.Time
	totals []float64 // by stage
}

func newRates() *rates { return &rates{wake: make(chan struct{}, 1)} }

func (r *rates) take(at time.Time, f figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == samplesKept {
		r.samples = slices.Delete(r.samples, 0, 1)
	}
	r.samples = append(r.samples, sample{at, stageTotals(f)})
}

// of are the rates a second up to now. A part that was started anew counts from nothing: its counters' going back is no rate.
func (r *rates) of(now time.Time, totals []float64) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	per := make([]float64, len(totals))
	if len(r.samples) == 0 {
		return per
	}
	then := r.samples[0]
	if took := now.Sub(then.at).Seconds(); took > 0.5 {
		for i := range totals {
			per[i] = max(0, totals[i]-then.totals[i]) / took
		}
	}
	return per
}

func stageTotals(f figures) []float64 {
	totals := make([]float64, len(stages))
	for i, s := range stages {
		totals[i] = f.total(s.metric, s.labels...)
	}
	return totals
}

// keepRates takes samples, and asks Kafka for the replicas while somebody looks, so that a request of the page waits for neither.
func (a *app) keepRates(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	a.rates.take(time.Now(), a.figures())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.rates.take(now, a.figures())
		case <-a.rates.wake:
			for _, side := range a.steering.sides() {
				a.steering.membersOf(ctx, side.group)
			}
		}
	}
}
