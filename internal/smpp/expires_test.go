package smpp

import (
	"testing"
	"testing/synctest"
	"time"
)

// expectExpired checks that a submit came back unsent, and why.
func expectExpired(t *testing.T, answers []Answer, s *Submit) {
	t.Helper()
	for _, a := range answers {
		if a.Submit == s && (a.Outcome != NotSent || a.Reason != reasonExpired) {
			t.Errorf("answer %+v", a)
		}
	}
}

func TestASubmitWhoseTimeIsOverIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(*AccountConfig){
		"while the pace is spent":   func(c *AccountConfig) { c.TPS = 0.1 },
		"while the window is full":  func(c *AccountConfig) { c.Window = 1; c.ResponseTimeout = time.Hour },
		"while the bind's is spent": func(c *AccountConfig) { c.BindTPS = 0.1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x, ev := newExchange(t), newRecorder()
				a := start(t, x, ev, nil, func(c *AccountConfig) { c.EnquireLink = time.Hour; wait(c) })
				p := x.bound()
				submits := messages(3)
				submits[1].Expires = time.Now().Add(5 * time.Second)
				a.Offer(submits)
				first := p.expect(0x4)
				time.Sleep(6 * time.Second)
				p.send(ok(first.Sequence, "x"))
				if text := textOf(t, p.expect(0x4)); text != "message 2" {
					t.Errorf("%s was written", text)
				}
				ev.await(2)
				halt(a)
				ev.exactlyOnce(t, submits)
				expectExpired(t, ev.all(), submits[1])
			})
		})
	}
}

func TestASubmitWhoseTimePassesWhileNothingIsBoundIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.RequeueFor = time.Minute })
		submits := messages(2)
		submits[0].Expires = time.Now().Add(5 * time.Second)
		a.Offer(submits)
		time.Sleep(6 * time.Second)
		p := x.bound()
		if text := textOf(t, p.expect(0x4)); text != "message 1" {
			t.Errorf("%s was written", text)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
		expectExpired(t, ev.all(), submits[0])
	})
}

// TestASubmitWhoseTimePassesBetweenTakingAndWritingIsNotWritten: the process stands still there, for less than its lease lasts.
func TestASubmitWhoseTimePassesBetweenTakingAndWritingIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		lease := NewLease()
		lease.now = func() time.Duration {
			if looks++; looks == 2 { // the look after the encoding
				time.Sleep(4 * time.Second)
			}
			return 100
		}
		lease.Extend(200)
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, lease, nil)
		submits := messages(2)
		submits[0].Expires = time.Now().Add(time.Second)
		a.Offer(submits)
		p := x.bound()
		if text := textOf(t, p.expect(0x4)); text != "message 1" {
			t.Errorf("%s was written", text)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
		expectExpired(t, ev.all(), submits[0])
	})
}
