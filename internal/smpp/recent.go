package smpp

import "time"

// recent is how many permits were used within the last second, to the PDU: what the
// bucket cannot know, since it forgets how it was emptied. Permits used within a
// millisecond share an entry and leave the second together with the last of them:
// that errs on the side of the pace, by a thousandth.
type recent struct {
	base  time.Time // of the entries' times; set by the first
	slots [recentSlots]recentSlot
	head  int
	len   int
	n     int // in all slots
}

type recentSlot struct {
	first, last time.Duration // since base
	n           int
}

const (
	recentSpan  = time.Second
	recentGrain = time.Millisecond
	recentSlots = 1024 // more than there are grains in the span
)

// drop forgets what lies a second back.
func (r *recent) drop(now time.Time) {
	at := now.Sub(r.base)
	for r.len > 0 && at-r.slots[r.head].last >= recentSpan {
		r.n -= r.slots[r.head].n
		r.head = (r.head + 1) % recentSlots
		r.len--
	}
}

func (r *recent) add(n int, now time.Time) {
	if r.len == 0 {
		r.base, r.head = now, 0
	}
	r.drop(now)
	at := now.Sub(r.base)
	r.n += n
	if r.len > 0 {
		last := &r.slots[(r.head+r.len-1)%recentSlots]
		if at-last.first < recentGrain || r.len == recentSlots {
			last.last = max(last.last, at)
			last.n += n
			return
		}
	}
	r.slots[(r.head+r.len)%recentSlots] = recentSlot{first: at, last: at, n: n}
	r.len++
}

// giveBack undoes the newest n.
func (r *recent) giveBack(n int) {
	for n > 0 && r.len > 0 {
		last := &r.slots[(r.head+r.len-1)%recentSlots]
		k := min(n, last.n)
		last.n -= k
		r.n -= k
		n -= k
		if last.n == 0 {
			r.len--
		}
	}
}

// until is when the oldest entry leaves the second; 0: there is none.
func (r *recent) until(now time.Time) time.Duration {
	if r.len == 0 {
		return 0
	}
	return max(0, r.slots[r.head].last+recentSpan-now.Sub(r.base))
}
