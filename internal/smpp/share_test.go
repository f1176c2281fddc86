package smpp

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// quietestSecond is the least that any second between from and to holds.
func quietestSecond(sent []time.Time, from, to time.Time) int {
	least := math.MaxInt
	for i := range sent {
		// The second that begins right after this one.
		if sent[i].Before(from) || sent[i].Add(time.Second).After(to) {
			continue
		}
		n := 0
		for _, at := range sent[i+1:] {
			if at.Sub(sent[i]) > time.Second {
				break
			}
			n++
		}
		least = min(least, n)
	}
	return least
}

// runner is a replica's pace with endless demand, late as timers are.
type runner struct {
	pace
	next time.Time
}

func (r *runner) run(until time.Time, late time.Duration, rng *rand.Rand, sent []time.Time) []time.Time {
	for !r.next.After(until) {
		if n := r.available(r.next); n > 0 {
			// A write takes what its window and buffer have room for.
			n = min(n, 1+rng.IntN(20))
			r.take(n, r.next)
			for range n {
				sent = append(sent, r.next)
			}
			continue
		}
		r.next = r.next.Add(r.wait(1000) + time.Duration(rng.Int64N(int64(late)+1)))
	}
	return sent
}

// Partitions move between replicas at any time, through a gap in which nobody has
// them; some of the replicas come later, some leave. Nobody talks to anybody.
func TestWhateverMovesBetweenReplicasNoSecondHoldsMoreThanFivePerCentAboveThePace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 12
		replicas := rapid.IntRange(1, 4).Draw(t, "replicas")
		tps := rapid.Float64Range(float64(20*replicas), 2000).Draw(t, "tps")
		late := time.Duration(rapid.IntRange(0, 10).Draw(t, "late")) * time.Millisecond
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		now := time.Unix(1000, 0)
		rs := make([]runner, replicas)
		for i := range rs {
			rs[i] = runner{pace: newPace(tps), next: now}
		}
		owner := make([]int, partitions) // -1: on its way
		tell := func(i int) {
			n := 0
			for _, o := range owner {
				if o == i {
					n++
				}
			}
			rs[i].setShare(float64(n)/partitions, now)
		}
		for i := range rs {
			tell(i) // the first holds all
		}
		var sent []time.Time
		go1 := func(d time.Duration) {
			now = now.Add(d)
			for i := range rs {
				sent = rs[i].run(now, late, rng, sent)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "moves") {
			to := rapid.IntRange(0, replicas-1).Draw(t, "to")
			moved := rapid.SliceOfNDistinct(rapid.IntRange(0, partitions-1), 1, partitions, rapid.ID[int]).Draw(t, "partitions")
			from := map[int]bool{}
			for _, p := range moved {
				from[owner[p]] = true
				owner[p] = -1
			}
			for i := range rs {
				if from[i] {
					tell(i)
				}
			}
			go1(time.Duration(rapid.IntRange(0, 3000).Draw(t, "gap")) * time.Millisecond)
			for _, p := range moved {
				owner[p] = to
			}
			tell(to)
			go1(time.Duration(rapid.IntRange(0, 8000).Draw(t, "then")) * time.Millisecond)
		}
		slices.SortFunc(sent, time.Time.Compare)
		if n := busiestSecond(sent); float64(n) > 1.05*tps {
			t.Fatalf("a second holds %d of %v", n, tps)
		}
	})
}

func TestTheLastSecondIsCountedToThePDU(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tps := rapid.OneOf(rapid.Float64Range(0.1, 50), rapid.Float64Range(50, 100_000)).Draw(t, "tps")
		p := newPace(tps)
		now := time.Unix(1000, 0)
		var sent []time.Time
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300_000).Draw(t, "µs")) * time.Microsecond)
			n := p.available(now)
			if n <= 0 {
				continue
			}
			n = rapid.IntRange(1, n).Draw(t, "take")
			p.take(n, now)
			back := rapid.IntRange(0, n).Draw(t, "back")
			p.giveBack(back)
			for range n - back {
				sent = append(sent, now)
			}
		}
		want := math.Floor(tps)
		if want < 0.99*tps {
			want = math.Floor(1.05 * tps)
		}
		if n := busiestSecond(sent); float64(n) > max(1, want) {
			t.Fatalf("a second holds %d of %v, want at most %v", n, tps, want)
		}
	})
}

// answering lets a peer answer everything, and notes when each submit came.
func (p *peer) answering(seen func(time.Time)) {
	for {
		r, err := p.next()
		if err != nil {
			return
		}
		if r.ID == wire.SubmitSM {
			seen(time.Now())
			if _, err := p.Write(ok(r.Sequence, "x")); err != nil {
				return
			}
		}
	}
}

// The way of a rebalance: half of the partitions leave the first replica, are
// nobody's for most of a second, and come to the second one.
func TestANewReplicaChangesTheRateOfAnAccountByNoMoreThanFivePerCentInAnySecond(t *testing.T) {
	t.Parallel()
	for _, tps := range []float64{100, 700} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var sent []time.Time
			seen := func(at time.Time) {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, at)
			}
			replica := func() (*Account, func()) {
				x, ev := newExchange(t), newRecorder()
				a := start(t, x, ev, nil, func(c *AccountConfig) { c.TPS, c.Window = tps, 2000 })
				go x.bound().answering(seen)
				synctest.Wait()
				a.Offer(messages(int(120 * tps)))
				return a, func() { halt(a) }
			}
			a, stopA := replica()
			a.SetShare(1)
			time.Sleep(5 * time.Second)
			began := time.Now()
			a.SetShare(0.5)
			time.Sleep(800 * time.Millisecond)
			b, stopB := replica()
			b.SetShare(0.5)
			time.Sleep(90 * time.Second)
			ended := time.Now()
			stopA()
			stopB()
			slices.SortFunc(sent, time.Time.Compare)
			most, least := busiestSecond(sent), quietestSecond(sent, began.Add(-2*time.Second), ended)
			t.Logf("at %v a second any second holds %d to %d", tps, least, most)
			if float64(most) > 1.05*tps || float64(least) < 0.95*tps {
				t.Errorf("at %v a second a second holds %d, another %d", tps, most, least)
			}
			if share := b.Status().Limit; share < 0.49*tps {
				t.Errorf("the new replica's limit is %v after a minute and a half", share)
			}
		})
	}
}

func TestWhoHoldsAllHasAllAtOnceAndWhoHoldsNothingNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	p := newPace(100)
	p.setShare(1, now)
	if p.limit() != 100 {
		t.Errorf("the limit of one alone is %v", p.limit())
	}
	p.setShare(0.5, now)
	if p.limit() < 99 {
		t.Errorf("the limit falls at once to %v", p.limit())
	}
	p.setShare(0, now)
	if p.limit() != 0 {
		t.Errorf("the limit of one without partitions is %v", p.limit())
	}
	p.setShare(0.5, now)
	if p.limit() > 1 {
		t.Errorf("one that comes back begins with %v", p.limit())
	}
}

func TestABindKeepsItsOwnPaceAlsoWhenItComesUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.BindTPS, c.Binds, c.Window, c.TPS = 20, 3, 50, 1000 })
		var mu sync.Mutex
		sent := make([][]time.Time, 3)
		bind := func(i int, p *peer) {
			go p.answering(func(at time.Time) {
				mu.Lock()
				defer mu.Unlock()
				sent[i] = append(sent[i], at)
			})
		}
		for range 3 {
			p := x.bound()
			synctest.Wait()
			for i, s := range a.seats { // which of them it is
				s.mu.Lock()
				if s.session != nil && sent[i] == nil {
					sent[i] = make([]time.Time, 0, 1000)
					bind(i, p)
				}
				s.mu.Unlock()
			}
		}
		submits := messages(600)
		a.Offer(submits)
		time.Sleep(2100 * time.Millisecond)
		a.seats[1].session.fail(errPeerLeft)
		bind(1, x.bound())
		began := time.Now()
		ev.await(600)
		if took := time.Since(began); took > 8500*time.Millisecond {
			t.Errorf("the rest of 600 at 3 times 20 a second took %v", took)
		}
		for i := range sent {
			slices.SortFunc(sent[i], time.Time.Compare)
			if n := busiestSecond(sent[i]); n > 20 || len(sent[i]) < 150 {
				t.Errorf("bind %d: a second holds %d of 20, %d in all", i, n, len(sent[i]))
			}
		}
		if n := a.Budget(100 * time.Millisecond); n > 30 {
			t.Errorf("a budget of %d for 60 a second", n)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestCongestionStateLowersThePaceBeforeAnythingIsRefused(t *testing.T) {
	t.Parallel()
	for state, want := range map[byte]float64{0: 100, 50: 100, 89: 100, 90: 90, 99: 90, 100: 70} {
		synctest.Test(t, func(t *testing.T) {
			x, ev := newExchange(t), newRecorder()
			a := start(t, x, ev, nil, func(c *AccountConfig) { c.TPS = 100 })
			p := x.bound()
			// A rate to lower: the pace is that of what was sent where that is less.
			a.mu.Lock()
			a.pace.sent = meter{}
			a.mu.Unlock()
			a.Offer(messages(1))
			resp := wire.SubmitResp{MessageID: []byte("x"), TLVs: []wire.TLV{{Tag: wire.TagCongestionState, Value: []byte{state}}}}
			b, err := resp.Append(nil, p.expect(wire.SubmitSM).Sequence, wire.StatusOK)
			if err != nil {
				t.Fatal(err)
			}
			a.mu.Lock()
			a.pace.sent = meter{}
			a.mu.Unlock()
			p.send(b)
			ev.await(1)
			if got := a.Status().Limit; math.Abs(got-want) > 1 {
				t.Errorf("congestion_state %d: a limit of %v, want %v", state, got, want)
			}
		})
	}
}

// A model of an SMSC that nears congestion above 60 a second: the pace comes to rest there.
func TestThePaceSettlesWhereTheSMSCNoLongerNearsCongestion(t *testing.T) {
	t.Parallel()
	p := newPace(100)
	now := time.Unix(1000, 0)
	n := 0
	for end := now.Add(60 * time.Second); now.Before(end); now = now.Add(10 * time.Millisecond) {
		if k := p.available(now); k > 0 {
			p.take(k, now)
			n += k
			state := byte(95)
			if p.recent.n < 60 {
				state = 40
			}
			p.congested(now, 0, state)
		}
	}
	if rate := float64(n) / 60; rate < 50 || rate > 70 {
		t.Errorf("%v a second", rate)
	}
}
