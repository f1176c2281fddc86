package fleet

import (
	"math/rand/v2"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/ledger"
)

const (
	replicas   = 100
	partitions = 600
	window     = 100 // unanswered submits of a replica, over all its partitions
	ahead      = 50  // granted beyond the window: half a second of pace, and two commits
	slowAnswer = 40  // ticks that some answers take
	session    = 20  // ticks until a dead replica's partitions are given to others
)

// partition is what Kafka has of one, and what the SMSC has seen of its messages.
type partition struct {
	end       int64 // records there are
	committed int64
	metadata  string
	sent      []uint8 // by offset, how often
	results   []uint8
	inDoubt   []bool
}

// work is what an owner knows of a partition.
type work struct {
	l       *ledger.Ledger
	n       uint64
	polled  int64
	ready   []int64       // observed, not granted
	granted []int64       // in the commit in hand
	due     map[int64]int // sent: when the answer comes
}

type replica struct {
	parts map[int32]*work
	out   int // sent and not answered, or granted
}

// fleet is all of it. Time goes by in ticks, of 100 ms if it must have a name; a commit takes one.
type fleet struct {
	t     *testing.T
	rng   *rand.Rand
	now   int
	kafka []*partition
	group *group
	live  map[string]*replica
	doubt int // records found in doubt
	worst int // by one crash
}

func newFleet(t *testing.T, seed uint64, records int64) *fleet {
	f := &fleet{t: t, rng: rand.New(rand.NewPCG(seed, 1)), group: newGroup(t, partitions), live: make(map[string]*replica)}
	for range partitions {
		f.kafka = append(f.kafka, &partition{end: records, sent: make([]uint8, records), results: make([]uint8, records), inDoubt: make([]bool, records)})
	}
	return f
}

func (f *fleet) join(ids ...string) {
	for _, id := range ids {
		f.live[id] = &replica{parts: make(map[int32]*work)}
		f.group.members[id] = nil
	}
	f.rebalance()
}

func (f *fleet) rebalance() {
	f.group.rebalance(f.handOver)
	for id, held := range f.group.members {
		for _, p := range held {
			if r := f.live[id]; r.parts[p] == nil {
				r.parts[p] = f.takeOver(p)
				r.out += len(r.parts[p].due)
			}
		}
	}
	f.group.checkEven()
}

// handOver is the clean way: what is out is waited for, and nothing granted is left.
func (f *fleet) handOver(id string, ps []int32) {
	r := f.live[id]
	for _, p := range ps {
		w := r.parts[p]
		for o := range w.due {
			f.answer(p, w, o)
			r.out--
		}
		for _, o := range w.granted { // its commit is known, and nothing of it was sent: given back
			w.l.Ungrant(o)
			r.out--
		}
		w.granted = nil
		f.commit(p, w, id)
		delete(r.parts, p)
	}
}

// takeOver reads what is committed, and sends anew what is in doubt, as DELIVERY_IN_DOUBT=resend does.
func (f *fleet) takeOver(p int32) *work {
	k := f.kafka[p]
	m, err := ledger.ParseMetadata(k.metadata)
	if k.metadata == "" {
		m, err = ledger.Meta{}, nil
	}
	if err != nil {
		f.t.Fatal(err)
	}
	w := &work{l: m.Restore(k.committed), n: m.N, polled: k.committed, due: make(map[int64]int)}
	for o := k.committed; o < min(k.end, k.committed+ledger.MaxSpan); o++ {
		switch w.l.Observe(o) {
		case ledger.Fresh:
			w.ready = append(w.ready, o)
		case ledger.Inherited:
			f.doubt++
			k.inDoubt[o] = true
			f.send(p, w, o)
		}
		w.polled = o + 1
	}
	return w
}

func (f *fleet) send(p int32, w *work, o int64) {
	k := f.kafka[p]
	if k.sent[o]++; k.sent[o] > 1 && !k.inDoubt[o] {
		f.t.Fatalf("partition %d: offset %d is sent again and was never in doubt", p, o)
	}
	if k.results[o] > 0 {
		f.t.Fatalf("partition %d: offset %d is sent although it has its result", p, o)
	}
	wait := 1 + f.rng.IntN(3)
	if f.rng.IntN(500) == 0 {
		wait = slowAnswer
	}
	w.due[o] = f.now + wait
}

func (f *fleet) answer(p int32, w *work, o int64) {
	delete(w.due, o)
	w.l.Done(o)
}

// commit writes results and ledger together; results are counted by what the ledger says is done, as a transaction has them.
func (f *fleet) commit(p int32, w *work, writer string) {
	if !w.l.Changed() {
		return
	}
	k := f.kafka[p]
	w.n++
	meta, err := w.l.AppendMetadata(nil, w.n, writer)
	if err != nil {
		f.t.Fatal(err)
	}
	for o := k.committed; o < w.l.Next(); o++ {
		if w.l.At(o) == ledger.Done && k.results[o] == 0 {
			k.results[o]++
		}
	}
	k.committed, k.metadata = w.l.C(), string(meta)
	w.l.Committed()
}

// tick is one commit of every replica: what came back is written, what was granted by the commit before is sent, and more is granted.
func (f *fleet) tick() {
	f.now++
	for id := range f.group.members {
		r := f.live[id]
		if r == nil {
			continue // dead, and still a member
		}
		for _, p := range f.group.members[id] {
			w := r.parts[p]
			for _, o := range w.granted {
				f.send(p, w, o)
			}
			w.granted = w.granted[:0]
			for o, at := range w.due {
				if at <= f.now {
					f.answer(p, w, o)
					r.out--
				}
			}
			for len(w.ready) > 0 && r.out < window+ahead && w.l.CanGrant(w.ready[0]) {
				w.l.Grant(w.ready[0])
				w.granted = append(w.granted, w.ready[0])
				w.ready = w.ready[1:]
				r.out++
			}
			f.commit(p, w, id)
		}
	}
}

func (f *fleet) ticks(n int) {
	for range n {
		f.tick()
	}
}

// crash kills replicas at once; the group learns it at the end of their sessions.
func (f *fleet) crash(ids ...string) {
	for _, id := range ids {
		delete(f.live, id)
	}
	f.ticks(session)
	before := f.doubt
	for _, id := range ids {
		delete(f.group.members, id)
	}
	f.rebalance()
	f.worst = max(f.worst, (f.doubt-before+len(ids)-1)/len(ids))
}

// leave is a clean stop.
func (f *fleet) leave(id string) {
	f.handOver(id, f.group.members[id])
	delete(f.live, id)
	delete(f.group.members, id)
	before := f.doubt
	f.rebalance()
	if f.doubt != before {
		f.t.Fatalf("a clean stop left %d in doubt", f.doubt-before)
	}
}

// open is how many partitions are not at their end.
func (f *fleet) open() (n int) {
	for _, k := range f.kafka {
		if k.committed < k.end {
			n++
		}
	}
	return n
}

func (f *fleet) finish() {
	for n := 0; ; n++ {
		open := f.open()
		if open == 0 {
			break
		}
		if n == 100_000 {
			f.t.Fatalf("%d partitions do not come to their end", open)
		}
		f.tick()
	}
	for p, k := range f.kafka {
		for o := range k.sent {
			if k.results[o] != 1 || k.sent[o] == 0 {
				f.t.Fatalf("partition %d: offset %d was sent %d times and has %d results", p, o, k.sent[o], k.results[o])
			}
		}
	}
}

func TestAHundredReplicasComeGoAndDieAndNothingIsLostOrSentAgainUnsaid(t *testing.T) {
	t.Parallel()
	records := int64(2000)
	f := newFleet(t, 1, records)
	var ids []string
	for i := range replicas {
		ids = append(ids, name(i))
	}
	f.join(ids[:60]...)
	f.ticks(20)
	moved := f.group.moved
	f.join(ids[60:]...)
	if n := f.group.moved - moved; n > partitions*40/100+partitions/10 {
		t.Errorf("%d partitions moved for 40 of 100 replicas that came; 240 had to", n)
	}
	f.ticks(20)
	moved = f.group.moved
	f.crash(ids[3])
	f.crash(ids[10:20]...)
	if n := f.group.moved - moved; n > 30 {
		t.Errorf("%d partitions were taken from replicas that live, when eleven others died", n)
	}
	f.join(ids[3], ids[10])
	for _, id := range ids[90:] { // a rolling restart
		f.leave(id)
		f.ticks(3)
		f.join(id)
		f.ticks(3)
	}
	if open := f.open(); open < partitions/2 {
		t.Fatalf("only %d partitions had work left: the restarts showed nothing", open)
	}
	f.finish()
	if f.worst == 0 || f.worst > window+ahead {
		t.Errorf("a crash left %d in doubt, at most %d were to be, and some", f.worst, window+ahead)
	}
	t.Logf("%d records, %d replicas, %d partitions: %d in doubt by 11 crashes, %d a crash at most; %d partitions moved; %d ticks",
		int64(partitions)*records, replicas, partitions, f.doubt, f.worst, f.group.moved, f.now)
}
