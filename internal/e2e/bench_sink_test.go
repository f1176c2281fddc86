package e2e

import (
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

var benchRecords = flag.Int("records", 300_000, "outbound records of a benchmark")

const (
	partitions   = 6
	trickleRate  = 200 // records/s
	trickleFor   = 15  // s
	warmUp       = 200 // records whose latencies are left out: connections are opened meanwhile
	benchLatency = "5ms-50ms"
)

// variant is one way of running the connector.
type variant struct {
	name          string
	simulate      []string // flags of `smpp-connector simulate`; nil: the least SMSC
	window, binds int
	interval      time.Duration // DELIVERY_COMMIT_INTERVAL, if another than the default
	source        bool          // both sides on, with a receipt for every message
	ceiling       bool          // the SMSC is the limit: tell the share of windows / mean answer time
}

var variants = []variant{
	{name: "window-500-simulator", simulate: []string{"--latency", benchLatency}, window: 500, binds: 1, ceiling: true},
	{name: "window-500-simulator-interval-14ms", simulate: []string{"--latency", benchLatency}, window: 500, binds: 1, interval: 14 * time.Millisecond, ceiling: true},
	{name: "window-500-simulator-with-receipts", simulate: []string{"--latency", benchLatency}, window: 500, binds: 1, source: true, ceiling: true},
	{name: "at-once-least-smsc-1-bind", window: 4000, binds: 1},
	{name: "at-once-least-smsc-2-binds", window: 4000, binds: 2},
	{name: "at-once-simulator-2-binds", simulate: []string{}, window: 4000, binds: 2},
	{name: "at-once-simulator-2-binds-with-receipts", simulate: []string{"--queue", "1000000"}, window: 4000, binds: 2, source: true},
}

// BenchmarkSink measures the built binary between Apache Kafka 4.3.0 and an SMSC in a process of its
// own, and beside it, on the same broker, a bare copy of the same records:
//
//	go test ./internal/e2e -run '^$' -bench Sink -benchtime 1x -timeout 30m
//
// It checks what it measures: exactly one result for each record, all accepted.
//
//	records/s              visible results, from the first to the last
//	pXX-poll-ms            from the poll of the outbound record (received_at) to its visible result
//	pXX-answer-ms          from the SMSC's answer (answered_at) to the visible result
//	pXX-send-ms            from the poll to the submit_sm (submitted_at); trickle only
//	pXX-receipt-ms         from the deliver_sm to the visible receipt
//	receipts/s             visible receipts, from the first to the last
//	commit-ms              the mean time of a commit
//	results/transaction    the mean of those with results
//	cpu-s/100k             CPU seconds of the connector (or of the copy) per 100,000 records
//	smsc-cpu-s/100k        the same of the SMSC
//	rss-MB                 the connector's memory at its highest
//	%-of-ceiling           records/s of what windows / mean answer time allow
//	%-of-copy-1k           records/s of those of the copy with 1,000 records a transaction
//	%-of-best-copy         and of the copy with the best batch size of those tried
func BenchmarkSink(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes minutes")
	}
	l := &load{broker: kafkatest.Apache(b), topic: "bench.outbound", n: *benchRecords, copied: make(map[int]float64)}
	l.produce(b)
	l.copyOnce(b, 1000) // a JVM that has just started compiles more than it serves
	for _, batch := range []int{1000, 5000, 20_000, 50_000} {
		b.Run(fmt.Sprintf("copy-%d-a-transaction", batch), func(b *testing.B) { l.benchCopy(b, min(batch, l.n/2)) })
	}
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			for range b.N {
				l.benchVariant(b, v)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("trickle-200-a-second", func(b *testing.B) {
		for range b.N {
			l.benchTrickle(b)
		}
		b.ReportMetric(0, "ns/op")
	})
}

// load is what the benchmarks of one broker have in common.
type load struct {
	broker *kafkatest.Broker
	topic  string
	n      int
	runs   int
	copied map[int]float64 // records/s by batch size
}

// name makes the names of one run.
func (l *load) name(of string) string {
	l.runs++
	return fmt.Sprintf("bench-%d-%s", l.runs, of)
}

func outbound(i int) *kgo.Record {
	return &kgo.Record{
		Key: fmt.Appendf(nil, "customer-%d", i),
		Value: fmt.Appendf(nil, `{"id":"b%d","to":"+4917%08d","text":"Your parcel %d arrives today between 2 and 4 pm. Reply STOP to end these messages.","metadata":{"customer":"%d"}}`,
			i, i, i, 500_000+i),
	}
}

// number is the i of an outbound record's id; -1: it is none of ours.
func number(id string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "b"))
	if err != nil {
		return -1
	}
	return n
}

func (l *load) produce(tb testing.TB) {
	tb.Helper()
	kafkatest.CreateTopics(tb, l.broker, partitions, l.topic)
	produce(tb, l.broker, l.topic, l.n, outbound)
}

// produce writes n records to a topic that is there.
func produce(tb testing.TB, broker *kafkatest.Broker, topic string, n int, record func(i int) *kgo.Record) {
	tb.Helper()
	cl := kafkatest.Client(tb, broker, kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(100_000), kgo.ProducerLinger(5*time.Millisecond))
	defer cl.Close()
	const chunk = 50_000
	for at := 0; at < n; at += chunk {
		rs := make([]*kgo.Record, 0, chunk)
		for i := at; i < min(at+chunk, n); i++ {
			rs = append(rs, record(i))
		}
		if err := cl.ProduceSync(tb.Context(), rs...).FirstErr(); err != nil {
			tb.Fatal(err)
		}
	}
}

func (v *variant) startSMSC(tb testing.TB) *process {
	tb.Helper()
	if v.simulate == nil {
		return launchRole(tb, roleSMSC, true)
	}
	args := append([]string{"simulate", "--listen", "127.0.0.1:0", "--status", "0"}, v.simulate...)
	if !v.source {
		args = append(args, "--receipts", "none")
	}
	return launch(tb, exec.Command(program, args...), true)
}

// run is one connector at work, and what follows it.
type run struct {
	*connector
	smsc              *process
	results, receipts *follower // receipts nil without source
}

func (l *load) startRun(b *testing.B, v *variant, input string) *run {
	b.Helper()
	r := &run{smsc: v.startSMSC(b)}
	name := l.name("sink")
	r.results = watch(b, l.broker, name+".results", nil)
	if v.source {
		r.receipts = watch(b, l.broker, name+".receipts", nil)
	}
	env := []string{"CONNECTOR_NAME=" + name, "SINK_TOPICS=" + input,
		"RESULTS_TOPIC=" + name + ".results", "RECEIPTS_TOPIC=" + name + ".receipts", "INBOUND_TOPIC=" + name + ".inbound", "DEADLETTER_TOPIC=" + name + ".deadletter",
		fmt.Sprint("SOURCE_ENABLED=", v.source), fmt.Sprint("SMSC_0_WINDOW=", v.window), fmt.Sprint("SMSC_0_BINDS=", v.binds)}
	if v.interval != 0 {
		env = append(env, "DELIVERY_COMMIT_INTERVAL="+v.interval.String())
	}
	r.connector = start(b, l.broker, r.smsc.address(b), env...)
	r.results.watches(r.cmd.Process.Pid)
	return r
}

// end drains the connector and reads the rest.
func (r *run) end(b *testing.B) {
	b.Helper()
	if most, err := memory(r.cmd.Process.Pid, "VmHWM"); err == nil {
		b.ReportMetric(float64(most)/1e6, "rss-MB")
	}
	if m, err := r.scrape(); err != nil {
		b.Errorf("/metrics: %v", err)
	} else if n := m[`smpp_connector_sink_commits_total{kind="transaction"}`]; n > 0 {
		const seconds = "smpp_connector_sink_transaction_seconds"
		b.ReportMetric(1000*m[seconds+"_sum"]/m[seconds+"_count"], "commit-ms")
		b.ReportMetric(float64(r.results.count())/n, "results/transaction")
	}
	if code := r.terminate(); code != 0 {
		b.Errorf("exit code %d", code)
	}
	r.results.finish(b)
	if r.receipts != nil {
		r.receipts.finish(b)
	}
}

func (l *load) benchVariant(b *testing.B, v variant) {
	r := l.startRun(b, &v, l.topic)
	smscBefore := cpuTime(r.smsc.pid())
	r.results.await(b, l.n, 3*time.Minute, r)
	smsc := cpuTime(r.smsc.pid()) - smscBefore
	if r.receipts != nil {
		r.receipts.await(b, l.n, 3*time.Minute, r)
	}
	r.end(b)
	rate, cpu := r.results.steady(1)
	t := r.results.times(b, l.n)
	b.ReportMetric(rate, "records/s")
	b.ReportMetric(cpu, "cpu-s/100k")
	b.ReportMetric(smsc.Seconds()/float64(l.n)*100_000, "smsc-cpu-s/100k")
	t.poll.report(b, "poll")
	t.answer.report(b, "answer")
	if v.ceiling {
		b.ReportMetric(100*rate/(float64(v.window*v.binds)/t.smsc.mean().Seconds()), "%-of-ceiling")
	}
	best := 0.0
	for _, c := range l.copied {
		best = max(best, c)
	}
	if best > 0 {
		b.ReportMetric(100*rate/best, "%-of-best-copy")
	}
	if c := l.copied[1000]; c > 0 {
		b.ReportMetric(100*rate/c, "%-of-copy-1k")
	}
	if r.receipts != nil {
		rate, _ := r.receipts.steady(1)
		b.ReportMetric(rate, "receipts/s")
		r.receipts.receiptTimes(b, l.n).report(b, "receipt")
	}
}

// benchTrickle: a little at a time, where what counts is how long one record waits.
func (l *load) benchTrickle(b *testing.B) {
	v := variant{simulate: []string{"--latency", benchLatency}, window: 500, binds: 1}
	topic := l.name("trickle")
	kafkatest.CreateTopics(b, l.broker, partitions, topic)
	r := l.startRun(b, &v, topic)
	r.ready()
	cl := kafkatest.Client(b, l.broker, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0))
	const n = trickleRate * trickleFor
	tick := time.NewTicker(time.Second / trickleRate)
	defer tick.Stop()
	began := time.Now()
	for i := 0; i < n; {
		<-tick.C
		for due := min(n, int(time.Since(began)*trickleRate/time.Second)); i < due; i++ {
			cl.Produce(b.Context(), outbound(i), nil) // one that is lost has no result
		}
	}
	r.results.await(b, n, time.Minute, r)
	r.end(b)
	t := r.results.times(b, n)
	t.send.report(b, "send")
	t.poll.report(b, "poll")
	t.answer.report(b, "answer")
	_, cpu := r.results.steady(1)
	b.ReportMetric(cpu, "cpu-s/100k")
}

// times are those of the results of one run, each from its own stamp to the next.
type times struct {
	poll, send, answer spread
	smsc               spread // from submit_sm to its answer
}

// cutOff is what the stamps in records are too early by, on average: they are whole milliseconds, the rest cut off.
const cutOff = 500 * time.Microsecond

// times decodes what arrived and checks it: one result for each of n records, all accepted.
func (f *follower) times(b *testing.B, n int) *times {
	b.Helper()
	t := &times{}
	seen := make([]bool, n)
	count := 0
	for _, a := range f.arrivals {
		for _, r := range a.records {
			res, err := record.DecodeResult(r.Value)
			if err != nil {
				b.Fatalf("a result does not decode: %v", err)
			}
			i := number(res.ID)
			if i < 0 || i >= n || seen[i] || res.Status != record.Accepted || res.PossibleDuplicate || res.Attempts != 1 {
				b.Fatalf("second or wrong result: %s", r.Value)
			}
			seen[i] = true
			if count++; count <= warmUp {
				continue
			}
			t.poll = append(t.poll, a.at.Sub(res.ReceivedAt)-cutOff)
			t.send = append(t.send, res.SubmittedAt.Sub(res.ReceivedAt))
			t.answer = append(t.answer, a.at.Sub(res.AnsweredAt)-cutOff)
			t.smsc = append(t.smsc, res.AnsweredAt.Sub(res.SubmittedAt))
		}
	}
	if i := slices.Index(seen, false); i >= 0 {
		b.Fatalf("%d results for %d records; b%d has none", count, n, i)
	}
	return t
}

// receiptTimes does the same with receipts: one for each record, joined to it.
func (f *follower) receiptTimes(b *testing.B, n int) spread {
	b.Helper()
	var s spread
	seen := make([]bool, n)
	for _, a := range f.arrivals {
		for _, r := range a.records {
			rec, err := record.DecodeReceipt(r.Value)
			if err != nil {
				b.Fatalf("a receipt does not decode: %v", err)
			}
			i := number(rec.ID)
			if i < 0 || i >= n || seen[i] || !rec.Correlated || !rec.Final {
				b.Fatalf("second or wrong receipt: %s", r.Value)
			}
			seen[i] = true
			s = append(s, a.at.Sub(rec.ReceivedAt)-cutOff)
		}
	}
	if i := slices.Index(seen, false); i >= 0 {
		b.Fatalf("b%d has no receipt", i)
	}
	return s
}
