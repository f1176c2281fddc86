package smpp

import (
	"fmt"
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
)

// write is the one goroutine that writes to the connection. Each round takes what
// the lane holds and as many submits as window, pace and one write have room for,
// and hands it all to the transport at once; with nothing to do it sleeps. Nothing
// is held back to fill a buffer: what is there is what goes.
func (s *session) write() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		last := s.finishing.Load()
		s.buf = s.lane.swap(s.buf)
		wait, lease := s.take()
		if len(s.buf) > 0 || len(s.batch) > 0 {
			if !s.flush() {
				return
			}
			if !last {
				continue
			}
		}
		if last {
			s.fail(nil)
			return
		}
		var tick <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			tick = timer.C
		}
		select {
		case <-s.dead:
			return
		case <-s.wake:
		case <-tick:
		case <-lease:
		}
		timer.Stop()
	}
}

// take fills s.batch with registered submits. Where there is none to be had it says
// what may change that: the time, the lease, or, both zero, a wake-up.
func (s *session) take() (wait time.Duration, lease <-chan struct{}) {
	s.batch = s.batch[:0]
	if !s.canSubmit || s.finishing.Load() {
		return 0, nil
	}
	room := s.free()
	if room <= 0 {
		// Whoever frees a place sees full or is seen by the second look.
		s.full.Store(true)
		if room = s.free(); room <= 0 {
			return 0, nil
		}
	}
	s.full.Store(false)
	if !s.a.lease.Valid() {
		if lease = s.a.lease.extended(); !s.a.lease.Valid() {
			return 0, lease
		}
	}
	now := time.Now()
	wait = s.a.take(s, now, room, writeSize-len(s.buf))
	s.refuseRevoked()
	if len(s.batch) > 0 {
		s.sequences = s.ring.register(s.batch, s.sequences[:0], now)
	}
	return wait, nil
}

// flush encodes the batch behind the lane's bytes in s.buf and hands all to the
// transport. False: the writer is done.
//
// The last look at lease, claims and expiries comes after the encoding and right before the
// write, so that a process frozen anywhere before it wakes up and writes nothing
// old. A process frozen between this look and the system call is the one window
// left; closing it would take the kernel's help.
func (s *session) flush() bool {
	responses := len(s.buf)
	s.encode()
	for len(s.batch) > 0 {
		if !s.a.lease.Valid() {
			s.unwrite()
			s.buf = s.buf[:responses]
			break
		}
		now := time.Now()
		if !slices.ContainsFunc(s.batch, func(m *Submit) bool { return m.void(now) }) {
			break
		}
		s.dropRevoked(now)
		s.buf = s.buf[:responses]
		s.encode()
	}
	if len(s.buf) == 0 {
		return true
	}
	if !s.finishing.Load() {
		s.conn.SetWriteDeadline(time.Now().Add(s.a.cfg.WriteTimeout))
	}
	if len(s.batch) > 0 {
		faultpoint.At("session.write.before")
	}
	n, err := s.conn.Write(s.buf)
	if len(s.batch) > 0 {
		faultpoint.At("session.write.after")
	}
	if n > 0 {
		s.metrics.sent.Add(float64(n))
	}
	if err != nil {
		s.writeFailed(n, fmt.Errorf("write: %w", err))
		return false
	}
	clear(s.batch)
	return true
}

// encode appends the batch to s.buf under its sequence numbers. A submit with a
// field over its limit leaves the batch: it can never be sent.
func (s *session) encode() {
	s.ends = s.ends[:0]
	kept := 0
	for i, m := range s.batch {
		buf, err := m.Append(s.buf, s.sequences[i])
		if err != nil {
			if s.ring.forget(s.sequences[i]) {
				s.release(1)
				s.writerAnswers = append(s.writerAnswers, Answer{
					Submit: m, Outcome: NotSent, At: time.Now(), Err: err,
					Reason: fmt.Sprintf("it cannot be encoded: %v", err),
				})
			}
			continue
		}
		s.buf = buf
		s.batch[kept], s.sequences[kept] = m, s.sequences[i]
		s.ends = append(s.ends, len(s.buf))
		kept++
	}
	clear(s.batch[kept:])
	s.batch, s.sequences = s.batch[:kept], s.sequences[:kept]
	if len(s.writerAnswers) > 0 {
		s.a.deliver(s.writerAnswers)
		s.writerAnswers = s.writerAnswers[:0]
	}
}

// dropRevoked takes what may no longer be written out of the batch.
func (s *session) dropRevoked(now time.Time) {
	kept := 0
	for i, m := range s.batch {
		if m.void(now) {
			if s.ring.forget(s.sequences[i]) {
				s.revoked = append(s.revoked, m)
			}
			continue
		}
		s.batch[kept], s.sequences[kept] = m, s.sequences[i]
		kept++
	}
	s.batch, s.sequences = s.batch[:kept], s.sequences[:kept]
	n := len(s.revoked)
	s.a.giveBack(s, n, nil)
	s.release(n)
	s.refuseRevoked()
}

// unwrite puts the whole batch back into the queue, where each claim will be looked
// at again.
func (s *session) unwrite() {
	unsent := s.forget(0)
	s.a.giveBack(s, len(unsent), unsent)
	s.release(len(unsent))
	clear(s.batch)
	s.batch = s.batch[:0]
}

// forget takes back the registrations of the batch from i on and returns the
// submits that have no answer.
func (s *session) forget(i int) []*Submit {
	var unsent []*Submit
	for ; i < len(s.batch); i++ {
		if s.ring.forget(s.sequences[i]) {
			unsent = append(unsent, s.batch[i])
		}
	}
	return unsent
}

// writeFailed sorts the batch by how many bytes the transport took: a submit whose
// last byte lies beyond cannot have been understood and goes back to the queue; one
// before it is in doubt. Nothing is ever written again on this connection: the SMSC
// may hold half a PDU, and whatever came next would be read as the rest of it.
//
// The connection is not closed at once: answers to what did go out may be on their
// way, and each one read is one submit less in doubt.
func (s *session) writeFailed(n int, err error) {
	s.because(err)
	s.lane.close()
	s.a.leave(s)
	whole := 0
	for whole < len(s.ends) && whole < len(s.batch) && s.ends[whole] <= n {
		whole++
	}
	unsent := s.forget(whole)
	s.a.requeue(unsent)
	s.release(len(unsent))
	clear(s.batch)
	if s.inUse.Load() == 0 {
		s.fail(nil)
		return
	}
	s.broken.Store(true)
	s.conn.SetReadDeadline(time.Now().Add(lingering))
	s.notify()
}

// refuseRevoked answers s.revoked, which has left queue and ring, NotSent: revoked,
// or too late.
func (s *session) refuseRevoked() {
	if len(s.revoked) == 0 {
		return
	}
	now := time.Now()
	for _, m := range s.revoked {
		reason := reasonRevoked
		if !m.Claim.Revoked() {
			reason = reasonExpired
		}
		s.writerAnswers = append(s.writerAnswers, Answer{Submit: m, Outcome: NotSent, At: now, Reason: reason})
	}
	clear(s.revoked)
	s.revoked = s.revoked[:0]
	s.a.deliver(s.writerAnswers)
	s.writerAnswers = s.writerAnswers[:0]
}
