package sink

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// commit is one transaction in hand.
type commit struct {
	kafka.Commit
	member   kafka.Membership
	started  time.Time
	clock    time.Duration // on the lease's clock
	finished []*message
	grants   []*message
	parts    []*partition
}

// maybeCommit begins a commit if there is something to commit, none is in hand
// and the last is long enough ago. It returns when to look again.
func (s *Sink) maybeCommit(ctx context.Context, now time.Time) time.Time {
	later := now.Add(time.Second)
	if at, ok := s.retries.next(); ok && at.Before(later) {
		later = at
	}
	if s.inflight != nil {
		return later
	}
	if now.Before(s.nextCommit) {
		return s.nextCommit
	}
	c := s.build(now)
	if c == nil {
		return later
	}
	s.inflight = c
	s.nextCommit = now.Add(s.cfg.Delivery.CommitInterval)
	go func() { s.committed <- s.txn.Commit(ctx, c.member, &c.Commit) }() // one at a time; afterCommit or the loop's end receives
	return later
}

// build gathers a commit: results, submissions and dead letters of what is
// finished, and {C, S, G + new grants} of the partitions that changed.
func (s *Sink) build(now time.Time) *commit {
	if len(s.parts) == 0 {
		return nil
	}
	// Before the ledgers: see kafka.Membership.
	c := &commit{member: kafka.MembershipOf(s.consumer, s.cfg.SinkGroup()), started: now, clock: s.lease.Now()}
	if !s.mayCommit(c.member) {
		s.nextCommit = now.Add(50 * time.Millisecond)
		return nil
	}
	s.verdictsDue()
	for _, p := range s.parts {
		s.enterBeyond(p)
	}
	c.grants = s.grant(now)
	s.renewLease(now)
	c.Offsets = kafka.Offsets{}
	for key, p := range s.parts {
		if !p.ledger.Changed() {
			continue
		}
		meta, err := p.ledger.AppendMetadata(s.metaScratch[:0], p.n+1, s.txn.Writer())
		if err != nil { // CanGrant makes this impossible
			s.fail(err)
			return nil
		}
		s.metaScratch = meta
		c.Offsets.Set(key.topic, key.partition, kafka.OffsetMeta{Offset: p.ledger.C(), Metadata: string(meta)})
		p.ledger.Committed()
		c.parts = append(c.parts, p)
	}
	if len(c.parts) == 0 {
		return nil
	}
	s.records(c)
	return c
}

// records makes the records of what is finished: of all of it, since its offsets
// are done in the metadata of this very commit. How much that can be is bounded
// by what is held in memory (maxQueued, maxQueuedBytes).
func (s *Sink) records(c *commit) {
	buf := s.arena[:0]
	for _, m := range s.finished {
		if s.park(m) {
			continue
		}
		c.finished = append(c.finished, m)
		if m.status == "" { // a null value
			continue
		}
		var r *kgo.Record
		r, buf = s.appendResult(buf, m)
		c.Records = append(c.Records, r)
		if deadLettered(m.status) {
			d := s.deadLetter(m)
			if m.shrunk {
				d.Value = nil
			}
			c.Records = append(c.Records, d)
		}
		if m.attempts > 0 {
			c.Records = s.appendSubmissions(c.Records, m)
		}
	}
	clear(s.finished)
	s.finished = s.finished[:0]
	s.arena = buf
	c.Records = s.submitted.flush(c.Records)
}

// afterCommit takes the committer's answer.
func (s *Sink) afterCommit(err error) {
	c := s.inflight
	s.inflight = nil
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
	s.lastCommit = c.started
	s.commitTime += (min(took, time.Second) - s.commitTime) / 8
	s.metrics.committed(took, len(c.Records) > 0)
	for _, p := range c.parts {
		p.n++
		p.committed, _ = c.Offsets.Get(p.topic, p.partition)
	}
	for _, m := range c.finished {
		if m.status != "" {
			s.metrics.result(m, s.cfg)
			s.metrics.visible.Observe(now.Sub(m.receivedAt).Seconds())
			if !m.answeredAt.IsZero() {
				s.metrics.answerToVisible.Observe(now.Sub(m.answeredAt).Seconds())
			}
		}
		s.release(m)
	}
	// The lease counts from before the commit was sent: its generation was
	// checked some time after that.
	s.lease.Extend(c.clock + s.session/2)
	s.metrics.grants.Add(float64(len(c.grants)))
	if len(c.grants) > 0 {
		faultpoint.At("sink.offer.before")
	}
	s.offer(c.grants, now)
	for _, p := range c.parts {
		if p.held {
			s.throttle(p)
		}
	}
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
	s.finished = append(c.finished, s.finished...)
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
	s.nextCommit = now.Add(max(s.cfg.Delivery.CommitInterval, kafka.Backoff(s.aborts)))
	switch {
	case errors.Is(err, kafka.ErrNotMember):
		// Transient in a rebalance: close the gate to sending, the next success
		// opens it.
		s.lease.Expire()
		s.nextCommit = now.Add(50 * time.Millisecond)
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
func (s *Sink) renewLease(now time.Time) {
	if now.Sub(s.lastCommit) < s.session/6 {
		return
	}
	for _, p := range s.parts {
		if p.sending > 0 {
			p.ledger.Touch()
			return
		}
	}
}

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
		s.throttle(p)
	}
}
