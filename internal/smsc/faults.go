package smsc

import (
	"context"
	"fmt"
	"time"
)

// Change alters the behaviour of the running simulator. fn gets a copy of the
// one in force; what it leaves there holds for every PDU read afterwards. When the
// outcome is not valid, nothing changes and the faults are returned.
func (s *SMSC) Change(fn func(b *Behaviour)) error {
	s.change.Lock()
	defer s.change.Unlock()
	next := s.behaviour.Load().clone()
	fn(&next)
	if err := next.validate(); err != nil {
		return fmt.Errorf("smsc: %w", err)
	}
	next = next.clone().withDefaults()
	s.behaviour.Store(&next)
	select {
	case s.moWake <- struct{}{}:
	default: // a wake-up is already on its way
	}
	s.wakeWriters()
	return nil
}

// Pause holds every submit_sm_resp back until Resume. Receipts, messages and
// the answers to enquire_link and unbind go on.
func (s *SMSC) Pause() { s.paused.Store(true) }

// Resume sends what Pause held back.
func (s *SMSC) Resume() {
	s.paused.Store(false)
	s.wakeWriters()
}

// DropAll closes every connection without a word, as a crash of the SMSC does,
// and returns how many there were. New ones are accepted.
func (s *SMSC) DropAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.binds {
		b.close()
	}
	s.count.dropped.Add(uint64(len(s.binds)))
	return len(s.binds)
}

// UnbindAll sends an unbind on every bound connection and closes it once it is
// written, as an SMSC does before maintenance.
func (s *SMSC) UnbindAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for b := range s.binds {
		if b.sendUnbind() {
			s.office.leave(b)
			n++
		}
	}
	return n
}

func (s *SMSC) wakeWriters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.binds {
		b.signal()
	}
}

// WaitFor returns when the condition holds for the statistics, or with ctx's
// error.
func (s *SMSC) WaitFor(ctx context.Context, condition func(Stats) bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition(s.Stats()) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("smsc: the condition does not hold at %+v: %w", s.Stats(), ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
