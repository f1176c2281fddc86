package smpp

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Lease is the right to write submits at all, kept on Clock: a replica that was
// frozen past it finds it run out when it wakes, before it has written a byte. It
// is looked at once a write, as the last thing before it.
//
// It has two ends, and lasts until the earlier: one that commits move (Extend), and one
// that follows from when the group has last heard of this member (Bound).
//
// The zero value has run out until the first Extend; a nil lease is always valid.
type Lease struct {
	until atomic.Int64 // on Clock, nanoseconds
	bound atomic.Int64 // likewise; 0: there was no Bound
	now   func() time.Duration

	mu      sync.Mutex
	changed chan struct{} // closed when it lasts again; made by the first that waits
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
	l.wake()
}

// wake wakes those that wait for a lease that lasts, if it does: at rest heartbeats move its bound three times a second, and nobody has anything to
// write. Of an Extend and a Bound at the same time the later one sees both.
func (l *Lease) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil && l.Valid() {
		close(l.changed)
		l.changed = nil
	}
}

// Forever is a Bound that is none.
const Forever = time.Duration(math.MaxInt64)

// Bound makes the lease end at a moment on its clock, whatever Extend says. It may shorten.
//
// A lease whose bound has passed does not come back with the next Bound alone: until an
// Extend after it nobody knows whether the right was another's meanwhile. Calls must not
// overlap.
func (l *Lease) Bound(end time.Duration) {
	if old := l.bound.Load(); old > 0 && int64(l.clock()) >= old {
		l.Expire()
	}
	l.bound.Store(max(int64(end), 1))
	l.wake()
}

// Expire ends the lease now.
func (l *Lease) Expire() { l.until.Store(0) }

// Valid says whether the lease lasts.
func (l *Lease) Valid() bool {
	if l == nil {
		return true
	}
	until := l.until.Load()
	if bound := l.bound.Load(); bound > 0 {
		until = min(until, bound)
	}
	return until > 0 && int64(l.clock()) < until
}

func (l *Lease) clock() time.Duration {
	if l.now != nil {
		return l.now()
	}
	return Clock()
}

// extended returns a channel that is closed by the next Extend or Bound after which the lease
// lasts. Look at Valid after taking it, or an Extend in between is missed.
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
