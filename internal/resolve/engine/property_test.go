package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// sent is what the model knows of one message or foreign receipt.
type sent struct {
	message
	form      sms.IDForm // how its SMSC writes ids in receipts
	receiptID string
	filed     bool
	filedAt   time.Time
	stats     map[string]time.Time // receipts that came: stat -> when first
}

// longMessage is what the model knows of one inbound message in parts.
type longMessage struct {
	from  string
	ref   byte
	texts []string
	came  []bool
}

// TestWhateverHappensInWhateverOrder plays submissions, receipts (early, late, repeated,
// for messages of others), parts, time and crashes with the store kept, one transaction
// behind, or lost, and compares with what must be so:
//
//   - every receipt that came is published exactly once, joined to its own message, and
//     alone only if its message was not there in time;
//   - every message that owes a final receipt and has published none gets one UNKNOWN,
//     others get none;
//   - every long message is published once, whole or with exactly what is missing told.
func TestWhateverHappensInWhateverOrder(t *testing.T) {
	t.Parallel()
	db := newStore(t)
	forms := map[string]sms.IDForm{"same": sms.FormSame, "hexdec": sms.FormHexDec, "dechex": sms.FormDecHex}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt2tb{t, rt}, db, rapid.IntRange(1, 3).Draw(rt, "partitions"), nil)
		m := &model{w: w, rt: rt, forms: forms}
		rt.Repeat(map[string]func(*rapid.T){
			"submit":          m.submit,
			"submit again":    m.submit,
			"receipt":         m.receipt,
			"another receipt": m.receipt,
			"early":           m.early,
			"foreign":         m.foreign,
			"part":            m.part,
			"apply":           m.apply,
			"apply more":      m.apply,
			"tick":            func(rt *rapid.T) { w.tick(m.partition(rt), how(rt)) },
			"time":            func(rt *rapid.T) { w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "s")) * time.Second) },
			"restart":         func(*rapid.T) { w.restart() },
			"lose store":      func(*rapid.T) { w.loseStore(); w.restart() },
			"compact":         func(*rapid.T) { w.compact() },
		})
		m.finish()
		m.check()
	})
}

// rt2tb gives the world a testing.TB whose failures are rapid's.
type rt2tb struct {
	testing.TB
	rt *rapid.T
}

func (t rt2tb) Fatal(args ...any) { t.rt.Fatal(args...) }
func (t rt2tb) Helper()           {}

type model struct {
	w     *world
	rt    *rapid.T
	forms map[string]sms.IDForm
	sent  []*sent
	long  []*longMessage
	used  map[string]bool
}

func how(rt *rapid.T) outcome {
	return rapid.SampledFrom([]outcome{committed, committed, committed, committed, diedBefore, diedBetween}).Draw(rt, "how")
}

func (m *model) partition(rt *rapid.T) int {
	return rapid.IntRange(0, len(m.w.partitions)-1).Draw(rt, "p")
}

// fresh makes a message that no SMSC has given the id before. Ids are small, so that the
// decimal of one often is the hexadecimal of another.
func (m *model) fresh(rt *rapid.T) *sent {
	n := len(m.sent)
	smsc := rapid.SampledFrom([]string{"same", "hexdec", "dechex"}).Draw(rt, "smsc")
	s := &sent{form: m.forms[smsc], stats: map[string]time.Time{}}
	for {
		id := rapid.IntRange(0x10, 0x4000).Draw(rt, "id")
		s.response = strconv.Itoa(id)
		s.receiptID = s.response
		switch s.form {
		case sms.FormHexDec:
			s.response = fmt.Sprintf("%06X", id)
		case sms.FormDecHex:
			s.receiptID = fmt.Sprintf("%x", id)
		}
		if key := smsc + " " + s.response; !m.used[key] {
			if m.used == nil {
				m.used = map[string]bool{}
			}
			m.used[key] = true
			break
		}
	}
	s.id, s.smsc, s.offset = fmt.Sprintf("m%d", n), smsc, int64(n)
	s.to, s.from = fmt.Sprintf("+4917%07d", n*7919), "12345"
	s.receipts = rapid.SampledFrom([]string{"final", "all", "failure"}).Draw(rt, "receipts")
	m.sent = append(m.sent, s)
	return s
}

func (m *model) file(s *sent) {
	s.filed, s.filedAt = true, m.w.now
	m.w.submit(s.message)
}

func (m *model) submit(rt *rapid.T) {
	for _, s := range m.sent { // those whose receipt was early, first
		if !s.filed && s.id != "" && rapid.Bool().Draw(rt, "late one") {
			m.file(s)
			return
		}
	}
	m.file(m.fresh(rt))
}

func (m *model) receipt(rt *rapid.T) {
	if len(m.sent) == 0 {
		rt.Skip()
	}
	m.deliver(rapid.SampledFrom(m.sent).Draw(rt, "of"), rapid.SampledFrom([]string{"ENROUTE", "DELIVRD", "UNDELIV"}).Draw(rt, "stat"))
}

func (m *model) early(rt *rapid.T) { m.deliver(m.fresh(rt), "DELIVRD") }

// foreign is a receipt of a message that others sent.
func (m *model) foreign(rt *rapid.T) {
	s := m.fresh(rt)
	s.id = ""
	m.deliver(s, "EXPIRED")
}

func (m *model) deliver(s *sent, stat string) {
	if _, ok := s.stats[stat]; !ok {
		s.stats[stat] = m.w.now
	}
	m.w.deliverReceipt(s.smsc, receiptText(s.receiptID, stat), strings.TrimPrefix(s.to, "+"), s.from)
}

func (m *model) part(rt *rapid.T) {
	if len(m.long) == 0 || rapid.IntRange(0, 3).Draw(rt, "new") == 0 {
		n := len(m.long)
		l := &longMessage{from: fmt.Sprint(4915000 + n/4), ref: byte(n), came: make([]bool, rapid.IntRange(2, 4).Draw(rt, "total"))}
		for i := range l.came {
			l.texts = append(l.texts, fmt.Sprintf("<%d.%d>", n, i+1))
		}
		m.long = append(m.long, l)
	}
	l := rapid.SampledFrom(m.long).Draw(rt, "message")
	for range rapid.IntRange(1, 2).Draw(rt, "doubled") {
		m.deliverPart(l, rapid.IntRange(0, len(l.came)-1).Draw(rt, "seq"))
	}
}

// deliverPart delivers a part, unless that would make a second whole message of parts that
// are all repeated: then it is right that it is published again.
func (m *model) deliverPart(l *longMessage, i int) {
	if !slices.Contains(l.came, false) {
		i = 0 // of a message that is whole only the first comes again
	}
	l.came[i] = true
	m.w.deliverPart(l.from, "12345", l.ref, byte(len(l.came)), byte(i+1), l.texts[i])
}

func (m *model) apply(rt *rapid.T) {
	m.w.step(m.partition(rt), rapid.IntRange(0, 5).Draw(rt, "submitted"), rapid.IntRange(0, 5).Draw(rt, "deliver"), how(rt))
}

func (m *model) finish() {
	m.w.run()
	m.w.pass(2 * time.Minute)
	m.w.pass(11 * time.Hour)
	m.w.pass(72 * time.Hour)
	m.w.loseStore()
	m.w.restart()
	m.w.pass(time.Hour)
}

func (m *model) check() {
	type name struct{ smsc, id, state string }
	stateOf := map[string]string{"ENROUTE": "ENROUTE", "DELIVRD": "DELIVERED", "UNDELIV": "UNDELIVERABLE", "EXPIRED": "EXPIRED"}
	joined, alone, unknown := map[name]int{}, map[name]int{}, map[name]int{}
	final := map[name]bool{}
	for _, r := range m.w.receipts {
		v := &r.Value
		switch {
		case r.Unanswered:
			unknown[name{v.SMSC, v.ID, ""}]++
		case v.Correlated:
			joined[name{v.SMSC, v.ID, v.State}]++
			if v.Final {
				final[name{v.SMSC, v.ID, ""}] = true
			}
		default:
			alone[name{v.SMSC, v.MessageID, v.State}]++
		}
	}
	for _, s := range m.sent {
		for stat, at := range s.stats {
			j, a := joined[name{s.smsc, s.id, stateOf[stat]}], alone[name{s.smsc, s.receiptID, stateOf[stat]}]
			delete(joined, name{s.smsc, s.id, stateOf[stat]})
			delete(alone, name{s.smsc, s.receiptID, stateOf[stat]})
			if j+a != 1 {
				m.rt.Errorf("%s of %s %s (receipt id %s): joined %d times, alone %d times", stat, s.smsc, s.response, s.receiptID, j, a)
			}
			if a == 1 && s.filed && s.filedAt.Before(at.Add(m.w.conf.MatchWait)) {
				m.rt.Errorf("%s of %s %s was published alone, though its message was there in time", stat, s.smsc, s.response)
			}
		}
		n := name{s.smsc, s.id, ""}
		want := 0
		if s.filed && s.receipts != "failure" && !final[n] {
			want = 1
		}
		if unknown[n] != want {
			m.rt.Errorf("%s %s: %d UNKNOWN, want %d", s.smsc, s.response, unknown[n], want)
		}
	}
	if len(joined)+len(alone) > 0 {
		m.rt.Errorf("nobody sent these receipts: %v %v", joined, alone)
	}
	m.checkLong()
}

func (m *model) checkLong() {
	got := map[string][]Inbound{}
	for _, in := range m.w.inbound {
		n, _, _ := strings.Cut(strings.TrimPrefix(in.Value.Text, "<"), ".")
		got[n] = append(got[n], in)
	}
	for n, l := range m.long {
		var text string
		var missing []int
		for i, came := range l.came {
			if came {
				text += l.texts[i]
			} else {
				missing = append(missing, i+1)
			}
		}
		in := got[strconv.Itoa(n)]
		if text == "" {
			if len(in) != 0 {
				m.rt.Errorf("message %d: nothing came, published %v", n, in)
			}
			continue
		}
		if len(in) != 1 || in[0].Value.Text != text || !slices.Equal(in[0].Value.Missing, missing) || in[0].Value.Complete != (missing == nil) {
			m.rt.Errorf("message %d %v: published %+v", n, l.came, in)
		}
	}
}
