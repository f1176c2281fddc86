package sink

import (
	"fmt"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// maxDoubts is how many attempts at one message may stay without an answer before
// its result is in_doubt, whatever DELIVERY_IN_DOUBT says. Each of them may have
// reached the phone; an SMSC that takes messages and never answers must not make
// the connector send one text to one person until DELIVERY_RETRY_FOR has passed.
const maxDoubts = 3

// answered takes one answer from an account.
func (s *Sink) answered(a *smpp.Answer) {
	f, ok := a.Submit.Owner.(*flight)
	if !ok {
		return
	}
	m := f.m
	if !a.Late {
		s.observe(f.to, a)
	}
	if f.to != m.target {
		return // late: the message went on to another SMSC, cut in other pieces perhaps
	}
	pc := &m.pieces[f.piece]
	if pc.flight != f || pc.state != offered {
		s.late(m, pc, a)
		return
	}
	m.open--
	if m.trace != nil {
		s.traceAnswer(m, f, a)
	}
	switch a.Outcome {
	case smpp.NotSent:
		pc.state = unsent
		if a.Err != nil {
			m.fault = &fault{status: "invalid", err: a.Err}
		}
	case smpp.InDoubt:
		pc.state = doubtful
		s.metrics.unanswered.Inc()
		s.sentAt(m, a)
	case smpp.Responded:
		s.sentAt(m, a)
		m.answeredAt = a.At
		pc.status = a.Status
		switch s.statuses(m).Of(a.Status) {
		case smpp.Accepted:
			pc.state, pc.id = accepted, a.MessageID
		case smpp.Permanent:
			pc.state = rejected
		default:
			pc.state = refused
		}
	}
	if m.open == 0 {
		s.conclude(m, a.At)
	}
}

// statuses is what the answers of the message's SMSC mean.
func (s *Sink) statuses(m *message) *wire.Statuses { return s.habits[m.target].profile.Statuses }

func (s *Sink) sentAt(m *message, a *smpp.Answer) {
	if m.submittedAt.IsZero() || a.SentAt.Before(m.submittedAt) {
		m.submittedAt = a.SentAt
	}
}

// late takes an answer that came after its submit was given up as in doubt. If
// the piece still waits to be sent again, it need not be: the doubt is gone.
func (s *Sink) late(m *message, pc *piece, a *smpp.Answer) {
	if !a.Late || a.Outcome != smpp.Responded || pc.state != doubtful || m.open > 0 || m.state != backoff && m.state != waiting {
		return
	}
	s.metrics.lateAnswers.Inc()
	pc.status = a.Status
	m.answeredAt = a.At
	switch s.statuses(m).Of(a.Status) {
	case smpp.Accepted:
		pc.state, pc.id = accepted, a.MessageID
	case smpp.Permanent:
		pc.state = rejected
	default:
		pc.state = refused
	}
	if m.count(doubtful) == 0 && m.doubts == 1 && !m.inherited {
		m.inDoubt = false // it was only ever this one
	}
	if m.count(accepted) == len(m.pieces) || pc.state == rejected {
		s.settle(m, a.At)
	}
}

// conclude decides what follows once nothing of the message is with an account.
func (s *Sink) conclude(m *message, now time.Time) {
	m.part.sending--
	if m.count(doubtful) > 0 {
		m.doubts++ // once an attempt: a lost connection leaves all parts of a long message unanswered
	}
	s.settle(m, now)
}

func (s *Sink) settle(m *message, now time.Time) {
	if m.count(doubtful) > 0 {
		m.inDoubt = true // also where another part decides the outcome
	}
	switch {
	case m.fault != nil && !m.sentAny():
		s.finish(m, m.fault.status, m.fault.err.Error())
	case m.count(rejected) > 0:
		s.finish(m, "rejected", rejection(m)+afterDoubt(m))
	case m.count(accepted) == len(m.pieces):
		s.finish(m, "accepted", "")
	case m.count(doubtful) > 0:
		if s.hold || m.doubts >= maxDoubts {
			s.finish(m, "in_doubt", fmt.Sprintf("the SMSC left %d attempts to send this message without an answer; whether it has it is not known", m.doubts))
			return
		}
		s.again(m, now, pause(m.doubts, unanswered))
	case m.count(refused) > 0:
		if m.firstTry.IsZero() {
			m.firstTry = now
		}
		if now.Sub(m.firstTry) >= s.retryFor {
			s.finish(m, "expired", fmt.Sprintf("refused for now %d times, the last with %s, and DELIVERY_RETRY_FOR=%s has passed", m.attempts, record.StatusName(lastStatus(m)), s.retryFor))
			return
		}
		s.again(m, now, pause(m.attempts, s.statuses(m).Backoff(lastStatus(m))))
	default: // nothing was sent: not even an attempt
		s.again(m, now, 0)
	}
}

// again puts a message back to be sent once more. A message of which nothing
// has arrived gives its grant back: it is certainly not in doubt, and must not
// be counted so should we die while it waits.
func (s *Sink) again(m *message, now time.Time, after time.Duration) {
	if m.granted && !m.sentAny() {
		m.part.ledger.Ungrant(m.rec.Offset)
		m.disown()
	}
	if !m.granted && m.part.letGo != nil {
		s.leave(m)
		return
	}
	if after == 0 {
		s.lanes.pushFront(m)
		return
	}
	s.metrics.retries.Inc()
	if left, ok := m.timeLeft(now); ok { // told when it is so, not at the next try
		after = min(after, max(left, 0))
	}
	s.retries.add(m, now.Add(after))
}

func lastStatus(m *message) uint32 {
	for i := range m.pieces {
		if m.pieces[i].state == refused {
			return m.pieces[i].status
		}
	}
	return 0
}

func rejection(m *message) string {
	for i := range m.pieces {
		if pc := &m.pieces[i]; pc.state == rejected {
			if len(m.pieces) == 1 {
				return fmt.Sprintf("the SMSC refused it for good: %s", record.StatusName(pc.status))
			}
			return fmt.Sprintf("the SMSC refused part %d of %d for good: %s; %d parts were accepted", i+1, len(m.pieces), record.StatusName(pc.status), m.count(accepted))
		}
	}
	return ""
}
