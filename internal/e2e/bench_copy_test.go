package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The bare copy is what Kafka itself costs: the same records consumed, produced
// unchanged and committed in transactions, with nothing in between, by the client
// library's own way of doing it.

// copyRecords is the process; its arguments come as variables.
func copyRecords(env func(string) string) error {
	n, err1 := strconv.Atoi(env("COPY_RECORDS"))
	batch, err2 := strconv.Atoi(env("COPY_BATCH"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	input, output := env("COPY_FROM"), env("COPY_TO")
	s, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(env("COPY_BROKERS"), ",")...),
		kgo.ConsumerGroup(output), kgo.TransactionalID(output),
		kgo.ConsumeTopics(input), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.DefaultProduceTopic(output), kgo.MaxBufferedRecords(1<<20), kgo.ManualFlushing(),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		// What the connector does too: else each transaction that comes too soon after the last waits 250 ms.
		kgo.MetadataMinAge(10*time.Millisecond),
		kgo.ConcurrentTransactionsBackoff(time.Millisecond),
		kgo.RetryBackoffFn(func(n int) time.Duration { return min(2*time.Millisecond<<min(n, 7), 250*time.Millisecond) }),
	)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	for done := 0; done < n; {
		if err := s.Begin(); err != nil {
			return err
		}
		in := 0
		for in < batch && done+in < n {
			fetches := s.PollRecords(ctx, batch-in)
			if err := fetches.Err(); err != nil {
				return err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				in++
				s.Client().Produce(ctx, &kgo.Record{Key: r.Key, Value: r.Value}, nil) // End reports what failed
			})
		}
		committed, err := s.End(ctx, kgo.TryCommit)
		if err != nil {
			return err
		}
		if !committed {
			return errors.New("a transaction was aborted although nobody else is in the group")
		}
		done += in
	}
	select {} // the CPU time of a process that has ended cannot be read; play ends this one
}

// copies is how often each batch size is measured; the median counts, since one run lasts a second.
const copies = 3

// benchCopy measures one batch size.
func (l *load) benchCopy(b *testing.B, batch int) {
	for range b.N {
		var rates, cpus []float64
		for range copies {
			rate, cpu := l.copyOnce(b, batch)
			rates, cpus = append(rates, rate), append(cpus, cpu)
		}
		slices.Sort(rates)
		slices.Sort(cpus)
		l.copied[batch] = rates[copies/2]
		b.ReportMetric(rates[copies/2], "records/s")
		b.ReportMetric(cpus[copies/2], "cpu-s/100k")
	}
	b.ReportMetric(0, "ns/op") // of the whole run with the start of its processes: says nothing
}

func (l *load) copyOnce(tb testing.TB, batch int) (rate, cpu float64) {
	tb.Helper()
	return l.copy(tb, partitions, batch).steady(batch) // the first transaction only starts the clock
}

// copy copies all to a topic of so many partitions.
func (l *load) copy(tb testing.TB, partitions, batch int) *follower {
	tb.Helper()
	output := l.name("copy")
	f := watchWide(tb, l.broker, output, partitions, nil)
	p := launchRole(tb, roleCopy, false, "COPY_BROKERS="+strings.Join(l.broker.Addrs, ","), "COPY_FROM="+l.topic, "COPY_TO="+output,
		fmt.Sprint("COPY_RECORDS=", l.n), fmt.Sprint("COPY_BATCH=", batch))
	f.watches(p.pid())
	f.await(tb, l.n, 2*time.Minute, p)
	f.finish(tb)
	p.end()
	if f.n != l.n {
		tb.Fatalf("%d records were copied, %d expected", f.n, l.n)
	}
	return f
}
