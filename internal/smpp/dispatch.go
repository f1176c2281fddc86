package smpp

import (
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// How submits come from the account's queue to the writers of its sessions, and
// back. A writer takes what its window, the pace and one write have room for; one
// that finds nothing to take goes idle. Whoever brings work wakes one idle session,
// and whoever takes some and leaves some wakes the next: none sleeps while there is
// work it could do, and no crowd wakes for one message.

// writeSize is how much of submits goes into one write.
const writeSize = 64 << 10

// take moves up to room submits into batch, for s to write, and those whose claim
// is revoked, or whose time is over, into revoked. Each one in batch has a place in s's window from here on.
//
// Nothing taken and wait 0: s is idle until woken. Nothing taken and wait more than
// 0: s keeps the time and comes back after it.
func (a *Account) take(s *session, now time.Time, room, bytes int) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.left {
		return 0
	}
	a.idle = slices.DeleteFunc(a.idle, func(o *session) bool { return o == s })
	permits := 0
	for {
		next, lane := a.queue.front()
		if next == nil || a.stopping {
			break
		}
		if next.void(now) {
			a.queue.drop(lane)
			s.revoked = append(s.revoked, next)
			continue
		}
		if permits == 0 {
			if permits = a.pace.available(now); permits <= 0 {
				return a.keepTime(s)
			}
			if p := a.paceOf(s); p != nil {
				if permits = min(permits, p.available(now)); permits <= 0 {
					return a.waitForOwnPace(s, p)
				}
			}
			room = min(room, permits)
		}
		size := submitSize(&next.SM) + len(next.MessageID)
		if len(s.batch) == room || (size > bytes && len(s.batch) > 0) {
			break
		}
		bytes -= size
		a.queue.drop(lane)
		s.batch = append(s.batch, next)
	}
	if a.timekeeper == s {
		a.timekeeper = nil
	}
	if n := len(s.batch); n > 0 {
		a.pace.take(n, now)
		if p := a.paceOf(s); p != nil {
			p.take(n, now)
		}
		s.inUse.Add(int64(n))
		a.metrics.queued.Set(float64(a.queue.n))
		a.wakeNext()
		return 0
	}
	a.goIdle(s)
	return 0
}

// keepTime makes s the one that waits for the pace, if there is none yet.
func (a *Account) keepTime(s *session) time.Duration {
	if a.timekeeper == nil {
		a.timekeeper = s
	}
	if a.timekeeper == s {
		return a.pace.wait(a.queue.n)
	}
	a.goIdle(s)
	return 0
}

// waitForOwnPace lets s sleep until its own pace has permits again, and another take
// what there is meanwhile: the account's pace has some left.
func (a *Account) waitForOwnPace(s *session, p *pace) time.Duration {
	if a.timekeeper == s {
		a.timekeeper = nil
	}
	a.wakeNext()
	return p.wait(a.queue.n)
}

// paceOf is the bind's own pace, nil without BindTPS.
func (a *Account) paceOf(s *session) *pace {
	if a.perBind == nil {
		return nil
	}
	return &a.perBind[s.bind]
}

func (a *Account) goIdle(s *session) { a.idle = append(a.idle, s) }

func (a *Account) wakeNext() {
	if a.queue.n > 0 && len(a.idle) > 0 {
		s := a.idle[0]
		a.idle = slices.Delete(a.idle, 0, 1)
		s.wakeWriter()
	}
}

// giveBack undoes a take for n submits that were not written while their session
// lives on (the lease ran out, or a claim of the batch was revoked): kept are queued
// again, first in line; the permits of all n go back.
func (a *Account) giveBack(s *session, n int, kept []*Submit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace.giveBack(n)
	if p := a.paceOf(s); p != nil {
		p.giveBack(n)
	}
	if a.stopping {
		a.giveUp(kept, "the account was stopped")
		return
	}
	a.queue.pushFront(kept)
}

// requeue takes back what a session that died had not written. Never sent, so it
// may go out on another bind, or the next; out to the caller only where that would
// be wrong or take too long.
func (a *Account) requeue(batch []*Submit) {
	if len(batch) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.stopping:
		a.giveUp(batch, "the account was stopped")
	case a.stale:
		a.giveUp(batch, "the connection was lost before it was written, and no bind that can submit is up")
	default:
		a.queue.pushFront(batch)
		a.giveUp(a.queue.takeRevoked(nil), reasonRevoked)
		a.wakeNext()
	}
	a.metrics.queued.Set(float64(a.queue.n))
}

// join makes a bound session one that submits.
func (a *Account) join(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions = append(a.sessions, s)
	a.stale = false
	if a.down != nil {
		a.down.Stop()
		a.down = nil
	}
}

// leave takes it out again, for good. A wake-up that it can no longer use goes to
// the next.
func (a *Account) leave(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.left = true
	is := func(o *session) bool { return o == s }
	before := len(a.sessions)
	a.sessions = slices.DeleteFunc(a.sessions, is)
	a.idle = slices.DeleteFunc(a.idle, is)
	if a.timekeeper == s {
		a.timekeeper = nil
	}
	if before > 0 && len(a.sessions) == 0 {
		a.goneDown()
	}
	a.wakeNext()
}

// goneDown starts the clock after which queued submits come back, so that their
// owner can take another route.
func (a *Account) goneDown() {
	if a.stopping || a.cfg.Bind == Receiver || a.down != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(a.cfg.RequeueFor, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.down != timer {
			return // a session came up, or the account stopped, meanwhile
		}
		a.stale = true
		a.giveUp(a.queue.takeAll(nil), "no bind that can submit is up")
		a.metrics.queued.Set(float64(a.queue.n))
	})
	a.down = timer
}

// refusal is submits to be answered NotSent, and why.
type refusal struct {
	batch  []*Submit
	reason string
}

// giveUp answers batch NotSent, from a goroutine of its own: never from inside the
// caller's call, which may hold the lock that Answered needs. mu is held; batch is
// kept.
func (a *Account) giveUp(batch []*Submit, reason string) {
	if len(batch) == 0 {
		return
	}
	a.returned = append(a.returned, refusal{batch, reason})
	if a.returning == nil {
		a.returning = make(chan struct{})
		go a.answerReturned()
	}
}

func (a *Account) answerReturned() {
	for {
		a.mu.Lock()
		returned := a.returned
		a.returned = nil
		if len(returned) == 0 {
			close(a.returning)
			a.returning = nil
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		now := time.Now()
		for _, r := range returned {
			answers := make([]Answer, 0, len(r.batch))
			for _, s := range r.batch {
				answers = append(answers, Answer{Submit: s, Outcome: NotSent, At: now, Reason: r.reason})
			}
			a.deliver(answers)
		}
	}
}

// awaitReturned returns when nothing given up is unanswered.
func (a *Account) awaitReturned() {
	for {
		a.mu.Lock()
		returning := a.returning
		a.mu.Unlock()
		if returning == nil {
			return
		}
		<-returning
	}
}

// deliver counts answers and gives them out. answers is cleared.
func (a *Account) deliver(answers []Answer) {
	if len(answers) == 0 {
		return
	}
	a.metrics.answered(answers)
	a.events.Answered(a, answers)
	clear(answers)
}

// submitSize bounds the length of the PDU.
func submitSize(m *wire.SM) int {
	n := 64 + len(m.ServiceType) + len(m.Source.Addr) + len(m.Dest.Addr) + len(m.ScheduleDeliveryTime) +
		len(m.ValidityPeriod) + len(m.ShortMessage)
	for i := range m.TLVs {
		n += 4 + len(m.TLVs[i].Value)
	}
	return n
}
