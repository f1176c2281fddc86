package sink

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// health is how an SMSC that is bound does its work, by its answers. One that is in
// trouble is passed over while others of the route are not: a bind that is up is no
// proof of an SMSC that sends anything on.
//
//	well     ── FAILOVER_ERRORS or FAILOVER_LATENCY reached ──►  avoided
//	avoided  ── FAILOVER_FOR has passed ──►                      probed
//	probed   ── healthProbes answers, of them one bad at most ──► well
//	probed   ── a second bad one, or still slow ──►              avoided, for twice as long
//
// Only where messages may choose does it decide anything: an SMSC that is the only one
// bound of a route gets its messages as ever. The loop owns it.
type health struct {
	limits healthLimits
	state  healthState
	until  time.Time     // avoided until then
	away   time.Duration // how long this time
	wellAt time.Time     // when it was well again
	again  bool          // it was avoided just before
	why    string

	// Submits of the last one to two half windows, and how many of them went badly.
	now, before healthCount
	since       time.Time
	smooth      time.Duration // time to answer
	seen        int           // answers since it was well again

	out   int // submits with the account
	left  int // of the budget in hand, for probes
	tried healthCount
}

type healthLimits struct {
	errors   int // per cent; 0: never
	latency  time.Duration
	first    time.Duration  // of away
	statuses *wire.Statuses // what the SMSC's answers mean
}

type healthState uint8

const (
	well healthState = iota
	avoided
	probed
)

type healthCount struct{ all, bad int }

const (
	healthHalf     = 5 * time.Second
	healthLeast    = 20          // answers below which nothing is concluded, and a half window lasts longer
	healthPatience = time.Minute // but no longer than this
	healthProbes   = 5
	healthLongest  = 16 // times FAILOVER_FOR
	// Once avoided for its slowness it is well again when it is this much better.
	healthBetter = 0.75
	healthSmooth = 32 // answers
)

func healthOf(c *config.SMSC) health {
	l := healthLimits{errors: c.Failover.Errors, latency: c.Failover.Latency, first: c.Failover.For, statuses: wire.Standard}
	if c.Habits != nil {
		l.statuses = c.Habits.Statuses
	}
	return health{limits: l}
}

// ownTrouble tells whether a status speaks of the SMSC rather than of the message: what it
// calls temporary but for throttling, which the pace answers, and refusals of the account
// itself. ESME_RSUBMITFAIL and ESME_RUNKNOWNERR are not: carriers use them for recipients
// that do not exist.
func (l *healthLimits) ownTrouble(status uint32) bool {
	switch status {
	case wire.StatusInvSysID, wire.StatusInvPaswd, wire.StatusBindFail, wire.StatusInvSysTyp, wire.StatusProhibited:
		return true
	}
	return l.statuses.Of(status) == smpp.Temporary
}

// answered takes what became of a submit. A lost connection says nothing: that is seen
// by the bind's state.
func (h *health) answered(a *smpp.Answer, timeout time.Duration) (changed bool) {
	h.out--
	if a.Outcome == smpp.NotSent {
		return false
	}
	took := a.At.Sub(a.SentAt)
	bad := a.Outcome == smpp.Responded && a.Status != wire.StatusOK && h.limits.ownTrouble(a.Status)
	if a.Outcome == smpp.InDoubt {
		if bad = took >= timeout; !bad {
			return false
		}
	}
	switch h.state {
	case well:
		return h.count(a.At, took, bad)
	case probed:
		return h.probe(a.At, took, bad)
	}
	return false // sent before it was avoided
}

func (h *health) count(now time.Time, took time.Duration, bad bool) bool {
	if passed := now.Sub(h.since); passed >= healthHalf && h.now.all >= healthLeast || passed >= healthPatience {
		h.before, h.now, h.since = h.now, healthCount{}, now
	}
	h.seen++
	h.now.all++
	if bad {
		h.now.bad++
	}
	if h.smooth == 0 {
		h.smooth = took
	}
	h.smooth += (took - h.smooth) / healthSmooth
	all, worse := h.now.all+h.before.all, h.now.bad+h.before.bad
	switch {
	case h.limits.errors > 0 && all >= healthLeast && worse*100 >= h.limits.errors*all:
		h.avoid(now, fmt.Sprintf("%d of its last %d submits failed by its own trouble", worse, all))
		return true
	case h.limits.latency > 0 && h.seen >= healthLeast && h.smooth >= h.limits.latency:
		h.avoid(now, fmt.Sprintf("it takes %s to answer", h.smooth.Round(time.Millisecond)))
		return true
	}
	return false
}

func (h *health) avoid(now time.Time, why string) {
	if h.state == well && now.Sub(h.wellAt) > 2*h.away {
		h.away = 0 // it had recovered
	}
	h.again = h.state == probed
	h.away = max(h.limits.first, min(2*h.away, healthLongest*h.limits.first))
	h.state, h.until, h.why = avoided, now.Add(h.away), why
}

func (h *health) probe(now time.Time, took time.Duration, bad bool) bool {
	h.tried.all++
	if bad {
		h.tried.bad++
	}
	h.smooth += (took - h.smooth) / time.Duration(h.tried.all) // the mean of the probes
	slow := h.limits.latency > 0 && float64(h.smooth) > healthBetter*float64(h.limits.latency)
	switch {
	case h.tried.bad > 1:
		h.avoid(now, fmt.Sprintf("%d of %d probes failed by its own trouble", h.tried.bad, h.tried.all))
		return true
	case h.tried.all < healthProbes:
		return false
	case slow:
		h.avoid(now, fmt.Sprintf("it still takes %s to answer", h.smooth.Round(time.Millisecond)))
		return true
	}
	h.state, h.now, h.before, h.since, h.wellAt, h.seen, h.why = well, healthCount{}, healthCount{}, now, now, 0, ""
	return true
}

// due begins to probe what was avoided for long enough, and says how many may be sent.
func (h *health) due(now time.Time) {
	if h.state == avoided && !now.Before(h.until) {
		h.state, h.tried, h.smooth = probed, healthCount{}, 0
	}
	if h.state == probed {
		h.left = healthProbes - h.tried.all - h.out
	}
}

// passedOver tells whether messages that may choose go elsewhere.
func (h *health) passedOver() bool { return h.state == avoided || h.state == probed && h.left <= 0 }

// observe keeps the health of the SMSC that answered, where there is a choice at all.
func (s *Sink) observe(target int, a *smpp.Answer) {
	if len(s.routed) < 2 {
		return
	}
	h, c := &s.healths[target], &s.cfg.SMSCs[target]
	if !h.answered(a, c.ResponseTimeout) {
		return
	}
	if h.state == well {
		s.metrics.avoided.WithLabelValues(c.Name).Set(0)
		s.log.Info("an SMSC is well again", "smsc", c.Name)
		return
	}
	s.metrics.avoided.WithLabelValues(c.Name).Set(1)
	level := slog.LevelWarn
	if h.again {
		level = slog.LevelDebug // no change
	}
	s.log.Log(context.Background(), level, "an SMSC is in trouble: messages take the others of their routes for a while",
		"smsc", c.Name, "why", h.why, "for", h.away.String())
}
