package sink

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// A transaction at full speed fills some twenty packs of submissions. Made anew each time they were a quarter of all that was allocated.
func TestPacksAndRecordsAreThoseOfTheTransactionsBefore(t *testing.T) {
	t.Parallel()
	topic := submittedTopic{name: "sms.submitted", partitions: 6}
	s := &Sink{}
	s.submitted = topic
	sub := record.Submission{Kind: record.KindFiled, SMSC: "x", ID: "id", MessageID: "message", To: "+4917012345678", From: "12345"}
	packs, records := make(map[*byte]bool), make(map[*kgo.Record]bool)
	var before *commit
	most := 0
	for n := range 20 {
		for i := range 60_000 {
			sub.Key = record.ReceiptKey("x", string([]byte{byte(i), byte(i >> 8)}))
			s.submitted.add(&sub, &s.draft)
		}
		c := &commit{}
		s.takeDraft(c)
		most = max(most, len(c.Records))
		for _, r := range c.Records {
			if n < 10 { // the first ones grow
				break
			}
			packs[&r.Value[0]], records[r] = true, true
		}
		if before != nil {
			s.draft.reuse(before, &s.submitted)
		}
		s.draft.age(&s.submitted)
		before = c
	}
	if most < 20 {
		t.Fatalf("%d packs in a transaction are no load", most)
	}
	// Of two transactions, and those that are filled while neither is back.
	if bound := 3*most + 6; len(packs) > bound || len(records) > bound {
		t.Errorf("%d packs and %d records were used by transactions of %d; %d at most should be", len(packs), len(records), most, bound)
	}
}
