package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// patience is how long anything may take that is waited for: the machine may be busy with other things.
const patience = 3 * time.Minute

type bench struct {
	b      *kafkatest.Broker
	dialer *kafka.Dialer
}

func setup(t *testing.T, b *kafkatest.Broker) *bench {
	t.Helper()
	kafkatest.CreateTopics(t, b, 2, "in", "out")
	return &bench{b: b, dialer: &kafka.Dialer{Config: config.Kafka{Brokers: b.Addrs}, Log: slog.New(slog.DiscardHandler)}}
}

// again tries what was aborted since it took too long once more, as the transactor's callers do: where the machine stands still for some seconds, the broker ends a
// transaction by its timeout, or a step of it is given up.
func again(commit func() error) error {
	for limit := time.Now().Add(patience); ; {
		began := time.Now()
		if err := commit(); !errors.Is(err, kafka.ErrAborted) || !slow(began) || time.Now().After(limit) {
			return err
		}
	}
}

// slow tells whether what began then may have been aborted for the time that it took. The shortest limit of a step is as long.
func slow(began time.Time) bool { return time.Since(began) >= kafka.TransactionTimeout/2 }

// member joins the group and returns once it has partitions. Its session outlasts the test: what is done as this member must not be refused since the machine stood still.
func (s *bench) member(t *testing.T, group string) *kgo.Client {
	t.Helper()
	assigned := make(chan struct{}, 16)
	cl, err := s.dialer.Client("member", kgo.ConsumerGroup(group), kgo.ConsumeTopics("in"), kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.SessionTimeout(5*time.Minute),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) {
			if len(ps) > 0 {
				assigned <- struct{}{}
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.CloseAllowingRebalance)
	select {
	case <-assigned:
	case <-time.After(patience):
		t.Fatal("no partitions were assigned")
	}
	return cl
}

func (s *bench) transactor(t *testing.T, cl *kgo.Client) *kafka.Transactor {
	t.Helper()
	tr := kafka.NewTransactor(s.dialer, "test-", cl, nil)
	t.Cleanup(tr.Close)
	return tr
}

// joined is a member of the group g with a transactor.
func (s *bench) joined(t *testing.T) (*kgo.Client, *kafka.Transactor, kafka.Membership) {
	t.Helper()
	cl := s.member(t, "g")
	return cl, s.transactor(t, cl), kafka.MembershipOf(cl, "g")
}

func offsets(off int64, meta string) kafka.Offsets {
	return kafka.Offsets{"in": {0: {Offset: off, Metadata: meta}}}
}

func committed(t *testing.T, cl *kgo.Client, group string) kafka.OffsetMeta {
	t.Helper()
	o, err := kafka.Stable(t.Context(), cl, group, map[string][]int32{"in": {0}})
	if err != nil {
		t.Fatal(err)
	}
	om, _ := o.Get("in", 0)
	return om
}

func TestRecordsOffsetsAndMetadataAreCommittedTogether(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl, tr, m := s.joined(t)
		for n := range 100 { // one after the other, as fast as it goes
			err := again(func() error {
				return tr.Commit(t.Context(), m, &kafka.Commit{
					Records: []*kgo.Record{{Topic: "out", Value: fmt.Append(nil, n)}},
					Offsets: offsets(int64(n), fmt.Sprintf("v1;n=%d", n)),
				})
			})
			if err != nil {
				t.Fatalf("transaction %d: %v", n, err)
			}
		}
		if got := committed(t, cl, "g"); got != (kafka.OffsetMeta{Offset: 99, Metadata: "v1;n=99"}) {
			t.Errorf("committed %+v", got)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != 100 {
			t.Errorf("%d records are visible", got)
		}
		if err := tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(100, "grants alone")}); err != nil {
			t.Fatal(err)
		}
		if got := committed(t, cl, "g"); got.Metadata != "grants alone" {
			t.Errorf("a commit without records left %+v", got)
		}
	})
}

func TestACommitOfAnotherGenerationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl, tr, m := s.joined(t)
		err := again(func() error {
			return tr.Commit(t.Context(), m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: []byte("first")}}, Offsets: offsets(1, "ours")})
		})
		if err != nil {
			t.Fatal(err)
		}
		stale := m
		stale.Generation--
		for _, records := range [][]*kgo.Record{nil, {{Topic: "out", Value: []byte("zombie")}}} {
			err := again(func() error {
				return tr.Commit(t.Context(), stale, &kafka.Commit{Records: records, Offsets: offsets(7, "zombie")})
			})
			if !errors.Is(err, kafka.ErrNotMember) {
				t.Errorf("with %d records: %v", len(records), err)
			}
		}
		if err := tr.Commit(t.Context(), kafka.Membership{Group: "g", Generation: -1}, &kafka.Commit{Offsets: offsets(7, "nobody")}); !errors.Is(err, kafka.ErrNotMember) {
			t.Errorf("without a membership: %v", err)
		}
		if got := committed(t, cl, "g"); got.Metadata != "ours" {
			t.Errorf("committed %+v", got)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != 1 {
			t.Errorf("%d records are visible, want the first alone", got)
		}
	})
}

// TestATransactionThatADeadWriterLeftOpenIsEndedByItsSuccessor leaves one open
// and checks that fencing makes the offsets readable at once.
func TestATransactionThatADeadWriterLeftOpenIsEndedByItsSuccessor(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl := s.member(t, "g")
		id := kafka.TransactionalIDs("test-", "dead")[0]
		s.leaveOpen(t, id, kafka.MembershipOf(cl, "g"))
		if _, err := kafka.Committed(t.Context(), cl, "g", map[string][]int32{"in": {0}}, true); !errors.Is(err, kerr.UnstableOffsetCommit) {
			t.Fatalf("before fencing: %v, want an unstable offset", err)
		}
		for _, id := range kafka.TransactionalIDs("test-", "dead") {
			if _, _, err := kafka.Fence(t.Context(), cl, id); err != nil {
				t.Fatal(err)
			}
		}
		om := committed(t, cl, "g")
		if om.Offset != -1 {
			t.Errorf("committed %+v, want nothing", om)
		}
		if got := kafkatest.ReadAll(t, b, "out"); len(got) != 0 {
			t.Errorf("%d records are visible", len(got))
		}
	})
}

// leaveOpen is a writer that dies with a record and an offset in its transaction.
func (s *bench) leaveOpen(t *testing.T, id string, m kafka.Membership) {
	t.Helper()
	v := kversion.V3_0_0()                                                                                                    // before KIP-890, so that each step is a request of its own
	dead, err := s.dialer.Client("dead", kgo.TransactionalID(id), kgo.MaxVersions(v), kgo.TransactionTimeout(10*time.Minute)) // nor may the broker end it
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := dead.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Value: []byte("lost")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	pid, epoch, err := dead.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, pid, epoch, m.Group
	patiently(t, func() error {
		resp, err := add.RequestWith(t.Context(), dead)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch = id, pid, epoch
	commit.Group, commit.MemberID, commit.Generation = m.Group, m.MemberID, m.Generation
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic = "in"
	part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	part.Offset = 5
	topic.Partitions = append(topic.Partitions, part)
	commit.Topics = append(commit.Topics, topic)
	patiently(t, func() error {
		resp, err := commit.RequestWith(t.Context(), dead)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	})
	dead.Close()
}

// patiently repeats a raw request, which nobody does for us, while the broker's answer is that it cannot yet.
func patiently(t *testing.T, ask func() error) {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		err := ask()
		if err == nil {
			return
		}
		if !kerr.IsRetriable(err) || time.Now().After(limit) {
			t.Fatal(err)
		}
		_ = kafka.Sleep(t.Context(), kafka.Backoff(4))
	}
}

// TestAnEndWhoseAnswerIsLostIsSettledByReadingBack lets kfake apply, or not apply,
// an EndTxn whose answer never comes.
func TestAnEndWhoseAnswerIsLostIsSettledByReadingBack(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	_, tr, m := s.joined(t)
	for i, lose := range []func(*kfake.Cluster){loseBefore, loseAfter, loseBefore, loseAfter} {
		lose(b.Kfake())
		c := &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: fmt.Append(nil, i)}}, Offsets: offsets(int64(i), fmt.Sprintf("v1;n=%d", i))}
		if n, err := until(t, func() error { return tr.Commit(t.Context(), m, c) }); err != nil || n > 4 {
			t.Fatalf("commit %d: %d tries more, %v", i, n, err)
		}
	}
	var got []string
	for _, r := range kafkatest.ReadAll(t, b, "out") {
		got = append(got, string(r.Value))
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("visible: %v, want each exactly once", got)
	}
	if tr.Settled == 0 {
		t.Error("nothing had to be settled: the fault did not strike")
	}
}

// loseBefore answers an EndTxn with an error, without having looked at it.
func loseBefore(c *kfake.Cluster) {
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.UnknownServerError, Count: 1})
}

// loseAfter has the broker end the transaction, and answer that it timed out.
func loseAfter(c *kfake.Cluster) {
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.RequestTimedOut, Count: 1})
}
