package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestAnEndWhoseMarkerTheBrokerHasLostIsWrittenAgainInTheSameSense is what Apache Kafka does when it is
// killed at the wrong moment: the answer to an EndTxn never comes, the coordinator calls the transaction
// complete, and its offsets stay unstable until another transaction of the producer ends.
func TestAnEndWhoseMarkerTheBrokerHasLostIsWrittenAgainInTheSameSense(t *testing.T) {
	t.Parallel()
	for _, commit := range []bool{true, false} {
		t.Run(map[bool]string{true: "committed", false: "aborted"}[commit], func(t *testing.T) {
			t.Parallel()
			b := kafkatest.Kfake(t)
			s := setup(t, b)
			p := kafkaproxy.New(t, b.Addrs...)
			s.dialer.Config.Brokers = p.Addrs
			cl := s.member(t, "g")
			tr := s.transactor(t, cl)
			tr.Left = &kafka.LeftOpen{Dialer: s.dialer, Group: "g", Prefix: "test-", Own: tr.Writer(), Spare: "out", WriterOf: func(string) string { return "" }}
			m := kafka.MembershipOf(cl, "g")
			if err := tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(1, "before")}); err != nil {
				t.Fatal(err)
			}
			c := b.Kfake()
			var lost, released atomic.Bool
			var sense atomic.Pointer[bool] // of the transaction that ends in the place of the lost one
			c.ControlKey(int16(kmsg.DescribeTransactions), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				resp := r.ResponseKind().(*kmsg.DescribeTransactionsResponse)
				for _, id := range r.(*kmsg.DescribeTransactionsRequest).TransactionalIDs {
					st := kmsg.NewDescribeTransactionsResponseTransactionState()
					st.TransactionalID, st.State = id, map[bool]string{true: "CompleteCommit", false: "CompleteAbort"}[commit]
					st.ProducerID, st.ProducerEpoch = -1, -1
					resp.TransactionStates = append(resp.TransactionStates, st)
				}
				return resp, nil, true
			})
			spare := func(r kmsg.Request) bool { return r.(*kmsg.TxnOffsetCommitRequest).Topics[0].Topic == "out" }
			c.Fault(
				kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Topic: "in", Err: kerr.UnstableOffsetCommit, Count: -1, When: func(kmsg.Request) bool { return lost.Load() && sense.Load() == nil }},
				kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
					released.Store(released.Load() || spare(r))
					return false
				}},
				kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
					if released.Load() && sense.Load() == nil {
						sense.Store(&r.(*kmsg.EndTxnRequest).Commit)
					}
					return false
				}},
			)
			do := kafkaproxy.Answer // and the broker never sees it
			if commit {
				do = kafkaproxy.AnswerAfter
			}
			p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Do: do, Err: kerr.UnknownServerError, When: func(r kmsg.Request) bool {
				if commits(r) {
					lost.Store(true)
				}
				return commits(r)
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it takes 15 s of waiting
			defer cancel()
			var err error
			for began := time.Now(); ctx.Err() == nil; began = time.Now() {
				err = tr.Commit(ctx, m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: []byte("x")}}, Offsets: offsets(5, "ours")})
				if lost.Load() || !slow(began) { // else it had not come to its end: see again
					break
				}
			}
			if (err == nil) != commit {
				t.Errorf("committed %v, and the commit says: %v", commit, err)
			}
			if got := sense.Load(); got == nil || *got != commit {
				t.Errorf("a transaction that had ended with commit=%v was ended again with %v", commit, got)
			}
			want := map[bool]int{true: 1, false: 0}[commit]
			if got := len(kafkatest.ReadAll(t, b, "out")); got != want {
				t.Errorf("%d records are visible, want %d", got, want)
			}
			if om, _ := committedOf(t, cl, "out"); om.Offset >= 0 {
				t.Errorf("offset %d of a topic that the group does not read stays committed", om.Offset)
			}
			for i := range 2 { // both ids go on
				err := again(func() error {
					return tr.Commit(t.Context(), m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: []byte("y")}}, Offsets: offsets(int64(6+i), "later")})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func committedOf(t *testing.T, cl *kgo.Client, topic string) (kafka.OffsetMeta, bool) {
	t.Helper()
	o, err := kafka.Stable(t.Context(), cl, "g", map[string][]int32{topic: {0}})
	if err != nil {
		t.Fatal(err)
	}
	return o.Get(topic, 0)
}
