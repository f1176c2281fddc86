package sink

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// retries is what was refused for now, by the time of its next try. It holds
// messages that are in memory anyway, so it is bounded as they are.
type retries []*message

func (r retries) Len() int { return len(r) }

// Less keeps those that are due together, as after quiet hours, in the order of their offsets.
func (r retries) Less(i, j int) bool {
	if c := r[i].retryAt.Compare(r[j].retryAt); c != 0 {
		return c < 0
	}
	return r[i].rec.Offset < r[j].rec.Offset
}

func (r retries) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *retries) Push(x any)   { *r = append(*r, x.(*message)) }
func (r *retries) Pop() any {
	old := *r
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*r = old[:len(old)-1]
	return m
}

func (r *retries) add(m *message, at time.Time) {
	m.state, m.retryAt = backoff, at
	heap.Push(r, m)
}

// due takes one whose time has come.
func (r *retries) due(now time.Time) *message {
	if len(*r) == 0 || (*r)[0].retryAt.After(now) {
		return nil
	}
	return heap.Pop(r).(*message)
}

// next is the time of the next try.
func (r retries) next() (time.Time, bool) {
	if len(r) == 0 {
		return time.Time{}, false
	}
	return r[0].retryAt, true
}

// drop takes out what no longer counts.
func (r *retries) drop(gone func(*message) bool) {
	kept := (*r)[:0]
	for _, m := range *r {
		if !gone(m) {
			kept = append(kept, m)
		}
	}
	clear((*r)[len(kept):])
	*r = kept
	heap.Init(r)
}

// unanswered is the wait of what was sent and got no answer.
var unanswered = wire.Backoff{First: 500 * time.Millisecond, Most: time.Minute}

// pause is the wait before the next try of a message that was refused for now: full
// jitter over a ceiling that doubles with each try.
func pause(attempt int, b wire.Backoff) time.Duration {
	base := max(b.First, time.Millisecond)
	ceiling := b.Most
	if n := min(max(attempt-1, 0), 30); base <= b.Most>>n { // so that the doubling stays within a Duration
		ceiling = base << n
	}
	return base/2 + rand.N(max(ceiling, base))
}
