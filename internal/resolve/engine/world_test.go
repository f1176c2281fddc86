package engine

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// world is Kafka as far as engines know it: logs, committed offsets, and what was
// published. Transactions are atomic because a step either happens or does not.
type world struct {
	t          testing.TB
	db         *store.DB
	now        time.Time
	partitions []*topicPartition
	forms      *Forms
	fixed      map[string]sms.IDForm
	receipts   []Receipt
	inbound    []Inbound
	events     Events
	conf       Config
}

type topicPartition struct {
	submitted, deliver [][]byte
	waiting            []Waiting
	doneSub, doneDel   int // committed offsets
	e                  *Engine
}

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newStore(t testing.TB) *store.DB {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return db
}

func newWorld(t testing.TB, db *store.DB, partitions int, fixed map[string]sms.IDForm) *world {
	w := &world{t: t, db: db, now: start, fixed: fixed, forms: NewForms(fixed),
		conf: Config{Partitions: int32(partitions), DeliverTopic: "smpp.deliver", MatchWait: time.Minute, ReceiptWait: 72 * time.Hour, PartsWait: 10 * time.Hour}}
	for p := range partitions {
		w.partitions = append(w.partitions, &topicPartition{})
		if err := db.Wipe(int32(p)); err != nil {
			t.Fatal(err)
		}
	}
	w.restart()
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// restart makes new engines, as a process does that takes all partitions over.
func (w *world) restart() {
	w.forms = NewForms(w.fixed)
	for p, tp := range w.partitions {
		c := w.conf
		c.Partition, c.Forms = int32(p), w.forms
		e, err := New(c, w.db)
		w.must(err)
		for o := int(e.Position()); o < len(tp.submitted); o++ {
			w.must(e.FoldSubmitted(int64(o), tp.submitted[o]))
		}
		for o, r := range tp.waiting {
			w.must(e.FoldWaiting(int64(o), r.Key, r.Value))
		}
		w.must(e.Restored())
		tp.e = e
	}
}

func (w *world) loseStore() {
	for p := range w.partitions {
		w.must(w.db.Wipe(int32(p)))
	}
}

// compact does to `waiting` what Kafka's log cleaner does.
func (w *world) compact() {
	for _, tp := range w.partitions {
		last := map[string]int{}
		for i, r := range tp.waiting {
			last[string(r.Key)] = i
		}
		var kept []Waiting
		for i, r := range tp.waiting {
			if last[string(r.Key)] == i && r.Value != nil {
				kept = append(kept, r)
			}
		}
		tp.waiting = kept
	}
}

type outcome int

const (
	committed outcome = iota
	diedBefore
	diedBetween // after the transaction, before the store
)

// step applies up to n records of each topic of a partition, and ends in one way.
func (w *world) step(p, sub, del int, how outcome) {
	tp := w.partitions[p]
	out := NewOutput(w.db)
	s, d := tp.doneSub, tp.doneDel
	for ; s < len(tp.submitted) && sub > 0; s, sub = s+1, sub-1 {
		w.must(tp.e.ApplySubmitted(int64(s), tp.submitted[s], out))
	}
	for ; d < len(tp.deliver) && del > 0; d, del = d+1, del-1 {
		w.must(tp.e.ApplyDeliver(int64(d), tp.deliver[d], out))
	}
	if w.end(out, how) {
		tp.doneSub, tp.doneDel = s, d
	}
	if how != committed {
		w.restart()
	}
}

// tick expires what is due, where all that came was applied.
func (w *world) tick(p int, how outcome) {
	tp := w.partitions[p]
	if tp.doneSub < len(tp.submitted) || tp.doneDel < len(tp.deliver) {
		return
	}
	for more := true; more; {
		out := NewOutput(w.db)
		var err error
		more, err = tp.e.Tick(w.now, out)
		w.must(err)
		w.end(out, how)
		if how != committed {
			w.restart()
			return
		}
	}
}

func (w *world) end(out *Output, how outcome) bool {
	w.must(out.Err())
	if how == diedBefore {
		out.Abort()
		return false
	}
	w.receipts = append(w.receipts, out.Receipts...)
	w.inbound = append(w.inbound, out.Inbound...)
	w.events.RepeatedReceipts += out.Events.RepeatedReceipts
	w.events.RepeatedParts += out.Events.RepeatedParts
	w.events.Unreadable += out.Events.Unreadable
	out.Settled(func(p int32, value []byte) {
		w.partitions[p].submitted = append(w.partitions[p].submitted, slices.Clone(value))
	})
	out.Waiting(func(r Waiting) {
		w.partitions[r.Partition].waiting = append(w.partitions[r.Partition].waiting, r)
	})
	if how == diedBetween {
		out.Abort()
	} else {
		w.must(out.Commit())
	}
	return true
}

// run applies everything until nothing is left.
func (w *world) run() {
	for again := true; again; {
		again = false
		for p, tp := range w.partitions {
			if tp.doneSub < len(tp.submitted) || tp.doneDel < len(tp.deliver) {
				w.step(p, 7, 7, committed)
				again = true
			}
		}
	}
}

// pass lets time go by and everything expire that is due.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.run()
	for p := range w.partitions {
		w.tick(p, committed)
	}
	w.run()
}

// message is what a test submits.
type message struct {
	id, smsc, response string
	to, from           string
	part, parts        int
	receipts           string
	offset             int64
	metadata           string
}

// submit files a message as the sink does: under every key that its receipts may have.
func (w *world) submit(m message) {
	if m.parts == 0 {
		m.part, m.parts = 1, 1
	}
	s := record.Submission{Kind: record.KindFiled, SMSC: m.smsc, MessageID: m.response, ID: m.id, RecordKey: []byte("key-" + m.id), Part: m.part, Parts: m.parts,
		To: m.to, From: m.from, Source: record.Source{Topic: "sms.outbound", Offset: m.offset, Timestamp: w.now}, SubmittedAt: w.now, Receipts: m.receipts}
	if m.metadata != "" {
		s.Metadata = []byte(m.metadata)
	}
	packs := map[int32][]byte{}
	add := func() {
		p := record.PartitionOf(s.Key, w.conf.Partitions)
		packs[p] = record.AppendSubmission(packs[p], &s)
	}
	keys := sms.FilingKeys(nil, m.response, w.forms.Of(m.smsc))
	for i, k := range keys {
		s.Key = record.ReceiptKey(m.smsc, k)
		if i == 1 {
			s.PrimaryKey = record.ReceiptKey(m.smsc, keys[0])
		}
		add()
	}
	s.Kind, s.PrimaryKey = record.KindLast, ""
	s.Key = record.SubscriberKey(sms.NormalNumber(m.to), sms.NormalNumber(m.from))
	add()
	for p, value := range packs {
		w.partitions[p].submitted = append(w.partitions[p].submitted, value)
	}
}

// deliver is what the source does with a deliver_sm.
func (w *world) deliver(smsc string, sm *wire.SM) {
	pdu, err := sm.AppendDeliver(nil, 1)
	w.must(err)
	d := record.Deliver{SMSC: smsc, CommandID: wire.DeliverSM, ReceivedAt: w.now, Body: pdu[wire.HeaderLen:]}
	envelope := d.Append(nil)
	e := Engine{}
	in, ok := e.readDelivery(envelope)
	if !ok {
		w.t.Fatal("an unreadable deliver_sm was to be delivered")
	}
	key := record.SubscriberKey(sms.NormalNumber(in.From), sms.NormalNumber(in.To))
	if in.IsReceipt && in.ReceiptID != "" {
		key = record.ReceiptKey(smsc, in.ReceiptID)
	}
	tp := w.partitions[record.PartitionOf(key, w.conf.Partitions)]
	tp.deliver = append(tp.deliver, envelope)
}

const esmReceipt = 0x04

func (w *world) deliverReceipt(smsc, text, from, to string) {
	w.deliver(smsc, &wire.SM{Source: wire.Address{Addr: []byte(from)}, Dest: wire.Address{Addr: []byte(to)}, ESMClass: esmReceipt, ShortMessage: []byte(text)})
}

func receiptText(id, stat string) string {
	return fmt.Sprintf("id:%s sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:%s err:000 text:hello", id, stat)
}

// deliverPart delivers a part with an 8-bit reference.
func (w *world) deliverPart(from, to string, ref, total, seq byte, text string) {
	ud := append([]byte{5, 0, 3, ref, total, seq}, text...)
	w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte(from)}, Dest: wire.Address{Addr: []byte(to)}, ESMClass: 0x40, ShortMessage: ud})
}
