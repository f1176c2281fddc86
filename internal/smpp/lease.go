package smpp

import (
	"sync"
	"sync/atomic"
	"time"
)

// Lease is the right to write submits at all, kept on Clock: a replica that was
// frozen past it finds it run out when it wakes, before it has written a byte. It
// is looked at once a write, as the last thing before it.
//
// The zero value has run out until the first Extend; a nil lease is always valid.
type Lease struct {
	until atomic.Int64 // on Clock, nanoseconds
	now   func() time.Duration

	mu      sync.Mutex
	changed chan struct{} // closed by Extend; made by the first that waits
}

// NewLease returns a lease that has run out until Extend.
func NewLease() *Lease { return NewLeaseOn(Clock) }

// NewLeaseOn is NewLease with another clock in the place of Clock, for where time is
// simulated. It has to run on while the process is stopped.
func NewLeaseOn(now func() time.Duration) *Lease { return &Lease{now: now} }

// Now is the time on the lease's clock.
func (l *Lease) Now() time.Duration { return l.clock() }

// Extend makes the lease last until a moment on its clock, as in
//
//	asked := lease.Now() // before the heartbeat or commit goes out
//	…                     // it succeeded
//	lease.Extend(asked + sessionTimeout/2)
//
// It never shortens.
func (l *Lease) Extend(until time.Duration) {
	for {
		old := l.until.Load()
		if int64(until) <= old {
			return
		}
		if l.until.CompareAndSwap(old, int64(until)) {
			break
		}
	}
	l.mu.Lock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	l.mu.Unlock()
}

// Expire ends the lease now.
func (l *Lease) Expire() { l.until.Store(0) }

// Valid says whether the lease lasts.
func (l *Lease) Valid() bool {
	if l == nil {
		return true
	}
	until := l.until.Load()
	return until > 0 && int64(l.clock()) < until
}

func (l *Lease) clock() time.Duration {
	if l.now != nil {
		return l.now()
	}
	return Clock()
}

// extended returns a channel that is closed by the next Extend. Look at Valid
// after taking it, or an Extend in between is missed.
func (l *Lease) extended() <-chan struct{} {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}
