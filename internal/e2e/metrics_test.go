package e2e

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/otlptest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// kprom, the Kafka client's, names two gauges _total. They are not ours to rename.
var notOurs = regexp.MustCompile(`^smpp_connector_kafka_buffered_(fetch|produce)_records_total$`)

// TestMetricsAreNamedByPrometheusRules has `promtool check metrics` (promlint is what it runs) judge the page of a connector through
// which messages have gone both ways.
func TestMetricsAreNamedByPrometheusRules(t *testing.T) {
	b, s, collector := kafkatest.Kfake(t), simulator(t, smsc.Behaviour{}), otlptest.HTTP(t)
	c := start(t, b, s.Addr(), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	c.ready()
	flow(t, b, 20, 1000)
	follow(t, b, "sms.receipts")(20, time.Minute)
	if err := s.SendMO("491701230001", "32323", "Hello"); err != nil {
		t.Fatal(err)
	}
	follow(t, b, "sms.inbound")(1, time.Minute)
	resp, err := http.Get("http://" + c.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	problems, err := promlint.New(resp.Body).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !notOurs.MatchString(p.Metric) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
