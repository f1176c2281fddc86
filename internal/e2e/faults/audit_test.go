package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// books are all that the topics and the SMSCs say when everything has ended.
type books struct {
	outbound []*kgo.Record
	results  []result
	receipts []record.Receipt
	inbound  []record.Inbound
	dead     []*kgo.Record
	submits  []submit
	delivers []delivery
	messages []message           // that subscribers have sent
	visible  map[place]time.Time // when a result was first seen
}

type result struct {
	record.Result
	key []byte
}

type submit struct {
	smsc string
	smsc.Submit
}

type delivery struct {
	smsc string
	smsc.Delivery
}

func (w *world) read() *books {
	w.t.Helper()
	b := &books{messages: w.messages}
	b.outbound = kafkatest.ReadAll(w.t, w.broker, "sms.outbound")
	b.dead = kafkatest.ReadAll(w.t, w.broker, "sms.deadletter")
	for _, r := range kafkatest.ReadAll(w.t, w.broker, "sms.results") {
		v, err := record.DecodeResult(r.Value)
		if err != nil {
			w.t.Fatalf("a result does not decode: %v", err)
		}
		b.results = append(b.results, result{v, r.Key})
	}
	for _, r := range kafkatest.ReadAll(w.t, w.broker, "sms.receipts") {
		v, err := record.DecodeReceipt(r.Value)
		if err != nil {
			w.t.Fatalf("a receipt does not decode: %v", err)
		}
		b.receipts = append(b.receipts, v)
	}
	for _, r := range kafkatest.ReadAll(w.t, w.broker, "sms.inbound") {
		v, err := record.DecodeInbound(r.Value)
		if err != nil {
			w.t.Fatalf("an inbound message does not decode: %v", err)
		}
		b.inbound = append(b.inbound, v)
	}
	for i, s := range w.smscs {
		for _, e := range s.Submits() {
			b.submits = append(b.submits, submit{smscName(i), e})
		}
		for _, e := range s.Delivers() {
			b.delivers = append(b.delivers, delivery{smscName(i), e})
		}
	}
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	b.visible = w.seen.visible
	return b
}

// verdict is what the auditor found.
type verdict struct {
	records int // outbound, with a value
	lost    int // records without a result, or accepted without having been sent
	doubled int // results beyond the first of their record
	silent  int // submits beyond the first of their record's part that its result does not announce
	doubt   int // results that say possible_duplicate or in_doubt
	late    int // submits after the result was visible

	inboundLost, inboundDoubled, receiptsLost, receiptsDoubled int

	faults []string // what is wrong, in words; the first of them
	more   int      // and so many others
}

const maxFaults = 20

func (v *verdict) fault(format string, args ...any) {
	if len(v.faults) == maxFaults {
		v.more++
		return
	}
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// audit compares the books. Whatever it finds beyond the numbers asked for in h is a fault.
func (b *books) audit(h *hold) *verdict {
	v := new(verdict)
	a := auditor{books: b, hold: h, verdict: v}
	a.index()
	for i := range a.outbound {
		a.record(&a.outbound[i])
	}
	a.strangers()
	a.auditReceipts()
	a.auditInbound()
	if v.late > h.late {
		v.fault("%d submits came after their record's result was visible", v.late)
	}
	if h.noDoubt && v.doubt > 0 {
		v.fault("%d results are in doubt, and none should be", v.doubt)
	}
	if h.maxDoubt > 0 && v.doubt > h.maxDoubt {
		v.fault("%d results are in doubt, %d at most should be", v.doubt, h.maxDoubt)
	}
	return v
}

// outbound is one record that was produced, decoded.
type outbound struct {
	place
	rec     *kgo.Record
	out     record.Outbound
	invalid error
}

// whole names a part of a message as the SMSC sees it.
type piece struct {
	to   string
	part byte
}

type auditor struct {
	*books
	*verdict
	hold     *hold
	outbound []outbound
	results  map[place][]result
	numbers  map[string][]place // the records for a number: one each, unless the driver itself was doubled
	dead     map[string]int     // dead letters by "topic-partition-offset" of the original
	submits  map[piece][]submit // accepted ones
}

func (a *auditor) index() {
	a.results, a.numbers, a.dead, a.submits = map[place][]result{}, map[string][]place{}, map[string]int{}, map[piece][]submit{}
	for _, r := range a.books.outbound {
		o := outbound{place: place{r.Topic, r.Partition, r.Offset}, rec: r}
		if r.Value != nil {
			o.invalid = o.out.Decode(r.Value)
			to := sms.NormalNumber(o.out.To)
			a.numbers[to] = append(a.numbers[to], o.place)
		}
		if o.out.Text != "" && o.out.HasPayload {
			o.invalid = fmt.Errorf("both text and payload")
		}
		a.outbound = append(a.outbound, o)
	}
	for _, r := range a.books.results {
		a.results[placeOf(r.Source)] = append(a.results[placeOf(r.Source)], r)
	}
	for _, d := range a.books.dead {
		h := map[string]string{}
		for _, x := range d.Headers {
			h[x.Key] = string(x.Value)
		}
		a.dead[h["__connect.errors.topic"]+"-"+h["__connect.errors.partition"]+"-"+h["__connect.errors.offset"]]++
	}
	for _, s := range a.books.submits {
		if s.MessageID != "" { // a refusal is no double: it said that nothing was taken
			p := piece{sms.NormalNumber(s.To), max(s.Part, 1)}
			a.submits[p] = append(a.submits[p], s)
		}
	}
}

// record compares one outbound record with its result, its dead letter and what the SMSCs got.
func (a *auditor) record(o *outbound) {
	rs := a.results[o.place]
	if o.rec.Value == nil {
		if len(rs) > 0 {
			a.fault("the tombstone at %v has a result", o.place)
		}
		return
	}
	a.records++
	if len(rs) == 0 {
		a.lost++
		a.fault("%s at %v has no result", o.out.ID, o.place)
		return
	}
	if len(rs) > 1 {
		a.doubled += len(rs) - 1
		a.fault("%s at %v has %d results: %s", o.out.ID, o.place, len(rs), inShort(rs))
	}
	r := rs[0]
	announced := r.PossibleDuplicate || r.Status == "in_doubt"
	if announced {
		a.doubt++
	}
	if o.out.ID != "" && r.ID != o.out.ID || !bytes.Equal(r.key, o.rec.Key) || !sameJSON(r.Metadata, o.out.Metadata) && o.invalid == nil {
		a.fault("%s at %v: the result is another's: %s", o.out.ID, o.place, inShort(rs))
	}
	switch {
	case o.invalid != nil && r.Status != "invalid":
		a.fault("%s is invalid (%v), its result says %s", o.out.ID, o.invalid, r.Status)
	case o.invalid == nil && r.Status != "accepted" && r.Status != "in_doubt" && !slices.Contains(a.hold.statuses, r.Status):
		a.fault("%s: %s", o.out.ID, inShort(rs))
	}
	wantDead := 0
	if r.Status == "invalid" || r.Status == "unroutable" || r.Status == "expired" || r.Status == "rejected" || r.Status == "in_doubt" {
		wantDead = 1
	}
	if n := a.dead[fmt.Sprintf("%s-%d-%d", o.topic, o.partition, o.offset)]; n != wantDead {
		a.fault("%s is %s and has %d dead letters", o.out.ID, r.Status, n)
	}
	a.sent(o, &r, announced)
}

// sent compares a result with what the SMSCs got of its record.
func (a *auditor) sent(o *outbound, r *result, announced bool) {
	to := sms.NormalNumber(o.out.To)
	owners := len(a.numbers[to])
	if owners > 1 {
		for _, at := range a.numbers[to] {
			for _, other := range a.results[at] {
				announced = announced || other.PossibleDuplicate || other.Status == "in_doubt"
			}
		}
	}
	total := 0
	for p := byte(1); p != 0; p++ {
		submits := a.submits[piece{to, p}]
		if len(submits) == 0 {
			break
		}
		total++
		if extra := len(submits) - max(owners, 1); extra > 0 && !announced {
			a.silent += extra
			a.fault("%s part %d was taken %d times by SMSCs, and its result does not say so: %s", o.out.ID, p, len(submits), inShort([]result{*r}))
		}
		if seen := a.visible[o.place]; !seen.IsZero() && owners == 1 {
			for _, s := range submits {
				if s.At.After(seen) {
					a.late++
				}
			}
		}
	}
	switch r.Status {
	case "accepted":
		if total < len(r.Parts) || len(r.Parts) == 0 {
			a.lost++
			a.fault("%s is accepted in %d parts, the SMSCs took %d", o.out.ID, len(r.Parts), total)
		}
		for _, p := range r.Parts {
			if !slices.ContainsFunc(a.submits[piece{to, byte(p.Part)}], func(s submit) bool { return s.smsc == r.SMSC && s.MessageID == p.MessageID }) {
				a.fault("%s part %d: %s has never given the message id %q for it", o.out.ID, p.Part, r.SMSC, p.MessageID)
			}
		}
	case "invalid", "unroutable", "suppressed":
		if total > 0 {
			a.fault("%s is %s, and an SMSC took it", o.out.ID, r.Status)
		}
	}
}

// strangers finds what nobody asked for.
func (a *auditor) strangers() {
	known := map[place]bool{}
	for _, o := range a.outbound {
		known[o.place] = true
	}
	for at, rs := range a.results {
		if !known[at] {
			a.fault("a result of a record that nobody produced: %s", inShort(rs))
		}
	}
	for p := range a.submits {
		if a.numbers[p.to] == nil {
			a.fault("an SMSC took a message for %s, to whom nobody has written", p.to)
		}
	}
}

func inShort(rs []result) string {
	var s string
	for _, r := range rs {
		s += fmt.Sprintf("{%s %s dup=%v attempts=%d parts=%v error=%q at %v} ", r.ID, r.Status, r.PossibleDuplicate, r.Attempts, r.Parts, r.Error, r.Source)
	}
	return s
}

func sameJSON(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
