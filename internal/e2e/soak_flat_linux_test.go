package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// soakReading is what the replica that is never killed holds at one moment, and the broker for the connector.
type soakReading struct {
	at                               time.Duration // since the first
	results                          int
	rss, heap, goroutines, files     int64 // heap is the goal of the collector, about twice what lives
	state                            int64 // STATE_DIR
	waiting, offsets, txn, allOthers int64 // smpp.waiting, __consumer_offsets, __transaction_state; all else that is ours
	transactions, epochs             int
}

// soakMeasures are those that must be flat, with the growth that is none: in part, and at all events.
var soakMeasures = []struct {
	name  string
	of    func(soakReading) int64
	ratio float64
	slack int64
	unit  float64
}{
	{"memory, MB", func(s soakReading) int64 { return s.rss }, soakGrowth, 0, 1e6},
	// A handful comes with each connection, and these come and go; a leak at this pace makes thousands.
	{"heap, MB", func(s soakReading) int64 { return s.heap }, soakGrowth, 8e6, 1e6},
	{"goroutines", func(s soakReading) int64 { return s.goroutines }, 1, 30, 1},
	// The store of the resolver opens up to 64 tables for what it holds, and more partitions come when another replica goes.
	{"open files", func(s soakReading) int64 { return s.files }, 1, 64 + 20, 1},
	// The store is written anew in steps; it holds soakRemember of submissions.
	{"STATE_DIR, MB", func(s soakReading) int64 { return s.state }, soakGrowth, 64e6, 1e6},
	{"smpp.waiting, MB", func(s soakReading) int64 { return s.waiting }, soakGrowth, 64e6, 1e6},
	{"__consumer_offsets, MB", func(s soakReading) int64 { return s.offsets }, soakGrowth, 64e6, 1e6},
	{"__transaction_state, MB", func(s soakReading) int64 { return s.txn }, soakGrowth, 64e6, 1e6},
	{"other topics, MB", func(s soakReading) int64 { return s.allOthers }, soakGrowth, 128e6, 1e6},
}

// watch samples until ctx ends, and tells once a minute.
func (s *soak) watch(ctx context.Context) []soakReading {
	var all []soakReading
	began, told := time.Now(), time.Now()
	tick := time.NewTicker(soakReadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return all
		case <-tick.C:
		}
		now := soakReading{at: time.Since(began), results: s.audit.done(), state: size(s.steady.dir)}
		pid := s.steady.cmd.Process.Pid
		var err error
		if now.rss, err = memory(pid, "VmRSS"); err != nil {
			s.audit.fault("the replica that is never killed: %v", err)
			return all
		}
		files, err := openFiles(pid)
		if err != nil {
			continue
		}
		now.files = int64(files)
		m, err := s.steady.metrics()
		if err != nil {
			s.audit.fault("/metrics: %v", err)
			continue
		}
		now.goroutines, now.heap = int64(m["go_goroutines"]), int64(m["go_memstats_next_gc_bytes"])
		if !s.disk(ctx, &now) || s.ids.look(ctx) != nil {
			continue // the broker is away
		}
		now.transactions, now.epochs = s.ids.counted()
		all = append(all, now)
		if time.Since(told) >= time.Minute {
			told = time.Now()
			s.t.Logf("%s\n%s%s", s.audit.summary(), strings.Join(s.audit.found(), "\n"), soakTable(all[max(0, len(all)-int(time.Minute/soakReadEvery)):]))
		}
	}
}

const soakReadEvery = 5 * time.Second

// disk asks the broker what the topics take.
func (s *soak) disk(ctx context.Context, now *soakReading) bool {
	ctx, cancel := context.WithTimeout(ctx, soakReadEvery)
	defer cancel()
	dirs, err := s.adm.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return false
	}
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			switch p.Topic {
			case "smpp.waiting":
				now.waiting += p.Size
			case "__consumer_offsets":
				now.offsets += p.Size
			case "__transaction_state":
				now.txn += p.Size
			default:
				now.allOthers += p.Size
			}
		})
	})
	return true
}

// soakTable has a line a minute, of medians.
func soakTable(all []soakReading) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%8s %10s", "until", "results/s")
	for _, m := range soakMeasures {
		fmt.Fprintf(&out, " %s |", m.name)
	}
	fmt.Fprintf(&out, " transactions | producer ids taken anew\n")
	for len(all) > 1 {
		n := 1
		for n < len(all)-1 && all[n].at-all[0].at < time.Minute {
			n++
		}
		in, last := all[:n+1], all[n]
		fmt.Fprintf(&out, "%8s %10.0f", last.at.Round(time.Second), float64(last.results-all[0].results)/(last.at-all[0].at).Seconds())
		for _, m := range soakMeasures {
			fmt.Fprintf(&out, " %*.0f |", len(m.name), float64(soakQuantile(in, m.of, 0.5))/m.unit)
		}
		fmt.Fprintf(&out, " %12d | %d\n", last.transactions, last.epochs)
		all = all[n:]
	}
	return out.String()
}

func soakQuantile(in []soakReading, of func(soakReading) int64, q float64) int64 {
	values := make([]int64, 0, len(in))
	for _, s := range in {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[int(q*float64(len(values)-1))]
}

// flat compares the last third of the readings with the first, after what fills up with time has filled: caches, pools, and
// what the resolver remembers. It compares what they come down to (their lowest tenth) and not their middle: each outage leaves a
// backlog that takes memory for its time, and more of it on a machine that has other things to do; what leaks does not come down.
func (s *soak) flat(all []soakReading) {
	warm := soakRemember + 5*time.Minute
	all = slices.DeleteFunc(slices.Clone(all), func(x soakReading) bool { return x.at < warm })
	if *soakFor < 2*warm {
		s.t.Logf("too short to tell whether anything grows; -soak %s or more", 2*warm)
		return
	}
	first, last := all[:len(all)/3], all[len(all)-len(all)/3:]
	for _, m := range soakMeasures {
		was, is := soakQuantile(first, m.of, 0.1), soakQuantile(last, m.of, 0.1)
		s.t.Logf("%-25s comes down to %8.1f in the first third, %8.1f in the last (medians %8.1f, %8.1f)", m.name, float64(was)/m.unit, float64(is)/m.unit,
			float64(soakQuantile(first, m.of, 0.5))/m.unit, float64(soakQuantile(last, m.of, 0.5))/m.unit)
		if float64(is) > m.ratio*float64(was)+float64(m.slack) {
			s.t.Errorf("%s: grows from %.1f to %.1f", m.name, float64(was)/m.unit, float64(is)/m.unit)
		}
	}
}

// rest waits, when all is through, until the heap has come down to what it comes down to between two faults in the first third of
// the run. What has leaked meanwhile stays.
func (s *soak) rest(all []soakReading) {
	if len(all) < 3 {
		return
	}
	const goal = "go_memstats_next_gc_bytes"
	least := float64(soakQuantile(all[:len(all)/3], func(r soakReading) int64 { return r.heap }, 0.1))
	ctx, cancel := context.WithTimeout(s.t.Context(), soakSettle) // the collector runs every two minutes, whatever happens
	defer cancel()
	tick := time.NewTicker(soakReadEvery)
	defer tick.Stop()
	for {
		m, err := s.steady.metrics()
		if err == nil && m[goal] <= soakGrowth*least+8e6 {
			s.t.Logf("at rest the heap's goal is %.1f MB; in the first third of the run it came down to %.1f MB", m[goal]/1e6, least/1e6)
			return
		}
		select {
		case <-ctx.Done():
			s.t.Errorf("at rest the heap's goal stays at %.1f MB; in the first third of the run it came down to %.1f MB (%v)", m[goal]/1e6, least/1e6, err)
			return
		case <-tick.C:
		}
	}
}

// producerIDs follows the producers behind the transactional ids.
type producerIDs struct {
	adm *kadm.Client
	by  map[string]*producerID // the watching goroutine's
}

// producerID is what is known of a transactional id. With KIP-890 each transaction raises the epoch by one, so
// that the epochs count the transactions.
type producerID struct {
	id           int64
	epoch        int16
	transactions int
	anew         int // how often another producer id came, after the epoch of the last had run out
}

func (p *producerIDs) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, soakReadEvery)
	defer cancel()
	described, err := p.adm.DescribeTransactions(ctx)
	if err != nil {
		return err
	}
	for name, d := range described {
		if d.Err != nil {
			continue
		}
		was := p.by[name]
		switch {
		case was == nil:
			p.by[name] = &producerID{id: d.ProducerID, epoch: d.ProducerEpoch, transactions: int(d.ProducerEpoch)}
		case was.id == d.ProducerID:
			was.transactions += int(d.ProducerEpoch - was.epoch)
			was.epoch = d.ProducerEpoch
		default:
			was.transactions += soakEpochs - int(was.epoch) + int(d.ProducerEpoch)
			if was.epoch > soakEpochs-5000 { // it was not looked at in between for so long at the most
				was.anew++
			}
			was.id, was.epoch = d.ProducerID, d.ProducerEpoch
		}
	}
	return nil
}

// counted is the most transactions of one transactional id, and how many producer ids were taken in
// place of one whose epoch had run out.
func (p *producerIDs) counted() (most, anew int) {
	for _, id := range p.by {
		most = max(most, id.transactions)
		anew += id.anew
	}
	return most, anew
}

// exhausted demands that an epoch has run out, if the run was long enough for it.
func (s *soak) exhausted() {
	most, anew := s.ids.counted()
	s.t.Logf("the most transactions under one transactional id: %d; producer ids taken anew: %d", most, anew)
	if anew == 0 && (*soakFor >= soakEpochsBy || most > soakEpochs) {
		s.t.Errorf("no producer's epoch has run out: %d transactions under one transactional id, and it takes %d", most, soakEpochs)
	}
}
