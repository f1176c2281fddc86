package sink

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func hushed(s *Sink, action string) {
	s.quiet = newQuiet(&config.Quiet{Hours: "21:00-08:00", From: 21 * time.Hour, To: 8 * time.Hour, Action: action, ExemptPriority: 3})
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestQuietHoursAreThoseOfTheDestination(t *testing.T) {
	t.Parallel()
	q := newQuiet(&config.Quiet{Hours: "21:00-08:00", From: 21 * time.Hour, To: 8 * time.Hour})
	for _, c := range []struct{ number, at, till string }{ // till: of the quiet hours; "" not quiet
		{"491701234567", "2026-01-10T19:59:59Z", ""},
		{"491701234567", "2026-01-10T20:00:00Z", "2026-01-11T07:00:00Z"}, // 21:00 in Berlin
		{"491701234567", "2026-01-10T06:59:59Z", "2026-01-10T07:00:00Z"},
		{"491701234567", "2026-07-10T19:00:00Z", "2026-07-11T06:00:00Z"}, // in summer
		{"491701234567", "2026-03-28T21:00:00Z", "2026-03-29T06:00:00Z"}, // the night on which summer begins
		{"919812345678", "2026-01-10T16:00:00Z", "2026-01-11T02:30:00Z"}, // 21:30 in Kolkata
		{"12125550123", "2026-01-10T12:59:00Z", "2026-01-10T13:00:00Z"},  // 07:59 in New York
		{"12135550123", "2026-01-10T13:00:00Z", "2026-01-10T16:00:00Z"},  // and in Los Angeles
		{"12345", "2026-01-10T03:00:00Z", "-"},                           // whatever the library makes of a short code
		{"Acme", "2026-01-10T03:00:00Z", ""},                             // no number
		{"999", "2026-01-10T03:00:00Z", ""},                              // no country
		{"4915112345678", "2026-01-10T12:00:00Z", ""},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		z := q.zonesOf(c.number)
		if c.till == "-" {
			continue
		}
		if z == nil {
			if c.till != "" {
				t.Errorf("%s has no zone", c.number)
			}
			continue
		}
		held, till := q.look(z, at)
		if held != (c.till != "") || held && till.UTC().Format(time.RFC3339) != c.till {
			t.Errorf("%s at %s: quiet %v until %s, want %q", c.number, c.at, held, till.UTC().Format(time.RFC3339), c.till)
		}
	}
}

func TestADestinationOfSeveralZonesIsQuietWhileAnyOfThemIsUnlessItAlwaysWere(t *testing.T) {
	t.Parallel()
	q := newQuiet(&config.Quiet{Hours: "21:00-08:00", From: 21 * time.Hour, To: 8 * time.Hour})
	two := &zones{in: []*time.Location{zone(t, "America/New_York"), zone(t, "America/Los_Angeles")}}
	at, _ := time.Parse(time.RFC3339, "2026-01-10T13:30:00Z") // 08:30 in New York, 05:30 in Los Angeles
	if held, till := q.look(two, at); !held || till.UTC().Hour() != 16 {
		t.Errorf("quiet %v until %v, want until 08:00 in Los Angeles", held, till)
	}
	many := &zones{in: []*time.Location{zone(t, "Pacific/Honolulu"), zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")}}
	if held, _ := q.look(many, at); held || len(many.in) != 1 || many.in[0].String() != "Europe/Berlin" {
		t.Errorf("quiet %v by %v, want by Berlin's alone", held, many.in)
	}
}

func TestWhereADestinationHasNoZoneAnotherMayBeSaid(t *testing.T) {
	t.Parallel()
	q := newQuiet(&config.Quiet{Hours: "21:00-08:00", From: 21 * time.Hour, To: 8 * time.Hour, Location: zone(t, "Asia/Tokyo")})
	at, _ := time.Parse(time.RFC3339, "2026-01-10T12:30:00Z")
	if held, _ := q.look(q.zonesOf("Acme"), at); !held {
		t.Error("not quiet at 21:30 in Tokyo")
	}
}

// However the hours lie: what is told to be quiet is so to its end and not at it, and what
// is told not to be is not until the time told.
func TestWhatIsToldOfQuietHoursIsTrueMinuteByMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minute := rapid.IntRange(0, 24*60-1)
		from, to := minute.Draw(t, "from"), minute.Draw(t, "to")
		if from == to {
			return
		}
		q := newQuiet(&config.Quiet{Hours: "set", From: time.Duration(from) * time.Minute, To: time.Duration(to) * time.Minute})
		all := []string{"Asia/Kolkata", "Africa/Nairobi", "Etc/GMT+5", "Asia/Tokyo"} // whose clocks do not change
		var in []*time.Location
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 2, rapid.ID[string]).Draw(t, "zones") {
			l, _ := time.LoadLocation(name)
			in = append(in, l)
		}
		isQuiet := func(in []*time.Location, at time.Time) bool {
			return slices.ContainsFunc(in, func(l *time.Location) bool {
				h, m, _ := at.In(l).Clock()
				if of := h*60 + m; from < to {
					return of >= from && of < to
				} else {
					return of >= from || of < to
				}
			})
		}
		z := &zones{in: in}
		now := time.Date(2026, 1, 1, 0, minute.Draw(t, "now"), 0, 0, time.UTC)
		held, till := q.look(z, now)
		if !till.After(now) || till.Sub(now) > 48*time.Hour {
			t.Fatalf("from %v until %v", now, till)
		}
		for at := now; at.Before(till); at = at.Add(time.Minute) {
			if isQuiet(z.in, at) != held && !(held && len(z.in) > 1) { // between two zones' hours there may be open minutes
				t.Fatalf("told %v until %v, at %v it is not so", held, till, at)
			}
		}
		if isQuiet(z.in, till) == held {
			t.Fatalf("told %v until %v, and it goes on", held, till)
		}
	})
}

// atNight runs a test at 22:00 in Berlin.
func atNight(t *testing.T, action string, test func(t *testing.T, s *Sink, p *partition)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2000, 1, 1, 22, 0, 0, 0, zone(t, "Europe/Berlin"))
		time.Sleep(time.Until(at))
		s, p := idle(t)
		hushed(s, action)
		test(t, s, p)
	})
}

func TestWhatIsHeldIsNotGrantedAndGoesInTheMorningInItsOrder(t *testing.T) {
	atNight(t, "hold", func(t *testing.T, s *Sink, p *partition) {
		var held []*message
		for i := range int64(5) {
			held = append(held, take1(s, p, i, fmt.Sprintf(`{"to":"+49170%d","text":"x"}`, i)))
		}
		awake := take1(s, p, 5, `{"to":"+12135550123","text":"x"}`) // 13:00 in Los Angeles
		urgent := take1(s, p, 6, `{"to":"+49170","text":"x","priority":3}`)
		later := take1(s, p, 7, `{"to":"+49170","text":"x","deliver_at":"2100-01-01T12:00:00Z"}`)
		grantTo(s, 0)
		if awake.state != sending || urgent.state != sending || later.state != sending {
			t.Errorf("states %d, %d, %d: what may go is held up", awake.state, urgent.state, later.state)
		}
		if f := flights(awake)[0]; f.Expires.In(zone(t, "America/Los_Angeles")).Hour() != 21 {
			t.Errorf("the account may send it until %v, into the quiet hours", f.Expires)
		}
		if f := flights(urgent)[0]; !f.Expires.IsZero() {
			t.Errorf("the account may send an exempt one until %v", f.Expires)
		}
		for _, m := range held {
			if m.state != backoff || m.granted || m.attempts != 0 {
				t.Errorf("offset %d: state %d, granted %v", m.rec.Offset, m.state, m.granted)
			}
		}
		if g := p.ledger.Granted(); g != 3 {
			t.Errorf("%d are granted", g)
		}
		time.Sleep(10*time.Hour - 1)
		s.retriesDue(time.Now())
		if n := len(grantTo(s, 0)); n != 0 {
			t.Errorf("%d go before the morning", n)
		}
		time.Sleep(time.Nanosecond)
		s.retriesDue(time.Now())
		ms := grantTo(s, 0)
		if len(ms) != 5 || !slices.IsSortedFunc(ms, func(a, b *message) int { return int(a.rec.Offset - b.rec.Offset) }) {
			t.Errorf("%d go in the morning", len(ms))
		}
	})
}

func TestADeadlinePassesInQuietHoursAndIsToldAtOnce(t *testing.T) {
	atNight(t, "hold", func(t *testing.T, s *Sink, p *partition) {
		m := take1(s, p, 0, `{"to":"+49170","text":"x","validity":"1h"}`)
		grantTo(s, 0)
		time.Sleep(time.Hour)
		s.retriesDue(time.Now())
		grantTo(s, 0)
		wantExpired(t, s, m)
	})
}

func TestQuietHoursCanExpireWhatMeetsThem(t *testing.T) {
	atNight(t, "expire", func(t *testing.T, s *Sink, p *partition) {
		m := take1(s, p, 0, `{"to":"+49170","text":"x"}`)
		grantTo(s, 0)
		s.settleAll() // as the next transaction does
		if m.state != finished || m.status != "expired" || !strings.Contains(m.reason, "2000-01-02T07:00:00Z") {
			t.Errorf("state %d, %q: %s", m.state, m.status, m.reason)
		}
	})
}

func TestWhatTheAccountGivesBackAtTheBeginOfQuietHoursIsHeld(t *testing.T) {
	atNight(t, "hold", func(t *testing.T, s *Sink, p *partition) {
		time.Sleep(10*time.Hour + 12*time.Hour + 59*time.Minute + 50*time.Second) // 20:59:50
		m := take1(s, p, 0, `{"to":"+49170","text":"x"}`)
		grantTo(s, 0)
		f := flights(m)[0]
		if d := time.Until(f.Expires); d != 10*time.Second {
			t.Fatalf("the account may send it for %v more", d)
		}
		time.Sleep(10 * time.Second)
		answer(s, f, smpp.NotSent, 0, false)
		grantTo(s, 0)
		if m.state != backoff || m.granted || p.ledger.Granted() != 0 {
			t.Errorf("state %d, granted %v", m.state, m.granted)
		}
	})
}

func TestAMessageThatWasSentInPartIsSeenThroughAtNight(t *testing.T) {
	atNight(t, "hold", func(t *testing.T, s *Sink, p *partition) {
		time.Sleep(22 * time.Hour)
		m := take1(s, p, 0, long("+49170"))
		grantTo(s, 0)
		fs := flights(m)
		answer(s, fs[0], smpp.Responded, wire.StatusOK, false)
		answer(s, fs[1], smpp.Responded, wire.StatusSysErr, false)
		answer(s, fs[2], smpp.Responded, wire.StatusSysErr, false)
		time.Sleep(2 * time.Hour)
		s.retriesDue(time.Now())
		if grantTo(s, 0); m.state != sending {
			t.Errorf("state %d", m.state)
		}
	})
}

// A partition that goes to another replica takes what is held with it: nothing of it stays
// in memory until the morning.
func TestWhatIsHeldGoesWithItsPartition(t *testing.T) {
	atNight(t, "hold", func(t *testing.T, s *Sink, p *partition) {
		take1(s, p, 0, `{"to":"+49170","text":"x"}`)
		grantTo(s, 0)
		if len(s.retries) != 1 {
			t.Fatal("not held")
		}
		s.beginLetGo(p)
		if len(s.retries) != 0 || len(s.parts) != 0 {
			t.Errorf("%d held, %d partitions after a clean hand-over", len(s.retries), len(s.parts))
		}
		s, p = idle(t)
		hushed(s, "hold")
		take1(s, p, 0, `{"to":"+49170","text":"x"}`)
		grantTo(s, 0)
		s.lose(p)
		delete(s.limbo, p.tp)
		s.forget(p)
		if len(s.retries) != 0 {
			t.Errorf("%d held of a partition that was lost", len(s.retries))
		}
	})
}
