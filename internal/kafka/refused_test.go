package kafka_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestOffsetsThatWereCommittedBeforeTheRefusalAreCommitted is the second try of a
// commit whose first one took effect without an answer: the generation has changed
// meanwhile, and the broker takes a while to be asked what is committed.
func TestOffsetsThatWereCommittedBeforeTheRefusalAreCommitted(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	cl, tr, m := s.joined(t)
	c := &kafka.Commit{Offsets: offsets(5, "ours")}
	if err := tr.Commit(t.Context(), m, c); err != nil {
		t.Fatal(err)
	}
	b.Kfake().Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.IllegalGeneration},
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, TopLevel: true, Err: kerr.UnknownServerError, Count: 3},
	)
	if err := tr.Commit(t.Context(), m, c); err != nil {
		t.Errorf("it is committed, and said to be: %v", err)
	}
	if got := committed(t, cl, "g"); got.Metadata != "ours" {
		t.Errorf("committed %+v", got)
	}
}

// TestOffsetsThatAreRefusedForGoodAreNotCommitted has a broker that never takes them.
func TestOffsetsThatAreRefusedForGoodAreNotCommitted(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	_, tr, m := s.joined(t)
	b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	if err := tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(5, "ours")}); !errors.Is(err, kafka.ErrAborted) {
		t.Errorf("%v, want ErrAborted", err)
	}
}

// TestARefusedTransactionLeavesTheNextOneFree refuses each step in turn.
func TestARefusedTransactionLeavesTheNextOneFree(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	cl, tr, m := s.joined(t)
	faults := []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.InvalidProducerEpoch},
		{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.InvalidTxnState},
		{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.MessageTooLarge},
		{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.TransactionAbortable},
		{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.InvalidProducerEpoch},
		{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable},
		{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.UnknownMemberID},
		{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.InvalidProducerEpoch},
		{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.InvalidTxnState},
		{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.RequestTimedOut},
	}
	for i, f := range faults {
		b.Kfake().Fault(f)
		c := &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: fmt.Append(nil, i)}}, Offsets: offsets(int64(i), fmt.Sprintf("v1;n=%d", i))}
		began := time.Now()
		err := tr.Commit(t.Context(), m, c)
		for n := 0; err != nil && (n < 3 || n < 10 && slow(began)); n++ { // see again
			if errors.Is(err, kafka.ErrUnknown) {
				t.Fatalf("after %v at %v: %v", f.Err, f.Keys, err)
			}
			c.Records, began = []*kgo.Record{{Topic: "out", Value: fmt.Append(nil, i)}}, time.Now()
			err = tr.Commit(t.Context(), m, c)
		}
		if err != nil {
			t.Fatalf("after %v at %v: %v", f.Err, f.Keys, err)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != i+1 {
			t.Fatalf("after %v at %v %d records are visible, want %d", f.Err, f.Keys, got, i+1)
		}
		if got := committed(t, cl, "g"); got.Offset != int64(i) {
			t.Fatalf("after %v at %v %+v is committed", f.Err, f.Keys, got)
		}
	}
}
