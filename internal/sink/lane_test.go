package sink

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// laid is a message of a topic and sender for a lane, of as many PDUs.
func laid(topic int, sender uint8, pdus int, offset int64) *message {
	return &message{part: &partition{topicNo: topic}, sender: sender, pieces: make([]piece, pdus), rec: &kgo.Record{Offset: offset}}
}

func TestABacklogOfOneTopicDoesNotHoldAnotherBack(t *testing.T) {
	t.Parallel()
	var l lane
	for i := range 20_000 {
		l.push(laid(0, uint8(i), 1, int64(i)))
	}
	for i := range 10 {
		l.pop()
		l.push(laid(1, 0, 1, int64(i)))
	}
	for i := range 20 {
		m := l.pop()
		if m.part.topicNo == 1 && m.rec.Offset == 9 {
			return
		}
		if i == 19 {
			t.Errorf("after %d messages the other topic's tenth has not had its turn", i+1)
		}
	}
}

func TestABacklogOfOneSenderDoesNotHoldAnotherOfItsTopicBack(t *testing.T) {
	t.Parallel()
	if senderNo("Acme") == senderNo("Bank") {
		t.Fatal("choose other names")
	}
	var l lane
	for i := range 1000 {
		l.push(laid(0, senderNo("Acme"), 1, int64(i)))
	}
	for i := range 3 {
		l.push(laid(0, senderNo("Bank"), 1, int64(i)))
	}
	var order []uint8
	for range 6 {
		order = append(order, l.pop().sender)
	}
	if n := len(slices.DeleteFunc(order, func(s uint8) bool { return s != senderNo("Bank") })); n != 3 {
		t.Errorf("of the first six %d are the small sender's", n)
	}
}

// While topics wait their PDUs differ by no more than a message, and whatever is put back
// comes out again in its place.
func TestTurnsAreFairInPDUsAndKeepTheOrderOfASender(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := rapid.IntRange(1, 4).Draw(t, "topics")
		senders := rapid.IntRange(1, 5).Draw(t, "senders")
		longest := rapid.IntRange(1, 8).Draw(t, "longest")
		const each = 400
		var l lane
		for i := range each {
			for topic := range topics {
				l.push(laid(topic, uint8(rapid.IntRange(0, senders-1).Draw(t, "sender")), rapid.IntRange(1, longest).Draw(t, "pdus"), int64(i)))
			}
		}
		served := make([]int, topics)
		last := map[[2]int]int64{}
		for n := 0; l.len() > 0; {
			k := min(rapid.IntRange(1, 30).Draw(t, "pop"), l.len())
			var ms []*message
			for range k {
				ms = append(ms, l.pop())
			}
			keep := rapid.IntRange(0, k).Draw(t, "keep")
			l.putBack(ms[keep:])
			for _, m := range ms[:keep] {
				at := [2]int{m.part.topicNo, int(m.sender)}
				if o, ok := last[at]; ok && o >= m.rec.Offset {
					t.Fatalf("topic %d sender %d: offset %d after %d", at[0], at[1], m.rec.Offset, o)
				}
				last[at] = m.rec.Offset
				served[m.part.topicNo] += pdus(m)
			}
			n += keep
			if n > each { // some topic may be nearly done
				continue
			}
			if d := slices.Max(served) - slices.Min(served); d > 2*longest {
				t.Fatalf("after %d messages the topics had %v PDUs", n, served)
			}
		}
	})
}

func TestALaneInSteadyUseAllocatesNothing(t *testing.T) {
	var l lane
	var ms []*message
	for i := range 200 {
		ms = append(ms, laid(i%3, uint8(i%7), 1, int64(i)))
	}
	round := func() {
		for _, m := range ms {
			l.push(m)
		}
		for range ms {
			l.pop()
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("%v allocations for %d messages", n, len(ms))
	}
}

func TestTheFieldDecidesThePriorityAndElseTheTopic(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	p.priority = 2
	for i, c := range []struct {
		field string
		want  int
	}{{"", 2}, {`,"priority":0`, 0}, {`,"priority":3`, 3}} {
		m := take1(s, p, int64(i), fmt.Sprintf(`{"to":"+49170","text":"x"%s}`, c.field))
		if got := lanePriority(m); got != c.want {
			t.Errorf("priority %d with %q, want %d", got, c.field, c.want)
		}
		grantTo(s, 0)
		f := flights(m)[0]
		if int(f.Priority) != c.want || int(f.SM.PriorityFlag) != max(m.out.Priority, 0) {
			t.Errorf("with %q it goes in lane %d with a priority_flag of %d", c.field, f.Priority, f.SM.PriorityFlag)
		}
	}
}

func BenchmarkLane(b *testing.B) {
	var l lane
	ms := make([]*message, 4000)
	for i := range ms {
		ms[i] = laid(i%2, uint8(i%16), 1, int64(i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.push(ms[i%len(ms)])
		if l.len() == len(ms) {
			for range ms {
				l.pop()
			}
		}
	}
}
