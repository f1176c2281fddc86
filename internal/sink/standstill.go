package sink

import (
	"fmt"
	"time"
)

// standstill notices when results wait and no commit succeeds, for whatever reason: Kafka that refuses commits is told of elsewhere (notCommitted),
// but one that does not answer at all, or a group that does not let this replica back in, refuses nothing. Nobody should have to find
// that out from a lag.
type standstill struct {
	since time.Time // zero: nothing waits, or the last look saw a commit since
	told  bool
}

// standstillAfter is longer than a broker takes to start again, and a rebalance of replicas that live.
const standstillAfter = 20 * time.Second

// look is told at each turn of the loop whether anything waits to be committed. It returns for how long that has been so, once, when
// somebody should be told, and over when what was told has ended.
func (w *standstill) look(waits bool, now time.Time) (still time.Duration, tell, over bool) {
	switch {
	case !waits:
		over = w.told
		*w = standstill{}
	case w.since.IsZero():
		w.since = now
	case !w.told && now.Sub(w.since) >= standstillAfter:
		w.told = true
		return now.Sub(w.since), true, false
	}
	return 0, false, over
}

// moved is told of a commit that has succeeded.
func (w *standstill) moved() (over bool) {
	over = w.told
	*w = standstill{}
	return over
}

// checkStandstill tells of results that cannot be committed.
func (s *Sink) checkStandstill(now time.Time) {
	waiting := len(s.draft.messages)
	for _, p := range s.limbo {
		waiting += len(p.parked)
	}
	if s.inflight != nil {
		waiting += len(s.inflight.finished) + len(s.inflight.grants)
	}
	still, tell, over := s.still.look(waiting > 0, now)
	if tell && !s.told {
		s.log.Warn("nothing was committed for a while, and results wait; sending stands still", "for", still.Round(time.Second), "waiting", waiting, "why", s.whyStill(now))
	}
	if over {
		s.log.Info("no result waits any more")
	}
}

// whyStill says what stands in the way.
func (s *Sink) whyStill(now time.Time) string {
	if c := s.inflight; c != nil {
		return fmt.Sprintf("Kafka has not answered a commit that was begun %s ago", now.Sub(c.started).Round(time.Millisecond))
	}
	m := s.membership()
	switch {
	case !m.Valid():
		return "this replica is not a member of the group now; it tries to join"
	case len(s.parts) == 0:
		return fmt.Sprintf("a member of the group (generation %d) that has no partition; %d were lost and have not come back", m.Generation, len(s.limbo))
	case !s.mayCommit(m):
		return fmt.Sprintf("the group knows this replica by another member id since generation %d, and has not said yet what is its own", m.Generation)
	case s.aborts > 0:
		return fmt.Sprintf("Kafka has refused %d commits in a row", s.aborts)
	}
	return "nothing that this replica knows of"
}
