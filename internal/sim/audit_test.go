package sim

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// order is in which the records are produced.
func (p *plan) order() []int {
	order := make([]int, len(p.records))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return p.records[order[a]].at < p.records[order[b]].at })
	return order
}

// audit compares what was asked, what was sent and what was published.
func (w *world) audit() {
	took := make(map[[2]int][]submit) // by record and part: what an SMSC took, or did not answer
	for _, s := range w.smscs {
		for _, u := range s.submits {
			if u.status == 0 {
				took[[2]int{u.record, u.part}] = append(took[[2]int{u.record, u.part}], u)
			}
		}
	}
	letters := 0
	for i := range w.plan.records {
		letters += w.auditRecord(i, took)
	}
	if w.letters != letters {
		w.violated("%d dead letters, and %d results that want one", w.letters, letters)
	}
	if !w.model.settled(w) {
		w.violated("at the end not every offset is done")
	}
	for _, s := range w.smscs {
		for _, p := range s.parcels {
			n := 0
			for _, body := range w.deliver {
				if strings.Contains(body, p.mark+" ") || strings.Contains(body, p.mark) && p.receipt == "" {
					n++
				}
			}
			if n < p.acked || n > p.sent {
				w.violated("%s: %s was sent %d times, acknowledged %d times and is in the topic %d times", s.name, p.mark, p.sent, p.acked, n)
			}
			w.auditPublished(s, p)
		}
	}
}

func (w *world) auditRecord(i int, took map[[2]int][]submit) (letters int) {
	rec, id := &w.plan.records[i], fmt.Sprintf("m%d", i)
	at, _ := w.model.place(i)
	rs := w.results[id]
	if rec.kind == null {
		if len(rs) > 0 {
			w.violated("%s is null and has a result", id)
		}
		return 0
	}
	if len(rs) != 1 {
		w.violated("%s (%d@%d) has %d results: %s", id, at.partition, at.offset, len(rs), strings.Join(w.whence[id], ", "))
		if len(rs) == 0 {
			return 0
		}
	}
	r := rs[0]
	if r.Source.Partition != at.partition || r.Source.Offset != at.offset {
		w.violated("%s: its result names %d@%d, it is at %d@%d", id, r.Source.Partition, r.Source.Offset, at.partition, at.offset)
	}
	flagged, inherited := r.PossibleDuplicate || r.Status == "in_doubt", w.model.inherited(i)
	most := 0
	for part := 1; part <= rec.parts; part++ {
		most = max(most, len(took[[2]int{i, part}]))
	}
	if most > 1 && !flagged {
		w.violated("%s (%d@%d) was taken %d times and its result says nothing of it: %+v", id, at.partition, at.offset, most, r)
	}
	if inherited && !flagged {
		w.violated("%s (%d@%d) was in doubt at a takeover and its result says nothing of it: %+v", id, at.partition, at.offset, r)
	}
	if flagged && !inherited && !w.doubt.Load() {
		w.violated("%s (%d@%d) is said to be in doubt, and nothing has happened to it: %+v", id, at.partition, at.offset, r)
	}
	if inherited && !w.takeovers() && !w.doubt.Load() {
		w.violated("%s (%d@%d) was in doubt at a takeover, and no replica was lost", id, at.partition, at.offset)
	}
	switch {
	case rec.kind == invalid:
		if r.Status != "invalid" || most > 0 {
			w.violated("%s is invalid, its result is %+v, and it was sent %d times", id, r, most)
		}
	case r.Status == "accepted":
		if len(r.Parts) != rec.parts {
			w.violated("%s has %d parts, its result %d", id, rec.parts, len(r.Parts))
		}
		for n, part := range r.Parts {
			if !slices.ContainsFunc(took[[2]int{i, n + 1}], func(u submit) bool { return u.id == part.MessageID && u.answered }) {
				w.violated("%s: no SMSC gave part %d the id %q", id, n+1, part.MessageID)
			}
		}
	case r.Status == "rejected", r.Status == "in_doubt":
	default:
		w.violated("%s has an unexpected result: %+v", id, r)
	}
	switch r.Status {
	case "invalid", "rejected", "in_doubt":
		return 1
	}
	return 0
}

// takeovers tells whether a partition may have passed to another replica while something
// was granted.
func (w *world) takeovers() bool {
	f := &w.plan.families
	return f.crash || f.freeze || f.away && len(w.replicas) > 1 || w.lost.Load()
}

// auditPublished compares a deliver_sm with what the resolver has made of it.
func (w *world) auditPublished(s *smsc, p *parcel) {
	if !w.plan.resolver {
		return
	}
	if p.receipt == "" {
		n := 0
		for _, m := range w.inbound {
			if strings.HasPrefix(m.Text, p.mark) {
				n++
			}
		}
		if n < p.acked || n > p.sent {
			w.violated("%s: %s was sent %d times and is published %d times", s.name, p.mark, p.sent, n)
		}
		return
	}
	rs := w.receipts[p.receipt]
	if len(rs) == 0 && p.acked == 0 {
		return // its submit came out of a network that stood still until all replicas had ended: nobody was there to take it, and the SMSC keeps it
	}
	if len(rs) != 1 {
		w.violated("%s: receipt for %s is published %d times", s.name, p.receipt, len(rs))
		return
	}
	// What was sent and never answered is filed nowhere: its receipt belongs to nobody.
	id := fmt.Sprintf("m%d", p.record)
	known := slices.ContainsFunc(w.results[id], func(r record.Result) bool {
		return slices.ContainsFunc(r.Parts, func(x record.PartResult) bool { return x.MessageID == p.receipt })
	})
	joined := rs[0].Correlated && rs[0].ID == id
	if !joined && !rs[0].Correlated && w.model.doneAfter(p.record, rs[0].ReceivedAt.Add(matchWait)) {
		return // its submission, which is written with the result, came when nobody waited for it any more
	}
	if known && !joined {
		w.violated("%s: the receipt for %s is not joined to %s, whose result was %s: %+v; results: %+v", s.name, p.receipt, id, strings.Join(w.whence[id], ", "), rs[0], w.results[id])
	}
}

// delivered counts the receipts and the messages of an SMSC.
func (s *smsc) delivered() (receipts, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parcels {
		if p.receipt != "" {
			receipts++
		} else {
			messages++
		}
	}
	return receipts, messages
}

func TestWhatWasAcknowledgedIsPublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ acked, published, want int }{{0, 0, 0}, {1, 0, 1}, {0, 1, 0}, {1, 1, 0}, {2, 1, 0}, {1, 2, 1}, {0, 2, 1}} {
		w := &world{plan: &plan{resolver: true}, model: newModel(), receipts: map[string][]record.Receipt{"x": make([]record.Receipt, c.published)}}
		w.auditPublished(&smsc{name: "smsc0"}, &parcel{receipt: "x", acked: c.acked})
		if len(w.violations) != c.want {
			t.Errorf("acknowledged %d times, published %d: %v", c.acked, c.published, w.violations)
		}
	}
}

func TestAReceiptMayStandAloneOnlyWhereItsSubmissionCameTooLate(t *testing.T) {
	t.Parallel()
	received := time.Unix(1000, 0)
	for _, c := range []struct {
		done time.Time
		want int
	}{{received.Add(-time.Second), 1}, {received.Add(matchWait), 1}, {received.Add(matchWait + time.Millisecond), 0}} {
		w := &world{plan: &plan{resolver: true}, model: newModel(), results: make(map[string][]record.Result), receipts: make(map[string][]record.Receipt)}
		w.model.where[7] = place{1, 42}
		w.model.part(1).doneAt[42] = c.done
		w.results["m7"] = []record.Result{{ID: "m7", Status: "accepted", Parts: []record.PartResult{{Part: 1, MessageID: "x"}}}}
		w.receipts["x"] = []record.Receipt{{MessageID: "x", ReceivedAt: received}}
		w.auditPublished(&smsc{name: "smsc0"}, &parcel{receipt: "x", record: 7})
		if len(w.violations) != c.want {
			t.Errorf("a submission %s after its receipt: %d violations, want %d: %v", c.done.Sub(received), len(w.violations), c.want, w.violations)
		}
	}
}
