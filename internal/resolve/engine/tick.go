package engine

import (
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
		due := out.batch.Due(e.scratch.due[:0], e.cfg.Partition, l, e.floors.of(l), until, maxExpiries)
		// First the floor: what expires may leave something that is due already.
		floor := until
		if len(due) == maxExpiries {
			more, floor = true, due[len(due)-1].Due
		}
		e.floors.raise(l, floor)
		for i := range due {
			e.expire(&due[i], out)
		}
		out.applied += len(due)
		e.scratch.due = due
	}
	return more, out.Err()
}

func (e *Engine) expire(d *store.Due, out *Output) {
	b := out.batch
	entry, ok := b.Get(e.cfg.Partition, d.ID)
	if !ok || entry.Due != d.Due {
		// The entry has gone, or was written anew and is due later.
		b.DeleteRow(e.cfg.Partition, d.ID, d.Due)
		return
	}
	switch d.ID.Class {
	case store.Origin:
		e.expireOrigin(d, entry, out)
	case store.Last:
		b.Delete(e.cfg.Partition, d.ID, d.Due)
	case store.Early:
		e.expireEarly(d, out)
	case store.Part:
		e.expirePart(d, out)
	default:
		b.Delete(e.cfg.Partition, d.ID, d.Due)
	}
}

func (e *Engine) expireOrigin(d *store.Due, entry store.Entry, out *Output) {
	o := origin{id: d.ID, due: d.Due}
	o.decode(entry.State)
	out.batch.Delete(e.cfg.Partition, d.ID, d.Due)
	e.head.Origins--
	out.Events.Expired++
	if readSubmission(d.Row, &o.Submission) && o.owesFinal() {
		e.publishUnanswered(out, &o)
	}
}

// owesFinal: under its first key alone, so that it is told once; and not where the
// sender asked for failures only, to whom silence says delivered.
func (o *origin) owesFinal() bool {
	return o.PrimaryKey == "" && !o.final && (o.Receipts == "final" || o.Receipts == "all")
}

func (e *Engine) expireEarly(d *store.Due, out *Output) {
	w, ok := parseEarly(d.ID, d.Due, d.Row)
	if !ok {
		out.batch.Delete(e.cfg.Partition, d.ID, d.Due)
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
	out.batch.Delete(e.cfg.Partition, w.id, w.due)
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
