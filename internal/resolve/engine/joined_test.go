package engine

import (
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// TestAnEngineThatIsRestoredInTheMiddleOfAnOutputFindsWhatItHasFolded: partitions come while a transaction is in the making for those that
// are there already.
func TestAnEngineThatIsRestoredInTheMiddleOfAnOutputFindsWhatItHasFolded(t *testing.T) {
	w := setup(t)
	w.submit(greeting)
	key := record.ReceiptKey("a", "10C8F40D")
	late := record.PartitionOf(key, 3)
	there := w.partitions[(late+1)%3].e

	out := NewOutput(w.db)
	defer out.Abort()
	w.deliverReceipt("b", receiptText("1F", "DELIVRD"), "491709999999", "12345") // whichever partition it belongs to
	for _, tp := range w.partitions {
		for _, v := range tp.deliver {
			w.must(there.ApplyDeliver(0, v, out)) // it looks for an origin, in the store of then
		}
	}

	c := w.conf
	c.Partition, c.Forms = late, w.forms
	e, err := New(c, w.db)
	w.must(err)
	for o, v := range w.partitions[late].submitted {
		w.must(e.FoldSubmitted(int64(o), v))
	}
	w.must(e.Restored())
	for _, tp := range w.partitions {
		tp.deliver = nil
	}
	w.deliverReceipt("a", receiptText("10C8F40D", "DELIVRD"), "491701234567", "12345")
	for _, v := range w.partitions[late].deliver {
		w.must(e.ApplyDeliver(0, v, out))
	}
	if len(out.Receipts) != 1 || !out.Receipts[0].Value.Correlated || out.Receipts[0].Value.ID != "m1" {
		t.Fatalf("receipts %+v, want the one of m1", out.Receipts)
	}
}
