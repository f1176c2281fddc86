package ledger

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// journal is Kafka in the model: what was committed, and what became of each
// offset in the world outside.
type journal struct {
	c    int64
	meta string
	n    uint64
}

// world is the model: the truth that no process knows whole.
type world struct {
	sent    map[int64]int  // how often the SMSC got it
	results map[int64]int  // committed results
	flagged map[int64]bool // the result says possible_duplicate
	log     []int64
	journal journal
}

// owner is one process that owns the partition.
type owner struct {
	l         *Ledger
	polled    int // index into the log
	fresh     []int64
	doubt     map[int64]bool
	granted   []int64 // in the ledger, not yet committed
	sendable  []int64 // grant committed
	answered  []int64 // result not yet committed
	flight    []int64
	resultDup map[int64]bool
}

func newOwner(t *rapid.T, w *world) *owner {
	m, err := ParseMetadata(w.journal.meta)
	if err != nil {
		t.Fatalf("the metadata that we committed does not parse: %v", err)
	}
	o := &owner{l: m.Restore(w.journal.c), doubt: map[int64]bool{}, resultDup: map[int64]bool{}}
	for o.polled < len(w.log) && w.log[o.polled] < w.journal.c {
		o.polled++
	}
	return o
}

func (o *owner) poll(t *rapid.T, w *world) {
	if o.polled == len(w.log) {
		return
	}
	off := w.log[o.polled]
	switch o.l.Observe(off) {
	case Fresh:
		o.fresh = append(o.fresh, off)
	case Inherited:
		o.doubt[off] = true
		o.granted = append(o.granted, off)
	case Settled:
		if w.results[off] != 1 {
			t.Fatalf("offset %d is settled with %d results", off, w.results[off])
		}
	case Beyond:
		return
	case Repeated:
		t.Fatalf("offset %d repeated", off)
	}
	o.polled++
}

// TestNothingIsLostOrDoubledInAnyOrderOfPollGrantSendAnswerCommitCrashAndTakeover
// drives one partition through random steps against the model.
func TestNothingIsLostOrDoubledInAnyOrderOfPollGrantSendAnswerCommitCrashAndTakeover(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{sent: map[int64]int{}, results: map[int64]int{}, flagged: map[int64]bool{}}
		var off int64
		for range rapid.IntRange(1, 60).Draw(t, "records") {
			off += rapid.Int64Range(1, 4).Draw(t, "gap")
			w.log = append(w.log, off)
		}
		o := newOwner(t, w)
		pick := func(list *[]int64, name string) (int64, bool) {
			if len(*list) == 0 {
				return 0, false
			}
			i := rapid.IntRange(0, len(*list)-1).Draw(t, name)
			v := (*list)[i]
			*list = append((*list)[:i], (*list)[i+1:]...)
			return v, true
		}
		commit := func() {
			w.journal.n++
			text, err := o.l.AppendMetadata(nil, w.journal.n, "abc")
			if err != nil {
				t.Fatal(err)
			}
			w.journal.c, w.journal.meta = o.l.C(), string(text)
			for _, a := range o.answered {
				w.results[a]++
				w.flagged[a] = o.resultDup[a]
				if w.results[a] > 1 {
					t.Fatalf("offset %d has two results", a)
				}
			}
			o.answered = nil
			o.sendable = append(o.sendable, o.granted...)
			o.granted = nil
		}
		send := func(v int64) {
			w.sent[v]++
			if w.results[v] > 0 {
				t.Fatalf("offset %d was sent after its result was committed", v)
			}
			if w.sent[v] > 1 && !o.doubt[v] {
				t.Fatalf("offset %d was sent again and nobody knows", v)
			}
			o.flight = append(o.flight, v)
		}
		answer := func(v int64) {
			o.l.Done(v)
			o.resultDup[v] = o.doubt[v]
			o.answered = append(o.answered, v)
		}
		t.Repeat(map[string]func(*rapid.T){
			"poll": func(*rapid.T) { o.poll(t, w) },
			"grant": func(*rapid.T) {
				if v, ok := pick(&o.fresh, "grant"); ok {
					if !o.l.CanGrant(v) {
						o.fresh = append(o.fresh, v)
						return
					}
					o.l.Grant(v)
					o.granted = append(o.granted, v)
				}
			},
			"take the grant back": func(*rapid.T) {
				if v, ok := pick(&o.sendable, "ungrant"); ok && !o.doubt[v] {
					o.l.Ungrant(v)
					o.fresh = append(o.fresh, v)
				} else if ok {
					o.sendable = append(o.sendable, v)
				}
			},
			"send": func(*rapid.T) {
				if v, ok := pick(&o.sendable, "send"); ok {
					send(v)
				}
			},
			"answer": func(*rapid.T) {
				if v, ok := pick(&o.flight, "answer"); ok {
					answer(v)
				}
			},
			"commit": func(*rapid.T) { commit() },
			"crash":  func(*rapid.T) { o = newOwner(t, w) },
			"": func(t *rapid.T) {
				if len(o.answered) == 0 && o.l.C() < w.journal.c {
					t.Fatalf("C went back from %d to %d", w.journal.c, o.l.C())
				}
			},
		})
		// The last owner finishes everything.
		for guard := 0; o.polled < len(w.log) || len(o.fresh)+len(o.granted)+len(o.sendable)+len(o.flight)+len(o.answered) > 0; guard++ {
			if guard > 10000 {
				t.Fatalf("stuck: %+v", o)
			}
			o.poll(t, w)
			for _, v := range o.fresh {
				o.l.Grant(v)
			}
			o.granted, o.fresh = append(o.granted, o.fresh...), nil
			commit()
			for _, v := range o.sendable {
				send(v)
			}
			o.sendable = nil
			for _, v := range o.flight {
				answer(v)
			}
			o.flight = nil
			commit()
		}
		for _, v := range w.log {
			if w.results[v] != 1 || w.sent[v] == 0 {
				t.Fatalf("offset %d: sent %d times, %d results", v, w.sent[v], w.results[v])
			}
			if w.sent[v] > 1 && !w.flagged[v] {
				t.Fatalf("offset %d: sent %d times, its result says nothing", v, w.sent[v])
			}
		}
		if want := off + 1; o.l.C() != want {
			t.Fatalf("C is %d at the end, want %d", o.l.C(), want)
		}
	})
}

// TestMetadataRoundTripsAndNeverPasses4096Bytes grants as much as CanGrant
// allows over wide spans and finishes it in random order.
func TestMetadataRoundTripsAndNeverPasses4096Bytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := New(rapid.Int64Range(0, 1<<40).Draw(t, "c"))
		if err := l.SetTopic("01234567"); err != nil {
			t.Fatal(err)
		}
		var open []int64
		stride := rapid.Int64Range(1, 300).Draw(t, "stride")
		for range rapid.IntRange(1, 2000).Draw(t, "steps") {
			off := l.Next()
			for range rapid.Int64Range(1, stride).Draw(t, "observe") {
				if l.Observe(off) == Beyond {
					break
				}
				off++
			}
			at := l.Next() - 1
			if at >= l.C() && l.CanGrant(at) && l.At(at) == Pending {
				l.Grant(at)
				open = append(open, at)
			}
			if len(open) > 1 && rapid.Bool().Draw(t, "finish") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				l.Done(open[i])
				open = append(open[:i], open[i+1:]...)
			}
		}
		check := func() {
			text, err := l.AppendMetadata(nil, ^uint64(0), "0123456789012345678901234567890123456789")
			if err != nil {
				t.Fatal(err)
			}
			m, err := ParseMetadata(string(text))
			if err != nil {
				t.Fatal(err)
			}
			r := m.Restore(l.C())
			for o := l.C(); o < l.end; o++ {
				if l.at(o) != gap && l.at(o) != r.at(o) {
					t.Fatalf("offset C+%d is %d, reads back as %d (%s)", o-l.C(), l.at(o), r.at(o), text)
				}
			}
			if r.granted < l.granted || r.C() != l.C() {
				t.Fatalf("granted %d, C %d read back as %d, %d", l.granted, l.C(), r.granted, r.C())
			}
		}
		check()
		for len(open) > 0 { // in whatever order the answers come
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			l.Done(open[i])
			open = append(open[:i], open[i+1:]...)
			if len(open)%16 == 0 {
				check()
			}
		}
	})
}

func TestRunsOfDoneAreCountedExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := New(7)
		for range 400 {
			if l.Observe(l.Next()) == Beyond {
				t.Fatal("beyond")
			}
		}
		for _, i := range rapid.SliceOfN(rapid.Int64Range(1, 399), 0, 300).Draw(t, "done") {
			l.Done(7 + i)
			runs, in := 0, false
			for o := l.C(); o < l.end; o++ {
				d := l.at(o) == Done
				if d && !in {
					runs++
				}
				in = d
			}
			if runs != l.doneRuns {
				t.Fatalf("%d runs counted as %d", runs, l.doneRuns)
			}
		}
	})
}

func TestAnOffsetBeyondTheSpanIsHeldBackUntilCMoves(t *testing.T) {
	t.Parallel()
	l := New(0)
	l.Observe(0)
	if got := l.Observe(MaxSpan); got != Beyond {
		t.Fatalf("observed as %v", got)
	}
	l.Done(0)
	if got := l.Observe(MaxSpan); got != Fresh {
		t.Fatalf("after C moved: %v", got)
	}
	l.Done(MaxSpan)
	if l.C() != MaxSpan+1 {
		t.Fatalf("C %d", l.C())
	}
}

func TestControlRecordsAtTheEndLeaveNoLag(t *testing.T) {
	t.Parallel()
	l := New(10)
	l.Observe(10)
	l.ObserveGap(11)
	l.Done(10)
	if l.C() != 12 {
		t.Fatalf("C %d, want 12", l.C())
	}
}

func TestAGrantedOffsetThatVanishedFromTheLogIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	l := New(0)
	l.Observe(0)
	l.Grant(0)
	l.Observe(1)
	l.Grant(1)
	text, _ := l.AppendMetadata(nil, 1, "w")
	m, err := ParseMetadata(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if m.Clean() {
		t.Fatal("two grants are clean")
	}
	r := m.Restore(0)
	if r.Observe(1) != Inherited {
		t.Fatal("not inherited")
	}
	r.Done(1)
	if r.C() != 2 || r.Granted() != 0 {
		t.Fatalf("C %d, granted %d", r.C(), r.Granted())
	}
}

func TestRecordsThatWaitWhileOthersGoOnDoNotLockThePartition(t *testing.T) {
	t.Parallel()
	l := New(0)
	if err := l.SetTopic("01234567"); err != nil {
		t.Fatal(err)
	}
	var stuck []int64
	for off := int64(0); off < 100_000 && l.Observe(off) != Beyond; off++ {
		if off%100 == 0 {
			stuck = append(stuck, off) // its SMSC is down
			continue
		}
		if !l.CanGrant(off) {
			break
		}
		l.Grant(off)
		l.Done(off)
	}
	for _, off := range stuck { // the SMSC is back
		if !l.CanGrant(off) {
			t.Fatalf("offset %d cannot be granted with C at %d: nothing will ever move", off, l.C())
		}
		l.Grant(off)
		if _, err := l.AppendMetadata(nil, ^uint64(0), "0123456789012345678901234567890123456789"); err != nil {
			t.Fatal(err)
		}
		l.Done(off)
	}
}

func TestMetadataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"v2;n=1", "hello", "v1;n=x", "v1;", "v1;r=AA", "v1;n=1;b=____", "v1;n=1;q=1", "v1;n=1;r=gICAgICAgIAB"} {
		if _, err := ParseMetadata(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
	if m, err := ParseMetadata(""); err != nil || !m.Clean() {
		t.Errorf("an operator's reset: %v", err)
	}
}

func TestMetadataKeepsTheTopicThatItsOffsetsBelongTo(t *testing.T) {
	t.Parallel()
	l := New(3)
	if err := l.SetTopic("abc_-012"); err != nil {
		t.Fatal(err)
	}
	l.Observe(3)
	l.Observe(4)
	l.Done(4)
	text, err := l.AppendMetadata(nil, 9, "w")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMetadata(string(text))
	if err != nil || m.Topic != "abc_-012" || m.Restore(3).Topic() != "abc_-012" || m.Restore(3).At(4) != Done {
		t.Errorf("%s reads as %+v, %v", text, m, err)
	}
	for _, topic := range []string{"123456789", "a;b", "a=b"} {
		if err := l.SetTopic(topic); err == nil {
			t.Errorf("%q was taken", topic)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	l := New(0)
	for i := range int64(100) {
		l.Observe(i)
		if i%3 == 1 {
			l.Grant(i)
		} else if i%5 == 2 {
			l.Done(i)
		}
	}
	text, _ := l.AppendMetadata(nil, 3, "ab12")
	f.Add(string(text))
	f.Add("")
	f.Add("v1;n=1;t=x;b=AAAA")
	f.Add("v1;n=1;t=x;i=AAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMetadata(s)
		if err != nil {
			return
		}
		r := m.Restore(1000)
		for i, want := range m.states {
			if r.At(1000+int64(i)) != State(want) {
				t.Fatalf("state %d", i)
			}
		}
		again, err := r.AppendMetadata(nil, m.N, m.Writer)
		if err != nil {
			return // more than this ledger would ever have granted
		}
		m2, err := ParseMetadata(string(again))
		if err != nil {
			t.Fatal(err)
		}
		r2 := m2.Restore(1000)
		for i, want := range m.states {
			if r2.At(1000+int64(i)) != State(want) {
				t.Fatalf("state %d after a round trip", i)
			}
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, span := range []int64{100, 1000, 10000} {
		b.Run(fmt.Sprint(span), func(b *testing.B) {
			l := New(0)
			for o := range span {
				l.Observe(o)
				l.Grant(o)
			}
			for o := int64(1); o < span; o += 2 {
				l.Done(o)
			}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = l.AppendMetadata(dst[:0], 1, "w")
			}
			b.ReportMetric(float64(len(dst)), "bytes")
		})
	}
}
