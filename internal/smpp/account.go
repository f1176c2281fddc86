package smpp

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Account is all the binds held at one SMSC under one system id: one queue, one
// pace, and for each bind a goroutine that owns it (seat).
//
// Locks: mu guards the queue, the pace and who waits for them, and is taken once a
// batch, never while Events is called or a connection is written. A session's own
// mutex is never taken with mu held, nor mu with it.
type Account struct {
	cfg     AccountConfig
	events  Events
	lease   *Lease
	log     *slog.Logger
	metrics *accountMetrics
	seats   []*seat
	outbind *outbinds // nil: none; set by Start before the seats run

	// unanswered deliveries, over all binds.
	unanswered atomic.Int64

	life struct { // Start and Stop
		sync.Mutex
		started, stopped bool
		abort            context.CancelFunc // ends all at once, no drain
		drain            context.CancelFunc // no new sessions; those there drain
	}
	done chan struct{}  // closed: all is over, all is answered
	wg   sync.WaitGroup // the seats

	mu       sync.Mutex
	queue    queue
	pace     pace
	perBind  []pace // by bind, with BindTPS; a bind that comes up again goes on with its own
	stopping bool
	sessions []*session // bound and able to submit
	// idle sessions have room in their windows and found the queue empty or the
	// pace spent; woken one at a time, the longest idle first.
	idle []*session
	// timekeeper is the one session that sleeps until the pace has permits again.
	timekeeper *session
	// down is when the last session able to submit went; stale says that RequeueFor
	// has passed since.
	down  *time.Timer
	stale bool
	// returned is to be answered NotSent; while there is some, a goroutine does so,
	// and closes returning when it has.
	returned  []refusal
	returning chan struct{}
}

// NewAccount makes an account; nothing happens before Start. lease and m may be
// nil: then nothing expires, and nothing is counted.
func NewAccount(cfg AccountConfig, ev Events, lease *Lease, log *slog.Logger, m *Metrics) *Account {
	cfg = cfg.withDefaults()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Account{
		cfg: cfg, events: ev, lease: lease, log: log.With("smsc", cfg.Name),
		metrics: m.account(cfg.Name),
		pace:    newPace(cfg.TPS),
		done:    make(chan struct{}),
	}
	types := []BindType{cfg.Bind}
	if cfg.Bind == Pair {
		types = []BindType{Transmitter, Receiver}
	}
	for range cfg.Binds {
		for _, t := range types {
			a.seats = append(a.seats, newSeat(a, len(a.seats), t))
			if cfg.BindTPS > 0 {
				a.perBind = append(a.perBind, newPace(cfg.BindTPS))
			}
		}
	}
	return a
}

// Name is the account's name.
func (a *Account) Name() string { return a.cfg.Name }

// Start begins to bind and returns at once; StateChanged and Ready tell when a bind
// is up. The end of ctx is an end without a drain.
func (a *Account) Start(ctx context.Context) error {
	a.life.Lock()
	defer a.life.Unlock()
	if a.life.started || a.life.stopped {
		return errors.New("smpp: an account can be started only once")
	}
	if a.cfg.Outbind != nil {
		l, err := listenOutbinds(ctx, a)
		if err != nil {
			return err
		}
		a.outbind = l
	}
	a.life.started = true
	ctx, a.life.abort = context.WithCancel(ctx)
	binding, drain := context.WithCancel(ctx)
	a.life.drain = drain
	a.mu.Lock()
	a.goneDown()
	a.mu.Unlock()
	if a.outbind != nil {
		a.wg.Go(func() { a.outbind.run(binding) })
	}
	for _, s := range a.seats {
		a.wg.Go(func() { s.run(ctx, binding) })
	}
	// Ends when Stop was called or ctx has ended, and so all seats have.
	go a.end()
	return nil
}

func (a *Account) end() {
	a.wg.Wait()
	a.refuse("the account was stopped") // where ctx ended, nobody has said so yet
	a.life.Lock()
	a.life.abort()
	a.life.Unlock()
	a.awaitReturned()
	close(a.done)
}

// refuse makes every Offer come back and empties the queue.
func (a *Account) refuse(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopping = true
	if a.down != nil {
		a.down.Stop()
		a.down = nil
	}
	a.giveUp(a.queue.takeAll(nil), reason)
}

// Stop drains: queued submits come back NotSent, answers are awaited until ctx ends,
// the sessions unbind, and what is then unanswered is InDoubt. When it returns
// every Submit has its Answer. It blocks, and may be called again.
func (a *Account) Stop(ctx context.Context) error {
	a.life.Lock()
	first := !a.life.stopped
	a.life.stopped = true
	started := a.life.started
	a.life.Unlock()
	if first {
		a.refuse("the account was stopped")
		if started {
			a.life.drain()
		} else {
			a.awaitReturned()
			close(a.done)
		}
	}
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
	}
	if started {
		a.life.abort()
	}
	<-a.done
	return ctx.Err()
}

// Offer queues a batch; it never blocks. The queue has no limit of its own: who
// offers keeps to Budget. The slice is not kept.
func (a *Account) Offer(batch []*Submit) {
	if len(batch) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.stopping:
		a.giveUp(slices.Clone(batch), "the account was stopped")
	case a.stale:
		a.giveUp(slices.Clone(batch), "no bind that can submit is up")
	default:
		for _, s := range batch {
			a.queue.pushBack(s)
		}
		a.metrics.queued.Set(float64(a.queue.n))
		a.wakeNext()
	}
}

// Withdraw brings the queued submits of a claim back NotSent, after Claim.Revoke.
// What is in a window already ends as it will.
func (a *Account) Withdraw(c *Claim) {
	if c == nil {
		return
	}
	c.Revoke()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.giveUp(a.queue.takeRevoked(nil), reasonRevoked)
	a.metrics.queued.Set(float64(a.queue.n))
}

const (
	reasonRevoked = "its claim was revoked"
	reasonExpired = "its time was over before it was written"
)

// Budget is how many more submits it makes sense to grant now: the places free in
// the windows of the bound sessions plus what will be answered and replaced within
// ahead, less what is queued. Under a limit of the pace it is no more than twice
// what the pace will let go in that time (at least 100 ms of it), so that a wide
// window before a slow pace does not fill the in-doubt set of a crash. 0 while no
// bind that can submit is up.
func (a *Account) Budget(ahead time.Duration) int {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sessions) == 0 || a.stopping {
		return 0
	}
	a.pace.advance(now)
	a.showLimit()
	free := 0
	for _, s := range a.sessions {
		free += s.free()
	}
	limit := a.pace.limit()
	if a.perBind != nil {
		limit = min(limit, a.cfg.BindTPS*float64(len(a.sessions)))
	}
	rate := min(limit, a.pace.sent.rate(now))
	budget := float64(free) + rate*ahead.Seconds()
	if !math.IsInf(limit, 1) {
		soon := limit * ahead.Seconds()
		budget = min(float64(free), limit*max(ahead, 100*time.Millisecond).Seconds()+1) + soon
		if limit <= 0 {
			budget = 0
		}
	}
	return max(0, int(math.Ceil(budget))-a.queue.n)
}

// Hungry says that a submit offered now would be written at once: nothing is queued, a
// window has room and the pace allows it.
func (a *Account) Hungry() bool {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue.n > 0 || a.stopping || a.pace.available(now) < 1 {
		return false
	}
	return slices.ContainsFunc(a.sessions, func(s *session) bool {
		p := a.paceOf(s)
		return s.free() > 0 && (p == nil || p.available(now) >= 1)
	})
}

// Ready says whether a bind is up that can submit, or any bind for an account of
// receivers.
func (a *Account) Ready() bool {
	if a.cfg.Bind != Receiver {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.sessions) > 0
	}
	return slices.ContainsFunc(a.seats, func(s *seat) bool { return s.status().State == Bound })
}

// SetShare sets which part of TPS is this process's, 0 to 1. The rate goes to it
// slowly, except to all and to nothing: see pace.
func (a *Account) SetShare(f float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace.setShare(f, time.Now())
	a.showLimit()
	if a.timekeeper != nil {
		a.timekeeper.wakeWriter()
	}
}

// Status is the account at a glance.
func (a *Account) Status() AccountStatus {
	now := time.Now()
	st := AccountStatus{Name: a.cfg.Name}
	for _, s := range a.seats {
		st.Binds = append(st.Binds, s.status())
	}
	for _, b := range st.Binds {
		if b.State == Bound {
			st.Ready = st.Ready || b.Window > 0 || a.cfg.Bind == Receiver
		}
		st.Window += b.Window
		st.InUse += b.InUse
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace.advance(now)
	st.Queued = a.queue.n
	st.Share = a.pace.target
	st.TPS = a.pace.tps * a.pace.target
	if limit := a.pace.limit(); !math.IsInf(limit, 1) {
		st.Limit = limit
	}
	st.Rate = a.pace.sent.rate(now)
	return st
}

func (a *Account) showLimit() {
	if limit := a.pace.limit(); !math.IsInf(limit, 1) {
		a.metrics.limit.Set(limit)
	} else {
		a.metrics.limit.Set(0)
	}
}
