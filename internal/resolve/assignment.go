package resolve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// onAssigned begins to restore what was assigned. It is paused until it is restored: the
// callback returns at once, since the group waits for it. It runs before the client reads
// the committed offsets.
func (r *Resolver) onAssigned(ctx context.Context, cl *kgo.Client, added map[string][]int32) {
	ps := slices.Clone(added[r.submitted])
	slices.Sort(ps)
	other := slices.Clone(added[r.deliver])
	slices.Sort(other)
	if len(ps) == 0 && len(other) == 0 {
		return
	}
	if !slices.Equal(ps, other) {
		r.fail(fmt.Errorf("the group gave partitions %v of %s and %v of %s: all members must have this version and subscribe to both", ps, r.submitted, other, r.deliver))
		return
	}
	cl.PauseFetchPartitions(added)
	r.txn.Left.End(ctx, cl, added)
	rctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	rs := &restoring{cancel: cancel, done: make(chan struct{})}
	r.restoring = rs
	r.metrics.partitions.Set(float64(len(ps)))
	go func() { // ends before the partitions are let go: see drop
		defer close(rs.done)
		r.restore(rctx, ps)
	}()
}

// onRevoked lets go. The loop has nothing in hand: it lets us run only between batches.
func (r *Resolver) onRevoked(_ context.Context, cl *kgo.Client, gone map[string][]int32) {
	if len(gone) == 0 {
		return
	}
	r.drop()
	cl.ResumeFetchPartitions(gone) // what is paused would stay so for its next time with us
}

// drop ends the restore in hand and forgets all engines. With the range balancer all
// partitions go at once.
func (r *Resolver) drop() {
	if r.restoring != nil {
		r.restoring.cancel()
		<-r.restoring.done
		r.restoring = nil
	}
	r.mu.Lock()
	for _, p := range r.restored {
		p.e.Close()
	}
	r.restored = nil
	r.mu.Unlock()
	clear(r.parts)
	r.metrics.partitions.Set(0)
	r.metrics.held(nil)
}

func (r *Resolver) leftOpen() *kafka.LeftOpen {
	return &kafka.LeftOpen{Dialer: r.dialer, Group: r.group, Prefix: r.txnPrefix(), Own: r.txn.Writer(), Spare: r.cfg.Topics.Receipts,
		WriterOf: func(m string) string {
			_, writer := parseMetadata(m)
			return writer
		}}
}

// The metadata of our offsets: the number of the commit, which proves afterwards that it
// happened, and the writer, for a successor to fence.
func metadata(n uint64, writer string) string {
	return "v1;n=" + strconv.FormatUint(n, 10) + ";w=" + writer
}

func parseMetadata(s string) (n uint64, writer string) {
	fields := strings.Split(s, ";")
	if fields[0] != "v1" {
		return 0, ""
	}
	for _, f := range fields[1:] {
		switch k, v, _ := strings.Cut(f, "="); k {
		case "n":
			n, _ = strconv.ParseUint(v, 10, 64)
		case "w":
			writer = v
		}
	}
	return n, writer
}
