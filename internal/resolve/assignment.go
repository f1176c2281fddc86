package resolve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// onAssigned begins to restore what was assigned. It is paused until it is restored: the
// callback returns at once, since the group waits for it. It runs before the client reads
// the committed offsets.
//
// A number is ours when it is in both topics. Brokers that assign (KIP-848) name one
// topic's a moment before the other's where a member still knows only one of them.
func (r *Resolver) onAssigned(ctx context.Context, cl *kgo.Client, added map[string][]int32) {
	for topic, ps := range added {
		if r.given[topic] == nil {
			r.given[topic] = make(map[int32]bool)
		}
		for _, p := range ps {
			r.given[topic][p] = true
		}
	}
	var whole []int32
	for _, p := range slices.Concat(added[r.submitted], added[r.deliver]) {
		if r.given[r.submitted][p] && r.given[r.deliver][p] && !slices.Contains(whole, p) {
			whole = append(whole, p)
		}
	}
	if len(added[r.submitted])+len(added[r.deliver]) == 0 {
		return
	}
	if r.cfg.Kafka.GroupProtocol != config.GroupConsumer && (len(whole) != len(added[r.submitted]) || len(whole) != len(added[r.deliver])) {
		r.fail(fmt.Errorf("the group gave partitions %v of %s and %v of %s: all members must have this version and subscribe to both", added[r.submitted], r.submitted, added[r.deliver], r.deliver))
		return
	}
	r.log.Debug("assigned", "partitions", added)
	cl.PauseFetchPartitions(added)
	r.txn.Left.End(ctx, ctx, cl, added)
	r.begin(ctx, whole, false)
	r.metrics.partitions.Set(float64(len(r.whole())))
}

// whole are the numbers that are ours.
func (r *Resolver) whole() []int32 {
	var ps []int32
	for p := range r.given[r.submitted] {
		if r.given[r.deliver][p] {
			ps = append(ps, p)
		}
	}
	slices.Sort(ps)
	return ps
}

// begin restores partitions. rewind: the consumer is ahead of what is committed of them.
func (r *Resolver) begin(ctx context.Context, ps []int32, rewind bool) {
	if len(ps) == 0 {
		return
	}
	slices.Sort(ps)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	rs := &restoring{parts: ps, rewind: rewind, cancel: cancel, done: make(chan struct{})}
	r.restoring = append(r.restoring, rs)
	go func() { // ends before its partitions are let go: see release
		defer close(rs.done)
		r.restore(ctx, rs)
	}()
}

// onRevoked lets go. The loop has nothing in hand: it lets us run only between batches.
func (r *Resolver) onRevoked(ctx context.Context, cl *kgo.Client, gone map[string][]int32) {
	var ps []int32
	for topic, of := range gone {
		for _, p := range of {
			delete(r.given[topic], p)
		}
		ps = append(ps, of...)
	}
	if len(ps) == 0 {
		return
	}
	r.log.Debug("revoked", "partitions", gone)
	r.release(ctx, ps)
	cl.ResumeFetchPartitions(gone) // what is paused would stay so for its next time with us
}

// release forgets the engines of partitions, and ends their restore.
func (r *Resolver) release(ctx context.Context, gone []int32) {
	for _, p := range gone {
		delete(r.parts, p)
	}
	stopped := r.restoring
	r.restoring = nil
	var rest, rewound []int32
	for _, rs := range stopped {
		if !slices.ContainsFunc(rs.parts, func(p int32) bool { return slices.Contains(gone, p) }) {
			r.restoring = append(r.restoring, rs)
			continue
		}
		rs.cancel()
		<-rs.done
		if rs.rewind {
			rewound = append(rewound, rs.parts...)
		} else {
			rest = append(rest, rs.parts...)
		}
	}
	restored := make(map[int32]bool)
	r.mu.Lock()
	r.restored = slices.DeleteFunc(r.restored, func(p *partition) bool {
		restored[p.p] = true
		if !slices.Contains(gone, p.p) {
			return false
		}
		p.e.Close()
		return true
	})
	r.mu.Unlock()
	// What was restored together with them, and stays ours.
	done := func(p int32) bool { return slices.Contains(gone, p) || restored[p] || r.parts[p] != nil }
	r.begin(ctx, slices.DeleteFunc(rest, done), false)
	r.begin(ctx, slices.DeleteFunc(rewound, done), true)
	r.metrics.partitions.Set(float64(len(r.whole())))
	r.metrics.held(r.parts)
}

// drop ends the restores in hand and forgets all engines.
func (r *Resolver) drop() {
	ps := slices.Collect(maps.Keys(r.parts))
	for _, rs := range r.restoring {
		ps = append(ps, rs.parts...)
	}
	r.mu.Lock()
	for _, p := range r.restored {
		ps = append(ps, p.p)
	}
	r.mu.Unlock()
	r.release(context.Background(), ps)
}

// again restores all that is ours from what is committed, and reads it from there.
func (r *Resolver) again(ctx context.Context) {
	ps := r.whole()
	r.consumer.PauseFetchPartitions(map[string][]int32{r.deliver: ps, r.submitted: ps})
	r.begin(ctx, ps, true)
}

func (r *Resolver) leftOpen() *kafka.LeftOpen {
	return &kafka.LeftOpen{Dialer: r.dialer, Group: r.group, Prefix: r.txnPrefix(), Own: r.txn.Writer(), Spare: r.cfg.Topics.Receipts,
		Topics: []string{r.cfg.Topics.Receipts, r.cfg.Topics.Inbound, r.submitted, r.waiting},
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
