package resolve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// commit makes one transaction of the batch and then takes it into the store. What was
// aborted is tried again, the very same, for as long as we are a member: nothing else may
// be applied before.
func (r *Resolver) commit(ctx context.Context, b *batch) {
	if !b.member.Valid() {
		r.abandon(b, errors.New("not a member of the group"))
		return
	}
	records, spans := r.records(b.out)
	// Where this ends without success the client may still be writing them to a broker that does not answer.
	defer r.values.Take()
	for n := 1; ; n++ {
		begun := time.Now()
		c := kafka.Commit{Records: make([]*kgo.Record, len(records)), Offsets: kafka.Offsets{}}
		for i, rec := range records {
			again := *rec // the client writes into the records that it is given
			c.Records[i] = &again
		}
		for p := range b.touched {
			for topic, at := range p.next {
				c.Offsets.Set(topic, p.p, kafka.OffsetMeta{Offset: at, Metadata: metadata(p.n+1, r.txn.Writer())})
			}
		}
		err := r.txn.Commit(ctx, b.member, &c)
		r.metrics.transaction(time.Since(begun), len(records) > 0, err)
		switch {
		case err == nil:
			r.values.Reset()
			r.committed(b, spans)
			return
		case errors.Is(err, kafka.ErrNotMember):
			if r.aged(b, err) && n < 100 {
				break
			}
			r.abandon(b, err)
			return
		case errors.Is(err, kafka.ErrTooLarge):
			if !r.shrink(b.out, records) {
				r.fail(fmt.Errorf("a record of %d bytes is larger than Kafka takes (max.message.bytes of the topics): %w", largest(records), err))
				b.out.Abort()
				return
			}
			r.log.Warn("a receipt or inbound message is too large for its topic; written without metadata and raw fields", "error", err)
			r.values.Take()
			records, spans = r.records(b.out)
		case ctx.Err() != nil:
			b.out.Abort()
			return
		case n == 5:
			r.log.Warn("Kafka does not take our transactions; receipts and inbound messages wait until it does", "error", kafka.Remedy(err))
		}
		if kafka.Sleep(ctx, kafka.Backoff(n)) != nil {
			b.out.Abort()
			return
		}
	}
}

func (r *Resolver) committed(b *batch, spans []trace.Span) {
	now := time.Now()
	for _, s := range spans {
		s.End(now)
	}
	for p := range b.touched {
		p.n++
	}
	r.metrics.committed(b.out)
	faultpoint.At("resolve.store.before")
	if err := b.out.Commit(); err != nil {
		r.fail(err) // Kafka has it all; the store is begun anew
	}
	faultpoint.At("resolve.store.after")
}

// aged tells whether the batch may be committed under the epoch that the member has now.
// By the consumer protocol a member's epoch goes up with every change of the group, and brokers
// before 4.3 refuse commits of the epoch before although what is committed is still
// ours: it stays so until we confirm that we let go, and the group's callbacks, in which we do,
// wait for the batch.
func (r *Resolver) aged(b *batch, err error) bool {
	if !errors.Is(err, kerr.StaleMemberEpoch) {
		return false
	}
	m := kafka.MembershipOf(r.consumer, r.group)
	if m.MemberID != b.member.MemberID || m.Generation < b.member.Generation {
		return false
	}
	b.member = m
	return true
}

// abandon drops the batch and all engines, which know what has not happened. A classic
// group is joined anew; it may be doing so already. By the consumer protocol a member that
// is out learns it from its next heartbeat, and loses all; one that is not gets nothing
// new, and goes back by itself to what is committed.
func (r *Resolver) abandon(b *batch, err error) {
	r.log.Debug("the group's generation has changed; taking up what was committed", "error", err)
	b.out.Abort()
	r.drop()
	if r.cfg.Kafka.GroupProtocol == config.GroupConsumer {
		r.again(context.Background())
	}
	r.consumer.ForceRebalance()
}

// records makes the Kafka records of an output, and begins the spans of those that have one. Spans that are not ended, since their
// transaction did not happen, are nobody's.
func (r *Resolver) records(out *engine.Output) ([]*kgo.Record, []trace.Span) {
	records := make([]*kgo.Record, 0, len(out.Receipts)+len(out.Inbound)+8)
	var spans []trace.Span
	add := func(rec *kgo.Record, s trace.Span) {
		rec.Headers = s.Headers()
		records = append(records, rec)
		if r.trace != nil {
			spans = append(spans, s)
		}
	}
	value := func(appendTo func([]byte) []byte) []byte { return r.values.Keep(appendTo(r.values.Room())) }
	for i := range out.Receipts {
		rc := &out.Receipts[i]
		cause := trace.Cause{Known: rc.Value.Correlated, Submit: rc.Submit}
		add(&kgo.Record{Topic: r.cfg.Topics.Receipts, Key: rc.Key, Value: value(func(dst []byte) []byte { return r.form.AppendReceipt(dst, &rc.Value) })},
			r.trace.Receipt(r.cfg.Topics.Receipts, rc.Value.SMSC, rc.Value.State, rc.Value.Final, cause))
	}
	for i := range out.Inbound {
		in := &out.Inbound[i]
		cause := trace.Cause{Known: in.Value.InReplyTo != nil, Submit: in.Submit}
		add(&kgo.Record{Topic: r.cfg.Topics.Inbound, Key: in.Key, Value: value(func(dst []byte) []byte { return r.form.AppendInbound(dst, &in.Value) })},
			r.trace.Inbound(r.cfg.Topics.Inbound, in.Value.SMSC, in.Value.Parts, in.Value.Complete, cause))
	}
	out.Settled(func(p int32, v []byte) {
		records = append(records, &kgo.Record{Topic: r.submitted, Partition: p, Value: v})
	})
	out.Waiting(func(w engine.Waiting) {
		records = append(records, &kgo.Record{Topic: r.waiting, Partition: w.Partition, Key: w.Key, Value: w.Value})
	})
	return records, spans
}

func largest(records []*kgo.Record) int {
	n := 0
	for _, rec := range records {
		n = max(n, len(rec.Key)+len(rec.Value))
	}
	return n
}

// shrink takes what is bulky out of the largest receipt or inbound message, whose records
// come first and in order. It reports whether that made it smaller.
func (r *Resolver) shrink(out *engine.Output, records []*kgo.Record) bool {
	at := -1
	for i := range len(out.Receipts) + len(out.Inbound) {
		if at < 0 || len(records[i].Value) > len(records[at].Value) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	before := len(records[at].Value)
	if at < len(out.Receipts) {
		v := &out.Receipts[at].Value
		v.Metadata, v.Raw.ShortMessage, v.Raw.TLVs, v.Raw.UDH = nil, nil, nil, nil
		return len(r.form.AppendReceipt(nil, v)) < before
	}
	v := &out.Inbound[at-len(out.Receipts)].Value
	v.Raw.TLVs, v.Raw.UDH = nil, nil
	if v.InReplyTo != nil {
		reply := *v.InReplyTo
		reply.Metadata = nil
		v.InReplyTo = &reply
	}
	return len(r.form.AppendInbound(nil, v)) < before
}
