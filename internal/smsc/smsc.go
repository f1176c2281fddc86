package smsc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrQueueFull says that QueueLimit deliver_sm already wait.
var ErrQueueFull = errors.New("smsc: the queue of messages to deliver is full")

// SMSC is a simulator. Its methods may be called from any goroutine.
type SMSC struct {
	opts   Options
	log    *slog.Logger
	seed   uint64
	epoch  time.Time
	office *office
	memory *memory
	audit  *audit
	count  counters
	limit  limiter

	behaviour atomic.Pointer[Behaviour] // replaced whole by Change
	change    sync.Mutex                // held by Change, so that two changes do not lose one
	paused    atomic.Bool               // no submit_sm_resp leaves

	submitted atomic.Uint64 // numbers submits, whatever becomes of them
	accepted  atomic.Uint64 // numbers message ids
	managed   atomic.Int64  // cancel_sm and replace_sm dropped because of DropManaged
	refusals  atomic.Uint64 // binds refused because of BindStatus
	firstID   uint64
	moSent    atomic.Uint64 // numbers unsolicited messages
	refs      atomic.Uint32 // numbers references of long messages

	mu       sync.Mutex
	listener net.Listener
	binds    map[*bind]struct{} // every connection, bound or not
	lastBind int
	stopped  bool
	unwatch  func() bool // lets go of Start's context
	quit     chan struct{}
	moWake   chan struct{}
	running  sync.WaitGroup // accept loop, post office, audit, MO, and two a connection
}

// New checks the options, all faults at once, and builds a simulator.
func New(o Options) (*SMSC, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("smsc: %w", err)
	}
	o = o.withDefaults()
	s := &SMSC{
		opts: o, log: o.Logger, seed: o.Seed, epoch: time.Now(),
		binds: make(map[*bind]struct{}), quit: make(chan struct{}), moWake: make(chan struct{}, 1),
	}
	if s.seed == 0 {
		s.seed = maphash.String(maphash.MakeSeed(), "seed") | 1
	}
	// Ids begin somewhere in the middle, or two runs of the simulator behind
	// one and the same ESME would give out the same ids.
	r := newRandom(s.seed, 0)
	s.firstID = 0x1000_0000 + r.next()%0xd000_0000
	s.behaviour.Store(&o.Behaviour)
	s.office, s.memory = newOffice(s), newMemory(s)
	return s, nil
}

// Start listens and serves until ctx ends or Stop is called.
func (s *SMSC) Start(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.opts.Listen)
	if err != nil {
		return fmt.Errorf("smsc: listen on %s: %w", s.opts.Listen, err)
	}
	if s.opts.TLS != nil {
		ln = tls.NewListener(ln, s.opts.TLS)
	}
	a, err := newAudit(&s.opts)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.listener != nil {
		return errors.Join(errors.New("smsc: a simulator starts once"), ln.Close(), a.close())
	}
	s.listener, s.audit = ln, a
	s.running.Go(s.accept)
	s.running.Go(s.office.run)
	s.running.Go(func() { s.audit.run(s.quit) })
	s.running.Go(s.sendUnsolicited)
	// Not counted in running: it calls Stop, which waits for that.
	s.unwatch = context.AfterFunc(ctx, s.Stop)
	s.log.Info("simulator listens", "address", ln.Addr().String(), "seed", s.seed)
	return nil
}

// Stop closes the listener and every connection, waits for all goroutines and
// writes the rest of the audit file. It may be called more than once; every
// call returns when all is done.
func (s *SMSC) Stop() {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	ln := s.listener
	if first {
		close(s.quit)
		if ln != nil {
			s.unwatch()
			// The only error is that it was closed before.
			_ = ln.Close()
		}
		for b := range s.binds {
			b.close()
		}
	}
	s.mu.Unlock()
	s.running.Wait()
	if ln == nil {
		return
	}
	if err := s.audit.close(); err != nil {
		s.log.Error("the audit file is not complete", "error", err)
	}
}

// Addr is the address that the simulator listens on, host:port. It is empty
// before Start.
func (s *SMSC) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Seed is the seed in force.
func (s *SMSC) Seed() uint64 { return s.seed }

// now is the time since the simulator was built, on the monotonic clock.
func (s *SMSC) now() time.Duration { return time.Since(s.epoch) }

func (s *SMSC) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			select {
			case <-s.quit:
				return
			// Too many open files and the like: they pass.
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		s.serve(conn)
	}
}

// forget is called by a bind's reader when it ends.
func (s *SMSC) forget(b *bind) {
	s.mu.Lock()
	delete(s.binds, b)
	s.mu.Unlock()
}
