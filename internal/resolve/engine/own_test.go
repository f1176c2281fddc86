package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func TestWhatAnEngineHasSettledItselfIsNotLookedUpAgain(t *testing.T) {
	w := newWorld(t, newStore(t), 1, map[string]sms.IDForm{"a": sms.FormSame})
	tp := w.partitions[0]
	w.submit(greeting)
	w.deliverReceipt("a", receiptText(greeting.response, "ENROUTE"), "491701234567", "12345")
	w.step(0, 9, 9, committed)
	if len(tp.e.own) != 1 || len(tp.submitted) != 2 {
		t.Fatalf("%d settlements of its own, %d records submitted", len(tp.e.own), len(tp.submitted))
	}
	w.step(0, 9, 9, committed)
	if len(tp.e.own) != 0 || tp.e.Position() != 2 {
		t.Fatalf("%d settlements are still waited for, at position %d", len(tp.e.own), tp.e.Position())
	}
	// A new owner reads it, and knows the receipt.
	w.loseStore()
	w.restart()
	w.deliverReceipt("a", receiptText(greeting.response, "ENROUTE"), "491701234567", "12345")
	w.run()
	if len(w.receipts) != 1 || w.events.RepeatedReceipts != 1 {
		t.Fatalf("%d receipts, %d repeated", len(w.receipts), w.events.RepeatedReceipts)
	}
}

// What another engine has settled, or a former owner, must be read.
func TestWhatOthersHaveSettledIsRead(t *testing.T) {
	w := newWorld(t, newStore(t), 3, nil)
	m := greeting
	var hex, dec string
	for id := 0x10000; ; id++ { // filed under its decimal form too, in another partition
		m.response, dec = fmt.Sprintf("%08X", id), fmt.Sprint(id)
		hex = record.ReceiptKey("a", sms.NormalID(m.response))
		if record.PartitionOf(hex, 3) != record.PartitionOf(record.ReceiptKey("a", dec), 3) {
			break
		}
	}
	w.submit(m)
	w.run()
	w.deliverReceipt("a", receiptText(dec, "DELIVRD"), "491701234567", "12345")
	w.run()
	if tp := w.partitions[record.PartitionOf(hex, 3)]; len(w.receipts) != 1 || len(tp.e.own) != 0 {
		t.Fatalf("%d receipts, %d of its own", len(w.receipts), len(tp.e.own))
	}
	w.pass(80 * time.Hour)
	if len(w.receipts) != 1 {
		t.Fatalf("it got an UNKNOWN besides: %+v", w.receipts)
	}
}

func TestSettlementsThatNeverComeBackAreForgotten(t *testing.T) {
	var o own
	for i := range 3 * maxOwn {
		o.add([]byte{byte(i), byte(i >> 8)})
	}
	last := 3*maxOwn - 1
	if len(o) != maxOwn || !o.take([]byte{byte(last), byte(last >> 8)}) || o.take([]byte{byte(last), byte(last >> 8)}) || o.take([]byte{0, 0}) {
		t.Fatalf("%d are kept, want %d: the latest", len(o), maxOwn)
	}
}
