package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// place is where an outbound record stands.
type place struct {
	topic     string
	partition int32
	offset    int64
}

func placeOf(s record.Source) place { return place{s.Topic, s.Partition, s.Offset} }

// part names a submit by what the SMSC calls it.
type part struct{ smsc, messageID string }

// follower reads results, receipts and inbound messages as they become visible, to tell how far the flow is. The
// verdict does not rest on it: the auditor reads all topics anew.
type follower struct {
	mu       sync.Mutex
	visible  map[place]time.Time // of results
	arrivals []arrival           // of results, in order
	accepted map[part]bool
	receipts map[part]bool // final and joined
	inbound  map[string]int
	lastErr  error
}

type arrival struct {
	at        time.Time
	partition int32
}

func follow(t *testing.T, b *kafkatest.Broker) *follower {
	t.Helper()
	f := &follower{visible: map[place]time.Time{}, accepted: map[part]bool{}, receipts: map[part]bool{}, inbound: map[string]int{}}
	cl := kafkatest.Client(t, b, kgo.ConsumeTopics("sms.results", "sms.receipts", "sms.inbound"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with the test
		defer close(done)
		for ctx.Err() == nil {
			f.take(cl.PollFetches(ctx))
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

func (f *follower) take(fs kgo.Fetches) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	fs.EachError(func(_ string, _ int32, err error) { f.lastErr = err })
	fs.EachRecord(func(r *kgo.Record) {
		switch r.Topic {
		case "sms.results":
			v, err := record.DecodeResult(r.Value)
			if err != nil {
				f.lastErr = err
				return
			}
			f.arrivals = append(f.arrivals, arrival{now, v.Source.Partition})
			if at := placeOf(v.Source); f.visible[at].IsZero() {
				f.visible[at] = now
			}
			for _, p := range v.Parts {
				if v.Status == "accepted" {
					f.accepted[part{v.SMSC, p.MessageID}] = true
				}
			}
		case "sms.receipts":
			if v, err := record.DecodeReceipt(r.Value); err != nil {
				f.lastErr = err
			} else if v.Final && v.Correlated {
				f.receipts[part{v.SMSC, v.MessageID}] = true
			}
		case "sms.inbound":
			if v, err := record.DecodeInbound(r.Value); err != nil {
				f.lastErr = err
			} else {
				f.inbound[sms.NormalNumber(v.From)]++
			}
		}
	})
}

// count is how many records have a result.
func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.visible)
}

func (f *follower) trouble() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Sprintf("the reader's last error: %v", f.lastErr)
}

// owed says what has not come yet; empty: all has. Receipts are owed for parts of accepted messages whose
// final receipt the SMSC has seen acknowledged.
func (f *follower) owed(w *world) string {
	if missing := f.missing(w); len(missing) > 0 {
		return fmt.Sprintf("no receipt of %d parts, %s the first", len(missing), missing[0].messageID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range w.messages[:w.moSent.Load()] {
		if f.inbound[w.messages[i].from] == 0 {
			return "no message from " + w.messages[i].from
		}
	}
	return ""
}

func (f *follower) missing(w *world) (missing []part) {
	acked := map[part]bool{}
	for i, s := range w.smscs {
		for _, d := range s.Delivers() {
			if d.Kind == smsc.KindReceipt && d.Acked && final(d.Stat) {
				acked[part{smscName(i), d.MessageID}] = true
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range acked {
		if f.accepted[p] && !f.receipts[p] {
			missing = append(missing, p)
		}
	}
	return missing
}

// since is the time from a moment to the first result after it, and to the last one.
func (f *follower) since(t time.Time) (first, last time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.arrivals {
		if a.at.After(t) {
			if first == 0 {
				first = a.at.Sub(t)
			}
			last = a.at.Sub(t)
		}
	}
	return first, last
}

// silence is the longest time after a moment for which a partition had no new result, over all partitions that had any later:
// how long a takeover took, where records flow steadily into all of them.
func (f *follower) silence(after time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var longest time.Duration
	last := map[int32]time.Time{}
	for _, a := range f.arrivals {
		if a.at.Before(after) {
			continue
		}
		if before, ok := last[a.partition]; ok {
			longest = max(longest, a.at.Sub(before))
		} else {
			longest = max(longest, a.at.Sub(after))
		}
		last[a.partition] = a.at
	}
	return longest
}

func final(stat string) bool { return stat != "ENROUTE" && stat != "ACCEPTD" && stat != "" }

// partitionsSince is how many partitions have had a result since a moment.
func (f *follower) partitionsSince(t time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[int32]bool{}
	for i := len(f.arrivals) - 1; i >= 0 && f.arrivals[i].at.After(t); i-- {
		seen[f.arrivals[i].partition] = true
	}
	return len(seen)
}
