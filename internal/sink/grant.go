package sink

import (
	"slices"
	"time"
)

// maxGrants bounds the grants of one commit.
const maxGrants = 32768

// What a grant provides for beyond the free places of the windows: what will be
// answered and replaced until the commit after the next, which is two commits' time.
// A broker that takes long to commit (three replicas in three zones, a busy one) needs
// all of that, or a small window stands empty most of the time
// (TestASmallWindowStaysFullWhileCommitsTakeLong: 173 commits with 50 ms, under 60 with this).
// It stays below the half second of pace that a crash may leave in doubt. And more
// grants make a longer commit, which asks for still more: beyond shortAhead it is
// maxAheadGrants at most.
const (
	shortAhead     = 50 * time.Millisecond
	maxAhead       = 450 * time.Millisecond
	maxAheadGrants = 4096
)

// maxSkipped bounds how many messages that have nowhere to go now a grant looks past
// for others that have.
const maxSkipped = 2000

// grant chooses what may be sent after the next commit: by priority, no more than
// the accounts will need until the commit after that. Every message granted and
// not yet answered is in doubt should we die, so there are as few as keep the
// windows full. Early, before the next transaction is due, it is only for SMSCs that have
// nothing left to send.
func (s *Sink) grant(now time.Time, early bool) []*message {
	s.unstall()
	if s.lanes.count == 0 {
		s.left(true)
		return nil
	}
	short := max(shortAhead, s.cfg.Delivery.CommitInterval)
	ahead := min(s.cfg.Delivery.CommitInterval+2*s.commitTime, max(maxAhead, short))
	any := false
	for i, a := range s.accounts {
		s.budget[i], s.up[i] = 0, false
		if s.canSubmit[i] {
			s.up[i] = a.Ready()
			if early && !a.Hungry() {
				continue
			}
			s.budget[i] = a.Budget(min(ahead, short))
			if ahead > short && !early {
				s.budget[i] = max(s.budget[i], min(a.Budget(ahead), maxAheadGrants))
			}
			any = any || s.budget[i] > 0
			s.healths[i].due(now)
		}
	}
	grants := s.grantAll(now, any)
	left := slices.ContainsFunc(s.budget, func(n int) bool { return n > 0 })
	if left || !early { // early, the budget of most was not asked for
		s.left(left)
	}
	return grants
}

// grantAll goes through the lanes, the most urgent first. any tells that an account
// has room.
func (s *Sink) grantAll(now time.Time, any bool) []*message {
	defer s.optOuts.hold()()
	var grants []*message
	for p := len(s.lanes.byPriority) - 1; p >= 0; p-- {
		for _, lane := range s.lanes.byPriority[p] {
			grants = s.grantLane(lane, now, any, grants)
		}
	}
	return grants
}

// left notes whether the accounts would have taken more, and much of what is held waits all the same: for other accounts, or for its turn. Where
// nothing waits, records are simply not read as fast as they are sent.
func (s *Sink) left(some bool) {
	if some {
		queued, waiting, bytes := s.held()
		some = waiting > 0 && (4*waiting > queued || bytes >= s.mostBytes/2) // a few that wait may be large
	}
	if some != s.spare {
		s.spare, s.stirred = some, true
	}
}

func (s *Sink) grantLane(lane *lane, now time.Time, any bool, grants []*message) []*message {
	var skipped []*message
	for lane.len() > 0 && len(grants) < maxGrants && len(skipped) < maxSkipped {
		m := lane.pop()
		if m.state != waiting || s.park(m) {
			s.lanes.count--
			continue
		}
		if m.part.letGo != nil && !m.owed { // the next owner sends it
			s.lanes.count--
			s.leave(m)
			continue
		}
		if m.expired(now) {
			s.lanes.count--
			s.finishExpired(m)
			continue
		}
		if s.optOuts.has(m, m.out.From) {
			s.lanes.count--
			s.finishOptedOut(m)
			continue
		}
		if held, till := s.quietFor(m, now); held {
			s.lanes.count--
			s.holdQuiet(m, now, till)
			continue
		}
		if (s.paused || s.optOuts.waits(m)) && !m.owed { // what we owe is seen through: a hand-over may be waiting for it
			skipped = append(skipped, m)
			continue
		}
		if !m.granted && !m.part.ledger.CanGrant(m.rec.Offset) {
			// It waits with its partition: in the lane it would stand in the way of
			// other partitions' messages.
			s.lanes.count--
			m.part.stalled = append(m.part.stalled, m)
			continue
		}
		target, ok := -1, false
		if any {
			target, ok = s.pick(m)
		}
		if !ok {
			skipped = append(skipped, m)
			if !m.mayExpire() && !s.stays(m) {
				break // whoever stands behind it goes the same way
			}
			continue
		}
		if s.encodeFor(m, target); m.fault != nil {
			s.lanes.count--
			if s.cfg.Delivery.Errors == "stop" && !m.sentAny() {
				s.fail(stopError(m))
				continue
			}
			s.finish(m, m.fault.status, m.fault.err.Error())
			continue
		}
		if m.out.From == "" && s.optOuts.has(m, m.body.from) {
			s.lanes.count--
			s.finishOptedOut(m)
			continue
		}
		s.lanes.count--
		m.target, m.state = target, granting
		s.budget[target] -= len(m.pieces) - m.count(accepted)
		s.healths[target].left -= len(m.pieces)
		if m.granted {
			m.part.ledger.Touch() // ours only once a commit of ours has said so
		} else {
			m.part.ledger.Grant(m.rec.Offset)
		}
		m.own()
		grants = append(grants, m)
	}
	lane.putBack(skipped)
	return grants
}

func (s *Sink) finishExpired(m *message) {
	why := m.whyExpired()
	if m.sentAny() && m.count(accepted) == 0 {
		s.finish(m, "in_doubt", why+"; an earlier submit of it got no answer")
		return
	}
	s.finish(m, "expired", why)
}

// unstall brings back to their lanes what can be granted now that C has moved.
func (s *Sink) unstall() {
	for _, p := range s.parts {
		if len(p.stalled) == 0 || !p.ledger.CanGrant(p.stalled[0].rec.Offset) {
			continue
		}
		for i := len(p.stalled) - 1; i >= 0; i-- { // the first of them in front again
			if m := p.stalled[i]; m.state == waiting {
				s.lanes.pushFront(m)
			}
		}
		clear(p.stalled)
		p.stalled = p.stalled[:0]
	}
}

// pick chooses the account. A message that was partly taken by one SMSC goes on there, and
// so does one that may have been while that one is bound.
//
// PRIORITY is about SMSCs that do their work: one that is merely busy is waited for, and the
// next tier takes over when none of its tier is bound and well (see health). Where all that
// are bound are in trouble none of them counts as being so. WEIGHT shares among those of
// the tier that have room: with a backlog a slow SMSC does not hold a fast one back.
func (s *Sink) pick(m *message) (int, bool) {
	if m.set < 0 || s.stays(m) {
		return m.target, s.budget[m.target] > 0
	}
	tier, forgiving := s.tier(m.set, false)
	if tier < 0 {
		return 0, false
	}
	t, ok := s.table.Pick(m.set, func(t int) bool {
		a := s.routed[t]
		return s.up[a] && s.budget[a] > 0 && s.cfg.SMSCs[a].Priority == tier && (forgiving || !s.healths[a].passedOver())
	})
	if !ok {
		return 0, false
	}
	return s.routed[t], true
}

// stays tells that a message must not go to another SMSC than the one that it was with.
func (s *Sink) stays(m *message) bool {
	return m.pinned() || m.encodedFor >= 0 && s.up[m.target] && m.count(doubtful) > 0
}

// tier is the first priority of a set in which an SMSC is bound and well, or, forgiving,
// bound at all; -1: none is.
func (s *Sink) tier(set int, forgiving bool) (int, bool) {
	anyUp := false
	for _, t := range s.table.Sets()[set].Targets { // by priority
		a := s.routed[t]
		anyUp = anyUp || s.up[a]
		if s.up[a] && (forgiving || !s.healths[a].passedOver()) {
			return s.cfg.SMSCs[a].Priority, forgiving
		}
	}
	if anyUp {
		return s.tier(set, true)
	}
	return -1, false
}

// offer hands granted messages to their accounts. Only called once the commit
// that carries the grants is known to have succeeded.
func (s *Sink) offer(ms []*message, now time.Time) {
	n := 0
	for _, m := range ms {
		n += len(m.pieces)
	}
	flights := make([]flight, n)
	for _, m := range ms {
		if m.state != granting {
			continue // a late answer decided it meanwhile
		}
		if s.park(m) {
			m.state = waiting
			continue
		}
		if m.part.letGo != nil && m.attempts == 0 { // nothing of it was sent by us
			if !m.inherited {
				m.part.ledger.Ungrant(m.rec.Offset)
			}
			m.disown()
			s.leave(m)
			continue
		}
		if m.expired(now) {
			s.finishExpired(m) // while the commit was on its way
			continue
		}
		m.renewValidity(now)
		expires := m.expires()
		// Should it wait in the account's queue until then it comes back, and is held.
		if _, till := s.quietFor(m, now); !till.IsZero() && (expires.IsZero() || till.Before(expires)) {
			expires = till
		}
		m.state = sending
		m.attempts++
		m.part.sending++
		traceID := m.trace.TraceID()
		for i := range m.pieces {
			pc := &m.pieces[i]
			if pc.state == accepted {
				continue
			}
			f := &flights[0]
			flights = flights[1:]
			f.m, f.piece, f.to = m, i, m.target
			m.body.fill(&f.Submit, i)
			f.Priority = uint8(lanePriority(m))
			f.Owner, f.Claim, f.Expires, f.TraceID = f, m.part.claim, expires, traceID
			pc.flight, pc.state = f, offered
			m.open++
			s.offers[m.target] = append(s.offers[m.target], &f.Submit)
			s.healths[m.target].out++
		}
	}
	for i, batch := range s.offers {
		if len(batch) > 0 {
			s.accounts[i].Offer(batch)
			clear(batch)
			s.offers[i] = batch[:0]
		}
	}
}
