package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// plan is the world of a seed, before anything happens in it.
type plan struct {
	replicas   int
	smscs      int
	brokers    int
	partitions int32
	duration   time.Duration // faults come in it
	session    time.Duration
	window     int
	tps        int
	binds      int
	hold       bool
	resolver   bool
	commits    time.Duration // DELIVERY_COMMIT_INTERVAL; 0: its default
	habits     []habits
	records    []planned
	ends       map[int32]int64
	inbound    []time.Duration // messages from subscribers
	families   families
	faults     []fault
}

// families are the kinds of faults that a seed plays.
type families struct {
	smsc       bool // connections cut, stalled, refused; no answers
	slow       bool // throttling and refusals: nothing that leaves a doubt
	kafka      bool // requests refused or lost, short stalls: no member is given up
	away       bool // Kafka away for longer than a session lasts
	crash      bool
	freeze     bool
	membership bool // clean stops, new replicas
	evicted    bool // a replica that lives, and whose SMSC does, is taken for dead by its group
}

// planned is one outbound record.
type planned struct {
	at        time.Duration
	partition int32
	value     string // "" is a null value
	kind      kind
	parts     int
}

type kind uint8

const (
	ordinary kind = iota
	invalid
	null
)

func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

func makePlan(seed uint64) *plan {
	r := draw(seed, "plan")
	p := &plan{
		replicas: 1 + r.IntN(3), smscs: 1 + r.IntN(2), brokers: 1 + r.IntN(2), partitions: 2 + r.Int32N(3),
		duration: between(r, 4*time.Second, 25*time.Second), session: between(r, 2*time.Second, 6*time.Second),
		window: 1 + r.IntN(12), binds: 1 + r.IntN(2), hold: r.IntN(4) == 0, ends: make(map[int32]int64),
	}
	if r.IntN(3) == 0 {
		p.tps = 5 + r.IntN(40)
	}
	p.resolver = r.IntN(8) == 0
	for range p.smscs {
		fast := between(r, time.Millisecond, 50*time.Millisecond)
		p.habits = append(p.habits, habits{fast: fast, slow: fast + between(r, 0, 400*time.Millisecond)})
	}
	n := 20 + r.IntN(60)
	for i := range n {
		rec := planned{partition: r.Int32N(p.partitions), parts: 1}
		if r.IntN(3) > 0 {
			rec.at = between(r, 0, p.duration)
		}
		text := fmt.Sprintf("hello %d", i)
		switch x := r.IntN(100); {
		case x < 3:
			rec.kind = null
		case x < 6:
			rec.kind, rec.value = invalid, fmt.Sprintf(`{"id":"m%d","to":"+4917%d","text":"x","payload":"eA=="}`, i, 100_000+i)
		case x < 14:
			text, rec.parts = strings.Repeat(text+" ", 250/len(text)), 2
			fallthrough
		default:
			rec.value = fmt.Sprintf(`{"id":"m%d","to":"+4917%d","text":%q,"priority":%d}`, i, 100_000+i, text, r.IntN(4))
		}
		p.records = append(p.records, rec)
		p.ends[rec.partition]++
	}
	for range r.IntN(6) {
		p.inbound = append(p.inbound, between(r, 0, p.duration))
	}
	f := &p.families
	for _, b := range []*bool{&f.smsc, &f.slow, &f.kafka, &f.away, &f.crash, &f.freeze, &f.membership} {
		*b = r.IntN(3) == 0
	}
	if seed >= evictions {
		r := draw(seed, "evictions")
		f.evicted = r.IntN(3) == 0
		if r.IntN(2) == 0 {
			p.commits = between(r, 5*time.Millisecond, 200*time.Millisecond).Round(time.Millisecond)
		}
		if f.evicted { // there must be somebody to take over, and something that is not sent yet
			p.replicas = 2 + r.IntN(2)
			p.session = between(r, 3*time.Second, 6*time.Second)
			p.tps = 10 + r.IntN(40)
			p.commits = between(r, 50*time.Millisecond, 400*time.Millisecond).Round(time.Millisecond)
		}
	}
	p.faults = script(draw(seed, "script"), p)
	return p
}

// evictions is the first seed whose world may have them, and commits at other intervals. The
// seeds below keep the worlds that they had when they failed.
const evictions = 10_000_000
