package sink

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

type metrics struct {
	records, fetchErrors, inherited, unanswered, lateAnswers, retries, grants, aborted, forgotten prometheus.Counter
	skipped, results                                                                              *prometheus.CounterVec
	duplicates, quieted                                                                           prometheus.Counter
	transactions                                                                                  *prometheus.CounterVec
	transactionSeconds, visible, answerToVisible                                                  prometheus.Histogram
	partitions, waiting, granted, retrying, optOuts                                               prometheus.Gauge
	lag, avoided                                                                                  *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "smpp_connector_sink_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "smpp_connector_sink_" + name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "smpp_connector_sink_" + name, Help: help}, labels)
	}
	seconds := prometheus.ExponentialBuckets(0.001, 2, 15)
	hist := func(name, help string) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: "smpp_connector_sink_" + name, Help: help, Buckets: seconds})
	}
	return &metrics{
		records:            counter("records_total", "Outbound records taken in."),
		skipped:            vec("skipped_records_total", "Records that need no result of ours: null values, repeats after a rewind, done before.", "reason"),
		fetchErrors:        counter("fetch_errors_total", "Fetches that failed."),
		results:            vec("results_total", "Results committed.", "status", "smsc"),
		duplicates:         counter("possible_duplicates_total", "Results that say possible_duplicate."),
		quieted:            counter("quiet_records_total", "Times that a record met quiet hours at its recipient's, and was held or expired."),
		forgotten:          counter("forgotten_commits_total", "Partitions of which Kafka named an older commit than it had confirmed to this replica."),
		inherited:          counter("in_doubt_records_total", "Records found granted at a takeover: they may have been sent."),
		unanswered:         counter("unanswered_submits_total", "submit_sm without an answer: time-out or lost connection."),
		lateAnswers:        counter("late_answers_total", "Answers that came after their submit_sm had been given up."),
		retries:            counter("retries_total", "Messages put back to be tried again."),
		grants:             counter("grants_total", "Records granted: the intent to send them committed."),
		aborted:            counter("aborted_commits_total", "Commits of which nothing happened; they are tried again."),
		transactions:       vec("commits_total", "Commits that succeeded: transactions with results, or offsets alone.", "kind"),
		transactionSeconds: hist("transaction_seconds", "Time of a commit, from its begin to its known end."),
		visible:            hist("record_to_result_seconds", "From poll to the committed result."),
		answerToVisible:    hist("answer_to_result_seconds", "From the SMSC's last answer to the committed result."),
		partitions:         gauge("partitions", "Input partitions held."),
		waiting:            gauge("waiting_records", "Records that wait for a grant."),
		granted:            gauge("granted_records", "Records granted and without an outcome: in doubt, should this process die now."),
		optOuts:            gauge("optouts", "Entries of SINK_OPTOUTS_TOPIC."),
		retrying:           gauge("retrying_records", "Records that wait for their next try."),
		avoided: f.NewGaugeVec(prometheus.GaugeOpts{Name: "smpp_connector_sink_smsc_avoided",
			Help: "1 while messages that may choose take other SMSCs, because this one fails or is slow."}, []string{"smsc"}),
		lag: f.NewGaugeVec(prometheus.GaugeOpts{Name: "smpp_connector_sink_lag_records",
			Help: "Records between the committed offset and the partition's end."}, []string{"topic", "partition"}),
	}
}

func (m *metrics) committed(took time.Duration, transaction bool, traceID string) {
	kind := "offsets"
	if transaction {
		kind = "transaction"
	}
	m.transactions.WithLabelValues(kind).Inc()
	trace.Observe(m.transactionSeconds, took.Seconds(), traceID)
}

func (m *metrics) result(msg *message, cfg *config.Config) {
	smsc := ""
	if msg.attempts > 0 {
		smsc = cfg.SMSCs[msg.target].Name
	}
	m.results.WithLabelValues(msg.status, smsc).Inc()
	if msg.inDoubt && msg.status != "in_doubt" {
		m.duplicates.Inc()
	}
}
