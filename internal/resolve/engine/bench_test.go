package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// BenchmarkJoin is a message's life in an engine with a million submissions: filed under
// its keys, its receipt joined, its settlement read back, and expiry.
func BenchmarkJoin(b *testing.B) {
	w := newWorld(b, newStore(b), 1, map[string]sms.IDForm{"a": sms.FormSame})
	const there, batch = 1_000_000, 1000
	n := 0
	file := func(count int) {
		var pack []byte
		for i := range count {
			s := record.Submission{Kind: record.KindFiled, SMSC: "a", MessageID: fmt.Sprintf("%08x", n+i), ID: fmt.Sprintf("campaign-%d", n+i), RecordKey: []byte("491701234567"),
				Part: 1, Parts: 1, To: "+491701234567", From: "12345", Source: record.Source{Topic: "sms.outbound", Partition: 3, Offset: int64(n + i), Timestamp: w.now},
				SubmittedAt: w.now.Add(time.Duration(n+i) * time.Millisecond), Receipts: "final", Metadata: []byte(`{"campaign":"spring","customer":"4711"}`)}
			s.Key = record.ReceiptKey("a", sms.NormalID(s.MessageID))
			pack = record.AppendSubmission(pack, &s)
		}
		w.partitions[0].submitted = append(w.partitions[0].submitted, pack)
		n += count
	}
	e := w.partitions[0].e
	for n < there {
		file(batch)
		o := len(w.partitions[0].submitted) - 1
		if err := e.FoldSubmitted(int64(o), w.partitions[0].submitted[o]); err != nil {
			b.Fatal(err)
		}
		w.partitions[0].submitted[o] = nil
	}
	w.must(e.Restored())
	w.partitions[0].doneSub = len(w.partitions[0].submitted)
	b.ReportAllocs()
	for b.Loop() {
		first := n
		file(batch)
		for i := range batch {
			w.deliverReceipt("a", receiptText(fmt.Sprintf("%08x", first+i), "DELIVRD"), "491701234567", "12345")
		}
		w.step(0, 10, batch, committed)
		if len(w.receipts) != batch {
			b.Fatalf("%d receipts", len(w.receipts))
		}
		w.receipts = w.receipts[:0]
		for i := range w.partitions[0].submitted {
			if i < w.partitions[0].doneSub {
				w.partitions[0].submitted[i] = nil
			}
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "joins/s")
}

// BenchmarkRebuild folds submissions into an empty store.
func BenchmarkRebuild(b *testing.B) {
	w := newWorld(b, newStore(b), 1, nil)
	e := w.partitions[0].e
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		var pack []byte
		for range 1000 {
			s := record.Submission{Kind: record.KindFiled, SMSC: "a", MessageID: fmt.Sprintf("%08x", n), ID: fmt.Sprintf("campaign-%d", n), RecordKey: []byte("491701234567"),
				Part: 1, Parts: 1, To: "+491701234567", From: "12345", SubmittedAt: w.now, Receipts: "final", Metadata: []byte(`{"campaign":"spring","customer":"4711"}`)}
			s.Key = record.ReceiptKey("a", sms.NormalID(s.MessageID))
			pack = record.AppendSubmission(pack, &s)
			n++
		}
		if err := e.FoldSubmitted(e.Position(), pack); err != nil {
			b.Fatal(err)
		}
	}
	w.must(e.Restored())
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "submissions/s")
}
