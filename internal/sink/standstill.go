package sink

import (
	"fmt"
	"time"
)

// standstill notices when results wait and no commit succeeds, for whatever reason. Kafka that refuses commits is told of elsewhere
// (notCommitted), but one that does not answer at all, or a group that does not let this replica back in, refuses nothing. Nobody should
// have to find that out from a lag.
type standstill struct {
	since  time.Time // nothing was committed since; zero: nothing waits
	looked time.Time // at the reason
	told   cause
}

// cause is what stands in the way.
type cause uint8

const (
	noCause cause = iota
	noAnswer
	refusing
	noMember
	noPartition
	otherMember
	unknownCause
)

// standstillAfter is longer than a broker takes to start again, and a rebalance of replicas that live.
const standstillAfter = 20 * time.Second

// due is told that something waits, and tells, once in a while, that it is time to look at the reason.
func (w *standstill) due(now time.Time) bool {
	switch {
	case w.since.IsZero():
		w.since, w.looked = now, now
	case now.Sub(w.looked) >= standstillAfter:
		w.looked = now
		return true
	}
	return false
}

// tell tells whether a reason is another one than was told of last.
func (w *standstill) tell(c cause) bool {
	differs := c != w.told
	w.told = c
	return differs
}

// moved is told of a commit that has succeeded, or that nothing waits, and tells whether a standstill was told of.
func (w *standstill) moved() bool {
	told := w.told != noCause
	*w = standstill{}
	return told
}

// checkStandstill tells of results that cannot be committed.
func (s *Sink) checkStandstill(now time.Time) {
	waiting := len(s.draft.messages)
	if len(s.parts) == 0 { // else what was lost may well be another's by now
		for _, p := range s.limbo {
			waiting += len(p.parked)
		}
	}
	if s.inflight != nil {
		waiting += len(s.inflight.finished) + len(s.inflight.grants)
	}
	if waiting == 0 {
		if s.still.moved() {
			s.log.Info("no result waits any more")
		}
		return
	}
	if s.still.due(now) {
		c, why := s.whyStill(now)
		if s.still.tell(c) && !(c == refusing && s.told) {
			s.log.Warn("nothing is committed, and results wait; sending stands still", "for", now.Sub(s.still.since).Round(time.Second), "waiting", waiting, "why", why)
		}
	}
}

// whyStill says what stands in the way.
func (s *Sink) whyStill(now time.Time) (cause, string) {
	if c := s.inflight; c != nil {
		return noAnswer, fmt.Sprintf("Kafka has not answered a commit that was begun %s ago", now.Sub(c.started).Round(time.Millisecond))
	}
	m := s.membership()
	switch {
	case !m.Valid():
		return noMember, "this replica is not a member of the group now; it tries to join"
	case len(s.parts) == 0:
		return noPartition, fmt.Sprintf("a member of the group, generation %d, to which it gives no partition; %d were lost and have not come back", m.Generation, len(s.limbo))
	case !s.mayCommit(m):
		return otherMember, fmt.Sprintf("the group knows this replica by another member id since generation %d, and has not said yet what is its own", m.Generation)
	case s.aborts > 0:
		return refusing, fmt.Sprintf("Kafka has refused %d commits in a row", s.aborts)
	}
	return unknownCause, "nothing that this replica knows of"
}
