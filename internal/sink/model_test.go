package sink

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

var modelSeeds = flag.Int("model.seeds", 0, "TestTheLoopKeepsItsBooksWhateverTheOrder: how many runs; 0: 150, or as many as two minutes have room for")

// model runs the loop's own parts (ledgers, lanes, draft, commits, partitions that are lost and come back) in any order that may come, and plays what is
// around them: the group, the SMSC, and Kafka, of which it holds what is committed. After each commit it compares the two: a record is done where it has a
// result, and nowhere else, and has one only. What goes over a wire has no part in it; that is internal/sim's.
type model struct {
	t    *testing.T
	r    *rand.Rand
	s    *Sink
	keys []tp

	values  map[tp][]string // of the records, "" has no value
	offsets map[tp]kafka.OffsetMeta
	results map[tp]map[int64]int
	read    []*message
	inHand  map[*kgo.Record][]byte // what the records of the commit in hand had for values

	commits, rests, lost int
	log                  []string
}

func (d *model) fatal(format string, a ...any) {
	d.t.Helper()
	d.t.Fatalf(format+"\n%q", append(a, d.log[max(0, len(d.log)-40):])...)
}

func (d *model) note(format string, a ...any) { d.log = append(d.log, fmt.Sprintf(format, a...)) }

func newModel(t *testing.T, seed uint64) *model {
	s, p := writing(t)
	delete(s.parts, p.tp)
	d := &model{t: t, r: rand.New(rand.NewPCG(seed, 1)), s: s, values: map[tp][]string{}, offsets: map[tp]kafka.OffsetMeta{},
		results: map[tp]map[int64]int{}, inHand: map[*kgo.Record][]byte{}}
	for i := range int32(3) {
		key := tp{"in", i}
		d.keys = append(d.keys, key)
		d.offsets[key], d.results[key] = kafka.OffsetMeta{Offset: -1}, map[int64]int{}
		d.assigned(key)
	}
	return d
}

// produced is another record, of any kind.
func (d *model) produced(key tp) {
	n := len(d.values[key])
	v := fmt.Sprintf(`{"to":"+4917%d","text":"x","metadata":{"a":"%d"}}`, n, d.r.IntN(1<<30))
	switch d.r.IntN(12) {
	case 0:
		v = ""
	case 1:
		v = `{"to":`
	case 2:
		v = long(fmt.Sprint("+4917", n))
	}
	d.values[key] = append(d.values[key], v)
	d.fetched(key, int64(n))
}

func (d *model) fetched(key tp, offset int64) {
	p := d.s.parts[key]
	m := &message{part: p, rec: &kgo.Record{Topic: key.topic, Partition: key.partition, Offset: offset, Key: []byte("k")}}
	if v := d.values[key][offset]; v != "" {
		m.rec.Value = []byte(v)
	}
	d.s.prepare(m, time.Now(), true)
	m.size = len(m.rec.Value)
	if len(p.beyond) > 0 || !d.s.enter(m) {
		p.beyond = append(p.beyond, m)
	}
	d.read = append(d.read, m)
}

// assigned gives a partition to us, with what is committed of it.
func (d *model) assigned(key tp) {
	om := d.offsets[key]
	m, _ := ledger.ParseMetadata(om.Metadata)
	d.s.install(key, om, &m, "")
	for o := max(om.Offset, 0); o < int64(len(d.values[key])); o++ {
		d.fetched(key, o)
	}
}

// elsewhere is another replica's commit for a partition that is not ours.
func (d *model) elsewhere(key tp) {
	om := d.offsets[key]
	m, _ := ledger.ParseMetadata(om.Metadata)
	meta, err := m.Restore(max(om.Offset, 0)).AppendMetadata(nil, m.N+1, "other")
	if err != nil {
		d.fatal("%v", err)
	}
	d.offsets[key] = kafka.OffsetMeta{Offset: max(om.Offset, 0), Metadata: string(meta)}
}

// answered is an answer to anything that is or was sent.
func (d *model) answered() {
	var flights []*flight
	d.read = slices.DeleteFunc(d.read, func(m *message) bool { return m.state == gone })
	for _, m := range d.read {
		for i := range m.pieces {
			if f := m.pieces[i].flight; f != nil && f.to == m.target {
				flights = append(flights, f)
			}
		}
	}
	if len(flights) == 0 {
		return
	}
	f := flights[d.r.IntN(len(flights))]
	status := []uint32{0, 0, 0, 0, 0x58, 0x0b}[d.r.IntN(6)]
	late := f.m.pieces[f.piece].flight != f || f.m.pieces[f.piece].state != offered
	switch k := d.r.IntN(16); {
	case late, k > 3:
		answer(d.s, f, smpp.Responded, status, late)
	case k > 1:
		answer(d.s, f, smpp.InDoubt, 0, false)
	default:
		answer(d.s, f, smpp.NotSent, 0, false)
	}
}

// fill is Sink.fill for accounts that have whatever room.
func (d *model) fill(c *commit) bool {
	ok := d.s.fillWith(c, time.Now(), d.grants)
	d.takes(c.Records)
	return ok
}

func (d *model) grants() []*message {
	d.s.unstall()
	clear(d.s.budget)
	for i := range d.s.budget {
		d.s.budget[i], d.s.up[i] = d.r.IntN(13), true
	}
	return d.s.grantAll(time.Now(), true)
}

// begin begins a commit of any kind.
func (d *model) begin(early bool) {
	s := d.s
	if s.inflight != nil || len(s.parts) == 0 {
		return
	}
	c := &commit{started: time.Now(), early: early}
	switch {
	case early:
		if s.lanes.count == 0 || !s.mayGrantAlone() {
			return
		}
		if c.grants = d.grants(); len(c.grants) == 0 || !s.tell(c) {
			return
		}
	case d.r.IntN(4) > 0 && s.open(c):
		d.takes(c.begun)
	case !d.fill(c):
		if len(c.finished) > 0 {
			d.fatal("%d results are dropped", len(c.finished))
		}
		return
	}
	s.inflight = c
}

// written is the answer to what a transaction was begun with.
func (d *model) written() {
	c := d.s.inflight
	d.unchanged(c.begun)
	c.open = false
	if d.s.lostOf(c) || !d.fill(c) {
		d.lost++
		d.s.draftRecords() // the loop comes by before the abort is answered
		d.ended(errLost)
		return
	}
	if len(c.Records) > 0 {
		d.rests++
	}
}

// ended is the end of the commit in hand, as Kafka has it.
func (d *model) ended(err error) {
	c := d.s.inflight
	d.note("%v: %d begun, %d more, %d finished, %d grants", err, len(c.begun), len(c.Records), len(c.finished), len(c.grants))
	d.unchanged(c.begun)
	d.unchanged(c.Records)
	if err == nil {
		d.commits++
		for _, r := range slices.Concat(c.begun, c.Records) {
			if r.Topic != d.s.cfg.Topics.Results {
				continue
			}
			v, err := record.DecodeResult(r.Value)
			if err != nil {
				d.fatal("%q: %v", r.Value, err)
			}
			d.results[tp{v.Source.Topic, v.Source.Partition}][v.Source.Offset]++
		}
		for topic, ps := range c.Offsets {
			for p, om := range ps {
				d.offsets[tp{topic, p}] = om
			}
		}
	}
	clear(d.inHand)
	d.s.afterCommit(err)
	d.audit()
}

func (d *model) takes(records []*kgo.Record) {
	for _, r := range records {
		if _, ok := d.inHand[r]; ok {
			d.fatal("a record is twice in hand")
		}
		d.inHand[r] = bytes.Clone(r.Value)
	}
}

func (d *model) unchanged(records []*kgo.Record) {
	for _, r := range records {
		if !bytes.Equal(d.inHand[r], r.Value) {
			d.fatal("a record in hand has changed: %q, was %q", r.Value, d.inHand[r])
		}
	}
}

// audit compares the ledgers with the results.
func (d *model) audit() {
	for _, key := range d.keys {
		m, err := ledger.ParseMetadata(d.offsets[key].Metadata)
		if err != nil {
			d.fatal("%v", err)
		}
		l := m.Restore(max(d.offsets[key].Offset, 0))
		for o, v := range d.values[key] {
			if n, done := d.results[key][int64(o)], l.At(int64(o)) == ledger.Done; v != "" && (n > 1 || done != (n == 1)) {
				d.fatal("%v, offset %d: done %v, %d results", key, o, done, n)
			}
		}
	}
}

func (d *model) step() {
	s, key := d.s, d.keys[d.r.IntN(len(d.keys))]
	p := s.parts[key]
	switch k := d.r.IntN(100); {
	case k < 18:
		for range 1 + d.r.IntN(4) {
			if p != nil && p.letGo == nil {
				d.produced(key)
			}
		}
	case k < 50:
		d.answered()
	case k < 58:
		d.begin(true)
	case k < 70:
		d.begin(false)
	case k < 84:
		d.commitAnswers(key)
	case k < 90:
		s.draftRecords()
	case k < 92:
		s.retriesDue(time.Now().Add(time.Hour))
	case k < 94 && p != nil:
		d.note("lost %v", key)
		s.lose(p)
	case k < 95 && p != nil && p.letGo == nil:
		d.note("let go %v", key)
		s.beginLetGo(p)
	case k < 99 && p == nil && s.inflight == nil && len(s.afterCommits) == 0:
		if d.r.IntN(3) == 0 {
			d.elsewhere(key)
		}
		d.note("assigned %v", key)
		d.assigned(key)
	case s.inflight == nil:
		s.draft.age(&s.submitted)
	}
}

// commitAnswers is Kafka's answer to the commit in hand, or what waits for it.
func (d *model) commitAnswers(key tp) {
	s, c := d.s, d.s.inflight
	switch {
	case c == nil:
		return
	case s.parts[key] == nil && d.r.IntN(3) == 0 && len(s.afterCommits) == 0:
		d.note("assigned %v, after the commit", key)
		s.afterCommits = append(s.afterCommits, func() { d.assigned(key) })
		return
	}
	for range d.r.IntN(6) { // SMSCs' answers that come together with it
		d.answered()
	}
	refused := d.r.IntN(5) == 0
	switch {
	case refused:
		d.ended([]error{kafka.ErrAborted, kafka.ErrNotMember, kafka.ErrTooLarge}[d.r.IntN(3)])
	case c.open:
		d.written()
	default:
		d.ended(nil)
	}
}

// finish gives everything back to us, and answers and commits until nothing is left.
func (d *model) finish() {
	s := d.s
	for n := 0; ; n++ {
		if n == 5000 {
			d.fatal("it does not come to an end: %d in lanes, %d to be tried again, %d verdicts, %d finished", s.lanes.count, len(s.retries), s.verdicts.len(), len(s.draft.messages))
		}
		if s.inflight != nil && s.inflight.open {
			d.written()
			continue
		}
		if s.inflight != nil {
			d.ended(nil)
			continue
		}
		for _, key := range d.keys {
			p := s.parts[key]
			if p != nil && p.letGo != nil {
				s.lose(p)
				p = nil
			}
			if p == nil {
				d.assigned(key)
			}
		}
		s.retriesDue(time.Now().Add(time.Duration(n+2) * time.Hour))
		open := false
		for _, m := range d.read {
			for i := range m.pieces {
				if pc := &m.pieces[i]; m.state != gone && pc.flight != nil && pc.state == offered {
					open = true
					answer(s, pc.flight, smpp.Responded, 0, false)
				}
			}
		}
		s.draftRecords()
		d.begin(false)
		if s.inflight == nil && !open && s.lanes.count == 0 && len(s.retries) == 0 && s.verdicts.len() == 0 && len(s.draft.messages) == 0 {
			break
		}
	}
	for _, key := range d.keys {
		p := s.parts[key]
		if p.ledger.C() != int64(len(d.values[key])) || p.unwritten != 0 || p.owing != 0 || p.sending != 0 || p.queued != 0 || p.bytes != 0 || s.leaving != 0 {
			d.fatal("%v at the end: C is %d of %d, %d unwritten, %d owed, %d sent, %d queued, %d bytes, %d leaving",
				key, p.ledger.C(), len(d.values[key]), p.unwritten, p.owing, p.sending, p.queued, p.bytes, s.leaving)
		}
	}
}

func TestTheLoopKeepsItsBooksWhateverTheOrder(t *testing.T) {
	t.Parallel()
	var commits, rests, lost int
	n, end := *modelSeeds, time.Time{}
	if n == 0 {
		n, end = 150, time.Now().Add(2*time.Minute)
	}
	for seed := range uint64(n) {
		if !end.IsZero() && time.Now().After(end) {
			break
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := newModel(t, seed)
			for range 1500 {
				d.step()
			}
			d.finish()
			commits, rests, lost = commits+d.commits, rests+d.rests, lost+d.lost
		})
	}
	t.Logf("%d commits, %d of them with results that came while they were written, %d aborted for a partition that was lost meanwhile", commits, rests, lost)
	if commits == 0 || rests == 0 || lost == 0 {
		t.Error("not all of it was tried")
	}
}
