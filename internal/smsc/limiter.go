package smsc

import (
	"sync"
	"time"
)

// limiter is a token bucket over all binds. Its rate comes with every call, as
// it can change while the simulator runs.
type limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Duration
	rate   float64
}

// allow takes a token if there is one. The bucket holds a tenth of a second's
// worth, and at least one.
func (l *limiter) allow(now time.Duration, rate float64) bool {
	if rate <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	full := max(1, rate/10)
	if l.rate != rate {
		l.rate, l.tokens, l.last = rate, full, now
	}
	// Readers take the time before the lock, so it can lie behind last.
	if now > l.last {
		l.tokens = min(full, l.tokens+(now-l.last).Seconds()*rate)
		l.last = now
	}
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
