package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

const (
	restSettle = 5 * time.Second // binds come up, caches fill, backoffs grow
	restFor    = 15 * time.Second
	restSMSCs  = 3
)

// BenchmarkRest measures what a built binary uses while it has nothing to do, or nothing that it could do: at rest with three SMSCs bound, then
// with all of them gone, with one that refuses every submit for now, and with Apache Kafka gone:
//
//	go test ./internal/e2e -run '^$' -bench Rest -benchtime 1x -timeout 10m
//
//	cpu-%     of a core
//	rss-MB    resident at the end; anon-MB without what is mapped of the binary, which the kernel can drop
//	used-MB   of that looked at or written in the 15 seconds: with less the kernel would have to read again what it dropped
func BenchmarkRest(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes two minutes")
	}
	broker := kafkatest.Apache(b)
	kafkatest.CreateTopics(b, broker, partitions, "sms.outbound")
	smscs, env := make([]*process, restSMSCs), []string{}
	for i := range smscs {
		smscs[i] = launch(b, exec.Command(program, "simulate", "--listen", "127.0.0.1:0", "--status", "0"), true)
		env = append(env, fmt.Sprintf("SMSC_%d_NAME=smsc%d", i, i), fmt.Sprintf("SMSC_%d_ADDRESS=%s", i, smscs[i].address(b)),
			fmt.Sprintf("SMSC_%d_SYSTEM_ID=e2e", i), fmt.Sprintf("SMSC_%d_PASSWORD=secret", i))
	}
	c := start(b, broker, smscs[0].address(b), env...)
	c.ready()
	b.Run("three-SMSCs-bound", func(b *testing.B) { c.idle(b) })
	for _, s := range smscs {
		s.end()
	}
	b.Run("all-SMSCs-gone", func(b *testing.B) { c.idle(b) })
	if code := c.terminate(); code != 0 {
		b.Errorf("exit code %d", code)
	}

	refusing := launch(b, exec.Command(program, "simulate", "--listen", "127.0.0.1:0", "--status", "0", "--errors", "ESME_RTHROTTLED=1"), true)
	c = start(b, broker, refusing.address(b))
	c.ready()
	waiting(b, broker, 5000)
	b.Run("throttled", func(b *testing.B) { c.idle(b) })
	broker.Kill()
	b.Run("Kafka-gone", func(b *testing.B) { c.idle(b) })
	c.kill()
}

// waiting leaves so many outbound records.
func waiting(b *testing.B, broker *kafkatest.Broker, n int) {
	b.Helper()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = outbound(i)
	}
	if err := kafkatest.Client(b, broker, kgo.DefaultProduceTopic("sms.outbound")).ProduceSync(b.Context(), rs...).FirstErr(); err != nil {
		b.Fatal(err)
	}
}

// idle measures the connector for a while.
func (c *connector) idle(b *testing.B) {
	for range b.N {
		time.Sleep(restSettle)
		proc := filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid))
		_ = os.WriteFile(filepath.Join(proc, "clear_refs"), []byte("1"), 0) // proc(5): forgets which pages were referenced
		before := cpuTime(c.cmd.Process.Pid)
		time.Sleep(restFor)
		used := cpuTime(c.cmd.Process.Pid) - before
		select {
		case <-c.done:
			b.Fatalf("the connector ended: %v", c.err)
		default:
		}
		rss, err := memory(c.cmd.Process.Pid, "VmRSS")
		if used, err := sizeIn(filepath.Join(proc, "smaps_rollup"), "Referenced"); err == nil {
			b.ReportMetric(float64(used)/1e6, "used-MB")
		}
		if err != nil {
			b.Skipf("left out: it needs Linux: %v", err)
		}
		b.ReportMetric(100*used.Seconds()/restFor.Seconds(), "cpu-%")
		b.ReportMetric(float64(rss)/1e6, "rss-MB")
		if own, err := memory(c.cmd.Process.Pid, "RssAnon"); err == nil {
			b.ReportMetric(float64(own)/1e6, "anon-MB")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures how long a process takes from its start to its first submit, in a group that has worked before, with records waiting:
//
//	go test ./internal/e2e -run '^$' -bench Start -benchtime 5x -timeout 10m
func BenchmarkStart(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes a minute")
	}
	broker := kafkatest.Apache(b)
	smsc := launchRole(b, roleSMSC, true)
	kafkatest.CreateTopics(b, broker, partitions, "sms.outbound")
	results := watch(b, broker, "sms.results", nil)
	const each = 10
	run := func() time.Time {
		waiting(b, broker, each)
		have, began := results.count(), time.Now()
		c := start(b, broker, smsc.address(b))
		results.await(b, have+each, time.Minute, c)
		if code := c.terminate(); code != 0 {
			b.Errorf("exit code %d", code)
		}
		return began
	}
	run() // makes the topics and the group known
	begins := []time.Time{}
	for range b.N {
		begins = append(begins, run())
	}
	results.finish(b)
	var took spread
	var all []time.Time
	for _, a := range results.arrivals {
		for _, r := range a.records {
			res, err := record.DecodeResult(r.Value)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, res.SubmittedAt)
		}
	}
	for i, began := range begins {
		first := all[each*(i+1)]
		for _, at := range all[each*(i+1) : each*(i+2)] {
			if at.Before(first) {
				first = at
			}
		}
		took = append(took, first.Sub(began))
	}
	took.sort()
	b.ReportMetric(took.quantile(0.5), "p50-to-first-submit-ms")
	b.ReportMetric(took.quantile(1), "most-to-first-submit-ms")
	b.ReportMetric(0, "ns/op")
}
