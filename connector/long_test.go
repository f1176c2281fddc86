package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

const (
	esmeRSysErr    = 0x08
	esmeRInvDstAdr = 0x0B
	esmeRThrottled = 0x58
)

// ways are LONG_MESSAGES, and in how many parts the text of sendLong goes out by each.
var ways = map[string]int{"udh8": 4, "udh16": 4, "sar": 4, "payload": 1}

// sendLong sends messages of 600 septets, three to a destination.
func (w *world) sendLong(n int) {
	w.t.Helper()
	w.send("long", n, func(i int) string { return number("49")(i / 3) }, map[string]any{"text": strings.Repeat("Six hundred septets. ", 28) + "And twelve."})
}

// partOf is one part as the SMSC sees it.
type partOf struct {
	to   string
	ref  uint16
	part byte
}

// partsAt sorts what an SMSC got by part. Messages to one destination are told apart by their reference alone, as by a handset.
func partsAt(t *testing.T, s *smsc.SMSC, total int) map[partOf][]smsc.Submit {
	t.Helper()
	parts := map[partOf][]smsc.Submit{}
	for _, sub := range s.Submits() {
		if total > 1 && int(sub.Total) != total || total == 1 && sub.Total != 0 {
			t.Fatalf("a part %d of %d, want %d parts", sub.Part, sub.Total, total)
		}
		key := partOf{sub.To, sub.Ref, sub.Part}
		parts[key] = append(parts[key], sub)
	}
	return parts
}

// A part that is refused for now is sent again, and no other: what has been accepted is paid for.
func TestATemporaryRefusalOfAPartResendsThatPartAlone(t *testing.T) {
	t.Parallel()
	for way, total := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, smsc.Behaviour{Errors: []smsc.StatusRate{{Status: esmeRSysErr, Rate: 0.2}, {Status: esmeRThrottled, Rate: 0.05}}})
			w.replica("SMSC_0_LONG_MESSAGES=" + way)
			const n = 30
			w.sendLong(n)
			results := w.results(n)
			refused := 0
			accepted := map[string]int{} // by message id, which names a part
			for key, subs := range partsAt(t, w.smscs[0], total) {
				for _, sub := range subs {
					if sub.Status == 0 {
						accepted[sub.MessageID]++
					} else {
						refused++
					}
				}
				if total == 1 {
					continue // one after the other to a destination, and nothing tells them apart
				}
				for i, sub := range subs {
					if sub.Status == 0 && i < len(subs)-1 {
						t.Errorf("part %d to %s, reference %d: sent again after it was accepted", key.part, key.to, key.ref)
					}
				}
			}
			if refused == 0 {
				t.Error("nothing was refused: this run shows nothing")
			}
			for id, r := range results {
				if r.Status != record.Accepted || len(r.Parts) != total {
					t.Errorf("%s: %s in %d parts: %s", id, r.Status, len(r.Parts), r.Error)
				}
				for _, p := range r.Parts {
					if accepted[p.MessageID] != 1 {
						t.Errorf("%s: part %d has the id %q, which the SMSC gave %d times", id, p.Part, p.MessageID, accepted[p.MessageID])
					}
					delete(accepted, p.MessageID)
				}
			}
			if len(accepted) > 0 {
				t.Errorf("%d parts were accepted that no result tells of", len(accepted))
			}
		})
	}
}

func TestAPermanentRefusalOfAPartTellsWhichWentOut(t *testing.T) {
	t.Parallel()
	for way, total := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, smsc.Behaviour{Errors: []smsc.StatusRate{{Status: esmeRInvDstAdr, Rate: 0.3}}})
			w.replica("SMSC_0_LONG_MESSAGES=" + way)
			const n = 30
			w.sendLong(n)
			statusOf := map[string]int{} // accepted parts by message id
			for _, r := range w.results(n) {
				out := 0
				for _, p := range r.Parts {
					switch {
					case p.MessageID != "" && p.Answered && p.CommandStatus == 0:
						out++
						statusOf[p.MessageID]++
					case p.MessageID != "" || p.Answered && p.CommandStatus != esmeRInvDstAdr:
						t.Errorf("%s: part %+v", r.ID, p)
					}
				}
				switch want := fmt.Sprintf("; %d parts were accepted", out); {
				case out == total:
					if r.Status != record.Accepted || r.Error != "" {
						t.Errorf("%s: every part was accepted, and it is %s: %s", r.ID, r.Status, r.Error)
					}
				case r.Status != record.Rejected || !strings.Contains(r.Error, "ESME_RINVDSTADR"):
					t.Errorf("%s: %s: %s", r.ID, r.Status, r.Error)
				case total > 1 && !strings.HasSuffix(r.Error, want):
					t.Errorf("%s: %q, want what ends in %q", r.ID, r.Error, want)
				}
			}
			at := 0
			for _, sub := range w.smscs[0].Submits() {
				if sub.Status == 0 {
					at++
					if statusOf[sub.MessageID] != 1 {
						t.Errorf("part %d with the id %s was accepted, and %d results tell of it", sub.Part, sub.MessageID, statusOf[sub.MessageID])
					}
				}
			}
			if rejected := len(w.smscs[0].Submits()) - at; rejected == 0 || at == 0 {
				t.Errorf("%d parts were accepted and %d not: this run shows nothing", at, rejected)
			}
		})
	}
}

// Messages to one destination that go out together never share a reference, whichever partitions they came through.
func TestLongMessagesToOneDestinationHaveReferencesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"udh8", "udh16", "sar"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, smsc.Behaviour{})
			w.replica("SMSC_0_LONG_MESSAGES=" + way)
			const n = 32 // over four partitions, by key
			w.send("to-one", n, func(int) string { return "+491701234567" }, map[string]any{"text": strings.Repeat("a", 161)})
			w.results(n)
			refs := map[uint16]int{}
			for _, sub := range w.smscs[0].Submits() {
				if sub.Part == 1 {
					refs[sub.Ref]++
				}
			}
			if len(refs) != n {
				t.Errorf("%d messages have %d references: %v", n, len(refs), refs)
			}
		})
	}
}
