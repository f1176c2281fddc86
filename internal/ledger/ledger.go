package ledger

import (
	"fmt"
	"strings"
)

// State is what a ledger knows of one offset.
type State uint8

const (
	// Pending was polled or will be, and has not been granted: nobody sent it.
	Pending State = iota
	// Granted may be sent as soon as the grant is committed.
	Granted
	// Done has an outcome that is committed, or goes into the commit in hand.
	Done
	// gap is an offset that holds no record (compacted away, or a control
	// record). It stands in nobody's way and needs no place of its own in the
	// metadata: a successor meets the same gap when it polls.
	gap
)

// Seen is what Observe says of a polled offset.
type Seen uint8

const (
	// Fresh was never granted: it may be sent as the first time.
	Fresh Seen = iota
	// Inherited was granted by a predecessor (or by us before we lost the
	// partition): it may have been sent. It stays granted.
	Inherited
	// Settled is done already: drop the record.
	Settled
	// Repeated was observed before, by this ledger: the consumer was rewound
	// (a rejoin, a data-loss reset). Drop the record.
	Repeated
	// Beyond lies further from C than a ledger reaches (MaxSpan): hold the
	// record back and observe it again when C has moved.
	Beyond
)

// MaxSpan is how many offsets beyond C a ledger reaches, in memory (one byte
// an offset).
const MaxSpan = 1 << 17

// Ledger is the state of one partition: C, and a state for each offset in
// [C, C+len).
type Ledger struct {
	c    int64  // below it, all is done
	next int64  // the next offset to observe; c <= next
	ring []byte // states from c on, a power of two long, addressed by offset & mask
	end  int64  // one past the highest offset that is Granted or Done; offsets in [end, next) may be Pending or gap

	topic    string // see SetTopic
	granted  int    // how many are Granted
	doneRuns int    // maximal runs of Done in [c, end)
	changed  bool
}

// New returns the ledger of a partition whose committed offset is c and whose
// metadata says nothing more.
func New(c int64) *Ledger {
	return &Ledger{c: c, next: c, end: c, ring: make([]byte, 1024)}
}

// SetTopic notes which topic the offsets belong to, in at most 8 bytes that tell it
// from another of the same name: offsets begin anew when a topic is deleted and created
// again, and a ledger of the one must not be taken for the other's.
func (l *Ledger) SetTopic(topic string) error {
	if len(topic) > maxTopic || strings.ContainsAny(topic, ";=") {
		return fmt.Errorf("ledger: topic %q: at most %d bytes without ; and =", topic, maxTopic)
	}
	l.topic = topic
	return nil
}

// Topic is what SetTopic or the metadata said.
func (l *Ledger) Topic() string { return l.topic }

// C is the offset to commit: all below it is done.
func (l *Ledger) C() int64 { return l.c }

// Next is the offset that follows the last one observed.
func (l *Ledger) Next() int64 { return l.next }

// Granted counts the offsets granted and not done.
func (l *Ledger) Granted() int { return l.granted }

// Waiting counts the offsets between C and Next, done ones beyond C included.
func (l *Ledger) Waiting() int64 { return l.next - l.c }

// Changed tells whether C, S or G differ from what Committed last confirmed.
func (l *Ledger) Changed() bool { return l.changed }

// Committed notes that the state as it is now has been written into a commit;
// a later change sets Changed again.
func (l *Ledger) Committed() { l.changed = false }

// Touch asks for a commit although nothing changed (a lease is renewed by one).
func (l *Ledger) Touch() { l.changed = true }

// At returns the state of an offset; what lies below C is Done.
func (l *Ledger) At(offset int64) State {
	if offset < l.c {
		return Done
	}
	s := l.at(offset)
	if s == gap {
		return Done
	}
	return s
}

// Observe enters a polled record. Offsets must come in rising order; those that
// are skipped hold no record and count as done from here on.
func (l *Ledger) Observe(offset int64) Seen {
	if offset < l.next {
		if offset < l.c || l.at(offset) == Done {
			return Settled
		}
		return Repeated
	}
	if offset-l.c >= MaxSpan && !l.skipTo(offset) {
		return Beyond
	}
	l.fillGaps(offset)
	l.grow(offset)
	if offset >= l.end { // the ring still holds an earlier lap here
		l.ring[offset&int64(len(l.ring)-1)] = byte(Pending)
	}
	l.next = offset + 1
	switch l.at(offset) {
	case Done:
		l.advance()
		return Settled
	case Granted:
		return Inherited
	}
	return Fresh
}

// ObserveGap enters an offset that is known to hold no record, such as a
// transaction's marker, so that a group on transactional input reaches lag 0.
// It returns false when the offset lies Beyond.
func (l *Ledger) ObserveGap(offset int64) bool {
	if offset < l.next {
		return true
	}
	if offset-l.c >= MaxSpan && !l.skipTo(offset) {
		return false
	}
	l.fillGaps(offset + 1)
	l.next = offset + 1
	l.advance()
	return true
}

// skipTo makes a far offset reachable when nothing that was observed is open:
// then all up to it is a gap, and C goes there.
func (l *Ledger) skipTo(offset int64) bool {
	l.fillGaps(min(l.end, offset)) // what a predecessor granted and no longer exists
	if l.c < l.next {
		return offset-l.c < MaxSpan
	}
	l.c, l.next, l.end, l.doneRuns = offset, offset, max(l.end, offset), 0
	l.changed = true
	return true
}

func (l *Ledger) fillGaps(to int64) {
	if to <= l.next {
		return
	}
	for ; l.next < to; l.next++ {
		if l.at(l.next) != Done {
			l.set(l.next, gap)
		}
	}
	l.advance()
}

// CanGrant tells whether the offset may be granted, or done without a grant,
// such that the metadata fits its limit now and in whatever order the grants
// are done later. If not, wait until C moves.
//
// What stands in C's way must never wait for C: the offset at C may always be
// granted, and those before the frontier have a hundred runs that new ones may
// not use up. Without that, one record in a hundred that waits for its SMSC
// would lock the partition for good, even once the SMSC is back.
func (l *Ledger) CanGrant(offset int64) bool {
	if offset == l.c {
		return true // one more run than maxRuns: the metadata has room for it
	}
	if offset-l.c < maxBitmapSpan && l.end-l.c <= maxBitmapSpan {
		return true
	}
	if offset < l.end {
		return l.doneRuns+l.granted < maxRuns
	}
	return l.doneRuns+l.granted < maxRuns-frontierRuns
}

// Grant marks an offset as to be sent. The caller has asked CanGrant, and sends
// only when the commit that carries the grant is known to have succeeded.
func (l *Ledger) Grant(offset int64) {
	if offset >= l.c && l.at(offset) == Pending {
		l.set(offset, Granted)
	}
}

// Ungrant takes a grant back. The caller knows that nothing of the record was
// sent, or that all that was sent was refused for certain.
func (l *Ledger) Ungrant(offset int64) {
	if offset >= l.c && l.at(offset) == Granted {
		l.set(offset, Pending)
	}
}

// Done marks an offset whose outcome is in the commit that follows, and moves C.
func (l *Ledger) Done(offset int64) {
	if offset < l.c || l.at(offset) == Done {
		return
	}
	l.set(offset, Done)
	l.advance()
}

func (l *Ledger) at(offset int64) State {
	if offset >= l.end && offset >= l.next || offset-l.c >= int64(len(l.ring)) {
		return Pending
	}
	return State(l.ring[offset&int64(len(l.ring)-1)])
}

// set writes one state and keeps the counts right. It never makes an offset
// below c.
func (l *Ledger) set(offset int64, s State) {
	l.grow(offset)
	old := l.at(offset)
	if old == s {
		return
	}
	// Offsets never written hold whatever an earlier lap of the ring left:
	// clear from the frontier up to here.
	for f := max(l.end, l.next); f < offset; f++ {
		l.ring[f&int64(len(l.ring)-1)] = byte(Pending)
	}
	if s == Granted || s == Done {
		l.end = max(l.end, offset+1)
	}
	l.ring[offset&int64(len(l.ring)-1)] = byte(s)
	switch old {
	case Granted:
		l.granted--
	case Done:
		l.doneRuns -= l.runDelta(offset)
	}
	switch s {
	case Granted:
		l.granted++
	case Done:
		l.doneRuns += l.runDelta(offset)
	}
	if s != gap || old == Granted {
		l.changed = true
	}
}

// runDelta is how many runs of Done a Done at this offset adds: one of its own,
// less those that it joins.
func (l *Ledger) runDelta(offset int64) int {
	d := 1
	if offset > l.c && l.at(offset-1) == Done {
		d--
	}
	if l.at(offset+1) == Done {
		d--
	}
	return d
}

// advance moves C over all that is done or a gap, as far as was observed.
func (l *Ledger) advance() {
	for l.c < l.next {
		switch l.at(l.c) {
		case Done:
			if l.at(l.c+1) != Done {
				l.doneRuns--
			}
		case gap:
		default:
			return
		}
		l.c++
		l.changed = true
	}
	l.end = max(l.end, l.c)
}

func (l *Ledger) grow(offset int64) {
	if offset-l.c < int64(len(l.ring)) {
		return
	}
	n := len(l.ring)
	for int64(n) <= offset-l.c {
		n *= 2
	}
	ring := make([]byte, n)
	for o := l.c; o < max(l.end, l.next); o++ {
		ring[o&int64(n-1)] = byte(l.at(o))
	}
	l.ring = ring
}
