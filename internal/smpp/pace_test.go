package smpp

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// paced runs a pace for d of virtual time with endless demand and returns when each
// permit was used. Every sleep ends up to late too late.
func paced(p *pace, start time.Time, d, late time.Duration, rng *rand.Rand) []time.Time {
	var sent []time.Time
	for now := start; now.Before(start.Add(d)); {
		n := p.available(now)
		if n > 0 {
			p.take(n, now)
			for range n {
				sent = append(sent, now)
			}
			continue
		}
		now = now.Add(p.wait(1000) + time.Duration(rng.Int64N(int64(late)+1)))
	}
	return sent
}

// busiestSecond is the most that any second holds.
func busiestSecond(sent []time.Time) int {
	most, from := 0, 0
	for to := range sent {
		for sent[to].Sub(sent[from]) >= time.Second {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

func TestNoSecondHoldsMoreThanFivePerCentAboveThePace(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1000, 0)
	for _, tps := range []float64{0.5, 1, 7, 10, 24, 49, 50, 51, 99.5, 100, 1000, 12345, 50_000} {
		for _, late := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
			p := newPace(tps)
			const d = 20 * time.Second
			sent := paced(&p, start, d, late, rng)
			if n := busiestSecond(sent); float64(n) > max(1, 1.05*tps) {
				t.Errorf("%v a second, up to %v late: a second holds %d", tps, late, n)
			}
			// Lateness beyond the bucket is lost, not made up for: below 20 a second all
			// of it.
			if n, want := float64(len(sent)), 0.9*d.Seconds()/(1/tps+late.Seconds())-1; tps < 20 && n < want {
				t.Errorf("%v a second, up to %v late: only %v in %v", tps, late, n, d)
			}
			if n, want := float64(len(sent)), 0.9*tps*d.Seconds(); tps >= 20 && n < want {
				t.Errorf("%v a second, up to %v late: only %v in %v", tps, late, n, d)
			}
		}
	}
}

func TestAPausedPaceDoesNotSaveUp(t *testing.T) {
	t.Parallel()
	p := newPace(100)
	now := time.Unix(1000, 0)
	p.available(now)
	if n := p.available(now.Add(time.Hour)); n != 3 {
		t.Errorf("%d permits after an hour, want the bucket's 3", n)
	}
}

func TestPermitsThatWereNotUsedComeBack(t *testing.T) {
	t.Parallel()
	p := newPace(100)
	now := time.Unix(1000, 0)
	p.available(now)
	now = now.Add(time.Second)
	n := p.available(now)
	p.take(n, now)
	p.giveBack(n)
	if m := p.available(now); m != n {
		t.Errorf("%d permits, want %d", m, n)
	}
}

func TestTheShareScalesThePace(t *testing.T) {
	t.Parallel()
	p := newPace(100)
	now := time.Unix(1000, 0)
	p.setShare(0.25, now)
	now = now.Add(10 * time.Minute)
	p.available(now)
	sent := paced(&p, now, 10*time.Second, 0, rand.New(rand.NewPCG(1, 2)))
	if n := len(sent); n < 240 || n > 260 {
		t.Errorf("%d in 10 s at a quarter of 100 a second", n)
	}
	free := newPace(0)
	free.setShare(0.5, now)
	free.throttled(now, 0, 2)
	if n := free.available(now.Add(time.Second)); n < 0 || n > 2 {
		t.Errorf("%d permits a second after an account without a limit was throttled", n)
	}
	p.setShare(0, now.Add(10*time.Second))
	if n := p.available(now.Add(time.Hour)); n > 1 {
		t.Errorf("%d permits with no share", n)
	}
}

func TestThrottlingLowersThePaceAndQuietRaisesIt(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1000, 0)
	for _, tps := range []float64{0, 1000} {
		p := newPace(tps)
		now := start
		// 500 a second go out.
		for range 200 {
			p.available(now)
			p.take(5, now)
			now = now.Add(10 * time.Millisecond)
		}
		if p.throttled(now, 0, 4) {
			t.Error("lowered for a stray refusal in a hundred")
		}
		if !p.throttled(now, 0, 100) {
			t.Fatal("not lowered")
		}
		if limit := p.limit(); limit < 300 || limit > 400 {
			t.Errorf("TPS %v: the limit is %v after 500 a second were throttled, want 0.7 of it", tps, limit)
		}
		// The answers to what was on its way count once.
		if p.throttled(now.Add(100*time.Millisecond), 0, 100) || p.throttled(now.Add(300*time.Millisecond), time.Second, 100) {
			t.Error("lowered twice for one throttling")
		}
		before := p.limit()
		sent := paced(&p, now, 5*time.Second, 0, rng)
		if p.limit() <= before {
			t.Errorf("TPS %v: the limit stays at %v", tps, p.limit())
		}
		if rate := float64(len(sent)) / 5; rate < before*0.9 || rate > p.limit() {
			t.Errorf("TPS %v: %v a second under a limit of %v to %v", tps, rate, before, p.limit())
		}
		p.available(now.Add(10 * time.Minute))
		want := tps
		if tps == 0 {
			want = math.Inf(1)
		}
		if p.limit() != want {
			t.Errorf("TPS %v: the limit is %v after ten quiet minutes", tps, p.limit())
		}
		// Throttled for ever, it stays above nothing.
		for range 1000 {
			now = now.Add(time.Second)
			p.throttled(now, 0, 1000)
		}
		if p.limit() < 1 {
			t.Errorf("TPS %v: the limit fell to %v", tps, p.limit())
		}
	}
}

// TestAStrayRefusalAtTheStartOfABurstSlowsNothing: one of the first eighty is more than one in a hundred, and yet no limit.
func TestAStrayRefusalAtTheStartOfABurstSlowsNothing(t *testing.T) {
	t.Parallel()
	p := newPace(0)
	now := time.Unix(1000, 0)
	for range 30 { // a message a second, as before most bursts
		p.available(now)
		p.take(1, now)
		now = now.Add(time.Second)
	}
	for range 8 {
		p.available(now)
		p.take(10, now)
		now = now.Add(3 * time.Millisecond)
	}
	if p.throttled(now, 0, 1) || !math.IsInf(p.limit(), 1) {
		t.Errorf("the limit is %v after one refusal", p.limit())
	}
	if !p.throttled(now.Add(500*time.Millisecond), 0, 1) || math.IsInf(p.limit(), 1) {
		t.Error("two within a second are no stray any more")
	}
}

func TestAnAccountKeepsItsPaceOverAllItsBinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.TPS = 200; c.Binds = 3; c.Window = 100 })
		seen := make(chan time.Time, 2000)
		for range 3 {
			p := x.bound()
			go func() {
				for {
					r, err := p.next()
					if err != nil {
						return
					}
					if r.ID == wire.SubmitSM {
						seen <- time.Now()
						if _, err := p.Write(ok(r.Sequence, "x")); err != nil {
							return
						}
					}
				}
			}()
		}
		synctest.Wait()
		began := time.Now()
		submits := messages(1000)
		a.Offer(submits)
		ev.await(1000)
		took := time.Since(began)
		var sent []time.Time
		for range 1000 {
			sent = append(sent, <-seen)
		}
		if n := busiestSecond(sent); n > 210 {
			t.Errorf("a second holds %d of 200 a second", n)
		}
		if took > 5500*time.Millisecond {
			t.Errorf("1000 at 200 a second took %v", took)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestWhenTheBindThatWaitsForThePaceDiesAnotherWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.TPS = 1; c.Binds = 2 })
		peers := []*peer{x.bound(), x.bound()}
		for _, p := range peers {
			go func() {
				for {
					r, err := p.next()
					if err != nil {
						return
					}
					p.Write(ok(r.Sequence, "x"))
				}
			}()
		}
		synctest.Wait()
		submits := messages(10)
		a.Offer(submits)
		ev.await(2)
		synctest.Wait()
		a.mu.Lock()
		waiting := a.timekeeper.bind
		a.mu.Unlock()
		a.seats[waiting].session.fail(errPeerLeft)
		began := time.Now()
		ev.await(10)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the other bind took %v for 8 at one a second", took)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestAThrottledAnswerIsPassedUpAndSlowsTheAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		reg := prometheus.NewRegistry()
		a := NewAccount(AccountConfig{Name: "c", Addresses: []string{"a:1"}, Dial: x.dial, TPS: 100, Window: 5}, ev, nil, nil, NewMetrics(reg))
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := x.bound()
		submits := messages(2)
		a.Offer(submits)
		p.send(header(wire.SubmitSMResp, wire.StatusThrottled, p.submits(1)[0].Sequence))
		p.send(header(wire.SubmitSMResp, wire.StatusMsgQFul, p.submits(1)[0].Sequence))
		for _, answer := range ev.await(2) {
			if answer.Outcome != Responded || wire.Standard.Of(answer.Status) != Throttle {
				t.Errorf("answer %+v", answer)
			}
		}
		if st := a.Status(); st.Limit >= 100 || st.Limit <= 0 {
			t.Errorf("the limit is %v", st.Limit)
		}
		halt(a)
		expectMetrics(t, reg, `smpp_connector_smpp_throttles_total{smsc="c"} 1`)
	})
}

// The pace spent, the window full, the lease gone, no bind, nothing to do: none may
// turn into a loop that burns a core. In a bubble such a loop shows as time that
// does not pass.
func TestNoStateIsABusyLoop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*AccountConfig)
		lease  *Lease
		share  float64
		read   bool
	}{
		"nothing to do":   {share: 1},
		"the pace spent":  {share: 1, change: func(c *AccountConfig) { c.TPS = 0.001 }},
		"no share":        {share: 0, change: func(c *AccountConfig) { c.TPS = 10 }},
		"the window full": {share: 1, change: func(c *AccountConfig) { c.Window = 1; c.ResponseTimeout = time.Hour }, read: true},
		"no lease":        {share: 1, lease: NewLease()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x, ev := newExchange(t), newRecorder()
				looks := 0
				if c.lease != nil {
					c.lease.now = func() time.Duration { looks++; return 1 }
				}
				a := start(t, x, ev, c.lease, func(cfg *AccountConfig) {
					cfg.EnquireLink = time.Hour
					if c.change != nil {
						c.change(cfg)
					}
				})
				a.SetShare(c.share)
				p := x.bound()
				if name != "nothing to do" {
					a.Offer(messages(3))
				}
				if c.read || name == "the pace spent" {
					p.submits(1)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if looks > 100 {
					t.Errorf("the lease was looked at %d times", looks)
				}
				halt(a)
			})
		})
	}
}
