package smpp

import (
	"math"
	"time"
)

// pace is how fast an account may submit, in PDUs a second over all its binds: a
// token bucket under a limit that falls when the SMSC throttles and climbs back
// while it does not, and a count of the last second, so that no second holds more
// than the limit however the bucket was filled. Not safe for concurrent use: the
// account's mutex guards it.
//
// The share of the limit that is this process's follows the one it is told with a
// lag (paceFollow). Replicas do not talk to each other, and partitions that move
// belong to nobody for a moment: whoever gives some away goes on at nearly its old
// rate, whoever takes them begins at nearly none, and the sum hardly moves. All follow
// by the same law, which is linear: as the shares that the replicas are told never
// sum to more than one, neither do those that they use, whatever moves when.
//
// golang.org/x/time/rate is not used: permits are taken in batches of whatever is
// there, some come back, and the limit moves at every look; its reservations fit
// none of the three.
type pace struct {
	tps    float64 // as configured, 0: no limit
	share  float64 // in force
	target float64 // what share goes to
	told   bool    // setShare was called
	recent *recent // nil where tps is 0

	// cut is the limit that throttling has set, 0: none. It climbs by step a second.
	cut, step float64
	cutAt     time.Time // the last decrease
	refused   float64   // refusals of about the last second, as of refusedAt
	refusedAt time.Time

	permits float64
	at      time.Time // when permits were last counted

	sent meter
}

const (
	// The bucket holds one permit and 2 % of a second's. That keeps any second
	// within 5 % of the limit even where one write is held up by 30 ms and the next
	// is not, and still rides out the timer's own lateness. Below 20 a second 5 % are
	// less than one, so it is one permit, and lateness is lost.
	paceBurst, paceOver = 0.02, 0.05
	// A second holds the limit, rounded down where that costs less than this part of it.
	paceRounding = 0.01
	// A share has gone 63 % of its way after this time. Half of the partitions that are
	// nobody's for a second then cost an account 2.5 % of its rate in that second.
	paceFollow = 20 * time.Second
	// A new replica begins with this part of its share, rather than with no pace at all.
	paceFirst = 0.01

	// A decrease is by twice the share of the last second's submits that were
	// refused, so that a limit just overshot costs little and one far overshot is
	// found at once; at most to paceDecrease. A stray refusal in a hundred is no
	// limit of the account's: it is tried again, and nothing slows down.
	paceDecrease, paceStray = 0.7, 0.01
	// Where no limit is known one refusal alone tells of none, of however few submits: at the start of a burst it is one of a handful, and a
	// pace taken from the quiet before it would hold the burst back for half a minute. As many, of about the last second, make two of them.
	paceAlone = 1.2
	// One decrease for all the answers to what was sent before it took effect.
	paceSettle = 200 * time.Millisecond
	// congestion_state from which on the pace is lowered, and by how much, how often.
	congestionNear, congestionFull = 90, 100
	congestionDecrease             = 0.9
	congestionSettle               = time.Second
	// A limit climbs back by this part of its goal a second.
	paceIncrease = 0.05
	// Without a configured limit the throttled rate is the goal, and a limit that
	// has climbed to twice that unpunished is lifted.
	paceLift = 2.0
	// No throttling takes an account below this: it would never find out that it
	// may send again.
	paceFloor = 1.0

	// Longest sleep before the limit is looked at again, and shortest: at 20,000 a
	// second a permit comes every 50 µs, and a write for each would be a waste.
	paceLongest  = time.Second
	paceShortest = time.Millisecond
)

func newPace(tps float64) pace {
	p := pace{tps: tps, share: 1, target: 1}
	if tps > 0 {
		p.recent = new(recent)
	}
	return p
}

// goal is the limit without throttling, +Inf: none.
func (p *pace) goal() float64 {
	if p.tps <= 0 {
		return math.Inf(1)
	}
	return p.tps * p.share
}

// limit is the limit in force, +Inf: none.
func (p *pace) limit() float64 {
	if p.cut > 0 {
		return min(p.cut, p.goal())
	}
	return p.goal()
}

func (p *pace) burst() float64 {
	limit := p.limit()
	if math.IsInf(limit, 1) {
		return 1 // unused; a throttling that comes next begins with no more
	}
	// The most that a second may hold, less what flows in during one.
	over := math.Floor((1+paceOver)*limit) + 1 - limit
	return max(1, min(1+paceBurst*limit, over))
}

// ceiling is the most that any second may hold, at least one. Replicas that round
// down sum to no more than the limit; where rounding down would cost too much (3.3 a
// second), up to 5 % of the limit are there for it.
//
// While the share falls it is that of a second ago: what was sent then was right then.
func (p *pace) ceiling() int {
	limit := p.limit()
	if p.share > p.target && p.cut <= 0 {
		ago := p.target + (p.share-p.target)*math.Exp(recentSpan.Seconds()/paceFollow.Seconds())
		limit = p.tps * min(1, ago)
	}
	whole := math.Floor(limit + 1e-6)
	if whole < (1-paceRounding)*limit {
		whole = math.Floor((1 + paceOver) * limit)
	}
	return int(max(1, whole))
}

// available counts the permits there are now. math.MaxInt: as many as wanted.
func (p *pace) available(now time.Time) int {
	p.advance(now)
	if math.IsInf(p.limit(), 1) {
		return math.MaxInt
	}
	n := int(p.permits)
	if p.recent != nil {
		p.recent.drop(now)
		n = min(n, p.ceiling()-p.recent.n)
	}
	return n
}

// advance brings limit and permits up to now.
func (p *pace) advance(now time.Time) {
	p.sent.tick(now)
	if p.at.IsZero() {
		p.at = now
		p.permits = 1
		return
	}
	elapsed := now.Sub(p.at).Seconds()
	if elapsed <= 0 {
		return
	}
	p.at = now
	before := p.limit()
	p.follow(elapsed)
	// The lesser of what the share was and what it is counts for the time that has
	// passed: rounding down, never up.
	if limit := min(before, p.limit()); !math.IsInf(limit, 1) {
		// The limit before the climb counts for the time that has passed: rounding
		// down, never up.
		p.permits = min(p.permits+limit*elapsed, p.burst())
	}
	if p.cut > 0 {
		p.cut += p.step * elapsed
		lift := p.tps
		if p.tps <= 0 {
			lift = paceLift * p.step / paceIncrease
		}
		if p.cut >= lift {
			p.cut, p.step = 0, 0
			// What comes next is as if the bucket had just been emptied.
			p.permits = min(p.permits, 1)
		}
	}
}

// follow brings the share nearer to its target.
func (p *pace) follow(elapsed float64) {
	if p.share == p.target {
		return
	}
	p.share = p.target + (p.share-p.target)*math.Exp(-elapsed/paceFollow.Seconds())
	if math.Abs(p.share-p.target) < 1e-4 {
		p.share = p.target
	}
}

// take counts n permits as used; the caller has looked at available just now.
func (p *pace) take(n int, now time.Time) {
	p.sent.add(n, now)
	if p.recent != nil {
		p.recent.add(n, now)
	}
	if !math.IsInf(p.limit(), 1) {
		p.permits -= float64(n)
	}
}

// giveBack returns permits of submits that were not written after all.
func (p *pace) giveBack(n int) {
	p.sent.n -= n
	if p.recent != nil {
		p.recent.giveBack(n)
	}
	if !math.IsInf(p.limit(), 1) {
		p.permits = min(p.permits+float64(n), p.burst())
	}
}

// wait is how long to sleep before permits are worth a look again, when want are
// wanted and none is there.
func (p *pace) wait(want int) time.Duration {
	limit := p.limit()
	if limit <= 0 {
		return paceLongest
	}
	if p.recent != nil && p.permits >= 1 { // the second is full
		return min(max(p.recent.until(p.at), paceShortest), paceLongest)
	}
	first := (1 - p.permits) / limit
	// Not for one permit if more are wanted and come soon: up to half the bucket.
	some := min(float64(want), p.burst()/2)
	useful := max(first, (some-p.permits)/limit)
	d := time.Duration(math.Ceil(useful * float64(time.Second)))
	return min(max(d, paceShortest), paceLongest)
}

// throttled lowers the limit after n refusals with ESME_RTHROTTLED or ESME_RMSGQFUL,
// once per settle time, which is the round trip where that is longer.
func (p *pace) throttled(now time.Time, roundTrip time.Duration, n int) bool {
	p.refused = p.refused*math.Exp(-now.Sub(p.refusedAt).Seconds()) + float64(n)
	p.refusedAt = now
	if !p.cutAt.IsZero() && now.Sub(p.cutAt) < max(paceSettle, roundTrip) {
		return false
	}
	p.advance(now)
	share := min(1, p.refused/max(p.sent.rate(now), 1))
	if share < paceStray || p.tps == 0 && p.cut == 0 && p.refused < paceAlone {
		return false
	}
	p.lower(now, max(1-2*share, paceDecrease))
	return true
}

// congested lowers the limit where the SMSC says in congestion_state that it nears its
// limit (SMPP v5.0 §4.8.4.18: 90 to 99 nearing congestion, 100 congested), before it has
// to refuse anything. Once a second, so that with the climb in between the pace settles
// where the SMSC no longer says so.
func (p *pace) congested(now time.Time, roundTrip time.Duration, state byte) bool {
	if state < congestionNear || !p.cutAt.IsZero() && now.Sub(p.cutAt) < max(congestionSettle, roundTrip) {
		return false
	}
	p.advance(now)
	by := congestionDecrease
	if state >= congestionFull {
		by = paceDecrease
	}
	p.lower(now, by)
	return true
}

// lower sets the limit to a part of itself, or of the rate where that is less.
func (p *pace) lower(now time.Time, part float64) {
	p.cutAt = now
	from := p.limit()
	if rate := p.sent.rate(now); rate > 0 {
		from = min(from, rate)
	}
	if math.IsInf(from, 1) || from <= 0 {
		from = paceFloor
	}
	floor := paceFloor
	if goal := p.goal(); goal < floor {
		floor = max(goal, 0.01)
	}
	if p.tps > 0 {
		p.step = paceIncrease * max(p.goal(), floor)
	} else if p.cut == 0 {
		p.step = paceIncrease * max(from, floor)
	}
	p.cut = max(part*from, floor)
	p.permits = min(p.permits, 0)
}

// setShare sets the part of the configured limit that is this process's from now on.
// It is gone to slowly, except for all and nothing: who holds every partition is
// alone, and who holds none sends nothing.
func (p *pace) setShare(f float64, now time.Time) {
	p.advance(now)
	f = min(max(f, 0), 1)
	if !p.told {
		p.told = true
		p.share = 0 // others may still be sending all of it
	}
	p.target = f
	if f == 0 || f == 1 {
		p.share = f
	}
	p.share = max(p.share, paceFirst*f)
	p.permits = min(p.permits, p.burst())
}

// meter measures a rate over about the last second, and over what there is of the
// first one.
type meter struct {
	n     int // since at
	at    time.Time
	since time.Time
	ewma  float64
}

const meterTick = 50 * time.Millisecond

func (m *meter) add(n int, now time.Time) {
	m.tick(now)
	if m.at.IsZero() {
		m.at, m.since = now, now
	}
	m.n += n
}

func (m *meter) tick(now time.Time) {
	elapsed := now.Sub(m.at)
	if m.at.IsZero() || elapsed < meterTick {
		return
	}
	// An average of the first second, then one that forgets with that constant.
	age := now.Sub(m.since)
	weight := 1 - math.Exp(-elapsed.Seconds())
	if age < time.Second {
		weight = elapsed.Seconds() / age.Seconds()
	}
	m.ewma += weight * (float64(max(m.n, 0))/elapsed.Seconds() - m.ewma)
	m.at, m.n = now, 0
	if m.ewma < 0.01 {
		*m = meter{}
	}
}

func (m *meter) rate(now time.Time) float64 {
	m.tick(now)
	if m.ewma == 0 && m.n > 0 {
		return float64(m.n) / max(now.Sub(m.since), meterTick).Seconds()
	}
	return m.ewma
}
