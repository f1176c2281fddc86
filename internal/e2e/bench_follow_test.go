package e2e

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// arrival is what one fetch of a read_committed consumer brought.
type arrival struct {
	at      time.Time
	cpu     time.Duration // used until then by the processes watched
	broker  time.Duration // and by the broker
	records []*kgo.Record
}

// follower reads a topic with read_committed from its start, as fast as records become
// visible there, and notes when they did. It decodes nothing meanwhile: it
// shares the machine with what it measures.
type follower struct {
	cl    *kgo.Client
	topic string

	partitions int
	pids       atomic.Pointer[[]int] // of the processes watched; nil: none yet
	broker     int                   // the broker's

	stop context.CancelFunc
	done chan struct{}
	take func(arrival) // called by the follower's goroutine

	mu      sync.Mutex
	n       int             // records
	next    map[int32]int64 // by partition: all before it is read
	changed chan struct{}   // closed at the next change of n and next

	arrivals []arrival // the goroutine's until done, where take is nil
}

// watch begins to follow a topic that it makes. take gets what arrives; nil keeps all of it.
//
// A topic just made reaches a consumer partition by partition, which can take seconds. So each partition begins
// with a record that is not counted, and watch returns when all of these have arrived.
func watch(tb testing.TB, b *kafkatest.Broker, topic string, take func(arrival)) *follower {
	tb.Helper()
	return watchWide(tb, b, topic, partitions, take)
}

// watchWide is watch of a topic of so many partitions.
func watchWide(tb testing.TB, b *kafkatest.Broker, topic string, partitions int, take func(arrival)) *follower {
	tb.Helper()
	kafkatest.CreateTopics(tb, b, int32(partitions), topic)
	ctx, stop := context.WithCancel(context.Background())
	f := &follower{topic: topic, partitions: partitions, broker: b.PID(), stop: stop, done: make(chan struct{}), next: make(map[int32]int64), changed: make(chan struct{}), take: take}
	if take == nil {
		f.take = func(a arrival) { f.arrivals = append(f.arrivals, a) }
	}
	// A topic's end is mostly a transaction's marker: without control records nobody could tell that all is read.
	f.cl = kafkatest.Client(tb, b, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords(), kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	go f.run(ctx)
	tb.Cleanup(func() {
		stop()
		<-f.done
	})
	for p := range int32(partitions) {
		if err := f.cl.ProduceSync(tb.Context(), &kgo.Record{Topic: topic, Partition: p, Value: []byte("begin")}).FirstErr(); err != nil {
			tb.Fatal(err)
		}
	}
	f.until(tb, time.Minute, nil, func(_ int, next map[int32]int64) bool { return len(next) == f.partitions })
	return f
}

// watches tells whose CPU time is noted with what arrives.
func (f *follower) watches(pids ...int) { f.pids.Store(&pids) }

func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	for ctx.Err() == nil {
		fetches := f.cl.PollFetches(ctx)
		a := arrival{at: time.Now(), broker: cpuTime(f.broker)}
		if pids := f.pids.Load(); pids != nil {
			a.cpu = cpuTimes(*pids)
		}
		next := make(map[int32]int64)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				next[p.Partition] = r.Offset + 1
				if !r.Attrs.IsControl() && r.Offset > 0 {
					a.records = append(a.records, r)
				}
			}
		})
		if len(a.records) > 0 {
			f.take(a)
		}
		f.mu.Lock()
		f.n += len(a.records)
		for p, off := range next {
			f.next[p] = off
		}
		close(f.changed)
		f.changed = make(chan struct{})
		f.mu.Unlock()
	}
}

// writer is the process that writes a topic.
type writer interface {
	ended() <-chan struct{}
	why() error // after ended
}

func (p *process) ended() <-chan struct{}   { return p.done }
func (p *process) why() error               { return p.err }
func (c *connector) ended() <-chan struct{} { return c.done }
func (c *connector) why() error             { return c.err }

// until waits for ok, which is asked at each arrival. If w, which may be nil, ends before, so does the test.
func (f *follower) until(tb testing.TB, limit time.Duration, w writer, ok func(n int, next map[int32]int64) bool) {
	tb.Helper()
	var ended <-chan struct{}
	if w != nil {
		ended = w.ended()
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		f.mu.Lock()
		n, good, changed := f.n, ok(f.n, f.next), f.changed
		f.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-ended:
			tb.Fatalf("%s: the process that writes it ended after %d records: %v", f.topic, n, w.why())
		case <-late.C:
			tb.Fatalf("%s: %d records after %s", f.topic, n, limit)
		}
	}
}

// count is how many records are visible so far.
func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// await waits until n records are visible.
func (f *follower) await(tb testing.TB, n int, limit time.Duration, w writer) {
	tb.Helper()
	f.until(tb, limit, w, func(have int, _ map[int32]int64) bool { return have >= n })
}

// finish reads what is left, once the writer has ended, so that one record too many is seen
// as surely as one too few, and stops.
func (f *follower) finish(tb testing.TB) {
	tb.Helper()
	ends, err := kadm.NewClient(f.cl).ListCommittedOffsets(tb.Context(), f.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		tb.Fatal(err)
	}
	f.until(tb, time.Minute, nil, func(_ int, next map[int32]int64) bool {
		for _, e := range ends[f.topic] {
			if e.Offset > next[e.Partition] {
				return false
			}
		}
		return true
	})
	f.stop()
	<-f.done
}

// steady is the rate in records/s from the moment at which so many had become visible to the last,
// and the CPU seconds per 100,000 that the process watched used in that time.
func (f *follower) steady(after int) (rate, cpu float64) {
	if len(f.arrivals) == 0 {
		return 0, 0
	}
	seen, i := 0, 0
	for ; i < len(f.arrivals)-1 && seen < after; i++ {
		seen += len(f.arrivals[i].records)
	}
	first, last := f.arrivals[max(i-1, 0)], f.arrivals[len(f.arrivals)-1]
	rest := float64(f.n - seen)
	return rest / last.at.Sub(first.at).Seconds(), (last.cpu - first.cpu).Seconds() / rest * 100_000
}

// spread is a sample of durations.
type spread []time.Duration

func (s spread) sort() spread {
	slices.Sort(s)
	return s
}

// quantile is in milliseconds; the sample is sorted.
func (s spread) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	return milliseconds(s[int(q*float64(len(s)-1))])
}

func (s spread) mean() time.Duration {
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return sum / time.Duration(max(len(s), 1))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// report gives the benchmark p50 and p99 of a spread.
func (s spread) report(b *testing.B, name string) {
	s.sort()
	b.ReportMetric(s.quantile(0.5), "p50-"+name+"-ms")
	b.ReportMetric(s.quantile(0.99), "p99-"+name+"-ms")
}
