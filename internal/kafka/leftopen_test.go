package kafka_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestWhatADeadWriterLeftOpenIsEndedAndLeavesNoOffsetBehind: the writer died in a transaction of one id, after it had committed
// one of the other. An offset of a topic that the group does not read would be a lag that grows for ever.
func TestWhatADeadWriterLeftOpenIsEndedAndLeavesNoOffsetBehind(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl := s.member(t, "g")
		ids := kafka.TransactionalIDs("test-", "dead")
		twin := kafkatest.Client(t, b, kgo.TransactionalID(ids[1]))
		if err := twin.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := twin.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Value: []byte("kept")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := twin.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		s.leaveOpen(t, ids[0], kafka.MembershipOf(cl, "g"))
		parts := map[string][]int32{"in": {0}}
		if _, err := kafka.Committed(t.Context(), cl, "g", parts, true); !errors.Is(err, kerr.UnstableOffsetCommit) {
			t.Fatalf("before: %v, want an unstable offset", err)
		}

		left := kafka.LeftOpen{Dialer: s.dialer, Group: "g", Prefix: "test-", Own: "dead", Spare: "out", WriterOf: func(string) string { return "" }}
		left.End(t.Context(), t.Context(), cl, parts)

		if _, err := kafka.Stable(t.Context(), cl, "g", parts); err != nil {
			t.Errorf("after: %v", err)
		}
		offsets, err := kadm.NewClient(cl).FetchOffsets(t.Context(), "g")
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := offsets.Lookup("out", 0); ok && o.At >= 0 {
			t.Errorf("the group has offset %d of a topic that it does not read", o.At)
		}
		if got := kafkatest.ReadAll(t, b, "out"); len(got) != 1 || string(got[0].Value) != "kept" {
			t.Errorf("%d records are visible, want the committed one alone", len(got))
		}
	})
}
