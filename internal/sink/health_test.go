package sink

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// tiers is idle with "b" behind "a", and what is sent to either.
func tiers(t *testing.T, change func(a *config.SMSC)) (*Sink, *partition) {
	t.Helper()
	s, p := idle(t)
	s.cfg.SMSCs[1].Priority = 1
	s.cfg.SMSCs[1].LongMessages = "udh8"
	if change != nil {
		change(&s.cfg.SMSCs[0])
	}
	s.healths[0] = healthOf(&s.cfg.SMSCs[0])
	return s, p
}

// sends takes a record in and says which SMSCs it went to, and the flight of the last.
func (x *courier) send(t *testing.T) (int, *flight) {
	t.Helper()
	m := take1(x.s, x.p, x.next, fmt.Sprintf(`{"to":"+49170","text":"%d"}`, x.next))
	x.next++
	for i := range x.s.healths {
		x.s.healths[i].due(time.Now())
	}
	grantTo(x.s, x.up...)
	if m.state != sending {
		t.Fatalf("not sent: state %d", m.state)
	}
	return m.target, flights(m)[0]
}

type courier struct {
	s    *Sink
	p    *partition
	next int64
	up   []int
}

// answered answers as an SMSC does after a while.
func (x *courier) answered(f *flight, status uint32, took time.Duration) {
	sent := time.Now()
	time.Sleep(took)
	x.s.answered(&smpp.Answer{Submit: &f.Submit, Outcome: smpp.Responded, Status: status, MessageID: "id", SentAt: sent, At: time.Now()})
	x.s.retries = nil // not of interest here
}

// through sends n messages and counts those that SMSC 0 got; it answers as said.
func (x *courier) through(t *testing.T, n int, status uint32, took time.Duration) (first int) {
	t.Helper()
	for range n {
		target, f := x.send(t)
		if target == 0 {
			first++
			x.answered(f, status, took)
		} else {
			x.answered(f, wire.StatusOK, time.Millisecond)
		}
	}
	return first
}

func TestAnSMSCThatFailsByItsOwnTroubleIsPassedOverAndComesBackWhenItHasRecovered(t *testing.T) {
	t.Parallel()
	for _, status := range []uint32{wire.StatusSysErr, wire.StatusInvSysID} {
		synctest.Test(t, func(t *testing.T) {
			s, p := tiers(t, nil)
			x := &courier{s: s, p: p, up: []int{0, 1}}
			if n := x.through(t, 100, status, time.Millisecond); n != healthLeast {
				t.Errorf("it got %d before it was passed over, want %d", n, healthLeast)
			}
			time.Sleep(31 * time.Second)
			if n := x.through(t, 100, status, time.Millisecond); n != 2 {
				t.Errorf("while it is in trouble still it got %d probes, want 2", n)
			}
			time.Sleep(31 * time.Second)
			if n := x.through(t, 100, status, time.Millisecond); n != 0 {
				t.Errorf("it got %d before the doubled time was over", n)
			}
			time.Sleep(30 * time.Second)
			if n := x.through(t, 100, wire.StatusOK, time.Millisecond); n != 100 {
				t.Errorf("recovered it got %d of 100", n)
			}
		})
	}
}

func TestWhatIsNotTheSMSCsOwnTroublePassesNobodyOver(t *testing.T) {
	t.Parallel()
	for _, status := range []uint32{wire.StatusThrottled, wire.StatusMsgQFul, wire.StatusInvDstAdr, wire.StatusSubmitFail} {
		synctest.Test(t, func(t *testing.T) {
			s, p := tiers(t, nil)
			x := &courier{s: s, p: p, up: []int{0, 1}}
			if n := x.through(t, 100, status, time.Millisecond); n != 100 {
				t.Errorf("%s: it got %d of 100", wire.StatusName(status), n)
			}
		})
	}
}

func TestOneInTroubleIsUsedWhereThereIsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := tiers(t, nil)
		x := &courier{s: s, p: p, up: []int{0}}
		if n := x.through(t, 60, wire.StatusSysErr, time.Millisecond); n != 60 {
			t.Errorf("it got %d of 60", n)
		}
	})
}

func TestErrorsCanBeLeftToTheRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := tiers(t, func(a *config.SMSC) { a.Failover.Errors = 0 })
		x := &courier{s: s, p: p, up: []int{0, 1}}
		if n := x.through(t, 100, wire.StatusSysErr, time.Millisecond); n != 100 {
			t.Errorf("it got %d of 100", n)
		}
	})
}

func TestAnSMSCThatBecomesSlowIsPassedOverUntilItIsClearlyFaster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := tiers(t, func(a *config.SMSC) { a.Failover.Latency = time.Second })
		x := &courier{s: s, p: p, up: []int{0, 1}}
		if n := x.through(t, 50, wire.StatusOK, 100*time.Millisecond); n != 50 {
			t.Errorf("fast it got %d of 50", n)
		}
		if n := x.through(t, 100, wire.StatusOK, 2*time.Second); n < 10 || n > 40 {
			t.Errorf("it got %d slow ones before it was passed over", n)
		}
		time.Sleep(30 * time.Second)
		if n := x.through(t, 50, wire.StatusOK, 900*time.Millisecond); n != healthProbes {
			t.Errorf("a little faster it got %d, want the %d probes", n, healthProbes)
		}
		time.Sleep(60 * time.Second)
		if n := x.through(t, 50, wire.StatusOK, 100*time.Millisecond); n != 50 {
			t.Errorf("fast again it got %d of 50", n)
		}
	})
}

// What one SMSC has taken a part of, or may have, does not move because it fails.
func TestTroubleNeverMovesAMessageThatWasAcceptedInPartOrIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*Sink, []*flight){
		"accepted in part": func(s *Sink, fs []*flight) {
			answer(s, fs[0], smpp.Responded, wire.StatusOK, false)
			answer(s, fs[1], smpp.Responded, wire.StatusSysErr, false)
			answer(s, fs[2], smpp.Responded, wire.StatusSysErr, false)
		},
		"in doubt": func(s *Sink, fs []*flight) {
			answer(s, fs[0], smpp.InDoubt, 0, false)
			answer(s, fs[1], smpp.Responded, wire.StatusSysErr, false)
			answer(s, fs[2], smpp.Responded, wire.StatusSysErr, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := tiers(t, nil)
			m := take1(s, p, 0, long("+49170"))
			grantTo(s, 0, 1)
			first(s, flights(m))
			s.healths[0].avoid(time.Now(), "test")
			s.retriesDue(time.Now().Add(time.Hour))
			grantTo(s, 0, 1)
			if m.state != sending || m.target != 0 {
				t.Errorf("state %d, SMSC %d", m.state, m.target)
			}
			fresh := take1(s, p, 1, long("+49170"))
			grantTo(s, 0, 1)
			if fresh.target != 1 {
				t.Error("a fresh one goes to the SMSC that is passed over")
			}
		})
	}
}
