package sink

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// deadlines are the two ways to say one, ten seconds from now.
func deadlines() map[string]string {
	return map[string]string{
		"expires_at": `{"to":"+49170","text":"x","expires_at":"` + time.Now().Add(10*time.Second).UTC().Format(time.RFC3339Nano) + `"}`,
		"validity":   `{"to":"+49170","text":"x","validity":"10s"}`,
	}
}

// eachDeadline runs a test in virtual time for both.
func eachDeadline(t *testing.T, test func(t *testing.T, s *Sink, m *message)) {
	t.Parallel()
	for _, name := range []string{"expires_at", "validity"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := idle(t)
				test(t, s, take1(s, p, 0, deadlines()[name]))
			})
		})
	}
}

// wantExpired looks as the next transaction does.
func wantExpired(t *testing.T, s *Sink, m *message) {
	t.Helper()
	s.settleAll()
	if m.state != finished || m.status != "expired" || !strings.Contains(m.reason, "has passed before it could be sent") {
		t.Errorf("state %d, status %q: %s", m.state, m.status, m.reason)
	}
	if m.granted || m.part.sending != 0 {
		t.Errorf("granted: %v, with an account: %d", m.granted, m.part.sending)
	}
}

func TestADeadlinePassesInTheLane(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		time.Sleep(10*time.Second - 1)
		if grantTo(s); m.state != waiting { // no SMSC has room
			t.Fatalf("state %d before its time", m.state)
		}
		time.Sleep(time.Nanosecond)
		if grantTo(s); m.status == "" {
			t.Error("it waits on while no SMSC is bound")
		}
		wantExpired(t, s, m)
	})
}

func TestADeadlinePassesWhileTheGrantIsCommitted(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		s.budget[0], s.up[0] = 100, true
		ms := s.grantAll(time.Now(), true)
		if len(ms) != 1 {
			t.Fatal("not granted")
		}
		time.Sleep(10 * time.Second)
		s.offer(ms, time.Now())
		wantExpired(t, s, m)
	})
}

func TestADeadlinePassesInTheQueueOfTheAccount(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		grantTo(s, 0)
		f := flights(m)[0]
		if want := time.Now().Add(10 * time.Second); !f.Expires.Equal(want) {
			t.Errorf("the account may send until %v, want %v", f.Expires, want)
		}
		time.Sleep(10 * time.Second)
		answer(s, f, smpp.NotSent, 0, false) // as the account does
		grantTo(s, 0)
		wantExpired(t, s, m)
	})
}

func TestADeadlinePassesInBackoffAndIsToldAtOnce(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		began := time.Now()
		for range 12 { // as often as it takes for pauses of up to a minute
			grantTo(s, 0)
			if m.state != sending {
				break
			}
			answer(s, flights(m)[0], smpp.Responded, wire.StatusSysErr, false)
			at, ok := s.retries.next()
			if !ok || at.After(began.Add(10*time.Second)) {
				t.Fatalf("the next look is at %v, after its end", at.Sub(began))
			}
			time.Sleep(time.Until(at))
			s.retriesDue(time.Now())
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("told after %v", took)
		}
		wantExpired(t, s, m)
	})
}

func TestADeadlinePassesInLimboAndIsToldOnTheWayBack(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		p := m.part
		s.lose(p)
		time.Sleep(10 * time.Second)
		grantTo(s, 0) // finds it in its lane and parks it
		if m.state == finished {
			t.Fatal("a result for a partition that is not ours")
		}
		delete(s.limbo, p.tp)
		s.resume(p)
		grantTo(s, 0)
		wantExpired(t, s, m)
	})
}

// An answer that never came is worse than a deadline: the result says so.
func TestADeadlineThatPassesAfterASubmitWithoutAnswerIsInDoubt(t *testing.T) {
	eachDeadline(t, func(t *testing.T, s *Sink, m *message) {
		grantTo(s, 0)
		answer(s, flights(m)[0], smpp.InDoubt, 0, false)
		time.Sleep(10 * time.Second)
		s.retriesDue(time.Now())
		grantTo(s, 0)
		if m.status != "in_doubt" {
			t.Errorf("%q: %s", m.status, m.reason)
		}
	})
}

func TestTheSMSCIsToldWhatIsLeftOfTheValidity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := idle(t)
		m := take1(s, p, 0, `{"to":"+49170","text":"x","validity":"90s"}`)
		grantTo(s, 0)
		if v := string(flights(m)[0].SM.ValidityPeriod); v != "000000000130000R" {
			t.Errorf("validity_period %s at once", v)
		}
		answer(s, flights(m)[0], smpp.Responded, wire.StatusSysErr, false)
		time.Sleep(40*time.Second + 500*time.Millisecond)
		s.retriesDue(time.Now())
		grantTo(s, 0)
		if v := string(flights(m)[0].SM.ValidityPeriod); v != "000000000050000R" {
			t.Errorf("validity_period %s after 40.5 s", v)
		}
		later := take1(s, p, 1, `{"to":"+49170","text":"x","validity":"90s","deliver_at":"2100-01-01T00:00:00Z"}`)
		time.Sleep(time.Hour)
		grantTo(s, 0)
		if later.state != sending || string(flights(later)[0].SM.ValidityPeriod) != "000000000130000R" {
			t.Error("the validity of what is delivered later began here")
		}
	})
}
