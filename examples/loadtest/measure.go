package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// result has what is measured of each message.
type result struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
	Parts    []struct {
		StatusName string `json:"status_name"`
	} `json:"parts"`
	SubmittedAt time.Time `json:"submitted_at"`
	AnsweredAt  time.Time `json:"answered_at"`
}

type measured struct {
	seen     map[string]bool
	statuses map[string]int
	answers  []time.Duration // from the first submit of a message to the answer that ends it: being throttled counts
	again    int             // submits beyond one a message: what was throttled or refused for a while
	first    time.Time
	last     time.Time
}

// load writes the messages and reads their results until all are there.
func load(ctx context.Context, broker string, o options) (*measured, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic("sms.outbound"), kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics("sms.results"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	m := &measured{seen: map[string]bool{}, statuses: map[string]int{}}
	failed := make(chan error, 1)
	go func() { // ends with the last record, or with the client
		failed <- produce(ctx, cl, o)
	}()
	shown := time.Now()
	for len(m.seen) < o.messages {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d of %d results came within %s", len(m.seen), o.messages, o.within)
		}
		for _, e := range fetches.Errors() {
			return nil, fmt.Errorf("reading %s: %w", e.Topic, e.Err)
		}
		select {
		case err := <-failed:
			if err != nil {
				return nil, err
			}
			failed = nil // all is written
		default:
		}
		for _, r := range fetches.Records() {
			var got result
			if err := json.Unmarshal(r.Value, &got); err != nil {
				return nil, fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			m.add(got)
		}
		if now := time.Now(); now.Sub(shown) >= time.Second {
			shown = now
			fmt.Printf("%d of %d answered\n", len(m.seen), o.messages)
		}
	}
	return m, nil
}

func produce(ctx context.Context, cl *kgo.Client, o options) error {
	var first error
	for i := range o.messages {
		number := fmt.Sprintf("%s%07d", o.to, i%10_000_000)
		value := fmt.Sprintf(`{"id":"load-%d","to":"+%s","text":"Load test, message %d.","receipts":"none"}`, i, number, i)
		cl.Produce(ctx, &kgo.Record{Key: []byte(number), Value: []byte(value)}, func(_ *kgo.Record, err error) { // one goroutine calls it
			if first == nil {
				first = err
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return first
}

func (m *measured) add(r result) {
	if m.seen[r.ID] {
		return
	}
	m.seen[r.ID] = true
	name := r.Status
	if r.Status == "rejected" && len(r.Parts) > 0 {
		name += " " + r.Parts[0].StatusName
	}
	m.statuses[name]++
	m.again += max(0, r.Attempts-1)
	if r.AnsweredAt.IsZero() {
		return
	}
	m.answers = append(m.answers, r.AnsweredAt.Sub(r.SubmittedAt))
	if m.first.IsZero() || r.SubmittedAt.Before(m.first) {
		m.first = r.SubmittedAt
	}
	if r.AnsweredAt.After(m.last) {
		m.last = r.AnsweredAt
	}
}

func (m *measured) String() string {
	var b strings.Builder
	took := m.last.Sub(m.first)
	fmt.Fprintf(&b, "%d messages in %s: %.0f a second\n", len(m.seen), took.Round(time.Millisecond), float64(len(m.answers))/max(took.Seconds(), 0.001))
	for _, s := range slices.Sorted(maps.Keys(m.statuses)) {
		fmt.Fprintf(&b, "  %-28s %d\n", s, m.statuses[s])
	}
	fmt.Fprintf(&b, "  %-28s %d\n", "submitted again (throttled)", m.again)
	slices.Sort(m.answers)
	if n := len(m.answers); n > 0 {
		at := func(q float64) time.Duration { return m.answers[min(n-1, int(float64(n)*q))] }
		fmt.Fprintf(&b, "answers after %s (p50), %s (p95), %s (p99)\n", at(0.5), at(0.95), at(0.99))
	}
	return b.String()
}
