package resolve

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestWhatFollowsALostTailIsPublished: deliveries were lost from the end of their log (an unclean election, a disk), so that the group's offset lies beyond it. What comes
// then has lower offsets.
func TestWhatFollowsALostTailIsPublished(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	offsets := kadm.Offsets{}
	for p := range int32(partitions) {
		offsets.Add(kadm.Offset{Topic: "smpp.deliver", Partition: p, At: 1000, LeaderEpoch: -1, Metadata: metadata(1, "")})
	}
	if err := kadm.NewClient(s.cl).CommitAllOffsets(t.Context(), s.cfg.SourceGroup(), offsets); err != nil {
		t.Fatal(err)
	}
	s.start(t.TempDir())
	n := 0
	for limit := time.Now().Add(patience); len(kafkatest.ReadAll(t, b, "sms.receipts")) == 0; n++ { // what is sent before the partitions are taken over counts as lost
		if time.Now().After(limit) {
			t.Fatalf("none of %d receipts is published", n)
		}
		s.send(messages(n, 1))
		time.Sleep(10 * time.Millisecond)
	}
	s.await("sms.receipts", 1)
	before := len(kafkatest.ReadAll(t, b, "sms.receipts"))
	s.send(messages(n, 50))
	s.await("sms.receipts", before+50)
}

// TestWhereALostTailWasGoneOnFromIsCommitted at once: what comes while nobody runs, and before anything else has come, is not taken for lost with it.
func TestWhereALostTailWasGoneOnFromIsCommitted(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	adm := kadm.NewClient(s.cl)
	offsets := kadm.Offsets{}
	for p := range int32(partitions) {
		offsets.Add(kadm.Offset{Topic: "smpp.deliver", Partition: p, At: 1000, LeaderEpoch: -1, Metadata: metadata(1, "")})
	}
	if err := adm.CommitAllOffsets(t.Context(), s.cfg.SourceGroup(), offsets); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r, _ := s.start(dir)
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, err := adm.FetchOffsets(t.Context(), s.cfg.SourceGroup())
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for p := range int32(partitions) {
			if o, ok := got.Lookup("smpp.deliver", p); !ok || o.At != 0 {
				left++
			}
		}
		if left == 0 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("of %d partitions the group's offset is still beyond the end", left)
		}
	}
	s.stop(r)
	s.send(messages(0, 50))
	s.start(dir)
	s.await("sms.receipts", 50)
}
