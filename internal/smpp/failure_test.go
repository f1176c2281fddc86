package smpp

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// A write that fails after so many bytes decides for each submit of it: whole
// before the failure is in doubt, else it is sent on the next session.
func TestAFailedWriteTellsWhatMayHaveArrivedFromWhatCannot(t *testing.T) {
	t.Parallel()
	submits := messages(5)
	var ends []int
	var all []byte
	for i, s := range submits {
		all, _ = s.SM.AppendSubmit(all, uint32(i+1))
		ends = append(ends, len(all))
	}
	for accepted := 0; accepted < len(all); accepted += 7 {
		checkPartialWrite(t, accepted, ends)
	}
	for _, end := range ends[:4] {
		checkPartialWrite(t, end-1, ends)
		checkPartialWrite(t, end, ends)
		checkPartialWrite(t, end+1, ends)
	}
}

func checkPartialWrite(t *testing.T, accepted int, ends []int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		whole := 0
		for whole < len(ends) && ends[whole] <= accepted {
			whole++
		}
		x, ev := newExchange(t), newRecorder()
		var conn *acceptsBytes
		x.wrap = func(c net.Conn) net.Conn {
			if conn != nil {
				return c
			}
			conn = &acceptsBytes{Conn: c}
			return conn
		}
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		synctest.Wait()
		conn.arm(accepted)
		submits := messages(len(ends))
		a.Offer(submits)
		got := p.submits(whole)
		synctest.Wait()
		if whole > 0 {
			// The last that arrived whole is answered although the write failed.
			p.send(ok(got[whole-1].Sequence, "just in time"))
		}
		p.expectEndOfPart()
		p = x.bound()
		for i, r := range p.submits(len(submits) - whole) {
			if want := string(submits[whole+i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("%d bytes accepted: received %q again, want %q", accepted, textOf(t, r), want)
			}
			p.send(ok(r.Sequence, "second session"))
		}
		synctest.Wait()
		halt(a)
		ev.exactlyOnce(t, submits)
		for _, answer := range ev.all() {
			i := answer.Submit.Owner.(int)
			want := Responded
			if i < whole-1 {
				want = InDoubt
			}
			if answer.Outcome != want {
				t.Errorf("%d bytes accepted: submit %d is %v, want %v", accepted, i, answer.Outcome, want)
			}
		}
	})
}

// expectEndOfPart reads until the connection closes, whatever half PDU is left.
func (p *peer) expectEndOfPart() {
	buf := make([]byte, 1024)
	for {
		if _, err := p.Read(buf); err != nil {
			return
		}
	}
}

func TestNothingIsWrittenAfterAFailedWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		var conn *acceptsBytes
		x.wrap = func(c net.Conn) net.Conn {
			conn = &acceptsBytes{Conn: c}
			return conn
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.RequeueFor = time.Hour })
		p := x.bound()
		ev.onDelivery = nil
		p.send(delivery(1, "to be answered later"))
		d := ev.awaitDeliveries(1)[0]
		synctest.Wait()
		submits := messages(2)
		all, _ := submits[0].SM.AppendSubmit(nil, 1)
		conn.arm(len(all) + 10)
		a.Offer(submits)
		p.expect(wire.SubmitSM)
		if n := p.in.end - p.in.start; n != 10 {
			t.Errorf("%d bytes of the second, want 10", n)
		}
		synctest.Wait()
		// The transport would take more now; the session must not give it any.
		conn.arm(1 << 20)
		d.Respond(wire.StatusOK)
		p.send(header(wire.EnquireLink, 0, 1))
		if n, err := p.Read(make([]byte, 100)); n != 0 || err == nil {
			t.Errorf("%d more bytes were written after the failed write", n)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestWhenThePeerClosesBeforeReadingNothingIsInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(3)
		a.Offer(submits)
		synctest.Wait() // the write hangs: a pipe holds nothing
		p.Close()
		p = x.bound()
		for _, r := range p.submits(3) {
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		halt(a)
		ev.exactlyOnce(t, submits)
		for _, answer := range ev.all() {
			if answer.Outcome != Responded {
				t.Errorf("answer %+v", answer)
			}
		}
	})
}

func TestWhenThePeerClosesAfterReadingTheUnansweredAreInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(3)
		a.Offer(submits)
		got := p.submits(3)
		p.send(ok(got[1].Sequence, "x"))
		p.Close()
		x.bound()
		synctest.Wait()
		halt(a)
		ev.exactlyOnce(t, submits)
		for _, answer := range ev.all() {
			if want := answer.Submit == submits[1]; want != (answer.Outcome == Responded) || !want && answer.Outcome != InDoubt {
				t.Errorf("submit %v is %v", answer.Submit.Owner, answer.Outcome)
			}
		}
	})
}

func TestAWriteThatHangsEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.WriteTimeout = 3 * time.Second })
		x.bound()
		submits := messages(3)
		a.Offer(submits) // the peer reads nothing
		p := x.bound()
		for _, r := range p.submits(3) {
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestAnUnbindOfTheSMSCIsAnsweredAfterTheAnswersOnTheirWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 2 })
		p := x.bound()
		submits := messages(4)
		a.Offer(submits)
		got := p.submits(2)
		p.send(header(wire.Unbind, 0, 77))
		p.send(ok(got[1].Sequence, "b"), ok(got[0].Sequence, "a"))
		if r := p.expect(wire.UnbindResp); r.Sequence != 77 {
			t.Errorf("response %+v", r)
		}
		p.expectEnd()
		p = x.bound()
		for _, r := range p.submits(2) {
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		halt(a)
		for _, answer := range ev.all() {
			if answer.Outcome != Responded {
				t.Errorf("answer %+v", answer)
			}
		}
		ev.exactlyOnce(t, submits)
	})
}

func TestAnUnbindOfTheSMSCDoesNotWaitForAnswersForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(1)
		a.Offer(submits)
		p.submits(1)
		p.send(header(wire.Unbind, 0, 77))
		p.expect(wire.UnbindResp)
		p.expectEnd()
		synctest.Wait()
		if answers := ev.all(); len(answers) != 1 || answers[0].Outcome != InDoubt {
			t.Errorf("answers %+v", answers)
		}
		x.bound()
		halt(a)
	})
}
