package e2e

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

var soakFor = flag.Duration("soak", 0, "how long TestSoak drives the connector; 0 leaves it out")

const (
	soakSample = 5 * time.Second
	soakTrim   = 5 * time.Second
	// The most outbound records that have no result yet, and the most receipts outstanding. The first is far more than the
	// connector reads ahead, so that the backlog never ends; the second stays below what the simulator holds, whose
	// ESME_RMSGQFUL would else be what is measured.
	soakAhead    = 500_000
	soakReceipts = 100_000
	// One message in so many asks for a receipt. Receipts cost more than messages do: with one each the sink would never have a
	// backlog, and what it holds on to only while it has one would not be seen.
	soakReceiptOf = 8
	soakGrowth    = 1.3 // of the memory, from the first third of the run to the last
)

// TestSoak drives the connector at full speed, both sides on, always with a backlog, and fails if its
// memory, goroutines or open files grow, or if a record has no result or two:
//
//	go test ./internal/e2e -run TestSoak -soak 10m -timeout 20m -v
//
// What all parties have read is deleted from the topics as the run goes on, so that it needs some 2 GB of disk
// however long it is.
func TestSoak(t *testing.T) {
	if *soakFor <= 0 {
		t.Skip("left out without -soak, such as -soak 10m")
	}
	if end, ok := t.Deadline(); ok && time.Until(end) < *soakFor+4*time.Minute {
		t.Fatalf("-soak %s needs -timeout %s or more: the run, and a few minutes around it", *soakFor, *soakFor+5*time.Minute)
	}
	b := kafkatest.Apache(t, "log.segment.bytes=33554432", "log.retention.check.interval.ms=5000", "log.segment.delete.delay.ms=1000")
	smsc := launch(t, exec.Command(program, "simulate", "--listen", "127.0.0.1:0", "--status", "0"), true)
	kafkatest.CreateTopics(t, b, partitions, "sms.outbound")
	results, receipts := &tally{}, &tally{}
	resultsTopic := watch(t, b, "sms.results", results.take(t, `"status":"accepted"`, `"possible_duplicate":false`))
	receiptsTopic := watch(t, b, "sms.receipts", receipts.take(t, `"correlated":true`, `"final":true`))
	c := start(t, b, smsc.address(t), "SMSC_0_WINDOW=2000", "SMSC_0_BINDS=2")
	c.ready()

	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	sent := make(chan int, 1)
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"), kgo.ProducerLinger(5*time.Millisecond))
	adm := kadm.NewClient(kafkatest.Client(t, b))
	go func() { sent <- feed(ctx, cl, results, receipts) }() // ends with ctx
	go trim(ctx, adm, resultsTopic, receiptsTopic)           // ends with ctx
	samples := c.sample(ctx, t, results, receipts)
	n := <-sent
	resultsTopic.await(t, n, 2*time.Minute, c)
	expected := (n + soakReceiptOf - 1) / soakReceiptOf
	receiptsTopic.await(t, expected, 2*time.Minute, c)
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	resultsTopic.finish(t)
	receiptsTopic.finish(t)
	if got := int(results.n.Load()); got != n {
		t.Errorf("%d results for %d records", got, n)
	}
	if got := int(receipts.n.Load()); got != expected {
		t.Errorf("%d receipts for %d messages that asked for one", got, expected)
	}
	t.Logf("%d records in %s\n%s", n, *soakFor, table(samples))
	flat(t, samples)
}

// tally counts the records of a topic and remembers which were there in one bit each, so that the
// test itself stays small.
type tally struct {
	n    atomic.Int64 // the follower writes
	seen []uint64     // the follower's alone
}

// take returns what a follower calls: each record's id once, and each value with all of want in it. The
// values are not decoded, which would take more of the machine than the connector does.
func (y *tally) take(tb testing.TB, want ...string) func(arrival) {
	return func(a arrival) {
		for _, r := range a.records {
			value := string(r.Value)
			_, id, _ := strings.Cut(value, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			i := number(id)
			if i < 0 || slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(value, w) }) {
				tb.Errorf("%s: not as it should be: %s", r.Topic, value)
				continue
			}
			for i/64 >= len(y.seen) {
				y.seen = append(y.seen, make([]uint64, 1<<14)...)
			}
			if y.seen[i/64]&(1<<(i%64)) != 0 {
				tb.Errorf("%s: b%d came twice", r.Topic, i)
			}
			y.seen[i/64] |= 1 << (i % 64)
		}
		y.n.Add(int64(len(a.records)))
	}
}

// feed keeps the connector supplied and returns how many records it has produced when ctx ends.
func feed(ctx context.Context, cl *kgo.Client, results, receipts *tally) int {
	n := 0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = cl.Flush(context.Background()) // what fails here has no result, and that is seen
			return n
		case <-tick.C:
		}
		for n-int(results.n.Load()) < soakAhead && n/soakReceiptOf-int(receipts.n.Load()) < soakReceipts && ctx.Err() == nil {
			r := outbound(n)
			if n%soakReceiptOf != 0 {
				r.Value = append([]byte(`{"receipts":"none",`), r.Value[1:]...)
			}
			cl.Produce(context.Background(), r, nil)
			n++
		}
	}
}

// trim deletes from the topics, from time to time, what everybody has read: the connector's groups by what they have committed, the
// followers by where they stand.
func trim(ctx context.Context, adm *kadm.Client, followers ...*follower) {
	tick := time.NewTicker(soakTrim)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var read kadm.Offsets
		for _, group := range []string{"connect-smpp-sink", "connect-smpp-source"} {
			committed, err := adm.FetchOffsets(ctx, group)
			if err != nil {
				continue // the next round, or the disk, will tell
			}
			committed.Each(func(o kadm.OffsetResponse) {
				if o.At > 0 {
					read.AddOffset(o.Topic, o.Partition, o.At, -1)
				}
			})
		}
		for _, f := range followers {
			f.mu.Lock()
			for p, off := range f.next {
				read.AddOffset(f.topic, p, off, -1)
			}
			f.mu.Unlock()
		}
		_, _ = adm.DeleteRecords(ctx, read)
	}
}

// sample is the connector's state at one moment.
type sample struct {
	at                time.Duration // since the first
	results, receipts int64
	rss               int64
	goroutines, files int
}

func (c *connector) sample(ctx context.Context, t *testing.T, results, receipts *tally) []sample {
	t.Helper()
	var all []sample
	began := time.Now()
	tick := time.NewTicker(soakSample)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-c.done:
			t.Fatalf("the connector ended: %v", c.err)
		case <-tick.C:
		}
		rss, err := memory(c.cmd.Process.Pid, "VmRSS")
		if err != nil {
			t.Skipf("left out: it needs Linux: %v", err)
		}
		files, err := openFiles(c.cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.scrape()
		if err != nil {
			t.Errorf("/metrics: %v", err)
			continue
		}
		all = append(all, sample{at: time.Since(began), results: results.n.Load(), receipts: receipts.n.Load(),
			rss: rss, goroutines: int(m["go_goroutines"]), files: files})
	}
}

// table has a line a minute: medians, and rates over that minute.
func table(all []sample) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%8s %12s %12s %10s %12s %8s\n", "until", "results/s", "receipts/s", "RSS MB", "goroutines", "files")
	for len(all) > 1 {
		n := 1
		for n < len(all)-1 && all[n].at-all[0].at < time.Minute {
			n++
		}
		first, last := all[0], all[n]
		took := (last.at - first.at).Seconds()
		in := all[:n+1]
		fmt.Fprintf(&out, "%8s %12.0f %12.0f %10.0f %12d %8d\n", last.at.Round(time.Second), float64(last.results-first.results)/took,
			float64(last.receipts-first.receipts)/took, float64(median(in, rssOf))/1e6, median(in, goroutinesOf), median(in, filesOf))
		all = all[n:]
	}
	return out.String()
}

func rssOf(s sample) int64        { return s.rss }
func goroutinesOf(s sample) int64 { return int64(s.goroutines) }
func filesOf(s sample) int64      { return int64(s.files) }

func median(in []sample, of func(sample) int64) int64 {
	values := make([]int64, 0, len(in))
	for _, s := range in {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// flat compares the last third of the samples with the first, after a warm-up: a tenth of the run, or half a
// minute if that is more, in which caches and pools fill. Medians, since the garbage collector makes a saw of the memory.
func flat(t *testing.T, all []sample) {
	t.Helper()
	warm := max(*soakFor/10, min(30*time.Second, *soakFor/4))
	all = slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return s.at < warm })
	if len(all) < 6 {
		t.Logf("%d samples are too few to tell whether anything grows; -soak %s or more", len(all), time.Minute)
		return
	}
	first, last := all[:len(all)/3], all[len(all)-len(all)/3:]
	if was, is := median(first, rssOf), median(last, rssOf); float64(is) > soakGrowth*float64(was) {
		t.Errorf("memory grows: median %d MB in the first third, %d MB in the last", was/1e6, is/1e6)
	}
	// Connections come and go, a handful of goroutines with each; a leak at this speed makes thousands.
	const slack = 20
	if was, is := median(first, goroutinesOf), median(last, goroutinesOf); is > was+slack {
		t.Errorf("goroutines grow: median %d in the first third, %d in the last", was, is)
	}
	const tables = 64 // the resolver's store opens more of them as its state fills up, to this many
	if was, is := median(first, filesOf), median(last, filesOf); is > was+slack+tables {
		t.Errorf("open files grow: median %d in the first third, %d in the last", was, is)
	}
}
