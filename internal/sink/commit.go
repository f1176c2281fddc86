package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// commit is one transaction in hand, or a commit of offsets with grants alone.
type commit struct {
	kafka.Commit
	early    bool          // grants alone, before the next transaction is due
	begun    []*kgo.Record // what its transaction was begun with, see begin
	open     bool          // the rest of it is to follow
	before   time.Time     // when the last transaction before this one began
	member   kafka.Membership
	started  time.Time
	clock    time.Duration // on the lease's clock
	finished []*message
	arena    [][]byte // holds the values of their results
	grants   []*message
	parts    []*partition
}

// transaction tells a transaction from a commit of offsets alone.
func (c *commit) transaction() bool { return len(c.begun)+len(c.Records) > 0 }

// maybeCommit begins a commit if there is something to commit, none is in hand
// and the last is long enough ago. It returns when to look again.
func (s *Sink) maybeCommit(ctx context.Context, now time.Time) time.Time {
	later := now.Add(time.Second)
	if !s.lease.Valid() && s.sending() != nil {
		later = now.Add(renewAfter) // see renewLease
	}
	if at, ok := s.retries.next(); ok && at.Before(later) {
		later = at
	}
	if s.inflight != nil {
		return later
	}
	if now.Before(s.cadence.held) {
		return earlier(s.cadence.held, later)
	}
	var c *commit
	transaction, grants := s.nextCommits()
	switch due := !now.Before(transaction); {
	case due && len(s.draft.messages) > 0:
		c = s.begin(now)
	case now.Before(grants):
		if due || s.lanes.count > 0 {
			later = earlier(grants, later)
		}
		if !due {
			later = earlier(transaction, later)
		}
		return later
	case due:
		c = s.build(now)
	default:
		c = s.buildGrants(now)
	}
	if c == nil {
		for _, at := range [...]time.Time{s.cadence.held, transaction} {
			if at.After(now) {
				later = earlier(at, later)
			}
		}
		return later
	}
	s.inflight = c
	s.cadence.begins(c, now)
	go func() { // one at a time; proceed or the loop's end receives
		if c.open {
			s.committed <- s.txn.Begin(ctx, c.begun)
		} else {
			s.committed <- s.txn.Commit(ctx, c.member, &c.Commit)
		}
	}()
	return later
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// newCommit begins one; nil while nothing may be committed.
func (s *Sink) newCommit(now time.Time) *commit {
	if len(s.parts) == 0 {
		return nil
	}
	// Before the ledgers: see kafka.Membership.
	c := &commit{member: kafka.MembershipOf(s.consumer, s.cfg.SinkGroup()), started: now, clock: s.lease.Now()}
	if !s.mayCommit(c.member) {
		s.cadence.held = now.Add(50 * time.Millisecond)
		return nil
	}
	return c
}

// build gathers a commit: results, submissions and dead letters of what is
// finished, and {C, S, G + new grants} of the partitions that changed.
func (s *Sink) build(now time.Time) *commit {
	c := s.newCommit(now)
	if c == nil || !s.fill(c, now) {
		return nil
	}
	return c
}

// fill gathers what a commit has not got yet; false when there is nothing to commit.
func (s *Sink) fill(c *commit, now time.Time) bool {
	return s.fillWith(c, now, func() []*message { return s.grant(now, false) })
}

func (s *Sink) fillWith(c *commit, now time.Time, grant func() []*message) bool {
	s.settleAll()
	for _, p := range s.parts {
		s.enterBeyond(p)
	}
	c.grants = grant()
	s.settleAll() // what was found invalid or expired on the way
	s.renewLease(now)
	if !s.tell(c) {
		return false
	}
	s.takeDraft(c)
	return true
}

// buildGrants gathers a commit of grants alone, for what an SMSC would take right now.
// Results that are finished meanwhile stay for the next transaction, and their
// messages granted: should we die before it, they are in doubt, as they would be
// without this commit.
func (s *Sink) buildGrants(now time.Time) *commit {
	if s.lanes.count == 0 || !s.mayGrantAlone() {
		return nil
	}
	if !slices.ContainsFunc(s.accounts, (*smpp.Account).Hungry) {
		return nil
	}
	c := s.newCommit(now)
	if c == nil {
		return nil
	}
	c.early = true
	if c.grants = s.grant(now, true); len(c.grants) == 0 || !s.tell(c) {
		return nil
	}
	return c
}

// mayGrantAlone tells that no ledger says of anything that it is done whose result is not
// known to be written. After a transaction that failed the next must carry it.
func (s *Sink) mayGrantAlone() bool {
	for _, p := range s.parts {
		if p.unwritten > 0 {
			return false
		}
	}
	return true
}

// tell writes the ledgers that changed into a commit; false when there are none.
func (s *Sink) tell(c *commit) bool {
	c.Offsets = kafka.Offsets{}
	for key, p := range s.parts {
		if !p.ledger.Changed() {
			continue
		}
		meta, err := p.ledger.AppendMetadata(s.metaScratch[:0], p.n+1, s.txn.Writer())
		if err != nil { // CanGrant makes this impossible
			s.fail(err)
			return false
		}
		s.metaScratch = meta
		c.Offsets.Set(key.topic, key.partition, kafka.OffsetMeta{Offset: p.ledger.C(), Metadata: string(meta)})
		p.ledger.Committed()
		c.parts = append(c.parts, p)
	}
	return len(c.parts) > 0
}

// afterCommit takes the committer's answer.
func (s *Sink) afterCommit(err error) {
	c := s.inflight
	s.inflight, s.stirred = nil, true
	now := time.Now()
	took := now.Sub(c.started)
	if err == nil {
		s.succeeded(c, now, took)
	} else {
		s.notCommitted(c, now, err)
	}
	fns := s.afterCommits
	s.afterCommits = nil
	for _, fn := range fns {
		fn()
	}
	for _, p := range s.parts {
		if p.letGo != nil && p.clean() {
			s.handOver(p)
		}
	}
}

func (s *Sink) succeeded(c *commit, now time.Time, took time.Duration) {
	if s.told {
		s.log.Info("Kafka takes our commits again", "refused", s.aborts)
	}
	s.aborts, s.told = 0, false
	if s.still.moved() {
		s.log.Info("commits go on")
	}
	s.lastCommit = c.started
	if !c.early { // grants are given for the time until the commit after the next, which is none of these
		s.commitTime += (min(took, time.Second) - s.commitTime) / 8
	}
	s.metrics.committed(took, c.transaction(), s.tracedIn(c))
	for _, p := range c.parts {
		p.n++
		p.committed, _ = c.Offsets.Get(p.topic, p.partition)
	}
	for _, m := range c.finished {
		m.part.unwritten--
		if m.status != "" {
			s.metrics.result(m, s.cfg)
			m.trace.Committed(now)
			id := m.trace.TraceID()
			trace.Observe(s.metrics.visible, now.Sub(m.receivedAt).Seconds(), id)
			if !m.answeredAt.IsZero() {
				trace.Observe(s.metrics.answerToVisible, now.Sub(m.answeredAt).Seconds(), id)
			}
		}
		s.release(m)
	}
	if len(c.finished) > 0 {
		s.outflow.wrote(len(c.finished), now)
		s.draft.reuse(c, &s.submitted)
	}
	// The lease counts from before the commit was sent: its generation was
	// checked some time after that. It ends with the session, too: see heard.
	s.lease.Extend(c.clock + s.session/2)
	s.metrics.grants.Add(float64(len(c.grants)))
	if len(c.grants) > 0 {
		faultpoint.At("sink.offer.before")
	}
	s.offer(c.grants, now)
}

// notCommitted puts everything back as it was: nothing of the commit happened.
func (s *Sink) notCommitted(c *commit, now time.Time, err error) {
	if s.aborts == 0 {
		s.refusedAt = c.started
	}
	s.aborts++
	s.metrics.aborted.Inc()
	for _, p := range c.parts {
		p.ledger.Touch()
	}
	s.draft.giveBack(c, &s.submitted)
	for i := len(c.grants) - 1; i >= 0; i-- {
		if m := c.grants[i]; m.state == granting {
			// Granted anew when there is budget. Kept in the ledger the grants would
			// go into the next commit even where nobody can send them now, and count as
			// in doubt should we die or leave.
			if !m.sentAny() {
				m.part.ledger.Ungrant(m.rec.Offset)
				m.disown()
			}
			s.lanes.pushFront(m)
		}
	}
	s.cadence.refused(c, now.Add(max(leastPause, kafka.Backoff(s.aborts))))
	switch {
	case errors.Is(err, kafka.ErrNotMember):
		// Transient in a rebalance: close the gate to sending, the next success
		// opens it.
		s.lease.Expire()
		s.cadence.held = now.Add(50 * time.Millisecond)
		s.log.Debug("the group's generation has changed; committing again under the new one", "error", err)
	case errors.Is(err, kafka.ErrTooLarge):
		largest := (*message)(nil)
		for _, m := range c.finished {
			if !m.shrunk && (largest == nil || m.size > largest.size) {
				largest = m
			}
		}
		if largest != nil {
			largest.shrink()
			s.log.Warn("a result or dead letter is too large for its topic; written without metadata, original value and what of its key is too long",
				"topic", largest.rec.Topic, "partition", largest.rec.Partition, "offset", largest.rec.Offset, "error", err)
		}
	case errors.Is(err, kerr.InvalidTimestamp) && !s.lettersNow:
		s.lettersNow = true
		s.log.Warn("the dead letter topic does not take timestamps as old as the records'; dead letters have the time of now from here on, and the record's in the header "+record.HeaderTimestamp,
			"topic", s.cfg.Topics.DeadLetter, "error", kafka.Remedy(err))
	case !s.told && (s.aborts >= 3 || now.Sub(s.refusedAt) >= tellAfter):
		s.told = true
		s.log.Warn("Kafka does not take our commits; sending stands still until it does", "error", kafka.Remedy(err))
	default:
		s.log.Debug("a commit was aborted, trying again", "error", err)
	}
}

// tellAfter is when commits that are refused are told of, be they three or one that took long: a broker that answers every request with an
// error that passes, as one whose disk is full does, is asked again until the transaction's timeout.
const tellAfter = 5 * time.Second

// renewLease forces a commit when submits are out and the last commit is a while
// ago: a grant is a lease, and only a commit shows that the generation still holds.
// After a silence of the group's it is due at once, see smpp.Lease.Bound.
func (s *Sink) renewLease(now time.Time) {
	after := s.session / 6
	if !s.lease.Valid() {
		after = min(after, renewAfter)
	}
	if now.Sub(s.lastCommit) < after {
		return
	}
	if p := s.sending(); p != nil {
		p.ledger.Touch()
	}
}

// sending is a partition of which submits are out; nil: of none.
func (s *Sink) sending() *partition {
	for _, p := range s.parts {
		if p.sending > 0 {
			return p
		}
	}
	return nil
}

// renewAfter lies at least between two commits that only ask whether a lease that has ended may go on.
const renewAfter = 100 * time.Millisecond

// enterBeyond tries again what lay beyond the ledger's reach.
func (s *Sink) enterBeyond(p *partition) {
	n := 0
	for _, m := range p.beyond {
		if !s.enter(m) {
			break
		}
		n++
	}
	if n > 0 {
		clear(p.beyond[:n])
		p.beyond = p.beyond[n:]
		if len(p.beyond) == 0 {
			p.beyond = nil
		}
	}
}
