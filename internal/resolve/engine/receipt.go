package engine

import (
	"slices"
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// applyReceipt publishes a receipt with what it belongs to, or keeps it for a while if
// that has not come yet.
func (e *Engine) applyReceipt(offset int64, envelope []byte, in *received, out *Output) {
	key := record.ReceiptKey(in.smsc, in.ReceiptID)
	hash := in.receiptHash()
	origins := e.origins(out.batch, key)
	for i := range origins {
		if slices.Contains(origins[i].hashes, hash) {
			out.Events.RepeatedReceipts++
			return
		}
	}
	id := store.ID{Class: store.Early, Hash: hashOf(key), Disc: hash}
	if e.held+e.rest > 0 { // mostly nothing waits, and need not be looked for
		if _, ok := out.batch.Get(e.cfg.Partition, id); ok {
			out.Events.RepeatedReceipts++
			return
		}
	}
	if o := choose(e.cfg.Forms, in, origins); o != nil {
		e.publishMatched(out, in, o, hash)
		return
	}
	w := early{key: key, id: id, due: unixMilli(in.receivedAt) + e.cfg.MatchWait.Milliseconds(), offset: offset, envelope: envelope}
	if in.ReceiptID == "" { // nothing to wait for
		e.publishAlone(out, in)
		e.remember(out, &w, true)
		return
	}
	e.keep(out, &w, true)
}

// remember leaves, in the place of a receipt published without its message, the memory
// of it.
func (e *Engine) remember(out *Output, w *early, fresh bool) {
	seen := early{key: w.key, id: w.id, due: w.due + min(seenFor, e.cfg.ReceiptWait).Milliseconds(), seen: true, offset: w.offset}
	e.keep(out, &seen, fresh)
}

// publishMatched publishes a receipt with its submission: the message's own id, addresses,
// key and metadata, and the id as in the submit_sm_resp.
func (e *Engine) publishMatched(out *Output, in *received, o *origin, hash uint64) {
	r := receiptOf(in)
	o.fill(&r)
	out.Receipts = append(out.Receipts, Receipt{Key: o.RecordKey, Value: r, Submit: o.Span, SubmittedAt: o.SubmittedAt})
	if !in.asked {
		out.observe(in.smsc, o.MessageID, in.Receipt.MessageID, true)
	}
	e.settle(out, o, hash, r.Final)
}

// fill gives a receipt what is known of the message. The origin's strings alias its row,
// which is a copy that nobody writes.
func (o *origin) fill(r *record.Receipt) {
	source := o.Source
	r.ID, r.MessageID, r.Part, r.Parts, r.To, r.From = o.ID, o.MessageID, o.Part, o.Parts, o.To, o.From
	r.SMSC, r.Correlated, r.Source, r.Metadata = o.SMSC, true, &source, o.Metadata
}

// publishAlone publishes a receipt as it came: no id, no part, no source, and the addresses
// of the receipt itself.
func (e *Engine) publishAlone(out *Output, in *received) {
	r := receiptOf(in)
	r.MessageID, r.To, r.From = strings.Clone(in.Receipt.MessageID), in.To, in.From
	out.Receipts = append(out.Receipts, Receipt{Key: []byte(r.MessageID), Value: r})
	if !in.asked {
		out.observe(in.smsc, "", "", false)
	}
}

func receiptOf(in *received) record.Receipt {
	return record.Receipt{
		State: string(in.Receipt.State), Final: in.Receipt.Final, Stat: strings.Clone(in.Receipt.Stat), Error: strings.Clone(in.Receipt.Error),
		SubmittedAt: in.Receipt.SubmittedAt, DoneAt: in.Receipt.DoneAt, SMSC: strings.Clone(in.smsc), ReceivedAt: in.receivedAt, Raw: in.raw(true),
	}
}

// publishUnanswered closes a submission whose final receipt did not come in its time.
// There was no receipt, so it has neither stat nor received_at.
func (e *Engine) publishUnanswered(out *Output, o *origin) {
	r := record.Receipt{State: string(sms.StateUnknown), Final: true, SubmittedAt: o.SubmittedAt}
	o.fill(&r)
	out.Receipts = append(out.Receipts, Receipt{Key: o.RecordKey, Value: r, Unanswered: true, Submit: o.Span, SubmittedAt: o.SubmittedAt})
	s := record.Submission{Kind: record.KindSettled, SMSC: o.SMSC, Key: o.Key, MessageID: o.MessageID, ID: o.ID, Part: o.Part, Parts: o.Parts,
		Source: o.Source, SubmittedAt: o.SubmittedAt, Final: true}
	out.settle(e, &s)
}
