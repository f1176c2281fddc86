package smpp

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// The ring against a plain map, with any order of sending, answering (rightly,
// twice, late, wrongly), expiring and taking back, across the wrap of the numbers.
func TestTheRingFindsEachSubmitByItsNumberAndNoOther(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.IntRange(1, 40).Draw(t, "window")
		r := newRing(window, epoch)
		// A table as small as allowed, so that numbers come round soon.
		size := 1
		for size < 4*window {
			size *= 2
		}
		r.slots = make([]slot, size)
		r.last = rapid.SampledFrom([]uint32{0, 1, 500, wire.MaxSequence - 30, wire.MaxSequence}).Draw(t, "last")

		out := map[uint32]*Submit{}     // unanswered
		doubted := map[uint32]*Submit{} // in doubt; may have been forgotten
		var used []uint32
		now := epoch
		answered := map[*Submit]int{}
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				n := rapid.IntRange(0, window-len(out)).Draw(t, "n")
				var batch []*Submit
				for range n {
					batch = append(batch, &Submit{})
				}
				for i, q := range r.register(batch, nil, now) {
					if q == 0 || q > wire.MaxSequence {
						t.Fatalf("number %d", q)
					}
					if out[q] != nil {
						t.Fatalf("number %d is given twice", q)
					}
					out[q] = batch[i]
					used = append(used, q)
				}
			},
			"answer": func(t *rapid.T) {
				var responses []response
				var want []*Submit
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					q := rapid.Uint32().Draw(t, "any")
					if len(used) > 0 && rapid.Bool().Draw(t, "used") {
						q = rapid.SampledFrom(used).Draw(t, "q")
					}
					responses = append(responses, response{sequence: q, status: q})
					if s := out[q]; s != nil {
						want = append(want, s)
						delete(out, q)
					} else if s := doubted[q]; s != nil && r.find(q) != nil {
						want = append(want, s)
						delete(doubted, q)
					}
				}
				answers, freed, unknown := r.settle(responses, now, nil)
				if len(answers) != len(want) || unknown != len(responses)-len(want) {
					t.Fatalf("%d answers and %d unknown, want %d of %d", len(answers), unknown, len(want), len(responses))
				}
				for i, a := range answers {
					if a.Submit != want[i] || a.Status != responses[i].sequence {
						t.Fatalf("answer %d is another's", i)
					}
					if !a.Late {
						freed--
					}
					answered[a.Submit]++
					if answered[a.Submit] > 1 {
						t.Fatalf("a submit was answered twice")
					}
				}
				if freed != 0 {
					t.Fatalf("%d places too many freed", freed)
				}
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Second)
				for _, a := range r.expire(now.Add(-3*time.Second), now, "late", nil) {
					for q, s := range out {
						if s == a.Submit {
							doubted[q] = s
							delete(out, q)
						}
					}
					if now.Sub(a.SentAt) < 3*time.Second {
						t.Fatalf("given up after %v", now.Sub(a.SentAt))
					}
				}
			},
			"take back": func(t *rapid.T) {
				if len(used) == 0 {
					return
				}
				q := rapid.SampledFrom(used).Draw(t, "q")
				if got, want := r.forget(q), out[q] != nil; got != want {
					t.Fatalf("taking back %d says %v, want %v", q, got, want)
				}
				delete(out, q)
			},
			"": func(t *rapid.T) {
				n := 0
				for i := range r.slots {
					if s := r.slots[i]; s.state == slotOut {
						n++
						if out[s.sequence] != s.submit {
							t.Fatalf("the ring holds another's number %d", s.sequence)
						}
					}
				}
				if n != len(out) {
					t.Fatalf("%d outstanding, want %d", n, len(out))
				}
			},
		})
		if answers := r.abandon(now, "end", nil); len(answers) != len(out) {
			t.Fatalf("%d given up at the end, want %d", len(answers), len(out))
		}
	})
}

func TestAQueueKeepsOrderWithinAPriorityThroughGivingBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want [Priorities][]*Submit
		lost := &Claim{}
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "n") {
					s := &Submit{Priority: uint8(rapid.IntRange(0, 5).Draw(t, "priority"))}
					if rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
						s.Claim = lost
					}
					q.pushBack(s)
					want[laneOf(s)] = append(want[laneOf(s)], s)
				}
			},
			"take": func(t *rapid.T) {
				var taken []*Submit
				for range rapid.IntRange(1, 150).Draw(t, "n") {
					s, lane := q.front()
					if s == nil {
						break
					}
					q.drop(lane)
					taken = append(taken, s)
				}
				if rapid.Bool().Draw(t, "give back") {
					q.pushFront(taken)
					return
				}
				for _, s := range taken {
					l := &want[laneOf(s)]
					if (*l)[0] != s {
						t.Fatal("out of order")
					}
					*l = (*l)[1:]
				}
			},
			"withdraw": func(t *rapid.T) {
				lost.Revoke()
				n := len(q.takeRevoked(nil))
				for i := range want {
					var kept []*Submit
					for _, s := range want[i] {
						if s.Claim == nil || s.Claim != lost {
							kept = append(kept, s)
						} else {
							n--
						}
					}
					want[i] = kept
				}
				if n != 0 {
					t.Fatalf("%d too many", n)
				}
				lost = &Claim{}
			},
			"": func(t *rapid.T) {
				n := 0
				for i := range want {
					n += len(want[i])
				}
				if q.n != n {
					t.Fatalf("the queue counts %d, want %d", q.n, n)
				}
			},
		})
		all := q.takeAll(nil)
		for i := Priorities - 1; i >= 0; i-- {
			for _, s := range want[i] {
				if all[0] != s {
					t.Fatal("out of order at the end")
				}
				all = all[1:]
			}
		}
	})
}

// An SMSC may leave one submit without an answer for as long as RESPONSE_TIMEOUT, and take thousands of others meanwhile.
func TestAnUnansweredSubmitKeepsItsPlaceWhileTheNumbersGoRound(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1000, 0)
	r := newRing(10, epoch)
	slow := &Submit{}
	first := r.register([]*Submit{slow}, nil, epoch)[0]
	for range 3 * len(r.slots) {
		quick := &Submit{}
		q := r.register([]*Submit{quick}, nil, epoch)[0]
		if answers, _, _ := r.settle([]response{{sequence: q}}, epoch, nil); len(answers) != 1 || answers[0].Submit != quick {
			t.Fatalf("the answer to number %d is %+v", q, answers)
		}
	}
	if answers, _, unknown := r.settle([]response{{sequence: first}}, epoch, nil); unknown != 0 || len(answers) != 1 || answers[0].Submit != slow {
		t.Errorf("the late answer to number %d is %+v; %d unknown", first, answers, unknown)
	}
}
