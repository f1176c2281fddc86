package sink

import (
	"context"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// loop owns all state of the sink. It never blocks but in its select.
func (s *Sink) loop(ctx context.Context) {
	defer close(s.loopDone)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var answers []smpp.Answer
	for {
		answers = s.takeInbox(answers)
		now := time.Now()
		s.retriesDue(now)
		s.checkLimbo(now)
		at := s.maybeCommit(ctx, now)
		if s.stirred {
			s.regulate(now)
		}
		s.draftRecords()
		s.publish(now)
		s.checkStandstill(now)
		timer.Reset(max(time.Until(at), 0))
		select {
		case <-s.wake:
		case b := <-s.batches:
			s.take(&b)
		case fn := <-s.requests:
			fn()
			s.stirred = true
		case err := <-s.committed:
			if err == nil && s.inflight.open {
				answers = s.takeInbox(answers) // what has come by now goes along
			}
			s.proceed(ctx, err)
		case <-timer.C:
		case <-ctx.Done():
			if s.inflight != nil { // the committer uses the client: wait for it
				<-s.committed
			}
			return
		}
	}
}

// takeInbox handles all answers that have come; the two slices take turns.
func (s *Sink) takeInbox(spare []smpp.Answer) []smpp.Answer {
	s.inboxMu.Lock()
	got := s.inbox
	s.inbox = spare[:0]
	s.inboxMu.Unlock()
	for i := range got {
		s.answered(&got[i])
	}
	if len(got) > 0 {
		faultpoint.At("sink.answers.after")
	}
	clear(got)
	return got
}

// take enters what a poll brought into the ledger and the lanes.
func (s *Sink) take(b *batch) {
	p := s.parts[b.tp]
	if p == nil || p.epoch != b.epoch || p.letGo != nil {
		return // fetched under an assignment that is over: the next owner reads it
	}
	p.high = b.high
	for i := range b.messages {
		m := &b.messages[i]
		m.part = p
		if len(p.beyond) > 0 {
			p.beyond = append(p.beyond, m)
			continue
		}
		if !s.enter(m) {
			p.beyond = append(p.beyond, m)
		}
	}
	s.stirred = true
}

// enter observes one record; false when it lies beyond the ledger's reach.
func (s *Sink) enter(m *message) bool {
	p := m.part
	if m.control {
		return p.ledger.ObserveGap(m.rec.Offset)
	}
	seen := p.ledger.Observe(m.rec.Offset)
	if seen == ledger.Repeated {
		seen = p.leftBefore(m.rec.Offset)
	}
	switch seen {
	case ledger.Beyond:
		return false
	case ledger.Settled:
		s.metrics.skipped.WithLabelValues("done").Inc()
		return true
	case ledger.Repeated: // the consumer was rewound; we hold it already
		s.metrics.skipped.WithLabelValues("repeated").Inc()
		return true
	case ledger.Inherited:
		m.granted, m.inDoubt, m.inherited = true, true, true
		s.metrics.inherited.Inc()
	}
	s.metrics.records.Inc()
	p.queued++
	p.bytes += m.size
	s.sort(m)
	return true
}

// unreadPause is how long a record steps aside whose schema the registry has not told yet. Nothing of it is granted meanwhile: should we
// die, it is read anew.
const unreadPause = 500 * time.Millisecond

// sort puts a message where it belongs: to what is decided, or into a lane.
func (s *Sink) sort(m *message) {
	switch {
	case m.rec.Value == nil:
		s.metrics.skipped.WithLabelValues("null").Inc()
		m.status = ""
		s.decide(m)
	case m.unread:
		s.retries.add(m, time.Now().Add(unreadPause))
	case m.fault != nil:
		if s.cfg.Delivery.Errors == "stop" && !m.inherited {
			s.fail(stopError(m))
			return // it stays pending in the ledger: C does not pass it
		}
		s.finish(m, m.fault.status, m.fault.err.Error())
	case m.inherited && s.hold:
		s.finish(m, "in_doubt", "it was granted before a crash or a takeover and may have reached the SMSC; DELIVERY_IN_DOUBT=hold")
	case m.inherited:
		s.lanes.pushFront(m)
	default:
		s.lanes.push(m)
	}
}

// leave lets a message go that its partition's next owner sends.
func (s *Sink) leave(m *message) {
	if m.state == gone {
		return
	}
	if m.part.left == nil {
		m.part.left = make(map[int64]struct{})
	}
	m.part.left[m.rec.Offset] = struct{}{}
	s.release(m)
}

// release lets a message go that has its result, or that somebody else gives one.
func (s *Sink) release(m *message) {
	if m.state == gone {
		return
	}
	m.end()
	m.part.queued--
	m.part.bytes -= m.size
}

// retriesDue moves what has waited long enough back to the lanes.
func (s *Sink) retriesDue(now time.Time) {
	for m := s.retries.due(now); m != nil; m = s.retries.due(now) {
		if m.state != backoff || s.park(m) {
			continue
		}
		if m.unread {
			s.prepare(m, m.receivedAt, false)
			s.sort(m)
			continue
		}
		if m.attempts == 0 { // held in quiet hours, never tried
			s.lanes.push(m)
			continue
		}
		s.lanes.pushFront(m)
	}
}

// park keeps a message of a partition that is not held any more for its return,
// or lets it go; false when the partition is held.
func (s *Sink) park(m *message) bool {
	p := m.part
	if p.held {
		return false
	}
	switch {
	case !p.limbo:
		m.end()
	case !m.parked: // a late answer finishes one that is parked already, and it comes by again: it has one result all the same
		m.parked = true
		p.parked = append(p.parked, m)
	}
	return true
}
