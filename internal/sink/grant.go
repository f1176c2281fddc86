package sink

import (
	"fmt"
	"time"
)

// maxGrants bounds the grants of one commit.
const maxGrants = 32768

// maxSkipped bounds how many messages that the ledger cannot take now a grant
// looks past for others that it can.
const maxSkipped = 2000

// grant chooses what may be sent after the next commit: by priority, no more than
// the accounts will need until the commit after that. Every message granted and
// not yet answered is in doubt should we die, so there are as few as keep the
// windows full.
func (s *Sink) grant(now time.Time) []*message {
	if s.lanes.count == 0 {
		return nil
	}
	ahead := s.cfg.Delivery.CommitInterval + 2*s.commitTime
	any := false
	for i, a := range s.accounts {
		s.budget[i] = 0
		if s.canSubmit[i] {
			s.budget[i] = a.Budget(ahead)
			any = any || s.budget[i] > 0
		}
	}
	var grants []*message
	for p := 3; p >= 0; p-- {
		for _, lane := range s.lanes.byPriority[p] {
			grants = s.grantLane(lane, now, any, grants)
		}
	}
	return grants
}

func (s *Sink) grantLane(lane *fifo, now time.Time, any bool, grants []*message) []*message {
	var skipped []*message
	for lane.len() > 0 && len(grants) < maxGrants && len(skipped) < maxSkipped {
		m := lane.pop()
		if m.state != waiting || s.park(m) {
			s.lanes.count--
			continue
		}
		if m.part.letGo != nil && !m.owed { // the next owner sends it
			s.lanes.count--
			s.release(m)
			continue
		}
		if exp := m.out.ExpiresAt; !exp.IsZero() && !now.Before(exp) {
			s.lanes.count--
			s.finishExpired(m)
			continue
		}
		if !m.granted && !m.part.ledger.CanGrant(m.rec.Offset) {
			skipped = append(skipped, m)
			continue
		}
		target, ok := -1, false
		if any {
			target, ok = s.pick(m)
		}
		if !ok {
			skipped = append(skipped, m)
			if m.out.ExpiresAt.IsZero() {
				break // whoever stands behind it goes the same way
			}
			continue
		}
		if s.encodeFor(m, target); m.fault != nil {
			s.lanes.count--
			s.finish(m, m.fault.status, m.fault.err.Error())
			continue
		}
		s.lanes.count--
		m.target, m.state = target, granting
		s.budget[target] -= len(m.pieces) - m.count(accepted)
		if m.granted {
			m.part.ledger.Touch() // ours only once a commit of ours has said so
		} else {
			m.part.ledger.Grant(m.rec.Offset)
		}
		m.own()
		grants = append(grants, m)
	}
	lane.pushFront(skipped)
	return grants
}

func (s *Sink) finishExpired(m *message) {
	why := fmt.Sprintf("expires_at %s has passed before it could be sent", m.out.ExpiresAt.UTC().Format(time.RFC3339))
	if m.sentAny() && m.count(accepted) == 0 {
		s.finish(m, "in_doubt", why+"; an earlier submit of it got no answer")
		return
	}
	s.finish(m, "expired", why)
}

// pick chooses the account. A message that was partly taken by one SMSC goes on there.
func (s *Sink) pick(m *message) (int, bool) {
	usable := func(t int) bool { return s.budget[t] > 0 }
	if m.set < 0 || m.encodedFor >= 0 && m.count(accepted) > 0 {
		return m.target, usable(m.target)
	}
	return s.table.Pick(m.set, usable)
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
			s.release(m)
			continue
		}
		m.state = sending
		m.attempts++
		m.part.sending++
		for i := range m.pieces {
			pc := &m.pieces[i]
			if pc.state == accepted {
				continue
			}
			f := &flights[0]
			flights = flights[1:]
			f.m, f.piece = m, i
			m.body.fill(&f.SM, i)
			f.Priority = uint8(lanePriority(m))
			f.Owner, f.Claim = f, m.part.claim
			pc.flight, pc.state = f, offered
			m.open++
			s.offers[m.target] = append(s.offers[m.target], &f.Submit)
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
