package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
)

// A transaction is begun with the results that are there, and committed with those as well that come while these are written: of the four steps
// of a transaction the first write takes half of the time, since with it the brokers add the partitions. What comes meanwhile would wait for the
// next transaction, a whole DELIVERY_COMMIT_INTERVAL (SPEED.md: 2 ms less in the middle, 4 for the last of a hundred).
// The ledgers are read for it only then, so what is granted is as new.
//
// Where transactions last long, since the brokers are far or what is written is much, the second write would make them longer still, and
// others' results wait for their end: there a transaction is made at once.

// begin begins a commit with the results that are there.
func (s *Sink) begin(now time.Time) *commit {
	if s.commitTime > s.cfg.Delivery.CommitInterval/2 {
		return s.build(now)
	}
	c := s.newCommit(now)
	if c == nil || !s.open(c) && !s.fill(c, now) {
		return nil
	}
	return c
}

// open takes what a transaction is begun with; false where that is nothing, as with records that have no value.
func (s *Sink) open(c *commit) bool {
	s.settleAll()
	s.takeDraft(c)
	c.begun, c.Records = c.Records, nil
	c.open = len(c.begun) > 0
	return c.open
}

// lostOf tells that something of a commit is of a partition that was lost since.
func (s *Sink) lostOf(c *commit) bool {
	return slices.ContainsFunc(c.finished, func(m *message) bool { return !m.part.held })
}

// proceed takes the committer's answer. A transaction that was begun is filled and committed, if all of it is ours still: where a partition was
// lost meanwhile, its results would be committed without the offset that says so, and its next owner would write them again.
//
// If the process dies here nothing happened: what is open is aborted by whoever takes over, and all of it is in doubt.
func (s *Sink) proceed(ctx context.Context, err error) {
	c := s.inflight
	if !c.open || err != nil {
		s.afterCommit(err)
		return
	}
	faultpoint.At("sink.fill.before")
	c.open = false
	if s.lostOf(c) || !s.fill(c, time.Now()) {
		go func() { s.committed <- s.txn.Abort(ctx, errLost) }()
		return
	}
	go func() { s.committed <- s.txn.Commit(ctx, c.member, &c.Commit) }()
}

var errLost = errors.New("a partition was lost while its results were written")
