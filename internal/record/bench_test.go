package record

import "testing"

var typical = []byte(`{"id":"3f2a9c1e-7b44-4f0d-9d67-0a1b2c3d4e5f","to":"+491701234567","from":"ACME","text":"Your parcel 4711 is on its way and arrives today between 14:00 and 16:00.","receipts":"final","metadata":{"campaign":"spring"}}`)

func BenchmarkOutboundDecode(b *testing.B) {
	var o Outbound
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Decode(typical); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResultAppendJSON(b *testing.B) {
	r := fullResult()
	r.Parts, r.Error = r.Parts[:1], ""
	buf := r.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = r.AppendJSON(buf[:0])
	}
}

func BenchmarkReceiptAppendJSON(b *testing.B) {
	r := fullReceipt()
	buf := r.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = r.AppendJSON(buf[:0])
	}
}

func BenchmarkAppendSubmission(b *testing.B) {
	s := fullSubmission()
	buf := AppendSubmission(nil, &s)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendSubmission(buf[:0], &s)
	}
}

func BenchmarkEachSubmission(b *testing.B) {
	var batch []byte
	s := fullSubmission()
	for range 100 {
		batch = AppendSubmission(batch, &s)
	}
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		if err := EachSubmission(batch, func(*Submission) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheHotPathsDoNotAllocate(t *testing.T) {
	var o Outbound
	r := fullResult()
	s := fullSubmission()
	buf := make([]byte, 0, 4096)
	for name, f := range map[string]func(){
		"Outbound.Decode":   func() { _ = o.Decode(typical) },
		"Result.AppendJSON": func() { buf = r.AppendJSON(buf[:0]) },
		"AppendSubmission":  func() { buf = AppendSubmission(buf[:0], &s) },
		"PartitionOf":       func() { _ = PartitionOf(s.Key, 6) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
