package faults

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// usual is the i-th record where the row makes none of its own: most are short, some have two parts, some cannot be encoded,
// and some are tombstones, so that every way through the sink is in each row.
func usual(i int) []byte {
	text := fmt.Sprintf("message %d", i)
	switch {
	case i%89 == 88:
		return nil
	case i%97 == 96:
		return fmt.Appendf(nil, `{"id":"m%d","to":"+%s","text":"x","payload":"AAEC"}`, i, number(i))
	case i%20 == 7:
		text = strings.Repeat(text+", ", 200/(len(text)+2)+1)
	}
	return fmt.Appendf(nil, `{"id":"m%d","to":"+%s","text":%q,"metadata":{"n":"%d"}}`, i, number(i), text, i)
}

func number(i int) string { return fmt.Sprintf("4917%08d", i) }

func (r *row) make(i int) []byte {
	if r.value != nil {
		return r.value(i)
	}
	return usual(i)
}

// expectedResults is one for each record with a value.
func expectedResults(r *row) int {
	n := 0
	for i := range r.records {
		if r.make(i) != nil {
			n++
		}
	}
	return n
}

// numbered are the messages from subscribers: each from a number of its own, some in two parts.
func numbered(n, smscs int) []message {
	ms := make([]message, n)
	for i := range ms {
		ms[i] = message{smsc: i % smscs, from: fmt.Sprintf("4916%08d", i), to: "32323", text: fmt.Sprintf("answer %d", i)}
		if i%10 == 3 {
			ms[i].text = strings.Repeat(ms[i].text+", ", 20)
		}
	}
	return ms
}

// produce gives records up to the n-th to the client.
func (w *world) produce(n int) {
	for i := int(w.produced.Load()); i < n; i++ {
		w.client.Produce(context.Background(), &kgo.Record{Key: fmt.Appendf(nil, "k%d", i), Value: w.row.make(i)}, func(_ *kgo.Record, err error) {
			if err != nil && w.t.Context().Err() == nil {
				w.t.Errorf("driver: %v", err)
			}
		})
		w.produced.Add(1)
	}
}

// drive produces records and sends the subscribers' messages at the row's pace.
func (w *world) drive() {
	defer close(w.driver)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	records, inbound := w.row.records, len(w.messages)
	for moAt := 0; int(w.produced.Load()) < records || moAt < inbound; {
		select {
		case <-tick.C:
		case <-w.t.Context().Done():
			return
		}
		passed := time.Since(began).Seconds()
		w.produce(min(records, int(passed*float64(w.row.rate))))
		due := int(passed * 100) // no row says how fast subscribers write; these last as long as the records
		if w.row.rate > 0 && records > 0 {
			due = int(passed * float64(w.row.rate) * float64(inbound) / float64(records))
		}
		for ; moAt < min(inbound, due); moAt++ {
			m := w.messages[moAt]
			if err := w.smscs[m.smsc].SendMO(m.from, m.to, m.text); err != nil {
				w.t.Errorf("driver: %v", err)
			}
			w.moSent.Add(1)
		}
	}
	if err := w.client.Flush(w.t.Context()); err != nil && w.t.Context().Err() == nil {
		w.t.Errorf("driver: %v", err)
	}
}
