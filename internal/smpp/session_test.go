package smpp

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestASubmitIsAnsweredWithWhatTheSMSCSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(3)
		a.Offer(submits)
		got := p.submits(3)
		p.send(ok(got[0].Sequence, "id-0"), pduWith(wire.SubmitSMResp, wire.StatusInvDstAdr, got[1].Sequence, nil), ok(got[2].Sequence, "id-2"))
		answers := ev.await(3)
		for i, want := range []struct {
			status uint32
			id     string
		}{{0, "id-0"}, {wire.StatusInvDstAdr, ""}, {0, "id-2"}} {
			got := answers[i]
			if got.Submit != submits[i] || got.Outcome != Responded || got.Status != want.status || got.MessageID != want.id || got.Late {
				t.Errorf("answer %d is %+v, want status %d and id %q", i, got, want.status, want.id)
			}
			if got.SentAt.IsZero() || got.At.Before(got.SentAt) {
				t.Errorf("answer %d has times %v and %v", i, got.SentAt, got.At)
			}
		}
		ev.exactlyOnce(t, submits)
	})
}

func TestAnswersOutOfOrderFindTheirSubmits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 100 })
		p := x.bound()
		submits := messages(100)
		a.Offer(submits)
		got := p.submits(100)
		slices.Reverse(got)
		for _, r := range got {
			p.send(ok(r.Sequence, textOf(t, r)))
		}
		for _, answer := range ev.await(100) {
			if want := string(answer.Submit.SM.ShortMessage); answer.MessageID != want {
				t.Errorf("%q was answered with the id of %q", want, answer.MessageID)
			}
		}
		ev.exactlyOnce(t, submits)
	})
}

func TestTheWindowBoundsWhatIsUnanswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 4 })
		p := x.bound()
		submits := messages(10)
		a.Offer(submits)
		got := p.submits(4)
		synctest.Wait()
		if st := a.Status(); st.InUse != 4 || st.Queued != 6 {
			t.Fatalf("in use %d, queued %d, want 4 and 6", st.InUse, st.Queued)
		}
		// One place free, one more submit.
		p.send(ok(got[2].Sequence, "x"))
		p.submits(1)
		synctest.Wait()
		if st := a.Status(); st.InUse != 4 || st.Queued != 5 {
			t.Fatalf("in use %d, queued %d, want 4 and 5", st.InUse, st.Queued)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestTheSecondAnswerToOneSubmitIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(2)
		a.Offer(submits)
		got := p.submits(2)
		p.send(ok(got[0].Sequence, "first"), ok(got[0].Sequence, "again"), ok(4711, "never sent"), ok(0, "no number"), ok(got[1].Sequence, "last"))
		if answers := ev.await(2); answers[0].MessageID != "first" || answers[1].MessageID != "last" {
			t.Errorf("answers %+v", answers)
		}
		ev.exactlyOnce(t, submits)
	})
}

func TestAGenericNackForASubmitIsItsRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(2)
		a.Offer(submits)
		got := p.submits(2)
		p.send(header(wire.GenericNack, wire.StatusInvCmdLen, got[0].Sequence), header(wire.GenericNack, 0, got[1].Sequence))
		answers := ev.await(2)
		if answers[0].Outcome != Responded || answers[0].Status != wire.StatusInvCmdLen {
			t.Errorf("answer %+v", answers[0])
		}
		if answers[1].Outcome != Responded || answers[1].Status == wire.StatusOK {
			t.Errorf("a generic_nack with status 0 looks like an acceptance: %+v", answers[1])
		}
	})
}

func TestASubmitWithoutAnAnswerIsInDoubtAndALateAnswerUpgradesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 3; c.ResponseTimeout = 8 * time.Second })
		p := x.bound()
		submits := messages(4)
		a.Offer(submits[:3])
		got := p.submits(3)
		// Answered half way through: the peer lives.
		time.Sleep(4 * time.Second)
		p.send(ok(got[0].Sequence, "in time"))
		time.Sleep(3 * time.Second)
		p.send(header(wire.EnquireLink, 0, 1))
		p.expect(wire.EnquireLinkResp)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		answers := ev.all()
		if len(answers) != 3 || answers[1].Outcome != InDoubt || answers[2].Outcome != InDoubt {
			t.Fatalf("answers %+v, want one in time and two in doubt", answers)
		}
		if in := a.Status().InUse; in != 0 {
			t.Fatalf("%d places are still taken", in)
		}
		a.Offer(submits[3:])
		last := p.submits(1)
		p.send(ok(got[2].Sequence, "late"), ok(last[0].Sequence, "now"), ok(got[2].Sequence, "later still"))
		synctest.Wait()
		answers = ev.all()[3:]
		if len(answers) != 2 || !answers[0].Late || answers[0].MessageID != "late" || answers[0].Submit != submits[2] {
			t.Fatalf("answers %+v, want a late one and one in time", answers)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestASessionThatAnswersNothingIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 5; c.ResponseTimeout = 2 * time.Second })
		p := x.bound()
		submits := messages(7)
		a.Offer(submits)
		p.submits(5)
		p.expectEnd()
		// The two that were queued go out on the next session; the five do not.
		p = x.bound()
		for i, r := range p.submits(2) {
			if want := string(submits[5+i].SM.ShortMessage); textOf(t, r) != want {
				t.Errorf("received %q, want %q", textOf(t, r), want)
			}
			p.send(ok(r.Sequence, "x"))
		}
		synctest.Wait()
		halt(a)
		for _, answer := range ev.all() {
			if want := answer.Submit.Owner.(int) < 5; (answer.Outcome == InDoubt) != want {
				t.Errorf("submit %v is %v", answer.Submit.Owner, answer.Outcome)
			}
		}
		ev.exactlyOnce(t, submits)
	})
}

func TestASilentPeerIsAskedAndLeftWhenItDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.EnquireLink = 30 * time.Second; c.ResponseTimeout = 5 * time.Second })
		p := x.bound()
		began := time.Now()
		for range 3 {
			r := p.expect(wire.EnquireLink)
			p.send(header(wire.EnquireLinkResp, 0, r.Sequence))
		}
		if asked := time.Since(began); asked < 90*time.Second || asked > 100*time.Second {
			t.Errorf("asked three times within %v", asked)
		}
		p.expect(wire.EnquireLink)
		p.expectEnd()
		x.bound()
		synctest.Wait()
		if !a.Ready() {
			t.Error("not ready after the reconnect")
		}
		halt(a)
	})
}

func TestHigherPrioritiesGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		submits := messages(6)
		for i, priority := range []uint8{0, 3, 1, 3, 2, 200} {
			submits[i].Priority = priority
		}
		a.Offer(submits)
		p := x.bound()
		var order []string
		for _, r := range p.submits(6) {
			order = append(order, textOf(t, r))
		}
		want := []string{"message 1", "message 3", "message 5", "message 4", "message 2", "message 0"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestASubmitThatCannotBeEncodedComesBackWithTheFaultAndTheOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(3)
		submits[1].SM.ShortMessage = make([]byte, 255)
		a.Offer(submits)
		for _, r := range p.submits(2) {
			p.send(ok(r.Sequence, "x"))
		}
		for _, answer := range ev.await(3) {
			if bad := answer.Submit == submits[1]; bad != (answer.Outcome == NotSent) || bad != (answer.Err != nil) {
				t.Errorf("submit %v: %v, %v", answer.Submit.Owner, answer.Outcome, answer.Err)
			}
		}
		if in := a.Status().InUse; in != 0 {
			t.Errorf("%d places are still taken", in)
		}
	})
}

func TestAMessageLargerThanOneWriteIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(3)
		for _, s := range submits {
			s.SM.ShortMessage = nil
			s.SM.TLVs = []wire.TLV{{Tag: wire.TagMessagePayload, Value: make([]byte, 65535)}}
		}
		a.Offer(submits)
		for _, r := range p.submits(3) {
			p.send(ok(r.Sequence, "x"))
		}
		ev.await(3)
		ev.exactlyOnce(t, submits)
	})
}
