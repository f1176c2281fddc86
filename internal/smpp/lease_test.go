package smpp

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestALeaseIsValidUntilItsMoment(t *testing.T) {
	t.Parallel()
	var now time.Duration = 100
	l := NewLease()
	l.now = func() time.Duration { return now }
	if l.Valid() {
		t.Error("valid before the first Extend")
	}
	l.Extend(150)
	l.Extend(120) // never shortens
	for _, now = range []time.Duration{100, 149} {
		if !l.Valid() {
			t.Fatalf("not valid at %d", now)
		}
	}
	if now = 150; l.Valid() {
		t.Error("valid at its end")
	}
	l.Extend(200)
	l.Expire()
	if l.Valid() {
		t.Error("valid after Expire")
	}
	var none *Lease
	if !none.Valid() {
		t.Error("no lease is not always valid")
	}
	if a, b := Clock(), Clock(); a <= 0 || b < a {
		t.Errorf("the clock says %v and then %v", a, b)
	}
}

func TestALeaseEndsAtItsBoundAndComesBackOnlyWithAnExtend(t *testing.T) {
	t.Parallel()
	now := time.Duration(100)
	l := NewLeaseOn(func() time.Duration { return now })
	l.Extend(200)
	l.Bound(150)
	now = 149
	if !l.Valid() {
		t.Error("not valid before its bound")
	}
	l.Bound(180) // in time
	if now = 179; !l.Valid() {
		t.Error("not valid before the bound that came in time")
	}
	if now = 180; l.Valid() {
		t.Error("valid at its bound")
	}
	changed := l.extended()
	l.Bound(190)
	if l.Valid() {
		t.Error("a Bound alone has brought it back")
	}
	select {
	case <-changed:
		t.Error("a Bound that brings nothing back wakes whoever waits")
	default:
	}
	if l.Extend(200); !l.Valid() {
		t.Error("not valid after Extend")
	}
	select {
	case <-changed:
	default:
		t.Error("an Extend wakes nobody")
	}
	l.Bound(Forever)
	if now = 199; !l.Valid() {
		t.Error("not valid with a bound that is none")
	}
	if now = 200; l.Valid() {
		t.Error("valid at its end, with a bound that is none")
	}
}

// A lease is looked at twice a write: before submits are taken, and after they were
// encoded, right before the write. Tests that offer before the bind is up can thus
// tell the looks apart by their number.

func TestNothingIsWrittenWithoutALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Int64
		now.Store(100)
		lease := NewLease()
		lease.now = func() time.Duration { return time.Duration(now.Load()) }
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, lease, nil)
		p := x.bound()
		claim := &Claim{}
		submits := messages(5)
		submits[1].Claim, submits[3].Claim = claim, claim
		a.Offer(submits)
		synctest.Wait()
		if st := a.Status(); st.Queued != 5 || st.InUse != 0 {
			t.Fatalf("queued %d, in use %d without a lease", st.Queued, st.InUse)
		}
		// While the lease was gone, so went a partition.
		claim.Revoke()
		lease.Extend(200)
		for i, r := range p.submits(3) {
			if want := string(submits[2*i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("received %q, want %q", textOf(t, r), want)
			}
		}
		synctest.Wait()
		if answers := ev.all(); len(answers) != 2 || answers[0].Outcome != NotSent || answers[1].Outcome != NotSent {
			t.Errorf("answers %+v, want the two revoked", answers)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestALeaseThatEndsBetweenEncodingAndWritingStopsTheWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		lease := NewLease()
		lease.now = func() time.Duration {
			if looks.Add(1) == 1 {
				return 100
			}
			return 1000 // frozen for so long, right after the encoding
		}
		lease.Extend(200)
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, lease, nil)
		submits := messages(3)
		a.Offer(submits)
		p := x.bound()
		p.SetReadDeadline(time.Now().Add(time.Second))
		if n, _ := p.Read(make([]byte, 1000)); n > 0 {
			t.Fatalf("%d bytes were written after the lease had ended", n)
		}
		p.SetReadDeadline(time.Time{})
		if st := a.Status(); st.Queued != 3 || st.InUse != 0 {
			t.Errorf("queued %d, in use %d, want all back in the queue", st.Queued, st.InUse)
		}
		lease.Extend(2000)
		for i, r := range p.submits(3) {
			if want := string(submits[i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("received %q, want %q", textOf(t, r), want)
			}
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestAClaimRevokedBetweenEncodingAndWritingIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claim := &Claim{}
		var looks atomic.Int64
		lease := NewLease()
		lease.now = func() time.Duration {
			if looks.Add(1) == 2 {
				claim.Revoke()
			}
			return 100
		}
		lease.Extend(200)
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, lease, nil)
		submits := messages(6)
		for i := 1; i < 6; i += 2 {
			submits[i].Claim = claim
		}
		a.Offer(submits)
		p := x.bound()
		for i, r := range p.submits(3) {
			if want := string(submits[2*i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("received %q, want %q", textOf(t, r), want)
			}
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		for _, answer := range ev.all() {
			if odd := answer.Submit.Owner.(int)%2 == 1; odd != (answer.Outcome == NotSent) {
				t.Errorf("submit %v is %v", answer.Submit.Owner, answer.Outcome)
			}
		}
		if in := a.Status().InUse; in != 0 {
			t.Errorf("%d places are still taken", in)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestWithdrawBringsQueuedSubmitsBackAndLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 2 })
		p := x.bound()
		lost, kept := &Claim{}, &Claim{}
		submits := messages(8)
		for i, s := range submits {
			s.Claim = kept
			if i%2 == 0 {
				s.Claim = lost
			}
		}
		a.Offer(submits)
		first := p.submits(2)
		a.Withdraw(lost)
		synctest.Wait()
		if answers := ev.all(); len(answers) != 3 {
			t.Fatalf("%d answers, want the three queued of the claim", len(answers))
		}
		for _, r := range first {
			p.send(ok(r.Sequence, "in the window already"))
		}
		for _, i := range []int{3, 5} {
			r := p.submits(1)[0]
			if want := string(submits[i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("received %q, want %q", textOf(t, r), want)
			}
			p.send(ok(r.Sequence, "x"))
		}
		p.submits(1)
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}
