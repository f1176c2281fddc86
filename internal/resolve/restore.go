package resolve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
)

// restoring is a restore in hand, of some partitions.
type restoring struct {
	parts  []int32
	rewind bool
	cancel context.CancelFunc
	done   chan struct{}
}

// restorers is how many partitions are restored at a time.
const restorers = 2

// restore rebuilds the partitions and hands them to the loop, until ctx ends.
func (r *Resolver) restore(ctx context.Context, rs *restoring) {
	ps := rs.parts
	begun := time.Now()
	var b *bounds
	for n := 1; ; n++ {
		var err error
		if b, err = r.bounds(ctx, ps); err == nil {
			break
		}
		if n == 5 {
			r.log.Warn("cannot read the offsets of the partitions taken over; trying on", "error", err)
		}
		if kafka.Sleep(ctx, kafka.Backoff(n)) != nil {
			return
		}
	}
	todo := make(chan int32)
	var workers sync.WaitGroup
	for range restorers {
		workers.Go(func() {
			for p := range todo {
				r.restoreOne(ctx, b, p, rs.rewind)
			}
		})
	}
	for _, p := range ps {
		select {
		case todo <- p:
		case <-ctx.Done():
		}
	}
	close(todo)
	workers.Wait()
	if ctx.Err() == nil {
		r.metrics.restore.Observe(time.Since(begun).Seconds())
	}
}

// bounds are the offsets between which to fold, and from where to go on.
type bounds struct {
	committed kafka.Offsets
	starts    kadm.ListedOffsets
	ends      kadm.ListedOffsets
}

// bounds reads them, in this order: first there must be no transaction left that could
// still commit offsets of ours, and only what its end then counts is all that a former
// owner has written. The ends are not those of what is committed: a marker may be on its
// way to `waiting` though it has reached the offsets. Folding up to them waits for it.
func (r *Resolver) bounds(ctx context.Context, ps []int32) (*bounds, error) {
	var b bounds
	var err error
	if b.committed, err = kafka.Stable(ctx, r.plain, r.group, map[string][]int32{r.deliver: ps, r.submitted: ps}); err != nil {
		return nil, err
	}
	adm := kadm.NewClient(r.plain)
	if b.ends, err = adm.ListEndOffsets(ctx, r.submitted, r.waiting, r.deliver); err == nil {
		err = b.ends.Error()
	}
	if err != nil {
		return nil, err
	}
	if b.starts, err = adm.ListStartOffsets(ctx, r.submitted, r.waiting, r.deliver); err == nil {
		err = b.starts.Error()
	}
	return &b, err
}

func (r *Resolver) restoreOne(ctx context.Context, b *bounds, p int32, rewind bool) {
	e, err := engine.New(engine.Config{
		Partition: p, Partitions: r.partitions, DeliverTopic: r.deliver, Forms: r.forms, Codings: r.habits.codings, Grammar: r.habits.grammar,
		MatchWait: r.cfg.Source.MatchWait, ReceiptWait: r.cfg.Source.ReceiptWait, PartsWait: r.cfg.Source.PartsWait,
	}, r.db)
	if err != nil {
		r.fail(err)
		return
	}
	if err := r.fold(ctx, b, p, e); err != nil {
		e.Close()
		if ctx.Err() == nil {
			r.fail(fmt.Errorf("restoring partition %d: %w", p, err))
		}
		return
	}
	part := &partition{p: p, e: e, rewind: rewind, next: make(map[string]int64)}
	for _, topic := range []string{r.deliver, r.submitted} {
		var at int64
		if o, ok := b.starts.Lookup(topic, p); ok {
			at = o.Offset
		}
		if om, ok := b.committed.Get(topic, p); ok && om.Offset >= 0 {
			at = max(at, om.Offset)
			n, _ := parseMetadata(om.Metadata)
			part.n = max(part.n, n)
		}
		if end, ok := b.ends.Lookup(topic, p); ok && at > end.Offset {
			r.log.Warn("the committed offset is beyond the end of its topic, which must have lost records; going on from its end", "topic", topic, "partition", p, "committed", at, "end", end.Offset)
			at, part.rewind, part.moved = end.Offset, true, true
		}
		part.next[topic] = at
	}
	r.log.Debug("restored a partition", "partition", p, "position", e.Position(), "next", part.next)
	r.mu.Lock()
	r.restored = append(r.restored, part)
	if r.wake != nil {
		r.wake()
	}
	r.mu.Unlock()
}

func (r *Resolver) fold(ctx context.Context, b *bounds, p int32, e *engine.Engine) error {
	start, _ := b.starts.Lookup(r.submitted, p)
	end, _ := b.ends.Lookup(r.submitted, p)
	if e.Position() > end.Offset {
		r.log.Warn("the local state is ahead of its topic, which must have lost records; building it anew", "topic", r.submitted, "partition", p,
			"position", e.Position(), "end", end.Offset)
		if err := e.Reset(); err != nil {
			return err
		}
	}
	if at := e.Position(); at > 0 && at < start.Offset {
		// What was settled in between cannot be known any more: each submission that waited for its receipt then would get an
		// UNKNOWN, long after the receipt that another replica has published.
		r.log.Info("the local state is older than what its topic still has; building it anew", "topic", r.submitted, "partition", p, "position", at, "start", start.Offset)
		if err := e.Reset(); err != nil {
			return err
		}
	}
	at, err := r.read(ctx, r.submitted, p, max(e.Position(), start.Offset), end.Offset, func(rec *kgo.Record) error {
		return r.readable(e.FoldSubmitted(rec.Offset, rec.Value))
	})
	if err != nil {
		return err
	}
	if err := e.FoldPosition(at); err != nil {
		return err
	}
	faultpoint.At("resolve.restore.middle")
	start, _ = b.starts.Lookup(r.waiting, p)
	end, _ = b.ends.Lookup(r.waiting, p)
	if _, err = r.read(ctx, r.waiting, p, start.Offset, end.Offset, func(rec *kgo.Record) error {
		return r.readable(e.FoldWaiting(rec.Offset, rec.Key, rec.Value))
	}); err != nil {
		return err
	}
	return e.Restored()
}

// readable passes over what cannot be read, with a line in the log: one bad record must
// not keep a partition from going on. Errors of the store remain.
func (r *Resolver) readable(err error) error {
	var se *engine.StoreError
	if err == nil || errors.As(err, &se) {
		return err
	}
	r.metrics.invalid.Inc()
	r.log.Error("a record of an internal topic cannot be read and is passed over; was it written by another version?", "error", err)
	return nil
}
