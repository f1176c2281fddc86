package resolve

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
)

// Bounds of a transaction. What only files submissions puts nothing out and can wait a
// little longer: applied again after a crash it does no harm.
const (
	maxPoll      = 1000
	maxApplied   = 5000
	maxBatch     = 8 << 20 // bytes of the store's batch
	quietAtMost  = 250 * time.Millisecond
	tickInterval = time.Second
)

// batch is a transaction in the making. Its membership was read before anything was
// applied: see kafka.Membership.
type batch struct {
	out     *engine.Output
	member  kafka.Membership
	begun   time.Time
	touched map[*partition]bool
}

// loop polls, applies and commits, until fetching ends. working is for the commit that is
// then in hand.
func (r *Resolver) loop(fetching, working context.Context) {
	var b *batch
	var last time.Time // the begin of the last commit
	patience := tickInterval
	for fetching.Err() == nil && r.Err() == nil {
		fetches := r.poll(fetching, patience)
		if fetches.IsClientClosed() {
			break
		}
		if len(fetches) == 0 {
			continue // a rebalance came between: nothing is held, and nothing may be touched
		}
		r.install()
		if len(r.parts) > 0 {
			if b == nil {
				b = r.newBatch()
			}
			r.apply(b, fetches)
			r.tick(b)
			for _, p := range r.parts {
				if p.moved {
					b.touched[p], p.moved = true, false
				}
			}
		} else {
			r.takeSnapshot() // it is nobody's; left there, it would end every poll at once
		}
		now := time.Now()
		if b != nil && len(b.touched) == 0 {
			b.out.Abort()
			b = nil
		}
		if b != nil && r.ripe(b, now, last) {
			r.commit(working, b)
			b, last = nil, now
		}
		patience = r.patience(b, last)
		if b == nil {
			r.consumer.AllowRebalance() // from here on r.parts is the callbacks'
		}
	}
	if b != nil {
		if r.Err() == nil {
			r.commit(working, b)
		} else {
			b.out.Abort()
		}
	}
	r.consumer.AllowRebalance()
}

func (r *Resolver) newBatch() *batch {
	return &batch{out: engine.NewOutput(r.db), member: kafka.MembershipOf(r.consumer, r.group), begun: time.Now(), touched: make(map[*partition]bool)}
}

// poll waits for records, for as long as patience, or until a restore is through. Even
// empty-handed it holds the group's callbacks off, unless it returns nothing at all.
func (r *Resolver) poll(ctx context.Context, patience time.Duration) kgo.Fetches {
	pctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.mu.Lock()
	r.wake = cancel
	waiting := len(r.restored) > 0 || r.snapshot != nil
	r.mu.Unlock()
	if waiting {
		cancel()
	}
	return r.consumer.PollRecords(pctx, maxPoll)
}

// patience is how long a poll may wait.
func (r *Resolver) patience(b *batch, last time.Time) time.Duration {
	for _, p := range r.parts {
		if p.more {
			return 0
		}
	}
	if b == nil {
		return tickInterval
	}
	if b.out.Empty() {
		return max(0, quietAtMost-time.Since(b.begun))
	}
	return max(0, r.cfg.Delivery.CommitInterval-time.Since(last))
}

// ripe tells whether to commit now.
func (r *Resolver) ripe(b *batch, now, last time.Time) bool {
	switch {
	case b.out.Applied() >= maxApplied, b.out.Bytes() >= maxBatch:
		return true
	case b.out.Empty():
		return now.Sub(b.begun) >= quietAtMost
	default:
		return now.Sub(last) >= r.cfg.Delivery.CommitInterval
	}
}

// install takes over what was restored, and has it fetched.
func (r *Resolver) install() {
	r.mu.Lock()
	restored := r.restored
	r.restored = nil
	r.mu.Unlock()
	if len(restored) == 0 {
		return
	}
	resume := make(map[string][]int32)
	for _, p := range restored {
		r.parts[p.p] = p
		if p.rewind {
			p.rewind = false
			for topic, at := range p.next {
				r.consumer.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {p.p: {Epoch: -1, Offset: at}}})
			}
		}
		resume[r.deliver] = append(resume[r.deliver], p.p)
		resume[r.submitted] = append(resume[r.submitted], p.p)
	}
	r.consumer.ResumeFetchPartitions(resume)
}

func (r *Resolver) apply(b *batch, fetches kgo.Fetches) {
	fetches.EachPartition(func(fp kgo.FetchTopicPartition) {
		if fp.Err != nil {
			// The client tries again by itself; the end of our waiting comes as an error, too.
			if fp.Topic != "" {
				r.metrics.fetchErrors.Inc()
				r.log.Debug("a fetch failed", "topic", fp.Topic, "partition", fp.Partition, "error", fp.Err)
			}
			return
		}
		p := r.parts[fp.Partition]
		if p == nil {
			return
		}
		at := p.next[fp.Topic]
		for _, rec := range fp.Records {
			if rec.Offset < at {
				continue // the consumer was rewound; it is applied
			}
			at = rec.Offset + 1
			b.touched[p] = true
			if rec.Attrs.IsControl() {
				continue
			}
			var err error
			if fp.Topic == r.deliver {
				err = p.e.ApplyDeliver(rec.Offset, rec.Value, b.out)
			} else {
				err = p.e.ApplySubmitted(rec.Offset, rec.Value, b.out)
			}
			if err = r.readable(err); err != nil {
				r.fail(err)
				return
			}
		}
		p.next[fp.Topic] = at
	})
}

// ends are the ends of both topics at a time: once all before them is applied, what was
// due at that time may expire. The clock alone is not enough: a receipt may lie in the
// topic unread while its time runs out.
type ends struct {
	at      time.Time
	offsets kadm.ListedOffsets
}

// followed is the time of day by which what waits comes due. It follows the machine's clock, but forward at twice its pace at most: an hour
// by which that is put forward would be the end of every receipt whose submission is on its way. What is due waits for as long again.
type followed struct {
	at   time.Time // zero: not looked at yet
	when time.Time // on the clock that nobody sets
}

func (f *followed) look(now, wall time.Time) time.Time {
	if most := f.at.Add(2 * now.Sub(f.when)); !f.at.IsZero() && wall.After(most) {
		wall = most
	}
	f.at, f.when = wall, now
	return wall
}

// watch reads the ends once in a while.
func (r *Resolver) watch(ctx context.Context) {
	adm := kadm.NewClient(r.plain)
	var clock followed
	for kafka.Sleep(ctx, tickInterval) == nil {
		now := time.Now()
		at := clock.look(now, faultpoint.Wall(now))
		lctx, cancel := context.WithTimeout(ctx, 10*tickInterval)
		offsets, err := adm.ListCommittedOffsets(lctx, r.deliver, r.submitted)
		cancel()
		if err != nil || offsets.Error() != nil {
			continue
		}
		r.mu.Lock()
		r.snapshot = &ends{at, offsets}
		if r.wake != nil {
			r.wake()
		}
		r.mu.Unlock()
	}
}

// tick expires what is due in the partitions that have caught up.
func (r *Resolver) tick(b *batch) {
	s := r.takeSnapshot()
	for _, p := range r.parts {
		if p.due == nil {
			p.due = s
		}
		if p.due == nil || !p.caughtUp(r.deliver) || !p.caughtUp(r.submitted) || b.out.Applied() >= maxApplied {
			continue
		}
		before := b.out.Applied()
		more, err := p.e.Tick(p.due.at, b.out)
		if err != nil {
			r.fail(err)
			return
		}
		if b.out.Applied() > before {
			b.touched[p] = true
		}
		if err := r.askOverdue(p, b); err != nil {
			r.fail(err)
			return
		}
		p.more = more
		if !more {
			p.due = nil
		}
	}
	if s != nil {
		r.values.Age()
		r.metrics.lagOf(r.parts, s)
		r.metrics.held(r.parts)
		r.metrics.store(r.db)
	}
}

// askOverdue has SMSCs asked for messages of a partition that has caught up: what lies unread may be the receipt.
func (r *Resolver) askOverdue(p *partition, b *batch) error {
	if r.query == nil {
		return nil
	}
	for i := range r.cfg.SMSCs {
		c := &r.cfg.SMSCs[i]
		if c.QueryAfter <= 0 {
			continue
		}
		if err := p.e.Overdue(p.due.at, c.Name, c.QueryAfter, b.out, r.query); err != nil {
			return err
		}
	}
	return nil
}

func (r *Resolver) takeSnapshot() *ends {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.snapshot
	r.snapshot = nil
	return s
}

func (p *partition) caughtUp(topic string) bool {
	end, ok := p.due.offsets.Lookup(topic, p.p)
	return ok && p.next[topic] >= end.Offset
}
