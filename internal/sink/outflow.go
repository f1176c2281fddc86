package sink

import "time"

// outflow measures how fast results are written, since there has been something to write.
type outflow struct {
	since   time.Time // the last were written, or, while there are none yet, the first record came
	written int       // how often, 2 at most
	speed   float64   // results a second, smoothed; from the second time on
}

// holds is told how many messages are held.
func (f *outflow) holds(n int, now time.Time) {
	switch {
	case n == 0:
		*f = outflow{}
	case f.since.IsZero():
		f.since = now
	}
}

// wrote is told of results that are written.
func (f *outflow) wrote(n int, now time.Time) {
	since := now.Sub(f.since).Seconds()
	switch f.since = now; {
	case f.written == 0: // how long the first took says nothing of how many come
		f.written = 1
	case since <= 0:
	case f.written == 1:
		f.written, f.speed = 2, float64(n)/since
	default:
		f.speed += (float64(n)/since - f.speed) / 4
	}
}

// slow tells that so many will not be gone briefly.
func (f *outflow) slow(n int, now time.Time) bool {
	return now.Sub(f.since) > briefly || f.written == 2 && float64(n) > f.speed*briefly.Seconds()
}
