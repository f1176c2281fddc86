package resolve

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

type metrics struct {
	receipts, inbound, dropped, transactions *prometheus.CounterVec
	unanswered, unreadable, expired          prometheus.Counter
	invalid, fetchErrors                     prometheus.Counter
	transactionSeconds, restore, delay       prometheus.Histogram
	delivered                                *prometheus.HistogramVec
	partitions, origins                      prometheus.Gauge
	waiting, lag, poor, storeBytes           *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	const prefix = "smpp_connector_resolver_"
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, labels)
	}
	seconds := func(name, help string) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 18)})
	}
	return &metrics{
		receipts:           counters("receipts_total", "Receipts published.", "state", "correlated"),
		unanswered:         counter("unanswered_total", "Of the receipts published: final UNKNOWNs, because none came in time."),
		inbound:            counters("inbound_total", "Inbound messages published.", "complete"),
		unreadable:         counter("unreadable_total", "Of the inbound messages published: deliver_sm that could not be read."),
		dropped:            counters("repeats_total", "Receipts and parts not published because they repeat one that was.", "kind"),
		expired:            counter("expired_origins_total", "Submissions forgotten because their time was over."),
		invalid:            counter("invalid_records_total", "Records of internal topics that could not be read."),
		fetchErrors:        counter("fetch_errors_total", "Fetches that failed."),
		transactions:       counters("transactions_total", "Commits by how they ended and what they held.", "outcome", "kind"),
		transactionSeconds: seconds("transaction_seconds", "Time of a commit with records, from its begin to its known end."),
		delay:              seconds("receipt_to_record_seconds", "From the arrival of a receipt to its committed record, correlated ones."),
		delivered: f.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + "submit_to_delivered_seconds",
			Help:    "From the submission of a message to the receipt that it was delivered, by our clocks.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600}}, []string{"smsc"}),
		restore:    seconds("restore_seconds", "Time to rebuild the state of the partitions taken over."),
		partitions: gauge("partitions", "Partitions held."),
		origins:    gauge("origins", "Submissions that may still get receipts, under all the keys that these may have."),
		waiting:    gauges("waiting", "What waits: receipts for their submission, and entries for the parts of messages.", "kind"),
		lag:        gauges("lag_records", "Records between what was applied and the end of the partitions held.", "topic"),
		poor:       gauges("poor_matching", "1 while fewer than half of an SMSC's last 100 receipts found their message.", "smsc"),
		storeBytes: gauges("store_bytes", "Size of the local state.", "where"),
	}
}

func (m *metrics) transaction(took time.Duration, records bool, err error) {
	kind := "offsets"
	if records {
		kind = "records"
	}
	outcome := "committed"
	switch {
	case err == nil && records:
		m.transactionSeconds.Observe(took.Seconds())
	case err == nil:
	case errors.Is(err, kafka.ErrNotMember):
		outcome = "not_member"
	default:
		outcome = "aborted"
	}
	m.transactions.WithLabelValues(outcome, kind).Inc()
}

// committed counts an output whose transaction is committed.
func (m *metrics) committed(out *engine.Output) {
	now := time.Now()
	for i := range out.Receipts {
		r := &out.Receipts[i]
		m.receipts.WithLabelValues(r.Value.State, strconv.FormatBool(r.Value.Correlated)).Inc()
		if r.Unanswered {
			m.unanswered.Inc()
		} else if r.Value.Correlated {
			m.delay.Observe(max(0, now.Sub(r.Value.ReceivedAt).Seconds()))
			if r.Value.State == string(sms.StateDelivered) && !r.SubmittedAt.IsZero() {
				m.delivered.WithLabelValues(r.Value.SMSC).Observe(max(0, r.Value.ReceivedAt.Sub(r.SubmittedAt).Seconds()))
			}
		}
	}
	for i := range out.Inbound {
		m.inbound.WithLabelValues(strconv.FormatBool(out.Inbound[i].Value.Complete)).Inc()
	}
	m.unreadable.Add(float64(out.Events.Unreadable))
	m.expired.Add(float64(out.Events.Expired))
	m.dropped.WithLabelValues("receipt").Add(float64(out.Events.RepeatedReceipts))
	m.dropped.WithLabelValues("part").Add(float64(out.Events.RepeatedParts))
}

// held shows what the engines hold.
func (m *metrics) held(parts map[int32]*partition) {
	var sum engine.Counts
	for _, p := range parts {
		c := p.e.Counts()
		sum.Origins += c.Origins
		sum.Early += c.Early
		sum.Others += c.Others
	}
	m.origins.Set(float64(sum.Origins))
	m.waiting.WithLabelValues("receipt").Set(float64(sum.Early))
	m.waiting.WithLabelValues("part").Set(float64(sum.Others))
}

func (m *metrics) lagOf(parts map[int32]*partition, s *ends) {
	lag := map[string]int64{}
	for _, p := range parts {
		for topic, at := range p.next {
			end, _ := s.offsets.Lookup(topic, p.p)
			lag[topic] += max(0, end.Offset-at)
		}
	}
	for topic, n := range lag {
		m.lag.WithLabelValues(topic).Set(float64(n))
	}
}

func (m *metrics) store(db *store.DB) {
	disk, memory := db.Metrics()
	m.storeBytes.WithLabelValues("disk").Set(float64(disk))
	m.storeBytes.WithLabelValues("memory").Set(float64(memory))
}
