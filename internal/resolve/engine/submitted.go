package engine

import (
	"cmp"
	"slices"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
)

// ApplySubmitted takes one record of `submitted`, and publishes the receipts that had
// come before their submission.
//
// After a takeover the state is ahead of the committed offset: what was folded already
// changes nothing, above all it does not bring back a submission whose time is over;
// but a receipt may still wait for it.
//
// An error is a *StoreError, or says that the value cannot be read, which is then
// passed over.
func (e *Engine) ApplySubmitted(offset int64, value []byte, out *Output) error {
	out.join(e)
	known := offset < e.head.Position
	if !known && e.own.take(value) {
		e.head.Position = offset + 1
		out.applied++
		return nil
	}
	err := record.EachSubmission(value, func(s *record.Submission) error {
		out.applied++
		if !known {
			e.foldSubmission(out.batch, s)
		}
		if s.Kind == record.KindFiled && e.held > 0 {
			e.matchEarly(s.Key, out)
		}
		return nil
	})
	if !known {
		e.head.Position = offset + 1
	}
	if serr := out.Err(); serr != nil {
		return serr
	}
	if err != nil {
		return &InvalidError{"submitted", offset, err}
	}
	return nil
}

// matchEarly publishes the receipts that wait under the key and belong to a submission
// that is there now, in the order in which they came.
func (e *Engine) matchEarly(key string, out *Output) {
	var waits []early
	for _, entry := range out.batch.Find(nil, e.cfg.Partition, store.Early, hashOf(key), maxCandidates) {
		if w, ok := parseEarly(&entry); ok && !w.seen && w.key == key {
			waits = append(waits, w)
		}
	}
	slices.SortFunc(waits, func(a, b early) int { return cmp.Compare(a.offset, b.offset) })
	for i := range waits {
		w := &waits[i]
		in, ok := e.readDelivery(w.envelope)
		if !ok || !in.IsReceipt {
			continue
		}
		origins := e.origins(out.batch, key)
		o := choose(e.cfg.Forms, in, origins)
		if o == nil {
			continue
		}
		e.forget(out, w)
		e.publishMatched(out, in, o, w.id.Disc)
	}
}
