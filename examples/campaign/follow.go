package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// result says what came of one outbound record. There is exactly one for each.
type result struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error"`
	Parts  []struct {
		MessageID string `json:"message_id"`
	} `json:"parts"`
}

// receipt says what came of one part of a message at the phone.
type receipt struct {
	ID    string `json:"id"`
	Part  int    `json:"part"`
	State string `json:"state"`
	Final bool   `json:"final"`
}

// tally is kept by id, so that a record which is read twice counts once.
type tally struct {
	ours     map[string]bool // ids of the campaign's messages
	results  map[string]result
	receipts map[string]map[int]string // id, part: its final state
}

// follow reads results and receipts of our messages until all is known, or for as long as wait says.
func follow(ctx context.Context, options []kgo.Opt, from time.Time, ours map[string]bool, wait time.Duration) error {
	// read_committed: a result counts once the transaction that holds it has been committed.
	cl, err := kgo.NewClient(append(options, kgo.ConsumeTopics("sms.results", "sms.receipts"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(from.UnixMilli())), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	t := tally{ours: ours, results: map[string]result{}, receipts: map[string]map[int]string{}}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var shown time.Time
	for !t.complete() {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			fmt.Print(t.failures())
			return fmt.Errorf("after %s not all is known: %s", wait, t.line())
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("reading %s: %w", e.Topic, e.Err)
		}
		for _, r := range fetches.Records() {
			if err := t.add(r); err != nil {
				return fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
		if now := time.Now(); t.complete() || now.Sub(shown) > 500*time.Millisecond {
			fmt.Println(t.line())
			shown = now
		}
	}
	fmt.Print(t.failures())
	return nil
}

func (t *tally) add(r *kgo.Record) error {
	if r.Topic == "sms.results" {
		var o result
		if err := json.Unmarshal(r.Value, &o); err != nil {
			return err
		}
		if t.ours[o.ID] {
			t.results[o.ID] = o
		}
		return nil
	}
	var o receipt
	if err := json.Unmarshal(r.Value, &o); err != nil {
		return err
	}
	if t.ours[o.ID] && o.Final {
		if t.receipts[o.ID] == nil {
			t.receipts[o.ID] = map[int]string{}
		}
		t.receipts[o.ID][o.Part] = o.State
	}
	return nil
}

// complete: each record has a result, and each part that was accepted its final receipt.
func (t *tally) complete() bool {
	for id, r := range t.results {
		if r.Status == "accepted" && len(t.receipts[id]) < len(r.Parts) {
			return false
		}
	}
	return len(t.results) == len(t.ours)
}

func (t *tally) line() string {
	accepted, delivered, failed := 0, 0, 0
	for id, r := range t.results {
		if r.Status != "accepted" {
			continue
		}
		accepted++
		switch states := slices.Collect(maps.Values(t.receipts[id])); {
		case len(states) < len(r.Parts): // not known yet
		case slices.ContainsFunc(states, func(s string) bool { return s != "DELIVERED" }):
			failed++
		default:
			delivered++
		}
	}
	return fmt.Sprintf("%d messages: %d accepted, %d refused, %d delivered, %d not delivered", len(t.ours), accepted, len(t.results)-accepted, delivered, failed)
}

// failures lists what did not arrive, and why.
func (t *tally) failures() (lines string) {
	for _, id := range slices.Sorted(maps.Keys(t.results)) {
		if r := t.results[id]; r.Status != "accepted" {
			lines += fmt.Sprintf("  %s: %s: %s\n", id, r.Status, r.Error)
		}
		for _, part := range slices.Sorted(maps.Keys(t.receipts[id])) {
			if state := t.receipts[id][part]; state != "DELIVERED" {
				lines += fmt.Sprintf("  %s: part %d: %s\n", id, part, state)
			}
		}
	}
	return lines
}
