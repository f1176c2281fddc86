package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// soakAudit compares, while all of it goes on, what the simulator got and sent with what the topics show. It keeps a byte for each record, four
// for each message id, one for each message from a subscriber, and nothing else, however long it goes on.
//
// What must hold, at every moment:
//   - a record has one result at most; an accepted one names a message id that the SMSC gave to that very record
//   - a record that the SMSC accepted twice says so in its result, which is possible_duplicate or in_doubt
//   - nothing is submitted whose result was visible before
//   - a receipt is joined to its record, and once
//   - a message from a subscriber is published once, unless the SMSC had to repeat it
//
// and at the end: no record without a result, no named message id without its receipt if one was asked for, no message
// without its answer and its record, no refused record without a dead letter.
type soakAudit struct {
	mu       sync.Mutex
	records  []byte
	ids      []uint32
	base     uint64 // the first message id
	messages []byte
	faults   []string // the first of them
	wrong    int      // all of them

	resulted, submits, refused, doubts, rejected, doubled int
	named, joined, alone                                  int
	said, published, repeated                             int
}

// Of a record.
const (
	soakOnce   = 1 << iota // the SMSC accepted it
	soakTwice              // and again
	soakResult             // its result was seen
	soakDoubt              // which says that it may have been sent twice
	soakDead               // its dead letter was seen
	soakWantsDead
)

// Of a message id, whose lower bits are the record's number and one; 0 was not given to any.
const (
	soakNamed  = 1 << 31 // in a result
	soakJoined = 1 << 30 // a receipt was
	soakAlone  = 1 << 29 // a receipt of it was published without a record
	soakNumber = soakAlone - 1
)

// Of a message from a subscriber; the lower bits count its acknowledged parts.
const (
	soakPublished = 1 << 7
	soakRepeated  = 1 << 6 // a try got no ESME_ROK: what was published before is published again
	soakParts     = soakRepeated - 1
)

const soakFaultsKept = 20

func newSoakAudit() *soakAudit { return &soakAudit{} }

// fault notes what must not be.
func (a *soakAudit) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faulty(format, args...)
}

// faulty is fault for those who hold the lock.
func (a *soakAudit) faulty(format string, args ...any) {
	if a.wrong++; len(a.faults) < soakFaultsKept {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

func (a *soakAudit) found() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wrong > len(a.faults) {
		return append(slices.Clone(a.faults), fmt.Sprintf("and %d more", a.wrong-len(a.faults)))
	}
	return slices.Clone(a.faults)
}

// record is the place of a record's number.
func (a *soakAudit) record(i int) *byte { return at(&a.records, i) }

func at[T any](in *[]T, i int) *T {
	for i >= len(*in) {
		*in = append(*in, make([]T, 1<<16)...)
	}
	return &(*in)[i]
}

// submit is called by the simulator, before it answers.
func (a *soakAudit) submit(s smsc.Submit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.submits++
	if s.Status != 0 {
		a.refused++
		return
	}
	i, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(s.To, "+"), "4917"))
	id, idErr := strconv.ParseUint(s.MessageID, 10, 64)
	if err != nil || idErr != nil {
		a.faulty("a submit to %s with message id %q", s.To, s.MessageID)
		return
	}
	if a.base == 0 {
		a.base = id - 1000 // readers of two binds may come in another order than their ids
	}
	*at(&a.ids, int(id-a.base)) = uint32(i + 1)
	r := a.record(i)
	if *r&soakResult != 0 {
		a.faulty("b%d was submitted after its result was visible", i)
	}
	if *r&soakOnce != 0 {
		a.doubled++
		*r |= soakTwice
	}
	*r |= soakOnce
	a.announced(i, *r)
}

// announced looks whether what was sent twice says so.
func (a *soakAudit) announced(i int, r byte) {
	if r&(soakTwice|soakResult|soakDoubt) == soakTwice|soakResult {
		a.faulty("b%d reached the SMSC twice, and its result does not say so", i)
	}
}

// id is the place of a message id and the record that it was given to.
func (a *soakAudit) id(messageID string) (place *uint32, i int, ok bool) {
	n, err := strconv.ParseUint(messageID, 10, 64)
	if err != nil || n < a.base || n-a.base >= uint64(len(a.ids)) {
		return nil, 0, false
	}
	place = &a.ids[n-a.base]
	i = int(*place&soakNumber) - 1
	return place, i, i >= 0
}

// results, receipts, inbound and deadLetters are called by the followers of the topics.
func (a *soakAudit) results(arrived arrival) {
	a.each(arrived, func(r *kgo.Record) error {
		v, err := record.DecodeResult(r.Value)
		if err != nil {
			return err
		}
		i := number(v.ID)
		if i < 0 {
			return fmt.Errorf("of id %s", v.ID)
		}
		state := a.record(i)
		if *state&soakResult != 0 {
			return fmt.Errorf("%s has two results", v.ID)
		}
		a.resulted++
		*state |= soakResult
		if v.PossibleDuplicate || v.Status == record.InDoubt {
			a.doubts++
			*state |= soakDoubt
		}
		a.announced(i, *state)
		switch v.Status {
		case record.Accepted:
			if len(v.Parts) != 1 {
				return fmt.Errorf("%s has %d parts", v.ID, len(v.Parts))
			}
			place, of, ok := a.id(v.Parts[0].MessageID)
			if !ok || of != i {
				return fmt.Errorf("%s was accepted, and the SMSC did not give it the message id %q", v.ID, v.Parts[0].MessageID)
			}
			*place |= soakNamed
			if i%soakReceiptOf == 0 {
				a.named++
			}
		case record.Rejected, record.InDoubt:
			a.rejected++
			*state |= soakWantsDead
			if v.Status == record.Rejected && *state&soakOnce != 0 && *state&soakDoubt == 0 {
				return fmt.Errorf("%s is rejected, and the SMSC has accepted it", v.ID)
			}
		default:
			return fmt.Errorf("%s is %s: %s", v.ID, v.Status, v.Error)
		}
		return nil
	})
}

func (a *soakAudit) receipts(arrived arrival) {
	a.each(arrived, func(r *kgo.Record) error {
		v, err := record.DecodeReceipt(r.Value)
		if err != nil {
			return err
		}
		place, i, ok := a.id(v.MessageID)
		switch {
		case !ok:
			return fmt.Errorf("of message id %q, which the SMSC never gave", v.MessageID)
		case !v.Correlated && *place&soakAlone != 0:
			return fmt.Errorf("of message id %s was published twice without its message", v.MessageID)
		case !v.Correlated:
			a.alone++
			*place |= soakAlone
		case v.State != "DELIVERED" || !v.Final:
			return fmt.Errorf("of b%d says %s, which the SMSC never said", i, v.State)
		case number(v.ID) != i || i%soakReceiptOf != 0:
			return fmt.Errorf("of b%d is joined to %s", i, v.ID)
		case *place&soakJoined != 0:
			return fmt.Errorf("of b%d with message id %s came twice", i, v.MessageID)
		default:
			a.joined++
			*place |= soakJoined
		}
		return nil
	})
}

func (a *soakAudit) deadLetters(arrived arrival) {
	a.each(arrived, func(r *kgo.Record) error {
		_, id, _ := strings.Cut(string(r.Value), `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		i := number(id)
		if i < 0 {
			return fmt.Errorf("of id %q", id)
		}
		state := a.record(i)
		if *state&soakDead != 0 {
			return fmt.Errorf("%s came twice", id)
		}
		*state |= soakDead
		return nil
	})
}

// sends notes that a message is about to be sent.
func (a *soakAudit) sends(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*at(&a.messages, n) = 0
	a.said = n + 1
}

// subscriberText is what message n says; some say it at length.
func subscriberText(n int) string {
	if n%soakLongOf != 0 {
		return fmt.Sprintf("message %d", n)
	}
	return fmt.Sprintf("message %d%s", n, strings.Repeat(" goes on and on and on", 12))
}

func subscriberParts(n int) int {
	if n%soakLongOf != 0 {
		return 1
	}
	return 2
}

// subscriberOf is the message that a number has sent; each sends one.
func subscriberOf(from string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(sms.NormalNumber(from), "4916"))
	return n, err == nil && n >= 0
}

// delivery is called by the simulator when a try to deliver has ended.
func (a *soakAudit) delivery(d smsc.Delivery) {
	if d.Kind != smsc.KindMO {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n, ok := subscriberOf(d.From)
	if !ok || n >= a.said {
		a.faulty("a message from %s was sent by nobody", d.From)
		return
	}
	if d.Acked {
		a.messages[n]++
	} else if a.messages[n]&soakRepeated == 0 {
		a.messages[n] |= soakRepeated
		a.repeated++
	}
}

func (a *soakAudit) inbound(arrived arrival) {
	a.each(arrived, func(r *kgo.Record) error {
		v, err := record.DecodeInbound(r.Value)
		if err != nil {
			return err
		}
		n, ok := subscriberOf(v.From)
		if !ok || n >= a.said {
			return fmt.Errorf("from %s, who said nothing", v.From)
		}
		repeated := a.messages[n]&soakRepeated != 0
		switch {
		case !v.Complete && repeated: // a part that came again when the message was whole already
			return nil
		case !v.Complete || v.Text != subscriberText(n):
			return fmt.Errorf("message %d is not whole: %d parts, missing %v", n, v.Parts, v.Missing)
		case a.messages[n]&soakPublished != 0 && !repeated:
			return fmt.Errorf("message %d came twice, and the SMSC sent it once", n)
		}
		if a.messages[n]&soakPublished == 0 {
			a.published++
		}
		a.messages[n] |= soakPublished
		return nil
	})
}

// each takes what arrived at a topic, record by record.
func (a *soakAudit) each(arrived arrival, take func(*kgo.Record) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range arrived.records {
		if err := take(r); err != nil {
			a.faulty("%s[%d] at %d: %v", r.Topic, r.Partition, r.Offset, err)
		}
	}
}

// done is how many records have a result.
func (a *soakAudit) done() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resulted
}

// complete tells whether all is through.
func (a *soakAudit) complete(records, messages int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resulted >= records && a.published >= messages && a.joined >= a.named
}

// close looks for what is missing, when nothing will come any more.
func (a *soakAudit) close(records, messages int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range records {
		r := *a.record(i)
		if r&soakResult == 0 {
			a.faulty("b%d has no result; submitted: %v", i, r&soakOnce != 0)
		}
		if (r&soakDead != 0) != (r&soakWantsDead != 0) {
			a.faulty("b%d: refused: %v, dead letter: %v", i, r&soakWantsDead != 0, r&soakDead != 0)
		}
	}
	for n, id := range a.ids {
		if i := int(id&soakNumber) - 1; id&soakNamed != 0 && id&soakJoined == 0 && i%soakReceiptOf == 0 {
			a.faulty("b%d: no receipt of message id %d was joined to it; published without it: %v", i, a.base+uint64(n), id&soakAlone != 0)
		}
	}
	for n := range messages {
		m := a.messages[n]
		if m&soakPublished == 0 || int(m&soakParts) != subscriberParts(n) {
			a.faulty("message %d from a subscriber: published: %v, parts acknowledged: %d of %d", n, m&soakPublished != 0, m&soakParts, subscriberParts(n))
		}
	}
}

func (a *soakAudit) summary() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("records: %d results, %d submits, %d refused by the SMSC, %d accepted again, %d said to be in doubt, %d dead letters; "+
		"receipts: %d asked for, %d joined, %d of submits without an answer; from subscribers: %d sent, %d published, %d repeated by the SMSC; faults found: %d",
		a.resulted, a.submits, a.refused, a.doubled, a.doubts, a.rejected, a.named, a.joined, a.alone, a.said, a.published, a.repeated, a.wrong)
}
