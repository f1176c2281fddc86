package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func one(t *testing.T, w *world) record.Receipt {
	t.Helper()
	if len(w.receipts) != 1 {
		t.Fatalf("%d receipts, want 1: %+v", len(w.receipts), w.receipts)
	}
	return w.receipts[0].Value
}

func setup(t *testing.T) *world {
	t.Parallel()
	return newWorld(t, newStore(t), 3, nil)
}

var greeting = message{id: "m1", smsc: "a", response: "10C8F40D", to: "+491701234567", from: "12345", receipts: "final", offset: 9, metadata: `{"k":"v"}`}

func TestAReceiptIsPublishedWithItsMessagesOwnFields(t *testing.T) {
	w := setup(t)
	w.submit(greeting)
	w.deliverReceipt("a", receiptText("281605133", "DELIVRD"), "491701234567", "12345")
	w.run()
	r := one(t, w)
	if r.ID != "m1" || r.MessageID != "10C8F40D" || r.Part != 1 || r.Parts != 1 || r.To != "+491701234567" || r.From != "12345" || !r.Correlated ||
		r.Source == nil || r.Source.Offset != 9 || string(r.Metadata) != `{"k":"v"}` || r.State != "DELIVERED" || !r.Final || r.SMSC != "a" || !r.ReceivedAt.Equal(start) {
		t.Fatalf("receipt %+v", r)
	}
	if string(w.receipts[0].Key) != "key-m1" {
		t.Fatalf("key %q", w.receipts[0].Key)
	}
	if !strings.HasPrefix(string(r.Raw.ShortMessage), "id:281605133") {
		t.Fatalf("raw %q", r.Raw.ShortMessage)
	}
}

func TestANullKeyStaysNull(t *testing.T) {
	w := setup(t)
	s := record.Submission{Kind: record.KindFiled, SMSC: "a", Key: record.ReceiptKey("a", "x1"), MessageID: "x1", ID: "m", SubmittedAt: w.now, Receipts: "final"}
	p := record.PartitionOf(s.Key, 3)
	w.partitions[p].submitted = append(w.partitions[p].submitted, record.AppendSubmission(nil, &s))
	w.deliverReceipt("a", receiptText("x1", "DELIVRD"), "1", "2")
	w.run()
	if one(t, w); w.receipts[0].Key != nil {
		t.Fatalf("key %q", w.receipts[0].Key)
	}
}

func TestAReceiptThatComesBeforeItsSubmissionWaitsForIt(t *testing.T) {
	w := setup(t)
	w.deliverReceipt("a", receiptText("10C8F40D", "ENROUTE"), "491701234567", "12345")
	w.deliverReceipt("a", receiptText("10C8F40D", "DELIVRD"), "491701234567", "12345")
	w.pass(30 * time.Second)
	if len(w.receipts) != 0 {
		t.Fatalf("published too early: %+v", w.receipts)
	}
	w.restart()
	w.submit(greeting)
	w.pass(2 * time.Minute)
	if len(w.receipts) != 2 || w.receipts[0].Value.State != "ENROUTE" || w.receipts[1].Value.State != "DELIVERED" || !w.receipts[0].Value.Correlated {
		t.Fatalf("receipts %+v", w.receipts)
	}
	w.compact()
	for p, tp := range w.partitions {
		if len(tp.waiting) != 0 {
			t.Errorf("partition %d still has %d entries waiting", p, len(tp.waiting))
		}
	}
}

func TestAReceiptWithoutItsSubmissionIsPublishedAsItCameWhenItsTimeIsOver(t *testing.T) {
	w := setup(t)
	w.deliverReceipt("a", receiptText("0Abc", "UNDELIV"), "491701234567", "12345")
	w.pass(59 * time.Second)
	if len(w.receipts) != 0 {
		t.Fatal("published too early")
	}
	w.pass(time.Second)
	r := one(t, w)
	if r.Correlated || r.ID != "" || r.MessageID != "0Abc" || r.From != "491701234567" || r.To != "12345" || r.Source != nil || string(w.receipts[0].Key) != "0Abc" {
		t.Fatalf("receipt %+v, key %q", r, w.receipts[0].Key)
	}
}

func TestAReceiptThatRepeatsIsPublishedOnce(t *testing.T) {
	for name, submitted := range map[string]bool{"with its message": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			if submitted {
				w.submit(greeting)
			}
			for range 3 {
				w.deliverReceipt("a", receiptText("10C8F40D", "DELIVRD"), "491701234567", "12345")
				w.pass(2 * time.Minute)
				w.loseStore()
				w.restart()
			}
			one(t, w)
			if w.events.RepeatedReceipts != 2 {
				t.Fatalf("%d repetitions counted", w.events.RepeatedReceipts)
			}
		})
	}
}

func TestADifferentReceiptAfterTheFinalOneStillFindsItsMessage(t *testing.T) {
	w := setup(t)
	w.submit(greeting)
	for _, stat := range []string{"ENROUTE", "DELIVRD", "UNDELIV"} {
		w.deliverReceipt("a", receiptText("10C8F40D", stat), "491701234567", "12345")
		w.pass(time.Hour)
	}
	if len(w.receipts) != 3 || w.receipts[2].Value.ID != "m1" {
		t.Fatalf("receipts %+v", w.receipts)
	}
}

func TestAMessageWithoutItsFinalReceiptGetsOneFinalUnknown(t *testing.T) {
	for _, c := range []struct {
		receipts string
		stat     string // of the receipt that comes; "" none
		want     bool
	}{
		{"final", "", true}, {"all", "ENROUTE", true}, {"final", "UNDELIV", false}, {"failure", "", false}, {"all", "DELIVRD", false},
	} {
		t.Run(c.receipts+" "+c.stat, func(t *testing.T) {
			w := setup(t)
			m := greeting
			m.receipts = c.receipts
			w.submit(m)
			if c.stat != "" { // under the decimal form: an alias
				w.deliverReceipt("a", receiptText("281605133", c.stat), "491701234567", "12345")
			}
			w.pass(71 * time.Hour)
			before := len(w.receipts)
			w.pass(time.Hour)
			w.loseStore() // and again from the log: nothing is told twice
			w.restart()
			w.pass(time.Hour)
			if got := len(w.receipts) - before; got != 1 && c.want || got != 0 && !c.want {
				t.Fatalf("%d receipts at the end: %+v", got, w.receipts[before:])
			}
			if !c.want {
				return
			}
			r := w.receipts[before]
			if v := r.Value; !r.Unanswered || v.State != "UNKNOWN" || !v.Final || v.Stat != "" || v.ID != "m1" || v.MessageID != "10C8F40D" || !v.Correlated || string(r.Key) != "key-m1" {
				t.Fatalf("receipt %+v", r)
			}
		})
	}
}

func TestNothingIsLeftWhenAllTimesAreOver(t *testing.T) {
	w := setup(t)
	for i := range 50 {
		w.submit(message{id: fmt.Sprint(i), smsc: "a", response: fmt.Sprintf("%d", 1000+i), to: fmt.Sprint(4917000000 + i), from: "12345", receipts: "all", offset: int64(i)})
		w.deliverReceipt("a", receiptText(fmt.Sprint(2000+i), "DELIVRD"), "1", "2")
		w.deliverPart("491", "2", byte(i), 2, 1, "half")
		w.deliverPart("492", "2", byte(i), 2, 1, "whole")
		w.deliverPart("492", "2", byte(i), 2, 2, "whole")
	}
	w.pass(time.Hour)
	w.pass(72 * time.Hour)
	w.pass(72 * time.Hour)
	w.compact()
	for p, tp := range w.partitions {
		if c := tp.e.Counts(); c != (Counts{}) || len(tp.waiting) != 0 {
			t.Errorf("partition %d: %+v, %d waiting", p, c, len(tp.waiting))
		}
		b := w.db.NewBatch()
		if due := b.SeeDue(nil, int32(p), 's', 0, 1<<60, 10); len(due) != 0 {
			t.Errorf("refs left: %v", due)
		}
		for i := range 50 {
			key := record.SubscriberKey(sms.NormalNumber(fmt.Sprint(4917000000+i)), "12345")
			if last := b.Find(nil, int32(p), store.Last, hashOf(key), 1); len(last) != 0 {
				t.Errorf("the last message to subscriber %d is left", i)
			}
		}
		b.Close()
	}
}

func TestIDsThatOnlyLookAlikeAreNotJoined(t *testing.T) {
	w := setup(t)
	// 4096 is both the decimal of 0x1000 and another message's own id.
	w.submit(message{id: "hex", smsc: "a", response: "1000", to: "491700000001", from: "1", receipts: "final"})
	w.deliverReceipt("a", receiptText("4096", "DELIVRD"), "491700000002", "1")
	w.run()
	if len(w.receipts) != 0 {
		t.Fatalf("joined to another's message: %+v", w.receipts)
	}
	w.submit(message{id: "same", smsc: "a", response: "4096", to: "491700000002", from: "1", receipts: "final"})
	w.submit(message{id: "other smsc", smsc: "b", response: "4096", to: "491700000002", from: "1", receipts: "final"})
	w.run()
	if r := one(t, w); r.ID != "same" {
		t.Fatalf("joined to %q", r.ID)
	}
	w.deliverReceipt("a", receiptText("4096", "UNDELIV"), "491700000001", "1")
	w.run()
	if r := w.receipts[1].Value; r.ID != "hex" {
		t.Fatalf("joined to %q", r.ID)
	}
}

func TestEveryReceiptVectorComesThrough(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name, Text string
			Received   time.Time
			Want       map[string]any
		}
	}
	load(t, "testdata/receipts.json", &file)
	db := newStore(t)
	for _, v := range file.Vectors {
		for _, early := range []bool{false, true} {
			w := newWorld(t, db, 2, nil)
			w.now = v.Received.Add(-time.Second)
			m := message{id: v.Name, smsc: "a", response: v.Want["message_id"].(string), to: "491701234567", from: "12345", receipts: "all"}
			if !early {
				w.submit(m)
			}
			w.now = v.Received
			w.deliverReceipt("a", v.Text, "491701234567", "12345")
			w.run()
			if early {
				w.submit(m)
				w.run()
			}
			if len(w.receipts) != 1 {
				t.Errorf("%s: %d receipts", v.Name, len(w.receipts))
				continue
			}
			r := w.receipts[0].Value
			var got map[string]any
			if err := json.Unmarshal(r.AppendJSON(nil), &got); err != nil {
				t.Fatal(err)
			}
			if got["correlated"] != true || got["id"] != v.Name {
				t.Errorf("%s: not joined: %v", v.Name, got)
			}
			for _, field := range []string{"message_id", "stat", "state", "final", "error", "submitted_at", "done_at"} {
				want, have := v.Want[field], got[field]
				if strings.HasSuffix(field, "_at") && want != nil {
					at, err := time.Parse(time.RFC3339Nano, want.(string))
					if err != nil {
						t.Fatal(err)
					}
					want = at.UTC().Format("2006-01-02T15:04:05.000Z")
				}
				if have != want {
					t.Errorf("%s: %s is %v, want %v", v.Name, field, have, want)
				}
			}
		}
	}
}

func TestEveryPairOfIDsIsJoined(t *testing.T) {
	t.Parallel()
	var file struct {
		Pairs []struct{ Response, Receipt, Form string }
	}
	load(t, "testdata/message-ids.json", &file)
	db := newStore(t)
	for _, pair := range file.Pairs {
		form, ok := sms.ParseIDForm(pair.Form)
		if !ok {
			t.Fatalf("form %q", pair.Form)
		}
		for name, prepare := range map[string]func() *world{
			"named":       func() *world { return newWorld(t, db, 3, map[string]sms.IDForm{"a": form}) },
			"not learned": func() *world { return newWorld(t, db, 3, nil) },
			"learned": func() *world {
				w := newWorld(t, db, 3, nil)
				for range learnAfter {
					w.forms.Observe("a", pair.Response, pair.Receipt, true)
				}
				if w.forms.Of("a") != form {
					t.Fatalf("learned %v from %+v", w.forms.Of("a"), pair)
				}
				return w
			},
		} {
			w := prepare()
			w.submit(message{id: "m", smsc: "a", response: pair.Response, to: "491701234567", from: "12345", receipts: "final"})
			for i, p := range file.Pairs { // and others of the same form beside it
				if p.Form == pair.Form && p.Response != pair.Response {
					w.submit(message{id: "other", smsc: "a", response: p.Response, to: "491701234568", from: "12345", receipts: "final", offset: int64(1 + i)})
				}
			}
			w.deliverReceipt("a", receiptText(pair.Receipt, "DELIVRD"), "491701234567", "12345")
			w.run()
			if len(w.receipts) != 1 || w.receipts[0].Value.ID != "m" || w.receipts[0].Value.MessageID != pair.Response {
				t.Errorf("%s %+v: %+v", name, pair, w.receipts)
			}
		}
	}
}

func load(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnSMSCThatGivesEveryMessageTheSameIDIsBorne(t *testing.T) {
	w := setup(t)
	for i := range 3 * maxCandidates {
		w.submit(message{id: fmt.Sprint(i), smsc: "a", response: "0", to: fmt.Sprint(491700000000 + i), from: "1", receipts: "final", offset: int64(i)})
	}
	w.deliverReceipt("a", receiptText("0", "DELIVRD"), "491700000001", "1")
	w.pass(time.Hour)
	w.pass(72 * time.Hour)
	if got := len(w.receipts); got < 3*maxCandidates {
		t.Fatalf("%d receipts for %d messages", got, 3*maxCandidates)
	}
}

// What is put after a Tick of the same output, and is due before that Tick's time, must not
// be passed over by the Ticks that follow.
func TestWhatComesLateIsDueAllTheSame(t *testing.T) {
	w := setup(t)
	w.deliverReceipt("a", receiptText("abc", "DELIVRD"), "1", "2")
	w.now = w.now.Add(time.Hour)
	for p, tp := range w.partitions {
		out := NewOutput(w.db)
		if _, err := tp.e.Tick(w.now, out); err != nil {
			t.Fatal(err)
		}
		for d := range tp.deliver {
			if err := tp.e.ApplyDeliver(int64(d), tp.deliver[d], out); err != nil {
				t.Fatal(err)
			}
		}
		w.end(out, committed)
		tp.doneDel = len(tp.deliver)
		w.tick(p, committed)
	}
	one(t, w)
}

// FuzzWaiting reads records of `waiting` that anybody may have written.
func FuzzWaiting(f *testing.F) {
	key := []byte(waitingRecordKey('P', groupKey(&received{Delivery: delivery.Delivery{From: "1", To: "2", Concat: delivery.Concat{Kind: '8', Ref: 1, Total: 2, Seq: 1}}}), 1))
	f.Add(key, appendWaiting(nil, kindPart, 5, 6, append(make([]byte, partHead), "envelope"...)))
	f.Add([]byte(waitingRecordKey('E', record.ReceiptKey("a", "1"), 7)), appendWaiting(nil, kindEarly, 5, 6, []byte("envelope")))
	f.Add([]byte(waitingRecordKey('E', record.ReceiptKey("a", "1"), 7)), appendWaiting(nil, kindSeen, 5, 6, nil))
	f.Add(append(key[:len(key)-8], 0, 0, 0, 0, 0, 0, 0, 0), appendWaiting(nil, kindJoined, 5, 6, make([]byte, 16)))
	f.Add([]byte("P12345678"), []byte(nil))
	db := newStore(f)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		w := newWorld(t, db, 1, nil)
		e := w.partitions[0].e
		var se *StoreError
		if err := e.FoldWaiting(0, key, value); errors.As(err, &se) {
			t.Fatal(err)
		}
		w.must(e.Restored())
		w.deliverPart("1", "2", 1, 2, 2, "other half")
		w.run()
		w.pass(80 * time.Hour)
		w.pass(80 * time.Hour)
		if c := e.Counts(); c.Early != 0 || c.Others != 0 {
			t.Fatalf("left: %+v", c)
		}
	})
}

// TestReceiptsOfDifferentSubscribersAreNotTakenForOne though they say the same word for word: carriers are there that give one id to several messages, or none in the receipt.
func TestReceiptsOfDifferentSubscribersAreNotTakenForOne(t *testing.T) {
	t.Parallel()
	t.Run("one id", func(t *testing.T) {
		w := setup(t)
		for i, to := range []string{"+491701234567", "+491709999999"} {
			w.submit(message{id: to, smsc: "a", response: "77aabbccdd", to: to, from: "12345", receipts: "final", offset: int64(i)})
		}
		w.run()
		for _, from := range []string{"491701234567", "491709999999"} {
			w.deliverReceipt("a", receiptText("77aabbccdd", "DELIVRD"), from, "12345")
		}
		w.run()
		w.pass(80 * time.Hour)
		got := map[string]string{}
		for _, r := range w.receipts {
			got[r.Value.ID] += string(r.Value.State)
		}
		if len(got) != 2 || got["+491701234567"] != "DELIVERED" || got["+491709999999"] != "DELIVERED" {
			t.Errorf("%v: the SMSC said DELIVERED of both", got)
		}
	})
	for name, text := range map[string]string{"no id": "sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:DELIVRD err:000 text:hello", "a state alone": ""} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			for i := range 40 { // each twice
				sm := &wire.SM{Source: wire.Address{Addr: fmt.Appendf(nil, "4917012345%02d", i/2)}, Dest: wire.Address{Addr: []byte("12345")}, ESMClass: 4, ShortMessage: []byte(text)}
				if text == "" {
					sm.TLVs = []wire.TLV{{Tag: wire.TagMessageState, Value: []byte{2}}}
				}
				w.deliver("a", sm)
			}
			w.run()
			if len(w.receipts) != 20 || w.events.RepeatedReceipts != 20 {
				t.Errorf("of 20 receipts that came twice %d are published, %d repeated", len(w.receipts), w.events.RepeatedReceipts)
			}
		})
	}
}
