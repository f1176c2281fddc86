package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestWhatASuccessorCommitsBehindATransactionWithoutOffsetsBecomesVisible: the writer died after it had produced and before it had
// committed offsets, so that none are unstable, and the broker would keep the transaction open for ten minutes.
func TestWhatASuccessorCommitsBehindATransactionWithoutOffsetsBecomesVisible(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl, tr, m := s.joined(t)
		if err := tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(1, "dead")}); err != nil {
			t.Fatal(err)
		}
		dead := kafkatest.Client(t, b, kgo.TransactionalID(kafka.TransactionalIDs("test-", "dead")[1]), kgo.TransactionTimeout(10*time.Minute),
			kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := dead.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(2) {
			if err := dead.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Partition: p, Value: []byte("of the dead")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		callback, over := context.WithCancel(t.Context())
		left := kafka.LeftOpen{Dialer: s.dialer, Group: "g", Prefix: "test-", Own: tr.Writer(), Spare: "out", WriterOf: func(metadata string) string { return metadata }}
		left.End(callback, t.Context(), cl, map[string][]int32{"in": {0}})
		over()
		err := again(func() error {
			return tr.Commit(t.Context(), m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: []byte("kept")}}, Offsets: offsets(2, tr.Writer())})
		})
		if err != nil {
			t.Fatal(err)
		}
		reader := kafkatest.Client(t, b, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		rctx, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		var seen []string
		for len(seen) == 0 && rctx.Err() == nil {
			reader.PollFetches(rctx).EachRecord(func(r *kgo.Record) { seen = append(seen, string(r.Value)) })
		}
		if len(seen) != 1 || seen[0] != "kept" {
			t.Errorf("%q is visible, want the successor's record alone", seen)
		}
	})
}
