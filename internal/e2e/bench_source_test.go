package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// storms are the ways in which an SMSC delivers.
var storms = []struct {
	name                          string
	binds, messages, rate, window int
}{
	{name: "storm-1-bind", binds: 1, messages: 500_000, window: 4000},
	{name: "storm-2-binds", binds: 2, messages: 500_000, window: 4000},
	{name: "storm-2-binds-window-100", binds: 2, messages: 300_000, window: 100},
	{name: "1000-a-second", binds: 2, messages: 20_000, rate: 1000, window: 100},
}

// BenchmarkSource measures what a built binary takes off the wire, with Apache Kafka and the SMSC in processes of their own; the resolver
// publishes what it takes meanwhile:
//
//	go test ./internal/e2e -run '^$' -bench Source -benchtime 1x -timeout 10m
//
//	delivered/s        deliver_sm held by Kafka and answered, from the first to the last answer
//	pXX-response-ms    from the deliver_sm to its response, as the SMSC sees it
//	%-over-30ms        responses that took longer than that
//	cpu-s/100k         CPU seconds of the connector per 100,000, resolver included; the same of the SMSC and the broker
//	refused            deliver_sm that were refused, and sent again
func BenchmarkSource(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes a minute")
	}
	l := &load{broker: kafkatest.Apache(b)}
	for _, s := range storms {
		b.Run(s.name, func(b *testing.B) {
			for range b.N {
				l.benchStorm(b, s.binds, s.messages, s.rate, s.window)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func (l *load) benchStorm(b *testing.B, binds, messages, rate, window int) {
	b.Helper()
	name, file := l.name("source"), filepath.Join(b.TempDir(), "report")
	smsc := launchRole(b, roleStorm, true, fmt.Sprint("STORM_BINDS=", binds), fmt.Sprint("STORM_MESSAGES=", messages), fmt.Sprint("STORM_RATE=", rate),
		fmt.Sprint("STORM_WINDOW=", window), "STORM_REPORT="+file)
	c := start(b, l.broker, smsc.address(b), "CONNECTOR_NAME="+name, "SINK_ENABLED=false", "RECEIPTS_TOPIC="+name+".receipts", "INBOUND_TOPIC="+name+".inbound",
		fmt.Sprint("SMSC_0_BINDS=", binds))
	cpu, smscCPU, brokerCPU := cpuTime(c.cmd.Process.Pid), cpuTime(smsc.pid()), cpuTime(l.broker.PID())
	r := l.stormReport(b, file, c, smsc)
	per100k := func(pid int, before time.Duration) float64 {
		return (cpuTime(pid) - before).Seconds() / float64(messages) * 100_000
	}
	b.ReportMetric(per100k(c.cmd.Process.Pid, cpu), "cpu-s/100k")
	b.ReportMetric(per100k(smsc.pid(), smscCPU), "smsc-cpu-s/100k")
	b.ReportMetric(per100k(l.broker.PID(), brokerCPU), "broker-cpu-s/100k")
	if most, err := memory(c.cmd.Process.Pid, "VmHWM"); err == nil {
		b.ReportMetric(float64(most)/1e6, "rss-MB")
	}
	l.held(b, name+".deliver", messages)
	if code := c.terminate(); code != 0 {
		b.Errorf("exit code %d", code)
	}
	b.ReportMetric(float64(r.Answered)/r.Took.Seconds(), "delivered/s")
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(r.Latency[p])/1e6, fmt.Sprintf("p%d-response-ms", p))
	}
	b.ReportMetric(100*float64(r.Over30ms)/float64(r.Answered), "%-over-30ms")
	b.ReportMetric(float64(r.Refused), "refused")
}

// stormReport waits for what the SMSC has to tell.
func (l *load) stormReport(b *testing.B, file string, c *connector, smsc *process) (r stormReport) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for {
		select {
		case <-tick.C:
		case <-c.done:
			b.Fatalf("the connector ended: %v", c.err)
		case <-smsc.done:
			b.Fatalf("the SMSC ended: %v", smsc.err)
		case <-late:
			b.Fatal("no report of the SMSC after three minutes")
		}
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(content, &r)
		}
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
}

// held checks that Kafka has them: what was answered without being in the topic would be lost.
func (l *load) held(b *testing.B, topic string, messages int) {
	b.Helper()
	ends, err := kadm.NewClient(kafkatest.Client(b, l.broker)).ListEndOffsets(b.Context(), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		b.Fatal(err)
	}
	n := int64(0)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	if n < int64(messages) {
		b.Fatalf("%s has %d records, %d were answered", topic, n, messages)
	}
}
