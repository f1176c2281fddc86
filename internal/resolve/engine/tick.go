package engine

import (
	"math"
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
)

// maxExpiries bounds what one Tick does.
const maxExpiries = 1000

// Tick ends what is due at now: submissions without a final receipt, receipts without a
// submission, messages without all parts. more says that there is more: call it again, in
// this output or the next.
//
// now must not be later than what has been applied: while there are records in the topics
// that were not applied yet, it is the time of the last that was. Else a receipt that lay
// in the topic while nobody read it would come after its UNKNOWN.
func (e *Engine) Tick(now time.Time, out *Output) (more bool, err error) {
	out.join(e)
	until := unixMilli(now)
	for _, l := range [...]store.Log{store.Submitted, store.Waiting} {
		due, floor, rest := out.batch.TakeDue(e.scratch.due[:0], e.cfg.Partition, l, e.floors.of(l), until, maxExpiries)
		// First the floor: what expires may leave something that is due already.
		e.floors.raise(l, floor)
		more = more || rest
		for _, d := range due {
			e.expire(d, out)
		}
		out.applied += len(due)
		e.scratch.due = due
	}
	more = e.sweep(until, out) || more
	return more, out.Err()
}

// sweeper is how far the last messages to subscribers have been looked through. Nothing happens when their time is over but that replies are not told of
// them any more, so no index of times is kept of them: they are gone through in the order of their hashes, all of them eight times in
// the time for which they stay.
type sweeper struct {
	now int64  // milliseconds since 1970, as of the last Tick; 0: none yet
	at  uint64 // where to go on
	to  uint64 // where to end
}

const sweeps, maxSwept = 8, 1000

func (e *Engine) sweep(now int64, out *Output) (more bool) {
	s := &e.sweeper
	round := max(e.cfg.ReceiptWait.Milliseconds()/sweeps, 1)
	to := uint64(float64(now%round) / float64(round) * (1 << 63) * 2)
	switch {
	case s.now == 0:
		s.at, s.to = to, to // what is due does not depend on when a process has begun
	case now-s.now >= round:
		s.at, s.to = 0, math.MaxUint64
	default:
		s.to = to
	}
	s.now = now
	if s.to < s.at { // over the end
		if s.at, more = out.batch.Sweep(e.cfg.Partition, store.Last, s.at, math.MaxUint64, now, maxSwept); more {
			return true
		}
		s.at = 0
	}
	s.at, more = out.batch.Sweep(e.cfg.Partition, store.Last, s.at, s.to, now, maxSwept)
	return more
}

func (e *Engine) expire(r store.Ref, out *Output) {
	d, ok := out.batch.Coming(e.cfg.Partition, r)
	if !ok {
		return // it has gone, or was written anew and is due later
	}
	d.Row = slices.Clone(d.Row)
	switch r.Class {
	case store.Origin:
		e.expireOrigin(&d, out)
	case store.Early:
		e.expireEarly(&d, out)
	case store.Part:
		e.expirePart(&d, out)
	default:
		out.batch.Delete(e.cfg.Partition, d.ID)
	}
}

func (e *Engine) expireOrigin(d *store.Entry, out *Output) {
	o := origin{id: d.ID, due: d.Due}
	o.decode(d.State)
	out.batch.Delete(e.cfg.Partition, d.ID)
	e.head.Origins--
	out.Events.Expired++
	if readOrigin(d.Row, d.ID.Tail, d.Due, &o.Submission) && o.owesFinal() {
		e.publishUnanswered(out, &o)
	}
}

// owesFinal: under its first key alone, so that it is told once; and not where the
// sender asked for failures only, to whom silence says delivered.
func (o *origin) owesFinal() bool {
	return o.PrimaryKey == "" && !o.final && (o.Receipts == "final" || o.Receipts == "all")
}

func (e *Engine) expireEarly(d *store.Entry, out *Output) {
	w, ok := parseEarly(d)
	if !ok {
		out.batch.Delete(e.cfg.Partition, d.ID)
		return
	}
	if w.seen {
		e.forget(out, &w)
		return
	}
	if in, ok := e.readDelivery(w.envelope); ok && in.IsReceipt {
		e.publishAlone(out, in)
	} else {
		e.publishUnreadable(out, w.offset, w.envelope)
	}
	e.held--
	out.batch.Delete(e.cfg.Partition, w.id)
	e.remember(out, &w, false)
}

// publishUnreadable publishes what cannot be read as it came: the body as payload, with
// neither addresses nor a claim to be whole.
func (e *Engine) publishUnreadable(out *Output, offset int64, envelope []byte) {
	m := record.Inbound{ID: e.inboundID(offset), IsPayload: true, Encoding: "binary", Parts: 1}
	var d record.Deliver
	body := envelope
	if d.Decode(envelope) == nil {
		m.SMSC, m.ReceivedAt, body = string([]byte(d.SMSC)), d.ReceivedAt, d.Body
	}
	// An SMSC's PDU is shorter; what else may stand in the topic must not make a record that Kafka refuses.
	m.Payload = append([]byte{}, body[:min(len(body), maxJoined)]...)
	out.Inbound = append(out.Inbound, Inbound{Value: m})
	out.Events.Unreadable++
}
