package smpp

import (
	"context"
	"math/rand/v2"
	"net"
	"time"
)

// A bind that failed over to another address goes back to the first one: carriers
// put what they want used first there, and a standby site may be slower, or paid for
// by the message.
//
// Going back must neither cost a bind that works nor make a second one of the same
// seat. So the first address is dialed while the session goes on, and only when it
// answers, TLS included, the session drains and unbinds. The connection made is then
// the next bind's. Should that bind come to nothing, the others follow in their
// order, and the next try to go back is twice as far away.

// maxDeclined is how often the time until the next return doubles: 16-fold.
const maxDeclined = 4

// watchFirst ends held with errReturning once the first address answers again.
// It runs beside the session, within hold.
func (s *seat) watchFirst(held context.Context, letGo context.CancelCauseFunc) {
	cfg := &s.a.cfg
	if s.at == 0 {
		s.declined = 0
		return
	}
	if cfg.ReturnAfter <= 0 {
		return
	}
	for {
		// A fifth around it, so that the binds of an account do not all go at once.
		wait := time.Duration((0.8 + 0.4*rand.Float64()) * float64(cfg.ReturnAfter<<min(s.declined, maxDeclined)))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-held.Done():
			timer.Stop()
			return
		}
		conn, err := dial(held, cfg, cfg.Addresses[0])
		if err != nil {
			s.a.log.Debug("the first address does not answer yet", "bind", s.bind, "error", err)
			continue
		}
		s.declined++ // until a session with the first address says otherwise
		s.mu.Lock()
		s.reserved = conn
		s.mu.Unlock()
		letGo(errReturning)
		return
	}
}

// takeReserved gives the connection kept for address i out, nil if there is none.
func (s *seat) takeReserved(i int) net.Conn {
	if i != 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	conn := s.reserved
	s.reserved = nil
	return conn
}

func (s *seat) dropReserved() {
	if conn := s.takeReserved(0); conn != nil {
		conn.Close()
	}
}
