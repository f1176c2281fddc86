package kafka

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
)

// Commit is what becomes visible together or not at all.
type Commit struct {
	Records []*kgo.Record
	Offsets Offsets // never empty: the offsets fence the commit, and prove afterwards that it happened
}

// Transactor commits records and offsets of one group in transactions, one at
// a time. It is used by one goroutine.
//
// Two transactional ids are used in turn: after the EndTxn of one, the broker
// still writes its markers, and refuses a new transaction of that id as
// CONCURRENT_TRANSACTIONS meanwhile; the other is free. The next transaction
// begins only when the last is known to be committed or aborted.
type Transactor struct {
	prefix string // transactional ids are prefix + writer + "-0" and "-1"
	writer string
	dialer *Dialer
	pair   [2]*txnProducer
	turn   int
	begun  *txnProducer // has a transaction that Commit goes on with
	plain  *kgo.Client  // for what needs no transaction
	limits batchLimits  // what is known by now of the topics' max.message.bytes, see fit
	log    *slog.Logger

	// Left ends what keeps our offsets from being read back; nil: it is waited for. The
	// owner sets it before the first Commit.
	Left *LeftOpen
	// Settled counts transactions whose end was found out by reading the committed offsets back.
	Settled int64
}

// NewTransactor returns a transactor whose ids begin with prefix. manual names
// the topics whose records carry their partition. cl serves the requests outside
// of transactions and stays the caller's.
func NewTransactor(d *Dialer, prefix string, cl *kgo.Client, manual func(topic string) bool) *Transactor {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	t := &Transactor{prefix: prefix, writer: hex.EncodeToString(b[:]), dialer: d.origin(), plain: cl, log: d.Log}
	for i := range t.pair {
		id := TransactionalIDs(prefix, t.writer)[i]
		name := fmt.Sprintf("%stxn-%d", prefix, i)
		t.pair[i] = &txnProducer{id: id, topic: manual, dial: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return d.Unmeasured().Client(name, opts...)
		}}
	}
	return t
}

// Writer is what the metadata of our commits calls us.
func (t *Transactor) Writer() string { return t.writer }

// TransactionalIDs are the two ids of a writer.
func TransactionalIDs(prefix, writer string) [2]string {
	return [2]string{prefix + writer + "-0", prefix + writer + "-1"}
}

// Close lets go of the clients. A transaction in hand is left to its timeout,
// or to the successor that fences it; one that was begun and is not gone on with is aborted.
func (t *Transactor) Close() {
	if t.begun != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = t.begun.cl.EndTransaction(ctx, kgo.TryAbort) // else as above
		cancel()
		t.begun = nil
	}
	for _, p := range t.pair {
		p.discard()
	}
}

// Begin begins a transaction and writes records into it. Commit goes on with it, and it is the next call, or Abort. Meanwhile it keeps
// whatever others have committed behind it from being read, so it must not be long.
//
//	nil           written
//	ErrAborted    nothing of it happened, and there is no transaction; the same may be tried again
//	ErrTooLarge   nothing of it happened, and never will
//
// If the process dies after it, nothing happened: as in Commit, before EndTxn.
func (t *Transactor) Begin(ctx context.Context, records []*kgo.Record) error {
	p, err := t.begin(ctx)
	if err != nil {
		return err
	}
	if err := p.produce(ctx, records); err != nil {
		return t.abort(ctx, p, err)
	}
	t.begun = p
	return nil
}

// begin begins a transaction with the id whose turn it is.
func (t *Transactor) begin(ctx context.Context) (*txnProducer, error) {
	p := t.pair[t.turn]
	t.turn ^= 1
	err := t.confirm(ctx, p)
	if err == nil {
		err = t.endAborted(ctx, p)
	}
	if !maps.Equal(p.limits, t.limits) { // found out with the other id
		p.discard()
		p.limits = t.limits
	}
	if err == nil {
		err = p.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(ErrAborted, err)
	}
	p.forget()
	p.aborted, p.cuts = true, t.dialer.cuts.Load() // until it is known to be committed
	if err = p.cl.BeginTransaction(); err == nil {
		err = p.remember(ctx)
	}
	if err != nil {
		p.discard()
		return nil, errors.Join(ErrAborted, err)
	}
	faultpoint.In(t.prefix, "produce.before")
	return p, nil
}

// Abort ends what Begin has begun; the error is as Commit's, never nil.
func (t *Transactor) Abort(ctx context.Context, cause error) error {
	p := t.begun
	t.begun = nil
	if p == nil {
		return errors.Join(ErrAborted, cause)
	}
	return t.abort(ctx, p, cause)
}

// Commit commits all of c, and what Begin has written, or nothing.
//
//	nil           committed, for certain
//	ErrAborted    nothing of it happened; the same may be tried again
//	ErrNotMember  nothing of it happened; the generation is another one
//	ErrTooLarge   nothing of it happened, and never will
//	ErrUnknown    ctx ended before the outcome was known
//
// If the process dies in here: before EndTxn has reached the coordinator,
// nothing happened (the successor fences our ids, which aborts); after, all did.
func (t *Transactor) Commit(ctx context.Context, m Membership, c *Commit) error {
	if !m.Valid() {
		return t.Abort(ctx, ErrNotMember)
	}
	p := t.begun
	t.begun = nil
	if p == nil {
		if len(c.Records) == 0 {
			return t.commitPlain(ctx, m, c.Offsets)
		}
		var err error
		if p, err = t.begin(ctx); err != nil {
			return err
		}
	}
	err := p.produce(ctx, c.Records)
	if err == nil {
		err = p.same(ctx)
	}
	faultpoint.In(t.prefix, "offsets.before")
	if err == nil {
		err = p.commitOffsets(ctx, m, c.Offsets)
	}
	faultpoint.In(t.prefix, "end.before")
	if err != nil {
		return t.abort(ctx, p, err)
	}
	// A deadline of its own: EndTxn that is given up half-way only costs the
	// reading back, but a broker that stalls must not hold the loop for ever.
	ectx, cancel := context.WithTimeout(ctx, TransactionTimeout)
	cuts := t.dialer.cuts.Load()
	err = p.cl.EndTransaction(ectx, kgo.TryCommit)
	cancel()
	faultpoint.In(t.prefix, "end.after")
	if err == nil {
		p.last, p.lastGroup, p.cuts, p.aborted = c.Offsets, m.Group, cuts, false
		p.forget()
		return nil
	}
	return t.settle(ctx, p, m, c, err)
}

// abort ends a transaction for which no EndTxn(commit) was ever sent: whatever
// becomes of the abort, it cannot be committed any more.
func (t *Transactor) abort(ctx context.Context, p *txnProducer, cause error) error {
	limit := TransactionTimeout / 2
	if ctx.Err() != nil { // a process that ends: what it leaves open keeps others' results from being read
		ctx, limit = context.WithoutCancel(ctx), time.Second
	}
	actx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, resized := classify(cause), false
	if v == tooLarge {
		if how := t.fit(p); how != "" {
			resized, cause = true, fmt.Errorf("%w; %s", cause, how)
		}
	}
	if p.adrift || resized || v == broken || p.cl.EndTransaction(actx, kgo.TryAbort) != nil {
		// A new client at once, since its InitProducerId ends the transaction. Left
		// open, it would keep what others commit behind it from being read, and our
		// own offsets unstable, until it times out; Commit uses the other id next.
		p.discard()
		p.limits = t.limits
		_ = p.open(actx) // where that fails, the next use tries again
	}
	switch {
	case v == notMember:
		return errors.Join(ErrNotMember, cause)
	case v == tooLarge && !resized:
		return errors.Join(ErrTooLarge, cause)
	}
	return errors.Join(ErrAborted, cause)
}

// settle finds out what became of a transaction whose EndTxn(commit) got no
// clear answer. The broker may have committed it; taking the error for an abort
// would write every result twice.
//
// First the id is fenced, so that a request still on its way can change nothing
// any more; then the committed metadata is read back: ours, or another's. Where it is
// neither, what the coordinator of transactions said before the fencing decides: another
// owner may have committed since, and a group's coordinator that has just come up may
// answer from a part of its log (Apache Kafka 4.3.0, see DESIGN "Brokers, as seen").
func (t *Transactor) settle(ctx context.Context, p *txnProducer, m Membership, c *Commit, cause error) error {
	t.Settled++
	t.log.Warn("the end of a transaction got no clear answer; reading back what was committed", "transactional_id", p.id, "error", cause)
	p.discard()
	var stuck unstable
	var last kmsg.DescribeTransactionsResponseTransactionState
	asked, ended := false, false
	for n := 1; ; n++ {
		var err error
		if !asked {
			last, err = lastOf(ctx, t.plain, p.id)
			asked = err == nil
		}
		if err == nil {
			err = p.open(ctx) // InitProducerId: waits for the commit, or aborts
		}
		if err == nil {
			var ours bool
			if ours, err = t.readBack(ctx, m.Group, c.Offsets); err == nil {
				if t.Left != nil {
					t.Left.unreleased.done(p.id)
				}
				// The offsets can be read, so their markers are there; for the rest see confirm.
				if ours || strings.HasSuffix(last.State, "Commit") {
					p.aborted, p.last, p.lastGroup = false, c.Offsets, m.Group
				}
				if ours || p.committedIn(&last) {
					return nil
				}
				return errors.Join(ErrAborted, cause)
			}
			// A coordinator that calls it complete has no marker more to write. Else it is waited for.
			complete := !ended && errors.Is(err, kerr.UnstableOffsetCommit) && strings.HasPrefix(last.State, "Complete")
			if (stuck.tooLong(err) || complete) && t.Left != nil {
				t.log.Warn("the committed offsets stay unreadable after the end of their transaction, whose marker the broker must have lost; writing another", "transactional_id", p.id, "state", last.State)
				t.Left.endLost(ctx, ctx, t.plain, c.Offsets.partitions(), p.id, last.State)
				p.discard() // that has fenced it
				ended = true
			}
		}
		if serr := Sleep(ctx, max(Backoff(n), 50*time.Millisecond)); serr != nil {
			return errors.Join(ErrUnknown, cause, err)
		}
	}
}

// readBack tells whether the committed offsets are those of c. One partition
// that shows exactly our offset and metadata is proof: n is in it, and nobody
// writes our n but us. Where none does, c was aborted, or every partition has
// passed to another owner, who has read the truth for itself.
func (t *Transactor) readBack(ctx context.Context, group string, want Offsets) (bool, error) {
	got, err := Stable(ctx, t.plain, group, want.partitions())
	if err != nil {
		return false, err
	}
	for topic, ps := range want {
		for p, w := range ps {
			if g, ok := got.Get(topic, p); ok && g == w {
				return true, nil
			}
		}
	}
	return false, nil
}

// commitPlain commits offsets alone, as a member of the group. EndTransaction
// sends nothing when no record was produced, so a transaction of grants alone
// would only look committed.
func (t *Transactor) commitPlain(ctx context.Context, m Membership, offsets Offsets) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = m.Group, m.MemberID, m.Generation
	for topic, ps := range offsets {
		rt := kmsg.NewOffsetCommitRequestTopic()
		rt.Topic = topic
		for partition, om := range ps {
			rp := kmsg.NewOffsetCommitRequestTopicPartition()
			rp.Partition, rp.Offset, rp.Metadata = partition, om.Offset, &om.Metadata
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	for n := 1; ; n++ {
		faultpoint.In(t.prefix, "plain.before")
		resp, err := req.RequestWith(ctx, t.plain)
		faultpoint.In(t.prefix, "plain.after")
		if err == nil {
			err = firstError(resp)
		}
		if err == nil {
			return nil
		}
		// An offset commit may be sent twice without harm, so an answer that was lost
		// is simply asked for again, for as long as Kafka is away. An answer that
		// refuses says that the try which it is the answer to took no effect, but an
		// earlier one may have (the client has made some of its own, too): taken for
		// an abort, it would make a replica that gets its partitions back see
		// another's commit in its own, and all that it has sent as in doubt.
		if classify(err) == notMember {
			return t.refused(ctx, m.Group, offsets, errors.Join(ErrNotMember, err))
		}
		if n >= 40 && isKafkaError(err) || classify(err) == denied {
			return t.refused(ctx, m.Group, offsets, errors.Join(ErrAborted, err))
		}
		if serr := Sleep(ctx, Backoff(n)); serr != nil {
			return errors.Join(ErrUnknown, err)
		}
	}
}

// unstable measures for how long offsets cannot be read.
type unstable struct{ since time.Time }

// unstableFor is longer than any transaction may last, so that no living one is meant.
const unstableFor = TransactionTimeout + TransactionTimeout/2

// tooLong tells, once every unstableFor, that something must be done.
func (u *unstable) tooLong(err error) bool {
	switch {
	case !errors.Is(err, kerr.UnstableOffsetCommit):
		u.since = time.Time{}
	case u.since.IsZero():
		u.since = time.Now()
	case time.Since(u.since) >= unstableFor:
		u.since = time.Time{}
		return true
	}
	return false
}

// refused returns nil if the offsets are committed after all, else refusal.
func (t *Transactor) refused(ctx context.Context, group string, offsets Offsets, refusal error) error {
	var stuck unstable
	for n := 1; ; n++ {
		ours, err := t.readBack(ctx, group, offsets)
		if stuck.tooLong(err) && t.Left != nil { // an earlier transaction of ours, whose end was clear
			t.Left.End(ctx, ctx, t.plain, offsets.partitions())
			continue
		}
		switch {
		case err == nil && ours:
			return nil
		case err == nil:
			return refusal
		}
		if serr := Sleep(ctx, max(Backoff(n), 50*time.Millisecond)); serr != nil {
			return errors.Join(ErrUnknown, refusal, err)
		}
	}
}

func firstError(resp *kmsg.OffsetCommitResponse) error {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("committing %s[%d]: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
