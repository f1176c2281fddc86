package sink

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
)

// quiet is SINK_QUIET_HOURS: times of day, where the recipient is, at which nothing is
// submitted. What meets them is held without a grant, so that nothing of it can be in
// doubt, or expires.
//
// Held messages stay in memory and count as what is read ahead: a partition of which so
// many are held is paused until the quiet hours end (or an expires_at does). Who cannot
// have others wait behind them uses another topic, or SINK_QUIET_ACTION=expire.
//
// A message that an SMSC has taken in part, or may have, is seen through at any hour. One
// whose deliver_at is still to come is left alone: its sender has chosen the time.
type quiet struct {
	from, to time.Duration // of the day; to may lie before from
	expire   bool
	exempt   int            // this priority and above
	fallback *time.Location // of destinations without a zone; nil: no quiet hours there

	mu        sync.Mutex // guards what follows: the poller looks zones up, and the loop for what could not be read before
	locations map[string]*time.Location
	sets      map[string]*zones
}

// zones are the time zones that a destination may lie in. It is quiet there while it is
// in any of them. A prefix of many zones (a mobile number of a country that spans the
// Earth) could so never be called; then the one in the middle counts.
//
// There is one for all destinations of the same zones; the loop owns what it found of them.
type zones struct {
	in         []*time.Location // the loop's too, once made
	from, till time.Time        // what follows was found for then
	held       bool
}

// longestQuiet is how long a destination may be quiet before one zone of many counts alone.
const longestQuiet = 23 * time.Hour

func newQuiet(c *config.Quiet) *quiet {
	if c.Hours == "" {
		return nil
	}
	return &quiet{from: c.From, to: c.To, expire: c.Action == "expire", exempt: c.ExemptPriority, fallback: c.Location,
		locations: make(map[string]*time.Location), sets: make(map[string]*zones)}
}

// zonesOf finds the zones of a normal number; nil: none, and nothing is ever quiet.
func (q *quiet) zonesOf(number string) *zones {
	q.mu.Lock()
	defer q.mu.Unlock()
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return q.set(nil)
	}
	names, err := phonenumbers.GetTimezonesForPrefix(number)
	if err != nil {
		return q.set(nil)
	}
	return q.set(names)
}

func (q *quiet) set(names []string) *zones {
	key := strings.Join(names, "&")
	if z, ok := q.sets[key]; ok {
		return z
	}
	z := &zones{}
	for _, name := range names {
		if l := q.location(name); l != nil && !slices.Contains(z.in, l) {
			z.in = append(z.in, l)
		}
	}
	if len(z.in) == 0 && q.fallback != nil {
		z.in = []*time.Location{q.fallback}
	}
	if len(z.in) == 0 {
		z = nil
	}
	q.sets[key] = z // as many as the library has combinations of
	return z
}

func (q *quiet) location(name string) *time.Location {
	if name == phonenumbers.UNKNOWN_TIMEZONE {
		return nil
	}
	l, ok := q.locations[name]
	if !ok {
		l, _ = time.LoadLocation(name)
		q.locations[name] = l
	}
	return l
}

// look tells whether it is quiet now, and until when that is so.
func (q *quiet) look(z *zones, now time.Time) (held bool, till time.Time) {
	if z.till.IsZero() || now.Before(z.from) || !now.Before(z.till) {
		z.from = now
		z.held, z.till = q.find(z, now)
	}
	return z.held, z.till
}

func (q *quiet) find(z *zones, now time.Time) (held bool, till time.Time) {
	open := q.opens(z.in, now)
	if open.Sub(now) > longestQuiet && len(z.in) > 1 {
		z.in = middle(z.in, now)
		open = q.opens(z.in, now)
	}
	if open.After(now) {
		return true, open
	}
	for _, l := range z.in {
		if at := q.begins(l, now); till.IsZero() || at.Before(till) {
			till = at
		}
	}
	return false, till
}

// opens is the first moment from now on at which it is quiet in none of the zones, or
// one further away than longestQuiet.
func (q *quiet) opens(in []*time.Location, now time.Time) time.Time {
	at := now
	for again := true; again && at.Sub(now) <= longestQuiet; {
		again = false
		for _, l := range in {
			if end, quiet := q.ends(l, at); quiet {
				at, again = end, true
			}
		}
	}
	return at
}

// ends is the end of the quiet hours that a moment lies in.
func (q *quiet) ends(l *time.Location, at time.Time) (time.Time, bool) {
	day := at.In(l)
	// Begun today, or yesterday and going on past midnight.
	for _, back := range []int{0, 1} {
		begin := onClock(day, -back, q.from)
		end := onClock(day, -back, q.to)
		if q.to <= q.from {
			end = onClock(day, -back+1, q.to)
		}
		if !at.Before(begin) && at.Before(end) {
			return end, true
		}
	}
	return time.Time{}, false
}

// begins is when the next quiet hours begin.
func (q *quiet) begins(l *time.Location, at time.Time) time.Time {
	day := at.In(l)
	if begin := onClock(day, 0, q.from); begin.After(at) {
		return begin
	}
	return onClock(day, 1, q.from)
}

// onClock is a time of day, some days on. A time that a change of the clock leaves out
// is what time.Date makes of it.
func onClock(day time.Time, days int, of time.Duration) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d+days, int(of/time.Hour), int(of%time.Hour/time.Minute), 0, 0, day.Location())
}

// middle is the zone in the middle by its distance from UTC.
func middle(in []*time.Location, now time.Time) []*time.Location {
	offset := func(l *time.Location) int { _, o := now.In(l).Zone(); return o }
	sorted := slices.SortedFunc(slices.Values(in), func(a, b *time.Location) int { return offset(a) - offset(b) })
	return sorted[len(sorted)/2 : len(sorted)/2+1]
}

// quietFor tells until when a message must not be submitted; false: it may be now, and
// until the time returned, if that is not zero.
func (s *Sink) quietFor(m *message, now time.Time) (held bool, till time.Time) {
	if m.zones == nil || lanePriority(m) >= s.quiet.exempt || m.count(accepted)+m.count(doubtful) > 0 || m.out.DeliverAt.After(m.receivedAt) {
		return false, time.Time{}
	}
	return s.quiet.look(m.zones, faultpoint.Wall(now))
}

// holdQuiet keeps a message until its recipient may be written to, or its deadline passes.
func (s *Sink) holdQuiet(m *message, now, till time.Time) {
	s.metrics.quieted.Inc()
	if s.quiet.expire {
		why := fmt.Sprintf("quiet hours (SINK_QUIET_HOURS) at the recipient's until %s, and SINK_QUIET_ACTION=expire", till.UTC().Format(time.RFC3339))
		if m.inDoubt {
			s.finish(m, "in_doubt", why+"; it may have been sent before a crash or a takeover")
			return
		}
		s.finish(m, "expired", why)
		return
	}
	wait := till.Sub(faultpoint.Wall(now))
	if left, ok := m.timeLeft(now); ok {
		wait = min(wait, max(left, 0))
	}
	s.retries.add(m, now.Add(wait))
}
