package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

func TestCheckTellsOfTopicsThatWouldLoseRecords(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		cfg, err := config.Load(redriveEnv(b))
		if err != nil {
			t.Fatal(err)
		}
		kafkatest.CreateTopicsWith(t, b, 1, map[string]string{"cleanup.policy": "compact"}, "sms.outbound", "smpp.waiting")
		kafkatest.CreateTopics(t, b, 1, "sms.results", "smpp.control")
		_, err = checkKafka(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), "topic sms.outbound has cleanup.policy=compact") || !strings.Contains(err.Error(), "topic smpp.control has cleanup.policy=delete") ||
			strings.Contains(err.Error(), "sms.results") || strings.Contains(err.Error(), "smpp.waiting") {
			t.Errorf("%v", err)
		}
	})
}

func TestCheckHoldsBrokersAndTopicsAgainstAnOutage(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"KAFKA_BROKERS=k:9092", "SMSC_0_NAME=acme", "SMSC_0_ADDRESS=smsc:2775", "SOURCE_RECEIPT_WAIT=96h"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		setting, value, says string // "" where nothing is wrong
	}{
		{"offsets.retention.minutes", "1440", "set it to 4320 or more"},
		{"offsets.retention.minutes", "10080", ""},
		{"transaction.max.timeout.ms", "5000", "transaction.max.timeout.ms=5000"},
		{"transaction.max.timeout.ms", "900000", ""},
		{"group.min.session.timeout.ms", "15000", "KAFKA_SESSION_TIMEOUT=10s is less than group.min.session.timeout.ms=15000"},
		{"group.max.session.timeout.ms", "9000", "KAFKA_SESSION_TIMEOUT=10s is more than group.max.session.timeout.ms=9000"},
		{"group.max.session.timeout.ms", "1800000", ""},
	} {
		got := strings.Join(judgeBroker(cfg, "1", map[string]string{c.setting: c.value}), "; ")
		if !strings.Contains(got, c.says) || (c.says == "") != (got == "") {
			t.Errorf("%s=%s: %q, want a word of %q", c.setting, c.value, got, c.says)
		}
	}
	for _, c := range []struct {
		topic          string
		replicas       int
		settings       map[string]string
		fault, warning string
	}{
		{"sms.outbound", 3, map[string]string{"cleanup.policy": "delete", "min.insync.replicas": "2", "retention.ms": "604800000", "retention.bytes": "-1"}, "", ""},
		{"sms.outbound", 3, map[string]string{"min.insync.replicas": "3"}, "", "one broker that is down stops all writing: set it to 2"},
		{"sms.outbound", 3, map[string]string{"min.insync.replicas": "1"}, "", "set it to 2"},
		{"sms.outbound", 1, map[string]string{"min.insync.replicas": "1"}, "", "one replica"},
		{"sms.outbound", 2, map[string]string{"min.insync.replicas": "3"}, "nothing can be written to it: set min.insync.replicas to 1", ""},
		{"sms.outbound", 3, map[string]string{"cleanup.policy": "delete", "retention.ms": "3600000"}, "", "retention.ms=3600000 (1h0m0s)"},
		{"sms.outbound", 3, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1"}, "", ""},
		{"smpp.deliver", 3, map[string]string{"cleanup.policy": "delete", "retention.bytes": "1000000"}, "", "retention.bytes=1000000"},
		{"smpp.submitted", 3, map[string]string{"cleanup.policy": "delete", "retention.ms": "300000000"}, "", "set it to 345600000 or more"},
		{"smpp.redriven", 3, map[string]string{"cleanup.policy": "delete"}, "set it to compact", ""},
		{"smpp.waiting", 3, map[string]string{"cleanup.policy": "compact", "retention.ms": "1"}, "", ""},
	} {
		f := judgeTopics(cfg, map[string]map[string]string{c.topic: c.settings}, map[string]int{c.topic: c.replicas})
		faults, warnings := strings.Join(f.faults, "; "), strings.Join(f.warnings, "; ")
		if !strings.Contains(faults, c.fault) || !strings.Contains(warnings, c.warning) || (c.fault == "") != (faults == "") || (c.warning == "") != (warnings == "") {
			t.Errorf("%s %v: faults %q, warnings %q; want %q and %q", c.topic, c.settings, faults, warnings, c.fault, c.warning)
		}
	}
}

// A real broker's own words for its settings, through the program.
func TestCheckTellsOfABrokerThatWouldForget(t *testing.T) {
	t.Parallel()
	b := kafkatest.Apache(t, "offsets.retention.minutes=60", "transaction.max.timeout.ms=1000", "group.max.session.timeout.ms=7000")
	kafkatest.CreateTopicsWith(t, b, 1, map[string]string{"retention.ms": "3600000"}, "sms.outbound", "smpp.deliver")
	p := startProcess(t, redriveEnv(b), "check")
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"offsets.retention.minutes=60: after an outage of 1h0m0s", "transaction.max.timeout.ms=1000", "group.max.session.timeout.ms=7000",
		"warn  kafka: smpp.deliver, sms.outbound: retention.ms=3600000 (1h0m0s)", "warn  kafka: smpp.deliver, sms.outbound: one replica", "ok    clock: the Kafka controller's clock (as DescribeQuorum has it) is"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no word of %q", want)
		}
	}
	t.Log(p.out.String())
}

func TestCheckComparesTheClockWithTheNewestRecordWhereThereIsNoController(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "sms.results")
	cl := kafkatest.Client(t, b)
	for _, c := range []struct {
		ahead         time.Duration
		fine, warning string
	}{{0, "no record of 1 topics is from the future", ""}, {time.Hour + 30*time.Minute, "", "the newest record, of topic sms.results, is from 1h"}} {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.results", Value: []byte("x"), Timestamp: time.Now().Add(c.ahead)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		fine, warning := compareClocks(t.Context(), cl, []string{"sms.results"})
		if !strings.Contains(fine, c.fine) || !strings.Contains(warning, c.warning) || (c.warning == "") != (warning == "") || c.warning != "" && !strings.Contains(warning, " in the future") {
			t.Errorf("%q, warning %q; want %q, %q", fine, warning, c.fine, c.warning)
		}
	}
}
