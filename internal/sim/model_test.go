package sim

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/smpp-connector/smpp-connector/internal/ledger"
)

// model is what the committed offsets of the sink's group may be, and what follows from
// them for who may send. It looks at every commit as the broker has applied it.
type model struct {
	mu    sync.Mutex
	parts map[int32]*ledgerModel
	where map[int]place // of records
}

type place struct {
	partition int32
	offset    int64
}

// ledgerModel is one partition.
type ledgerModel struct {
	offset    int64
	metadata  string
	c         int64
	n         uint64
	writer    string
	granted   map[int64]bool // G of the last commit
	done      map[int64]bool // beyond C
	grantedAt map[int64]time.Time
	doneAt    map[int64]time.Time
	inherited map[int64]bool // in G when another writer took over: in doubt for good
}

func newModel() *model {
	return &model{parts: make(map[int32]*ledgerModel), where: make(map[int]place)}
}

func (m *model) part(p int32) *ledgerModel {
	l := m.parts[p]
	if l == nil {
		l = &ledgerModel{offset: -1, granted: map[int64]bool{}, done: map[int64]bool{}, grantedAt: map[int64]time.Time{}, doneAt: map[int64]time.Time{}, inherited: map[int64]bool{}}
		m.parts[p] = l
	}
	return l
}

// look takes the committed offsets as they are now.
func (m *model) look(w *world) {
	g := w.kafka.GroupInfo(w.cfg.SinkGroup())
	if g == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, c := range g.Commits[input] {
		m.committed(w, p, c)
	}
}

func (m *model) committed(w *world, p int32, c kfake.GroupCommit) {
	l, now := m.part(p), time.Now()
	if c.Offset == l.offset && c.Metadata == l.metadata {
		return
	}
	meta, err := ledger.ParseMetadata(c.Metadata)
	if err != nil {
		w.violated("partition %d: what was committed cannot be read: %v", p, err)
		return
	}
	state := meta.Restore(c.Offset)
	if c.Offset < l.c {
		w.violated("partition %d: C went back from %d to %d", p, l.c, c.Offset)
	}
	if meta.N <= l.n {
		w.violated("partition %d: commit %d of %s came after commit %d of %s", p, meta.N, meta.Writer, l.n, l.writer)
	}
	if l.writer != "" && meta.Writer != l.writer {
		for o := range l.granted {
			l.inherited[o] = true
		}
	}
	granted := make(map[int64]bool)
	for o := min(l.c, c.Offset); o < w.plan.ends[p]; o++ {
		s := state.At(o)
		switch {
		case s == ledger.Done:
			if l.doneAt[o].IsZero() {
				l.doneAt[o] = now
			}
		case !l.doneAt[o].IsZero():
			w.violated("partition %d: offset %d was done and is not any more in commit %d of %s", p, o, meta.N, meta.Writer)
		}
		if s == ledger.Granted {
			granted[o] = true
			if l.grantedAt[o].IsZero() {
				l.grantedAt[o] = now
			}
		} else if l.inherited[o] && s == ledger.Pending && l.doneAt[o].IsZero() {
			w.violated("partition %d: offset %d was in doubt, and commit %d of %s has forgotten it", p, o, meta.N, meta.Writer)
		}
	}
	if c.Offset > w.plan.ends[p] {
		w.violated("partition %d: C is %d, beyond the end %d", p, c.Offset, w.plan.ends[p])
	}
	l.offset, l.metadata, l.c, l.n, l.writer, l.granted = c.Offset, c.Metadata, c.Offset, meta.N, meta.Writer, granted
}

// submitted judges a submit_sm by when it was written.
//
// A member that an operator takes out before its session has ended has its lease still: half a session from its last
// commit. What it sends meanwhile of what another has taken over is in doubt there, and the audit wants the one result
// to say so.
func (m *model) submitted(w *world, u submit) {
	at, ok := m.place(u.record)
	if !ok {
		w.violated("a message was sent that is in no record: %d", u.record)
		return
	}
	if !m.grantedBefore(at, u.wrote) {
		m.look(w) // the commit may have been applied this very moment
		if !m.grantedBefore(at, u.wrote) {
			w.violated("record %d (%d@%d) was sent by %s before its grant was committed", u.record, at.partition, at.offset, u.from)
		}
	}
	m.mu.Lock()
	l := m.part(at.partition)
	done := l.doneAt[at.offset]
	leased := l.inherited[at.offset] && u.wrote.UnixNano() <= w.takenOut.Load()+int64(w.plan.session/2)
	m.mu.Unlock()
	if !done.IsZero() && done.Before(u.wrote) && !leased {
		w.violated("record %d (%d@%d) was sent by %s although its result was committed %s before", u.record, at.partition, at.offset, u.from, u.wrote.Sub(done))
	}
}

func (m *model) place(record int) (place, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.where[record]
	return at, ok
}

func (m *model) grantedBefore(at place, t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.part(at.partition).grantedAt[at.offset]
	return !g.IsZero() && !g.After(t)
}

// settled tells whether everything is done and nothing granted.
func (m *model) settled(w *world) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, end := range w.plan.ends {
		l := m.part(p)
		if end > 0 && (l.c != end || len(l.granted) > 0) {
			return false
		}
	}
	return true
}

// inherited tells whether a record was in doubt when another replica took over.
func (m *model) inherited(record int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.where[record]
	return m.part(at.partition).inherited[at.offset]
}

// doneAfter tells whether a record's result was committed after a time.
func (m *model) doneAfter(record int, t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.where[record]
	return m.part(at.partition).doneAt[at.offset].After(t)
}
