package smpp

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Metrics is what all accounts count. Everything is added up a batch at a time into
// counters looked up beforehand: a message costs no lock and no allocation here.
type Metrics struct {
	bindUp, window, inUse       *prometheus.GaugeVec
	queued, limit               *prometheus.GaugeVec
	submits, responses          *prometheus.CounterVec
	throttles, late, unknown    *prometheus.CounterVec
	binds, bindFailures         *prometheus.CounterVec
	deliveries, deliveryResults *prometheus.CounterVec
	malformed, alerts           *prometheus.CounterVec
	outbinds                    *prometheus.CounterVec
	sent, received              *prometheus.CounterVec
	trip                        *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them; once per registerer.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	const ns, sub = "smpp_connector", "smpp"
	var all []prometheus.Collector
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, labels)
		all = append(all, v)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, labels)
		all = append(all, v)
		return v
	}
	m := &Metrics{
		bindUp:          gauge("bind_up", "1 while the bind is up.", "smsc", "bind", "type"),
		window:          gauge("window_size", "Places in the window of the bind, 0 while it is not up.", "smsc", "bind"),
		inUse:           gauge("window_in_use", "Submits in the window of the bind.", "smsc", "bind"),
		queued:          gauge("queued_submits", "Submits offered and not yet in a window.", "smsc"),
		limit:           gauge("pace_limit", "Submits a second that the pace in force allows, 0: no limit.", "smsc"),
		submits:         counter("submits_total", "Submits by what became of them. A late answer counts in addition to its in_doubt.", "smsc", "outcome"),
		responses:       counter("submit_responses_total", "Answers of the SMSC to submit_sm by command_status; statuses without a name are other.", "smsc", "status"),
		throttles:       counter("throttles_total", "Times that the pace was lowered because the SMSC throttled, or said that it nears congestion.", "smsc"),
		late:            counter("late_responses_total", "Answers that came after their submit had been given up as in doubt.", "smsc"),
		unknown:         counter("unknown_responses_total", "Answers that belong to nothing outstanding.", "smsc"),
		binds:           counter("binds_total", "Binds that came up; all but the first of each are reconnects.", "smsc", "bind"),
		bindFailures:    counter("bind_failures_total", "Binds not reached, refused or lost, by reason: network, credentials, already_bound.", "smsc", "bind", "reason"),
		deliveries:      counter("deliver_received_total", "deliver_sm and data_sm received.", "smsc"),
		deliveryResults: counter("deliver_responses_total", "Responses to deliver_sm and data_sm by command_status.", "smsc", "status"),
		malformed:       counter("malformed_total", "PDUs that could not be used, by what was wrong.", "smsc", "what"),
		alerts:          counter("alert_notifications_total", "alert_notification received: a subscriber can be reached again.", "smsc"),
		outbinds:        counter("outbinds_total", "Connections made to us for an outbind, by what became of them: accepted, address, credentials, malformed, unwanted, crowded.", "smsc", "outcome"),
		sent:            counter("sent_bytes_total", "Bytes written.", "smsc", "bind"),
		received:        counter("received_bytes_total", "Bytes read.", "smsc", "bind"),
	}
	m.trip = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: ns, Subsystem: sub, Name: "round_trip_seconds",
		Help:    "From the hand-over of a submit_sm to its response; one sample a read.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"smsc"})
	reg.MustRegister(append(all, m.trip)...)
	return m
}

// accountMetrics are one account's, looked up.
type accountMetrics struct {
	of   *Metrics
	smsc string

	queued, limit                        prometheus.Gauge
	notSent, inDoubt, responded          prometheus.Counter
	throttles, late, unknown, deliveries prometheus.Counter
	alerts                               prometheus.Counter
	trip                                 prometheus.Observer
	responses, deliveryResults           statusCounters
}

func (m *Metrics) account(smsc string) *accountMetrics {
	if m == nil {
		m = NewMetrics(prometheus.NewRegistry())
	}
	return &accountMetrics{
		of: m, smsc: smsc,
		queued: m.queued.WithLabelValues(smsc), limit: m.limit.WithLabelValues(smsc),
		notSent:    m.submits.WithLabelValues(smsc, NotSent.String()),
		inDoubt:    m.submits.WithLabelValues(smsc, InDoubt.String()),
		responded:  m.submits.WithLabelValues(smsc, Responded.String()),
		throttles:  m.throttles.WithLabelValues(smsc),
		late:       m.late.WithLabelValues(smsc),
		unknown:    m.unknown.WithLabelValues(smsc),
		deliveries: m.deliveries.WithLabelValues(smsc),
		alerts:     m.alerts.WithLabelValues(smsc),
		trip:       m.trip.WithLabelValues(smsc),

		responses:       newStatusCounters(m.responses, smsc),
		deliveryResults: newStatusCounters(m.deliveryResults, smsc),
	}
}

// answered counts a batch.
func (m *accountMetrics) answered(answers []Answer) {
	var notSent, inDoubt, responded, late, ok int
	for i := range answers {
		switch a := &answers[i]; a.Outcome {
		case NotSent:
			notSent++
		case InDoubt:
			inDoubt++
		case Responded:
			responded++
			if a.Late {
				late++
			}
			if a.Status == wire.StatusOK {
				ok++
			} else {
				m.responses.of(a.Status).Inc()
			}
		}
	}
	add := func(c prometheus.Counter, n int) {
		if n > 0 {
			c.Add(float64(n))
		}
	}
	add(m.notSent, notSent)
	add(m.inDoubt, inDoubt)
	add(m.responded, responded)
	add(m.late, late)
	add(m.responses.ok, ok)
}

// roundTrip takes a sample, with its trace for those who ask for exemplars (OpenMetrics).
func (m *accountMetrics) roundTrip(took time.Duration, traceID string) {
	if traceID == "" {
		m.trip.Observe(took.Seconds())
		return
	}
	m.trip.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": traceID})
}

func (m *accountMetrics) respondedTo(status uint32) { m.deliveryResults.of(status).Inc() }

func (m *accountMetrics) outbinds(outcome string) prometheus.Counter {
	return m.of.outbinds.WithLabelValues(m.smsc, outcome)
}

// malformed is off every hot path. what is one of a handful of words.
func (m *accountMetrics) malformed(what string) prometheus.Counter {
	return m.of.malformed.WithLabelValues(m.smsc, what)
}

// bindMetrics are one bind's.
type bindMetrics struct {
	account        *accountMetrics
	up             prometheus.Gauge
	window, inUse  prometheus.Gauge
	binds          prometheus.Counter
	failures       [3]prometheus.Counter // by trouble
	sent, received prometheus.Counter
}

func (m *accountMetrics) bind(bind int, t BindType) *bindMetrics {
	n := strconv.Itoa(bind)
	b := &bindMetrics{
		account: m,
		up:      m.of.bindUp.WithLabelValues(m.smsc, n, t.String()),
		window:  m.of.window.WithLabelValues(m.smsc, n), inUse: m.of.inUse.WithLabelValues(m.smsc, n),
		binds: m.of.binds.WithLabelValues(m.smsc, n),
		sent:  m.of.sent.WithLabelValues(m.smsc, n), received: m.of.received.WithLabelValues(m.smsc, n),
	}
	for i, reason := range []string{"network", "credentials", "already_bound"} {
		b.failures[i] = m.of.bindFailures.WithLabelValues(m.smsc, n, reason)
	}
	return b
}

// statusCounters are counters by command_status, found without a lock. Statuses
// without a name share one: an SMSC must not be able to make series at will.
type statusCounters struct {
	vec       *prometheus.CounterVec
	smsc      string
	ok, other prometheus.Counter
	known     *sync.Map // name to prometheus.Counter, no more than there are names
}

func newStatusCounters(vec *prometheus.CounterVec, smsc string) statusCounters {
	return statusCounters{
		vec: vec, smsc: smsc, known: new(sync.Map),
		ok:    vec.WithLabelValues(smsc, wire.StatusName(wire.StatusOK)),
		other: vec.WithLabelValues(smsc, "other"),
	}
}

func (c *statusCounters) of(status uint32) prometheus.Counter {
	if status == wire.StatusOK {
		return c.ok
	}
	name, ok := statusNames[status]
	if !ok {
		return c.other
	}
	// name, a string that lives for ever in an interface made once, costs no
	// allocation as a key.
	if counter, ok := c.known.Load(name); ok {
		return counter.(prometheus.Counter)
	}
	counter, _ := c.known.LoadOrStore(name, c.vec.WithLabelValues(c.smsc, name.(string)))
	return counter.(prometheus.Counter)
}

// statusNames are the statuses that have a name, as keys for statusCounters.
var statusNames = func() map[uint32]any {
	names := map[uint32]any{}
	for status := range uint32(0x400) { // from there on they are the carriers' own
		if name := wire.StatusName(status); !strings.HasPrefix(name, "0x") {
			names[status] = name
		}
	}
	return names
}()
