package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// ask lets all partitions ask once, at most so much.
func (w *world) ask(most int) (asked []Question) {
	for _, p := range w.partitions {
		out := NewOutput(w.db)
		w.must(p.e.Overdue(w.now, "a", time.Hour, out, func(q Question) bool {
			if len(asked) == most {
				return false
			}
			asked = append(asked, q)
			return true
		}))
		out.Abort()
	}
	return asked
}

// TestAnAnswerFindsItsMessageAfterTheFormWasLearned: the message was filed while nobody knew how the SMSC writes ids in receipts. The answer names it as it was filed first.
func TestAnAnswerFindsItsMessageAfterTheFormWasLearned(t *testing.T) {
	w := setup(t)
	submit := func(id, response string) {
		w.submit(message{id: id, smsc: "a", response: response, to: "+491701234567", from: "12345", receipts: "final"})
	}
	submit("quiet", "1F4A")
	for i := range learnAfter {
		submit(fmt.Sprint("m", i), fmt.Sprintf("%X", 0x2AB0+i))
	}
	w.run()
	for i := range learnAfter {
		w.deliverReceipt("a", receiptText(fmt.Sprint(0x2AB0+i), "DELIVRD"), "491701234567", "12345")
	}
	w.run()
	w.receipts, w.now = nil, w.now.Add(90*time.Minute)
	asked := w.ask(10)
	if len(asked) != 1 {
		t.Fatalf("asked for %+v", asked)
	}
	id := asked[0].Key[len(record.ReceiptKey("a", "")):]
	sm := wire.SM{ESMClass: 4, ShortMessage: []byte(receiptText(id, "DELIVRD")), TLVs: []wire.TLV{{Tag: wire.TagReceiptedMessageID, Value: append([]byte(id), 0)}, {Tag: wire.TagMessageState, Value: []byte{2}}}}
	pdu, err := sm.AppendDeliver(nil, 0)
	w.must(err)
	answer := record.Deliver{SMSC: "a", CommandID: wire.QuerySMResp, ReceivedAt: w.now, Body: pdu[wire.HeaderLen:]}
	p := w.partitions[record.PartitionOf(asked[0].Key, w.conf.Partitions)]
	p.deliver = append(p.deliver, answer.Append(nil))
	w.run()
	w.pass(80 * time.Hour)
	if r := one(t, w); r.ID != "quiet" || r.State != "DELIVERED" || !r.Correlated {
		t.Errorf("%+v", r)
	}
}

// TestMoreOfOneMillisecondThanMayBeAskedAtOnceAreAskedInTurn, though none of them is final: a batch is sent within one.
func TestMoreOfOneMillisecondThanMayBeAskedAtOnceAreAskedInTurn(t *testing.T) {
	w := setup(t)
	const n = 60
	for i := range n {
		w.submit(message{id: fmt.Sprint("m", i), smsc: "a", response: fmt.Sprintf("%x-id", 0x2AB000+i), to: "+491701234567", from: "12345", receipts: "final"})
	}
	w.run()
	w.now = w.now.Add(90 * time.Minute)
	times := map[string]int{}
	for range 20 {
		for _, q := range w.ask(10) {
			times[q.MessageID]++
		}
		w.now = w.now.Add(time.Second)
	}
	for id, k := range times {
		if k != 1 {
			t.Errorf("%s was asked for %d times", id, k)
		}
	}
	if len(times) != n {
		t.Errorf("%d of %d were asked for", len(times), n)
	}
}
