package smpp

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// seat is one of the binds that an account holds. Its goroutine (run) alone makes
// sessions for it, one after the other: the next is dialed when the goroutines of
// the last have returned and its connection is closed, so that two are never alive
// at once.
type seat struct {
	a       *Account
	bind    int
	kind    BindType
	metrics *bindMetrics

	mu      sync.Mutex // guards what status shows
	shown   BindStatus
	session *session
	logged  string // the last trouble logged

	// of run, but for reserved: see first.go
	at       int      // the address that the session is with
	declined int      // returns to the first address in a row that came to nothing
	reserved net.Conn // to the first address, for the next bind; set while the session drains
}

func newSeat(a *Account, bind int, t BindType) *seat {
	s := &seat{a: a, bind: bind, kind: t, metrics: a.metrics.bind(bind, t)}
	s.shown = BindStatus{Bind: bind, Type: t, State: Closed, Since: time.Now()}
	return s
}

// awaits says that the SMSC makes the connection.
func (s *seat) awaits() bool { return s.a.cfg.Outbind != nil && s.kind == Receiver }

// A session that lasted this long was a good one: the backoff begins anew.
const lastedWell = 10 * time.Second

// run owns the seat until binding ends (then its session drains) or ctx does (then
// there is no time for that).
func (s *seat) run(ctx, binding context.Context) {
	attempt := 0
	for {
		session, err := s.connect(binding)
		if err == nil {
			up := time.Now()
			err = s.hold(ctx, binding, session)
			if time.Since(up) >= lastedWell {
				attempt = 0
			}
		}
		if binding.Err() != nil {
			break
		}
		if errors.Is(err, errReturning) {
			continue
		}
		wait := backoff(troubleOf(err), attempt, rand.Float64())
		if s.awaits() && troubleOf(err) == troubleNetwork {
			wait = 0 // it is the SMSC that comes again, or does not
		}
		attempt++
		s.trouble(err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-binding.Done():
			timer.Stop()
		}
		if binding.Err() != nil {
			break
		}
	}
	s.dropReserved()
	s.show(Closed, func(b *BindStatus) { b.NextTry = time.Time{} })
	s.a.events.StateChanged(s.a)
}

// connect tries the addresses in order. A refusal of the bind is the account's and
// not the address's: the others are not asked, for they could count it too.
func (s *seat) connect(ctx context.Context) (*session, error) {
	if s.awaits() {
		return s.await(ctx)
	}
	if len(s.a.cfg.Addresses) == 0 {
		return nil, errors.New("no address is configured")
	}
	var errs []error
	for i, address := range s.a.cfg.Addresses {
		session, err := s.connectTo(ctx, i, address)
		if err == nil {
			return session, nil
		}
		errs = append(errs, err)
		// Where a bind elsewhere was given up for the first address, its refusal is no reason to do without one.
		declined := i == 0 && s.declined > 0
		if troubleOf(err) != troubleNetwork && !declined || ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (s *seat) connectTo(ctx context.Context, i int, address string) (*session, error) {
	s.show(Connecting, func(b *BindStatus) { b.Address, b.NextTry = address, time.Time{} })
	conn := s.takeReserved(i)
	if conn == nil {
		var err error
		if conn, err = dial(ctx, &s.a.cfg, address); err != nil {
			return nil, err
		}
	}
	return s.bindOn(ctx, i, conn, frames{})
}

// bindOn binds on a connection, of which in holds what has been read of it.
func (s *seat) bindOn(ctx context.Context, i int, conn net.Conn, in frames) (*session, error) {
	s.show(Binding, nil)
	in, info, err := bind(ctx, &s.a.cfg, s.kind, conn, in)
	if err != nil {
		return nil, err
	}
	s.at = i
	s.show(Binding, func(b *BindStatus) { b.Peer, b.Version = info.systemID, info.version })
	return newSession(s.a, s.bind, s.kind, conn, in, s.metrics), nil
}

// hold keeps a session until it ends.
func (s *seat) hold(ctx, binding context.Context, session *session) error {
	window := 0
	if session.canSubmit {
		window = s.a.cfg.Window
	}
	s.mu.Lock()
	s.session, s.logged = session, ""
	s.mu.Unlock()
	s.show(Bound, func(b *BindStatus) { b.Window, b.Alert = window, false })
	s.metrics.up.Set(1)
	s.metrics.window.Set(float64(window))
	s.metrics.binds.Inc()
	s.tellBound()

	held, letGo := context.WithCancelCause(binding)
	draining := context.AfterFunc(held, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.session == session {
			s.shown.State, s.shown.Since = Draining, time.Now()
		}
	})
	var watch sync.WaitGroup
	watch.Go(func() { s.watchFirst(held, letGo) })
	err := session.keep(ctx, held, func() { s.a.events.StateChanged(s.a) })
	draining()
	letGo(nil)
	watch.Wait()

	s.metrics.up.Set(0)
	s.metrics.window.Set(0)
	s.mu.Lock()
	s.session = nil
	s.mu.Unlock()
	s.show(Connecting, func(b *BindStatus) { b.Window = 0 })
	if binding.Err() != nil || errors.Is(err, errReturning) {
		s.a.log.Info("unbound", "bind", s.bind, "type", s.kind.String(), "why", err)
	}
	return err
}

// tellBound logs a bind that came up, and what of it may become trouble.
func (s *seat) tellBound() {
	st := s.status()
	s.a.log.Info("bound", "bind", s.bind, "type", s.kind.String(), "address", st.Address, "version", s.a.cfg.Version.String())
	if st.Version != 0 && st.Version < s.a.cfg.Version {
		s.a.log.Warn("the SMSC speaks an older version of SMPP than the bind announced: what it does not know it may refuse",
			"bind", s.bind, "smsc_version", st.Version.String(), "remedy", "set INTERFACE_VERSION to it")
	}
}

// trouble shows, counts and logs why the bind is not up. The same trouble again is
// no change of state and logged at debug.
func (s *seat) trouble(err error, wait time.Duration) {
	kind := troubleOf(err)
	s.metrics.failures[kind].Inc()
	text := "the session ended"
	if err != nil {
		text = err.Error()
	}
	s.show(Waiting, func(b *BindStatus) {
		b.LastError, b.Alert, b.NextTry = text, kind == troubleCredentials, time.Now().Add(wait)
	})
	s.mu.Lock()
	level := slog.LevelWarn
	switch {
	case text == s.logged:
		level = slog.LevelDebug
	case kind == troubleCredentials:
		level = slog.LevelError
	}
	s.logged = text
	s.mu.Unlock()
	s.a.log.Log(context.Background(), level, "not bound", "bind", s.bind, "type", s.kind.String(), "error", text, "retry_in", wait.String())
	s.a.events.StateChanged(s.a)
}

func (s *seat) show(state BindState, also func(*BindStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown.State != state {
		s.shown.State, s.shown.Since = state, time.Now()
	}
	if also != nil {
		also(&s.shown)
	}
}

func (s *seat) status() BindStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.shown
	if s.session != nil {
		b.InUse = int(s.session.inUse.Load())
	}
	return b
}

// backoff is how long to wait before the next attempt; jitter is random in [0, 1).
func backoff(t trouble, attempt int, jitter float64) time.Duration {
	grow := func(from, to time.Duration) time.Duration {
		return min(to, from<<min(attempt, 16))
	}
	switch t {
	case troubleCredentials:
		// Half of it is certain: every try may bring the account nearer to a lock.
		d := grow(30*time.Second, 5*time.Minute)
		return d/2 + time.Duration(jitter*float64(d/2))
	case troubleAlreadyBound:
		// The SMSC frees a bind whose connection died when it notices.
		d := grow(4*time.Second, time.Minute)
		return d/2 + time.Duration(jitter*float64(d/2))
	}
	// Full jitter: after an outage, replicas and binds come back spread out. Ten seconds at most, five on the average: the limit
	// is what an SMSC that is back stays unused for, and a connection that is refused six times a minute costs it nothing.
	return time.Duration(jitter * float64(grow(250*time.Millisecond, 10*time.Second)))
}
