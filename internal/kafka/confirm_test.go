package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// none is an answer without an error.
var none = &kerr.Error{Message: "NONE"}

// commits tells an EndTxn that commits from one that aborts, as of a transaction that took too long: see again.
func commits(r kmsg.Request) bool { return r.(*kmsg.EndTxnRequest).Commit }

// withoutMarkers leaves a transaction that has ended as Apache Kafka leaves one whose markers it has lost: the coordinator calls the last
// transaction of the id complete, and says how it ended, a record is open on each partition of out, and the offset is pending. The broker must not verify
// transactions, since the proxy hides the partitions from the coordinator. Without offsets there is the record alone, as of a transaction that
// had not got to them and was aborted.
func (s *bench) withoutMarkers(t *testing.T, p *kafkaproxy.Proxy, id string, m kafka.Membership, want kafka.Offsets, end kgo.TransactionEndTry) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(p.Addrs...), kgo.TransactionalID(id), kgo.ClientID("forger"), kgo.MaxVersions(kversion.V3_0_0()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produce := func(topic string, value string) {
		t.Helper()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for partition := range int32(2) {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	produce("in", "whole")
	if err := cl.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	hide := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Client: "forger", Do: kafkaproxy.Answer, Err: none, Count: -1})
	defer hide.Remove()
	produce("out", "open")
	if want == nil {
		return
	}
	pid, epoch, err := cl.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = id, pid, epoch
	req.Group, req.MemberID, req.Generation = m.Group, m.MemberID, m.Generation
	om, _ := want.Get("in", 0)
	topic, partition := kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset, partition.Metadata = om.Offset, &om.Metadata
	topic.Topic, topic.Partitions = "in", append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// outage is a member of the group with a transactor, whose way to the broker can be cut.
type outage struct {
	*bench
	b  *kafkatest.Broker
	p  *kafkaproxy.Proxy
	cl *kgo.Client
	tr *kafka.Transactor
	m  kafka.Membership
}

func connected(t *testing.T, b *kafkatest.Broker) *outage {
	t.Helper()
	o := &outage{bench: setup(t, b), b: b, p: kafkaproxy.New(t, b.Addrs...)}
	o.dialer.Config.Brokers = o.p.Addrs
	o.cl, o.tr, o.m = o.joined(t)
	o.tr.Left = o.left(o.tr.Writer())
	return o
}

// id is the one of the transactor's first commit.
func (o *outage) id() string { return kafka.TransactionalIDs("test-", o.tr.Writer())[0] }

// stale is a membership of a generation that is over.
func (o *outage) stale() kafka.Membership {
	m := o.m
	m.Generation--
	return m
}

func (o *outage) commit(t *testing.T, m kafka.Membership, off int64, meta string) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return o.tr.Commit(ctx, m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: []byte(meta)}}, Offsets: offsets(off, meta)})
}

// commitsOfEachID are one of the first id, and one of the second; or of the second and the first, where one had to be tried again.
func (o *outage) commitsOfEachID(t *testing.T) {
	t.Helper()
	for i, meta := range []string{"first", "second"} {
		if err := again(func() error { return o.commit(t, o.m, int64(i+1), meta) }); err != nil {
			t.Fatal(err)
		}
	}
}

// refused tries four commits, two of each id, which the group refuses: the first of one that another client has used meanwhile is refused for that.
func (o *outage) refused(t *testing.T) {
	t.Helper()
	for range 4 {
		if err := o.commit(t, o.stale(), 4, "refused"); err == nil {
			t.Fatal("a commit of a generation that is over was taken")
		}
	}
}

// left ends what is open for the writer own. Offsets name no writer.
func (s *bench) left(own string) *kafka.LeftOpen {
	return &kafka.LeftOpen{Dialer: s.dialer, Group: "g", Prefix: "test-", Own: own, Spare: "out", Topics: []string{"out", "missing"},
		WriterOf: func(string) string { return "" }}
}

// endedAsCommitted tells whether what withoutMarkers has left is there, its offsets and its two records.
func endedAsCommitted(t *testing.T, b *kafkatest.Broker, cl *kgo.Client) {
	t.Helper()
	if got := committed(t, cl, "g"); got.Metadata != "theirs" {
		t.Errorf("%+v is committed", got)
	}
	if got := len(kafkatest.ReadAll(t, b, "out")); got != 2 {
		t.Errorf("%d records are visible, both are committed", got)
	}
}

func unverified(t *testing.T) *kafkatest.Broker {
	t.Helper()
	return kafkatest.Apache(t, "transaction.partition.verification.enable=false")
}

// TestAfterATakeoverWhatIsOpenOfACompleteTransactionIsReadOn: who takes partitions over reads what the transaction has written.
func TestAfterATakeoverWhatIsOpenOfACompleteTransactionIsReadOn(t *testing.T) {
	t.Parallel()
	b := unverified(t)
	s := setup(t, b)
	p := kafkaproxy.New(t, b.Addrs...)
	cl := s.member(t, "g")
	ids := kafka.TransactionalIDs("test-", "dead")
	s.withoutMarkers(t, p, ids[1], kafka.MembershipOf(cl, "g"), offsets(5, "theirs"), kgo.TryCommit)
	if got := len(kafkatest.ReadAll(t, b, "out")); got != 0 {
		t.Fatalf("%d records are visible before", got)
	}
	left := s.left("dead")
	left.End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
	endedAsCommitted(t, b, cl)
}

// TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEnd is the first transaction after the broker was away, which the group
// refuses. The id's last one was answered.
func TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEnd(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	o.commitsOfEachID(t)
	o.withoutMarkers(t, o.p, o.id(), o.m, offsets(3, "forgotten"), kgo.TryCommit)
	o.p.Cut()
	o.refused(t)
	if got := committed(t, o.cl, "g"); got.Metadata != "forgotten" {
		t.Errorf("%+v is committed", got)
	}
	if got := len(kafkatest.ReadAll(t, o.b, "out")); got != 4 {
		t.Errorf("%d records are visible: want one of the first, one of the second, and the two that were forgotten", got)
	}
}

// TestACommitDoesNotTakeAlongWhatTheBrokerHasForgottenToAbort is the first transaction after an outage in which the id's last one was
// aborted: its results were written again since, and must not be there twice.
func TestACommitDoesNotTakeAlongWhatTheBrokerHasForgottenToAbort(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	if err := o.commit(t, o.stale(), 1, "whole"); err == nil {
		t.Fatal("a commit of a generation that is over was taken")
	}
	o.withoutMarkers(t, o.p, o.id(), o.m, nil, kgo.TryAbort)
	o.p.Cut()
	for n := int64(2); n < 5; n++ {
		for o.commit(t, o.m, n, "whole") != nil { // refused since another client has used the id, above
			if t.Context().Err() != nil {
				t.FailNow()
			}
		}
	}
	got := kafkatest.ReadAll(t, o.b, "out")
	for _, r := range got {
		if string(r.Value) != "whole" {
			t.Errorf("%q is visible, and was aborted", r.Value)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d records are visible, want 3", len(got))
	}
}

// TestWhatNoCommittedOffsetNamesIsFoundAndEnded is the transaction of a writer whose partitions are another's now, which lives and has
// nothing more to commit, or is dead.
func TestWhatNoCommittedOffsetNamesIsFoundAndEnded(t *testing.T) {
	t.Parallel()
	b := unverified(t)
	s := setup(t, b)
	p := kafkaproxy.New(t, b.Addrs...)
	cl := s.member(t, "g")
	s.withoutMarkers(t, p, kafka.TransactionalIDs("test-", "other")[0], kafka.MembershipOf(cl, "g"), offsets(5, "theirs"), kgo.TryCommit)
	left := s.left("mine")
	left.End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
	readable(t, cl)
	endedAsCommitted(t, b, cl)
}

// TestHowATransactionEndedIsRememberedWhereItsReleaseFails: fenced, the coordinator does not tell any more, and what was committed must
// not be aborted.
func TestHowATransactionEndedIsRememberedWhereItsReleaseFails(t *testing.T) {
	t.Parallel()
	b := unverified(t)
	s := setup(t, b)
	cl := s.member(t, "g")
	s.fencedAndNotReleased(t, b, cl)
	readable(t, cl)
	endedAsCommitted(t, b, cl)
}

// TestWhoDoesNotKnowHowATransactionEndedDoesNotShutOutWhoDoes: all replicas come to a broker that has forgotten an end at the same time. What
// one has fenced looks empty to the others. Were they to fence it as well, its release would be refused, and nobody would know any more how it had ended.
func TestWhoDoesNotKnowHowATransactionEndedDoesNotShutOutWhoDoes(t *testing.T) {
	t.Parallel()
	b := unverified(t)
	s := setup(t, b)
	cl := s.member(t, "g")
	s.fencedAndNotReleased(t, b, cl)
	s.left("mine").End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
	readable(t, cl)
	endedAsCommitted(t, b, cl)
}

// fencedAndNotReleased leaves a committed transaction whose end the broker has forgotten, and one that has fenced it, whose release was refused, and that
// goes on trying.
func (s *bench) fencedAndNotReleased(t *testing.T, b *kafkatest.Broker, cl *kgo.Client) {
	t.Helper()
	forger := kafkaproxy.New(t, b.Addrs...)
	s.withoutMarkers(t, forger, kafka.TransactionalIDs("test-", "mine")[0], kafka.MembershipOf(cl, "g"), offsets(5, "theirs"), kgo.TryCommit)
	p := kafkaproxy.New(t, b.Addrs...)
	s.dialer.Config.Brokers = p.Addrs
	refused := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Do: kafkaproxy.Answer, Err: kerr.TransactionalIDAuthorizationFailed})
	s.left("mine").End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
	if refused.Struck() != 1 {
		t.Fatal("the release was not refused")
	}
}

// readable waits until the group's offsets are.
func readable(t *testing.T, cl *kgo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var unstable error // the last answer may be that the time is over
	for {
		_, err := kafka.Stable(ctx, cl, "g", map[string][]int32{"in": {0}})
		if err == nil {
			return
		}
		if errors.Is(err, kerr.UnstableOffsetCommit) {
			unstable = err
		}
		if kafka.Sleep(ctx, 100*time.Millisecond) != nil {
			t.Fatal(errors.Join(unstable, err))
		}
	}
}

// TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEndInSomePartitions: the markers of the offsets were written, and those of the results were not.
func TestAnAbortDoesNotTakeAlongWhatTheBrokerHasForgottenToEndInSomePartitions(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	o.commitsOfEachID(t)
	o.withoutMarkers(t, o.p, o.id(), o.m, nil, kgo.TryCommit)
	o.p.Cut()
	o.refused(t)
	if got := committed(t, o.cl, "g"); got.Metadata != "second" {
		t.Errorf("%+v is committed", got)
	}
	if got := len(kafkatest.ReadAll(t, o.b, "out")); got != 4 {
		t.Errorf("%d records are visible: want one of the first, one of the second, and the two that were forgotten", got)
	}
	noSpare(t, o.cl)
}

// TestAfterATakeoverReadersAreNotHeldBackByWhatNoOffsetTellsOf is the transaction of a writer that is dead, or that has nothing more to commit.
func TestAfterATakeoverReadersAreNotHeldBackByWhatNoOffsetTellsOf(t *testing.T) {
	t.Parallel()
	b := unverified(t)
	s := setup(t, b)
	p := kafkaproxy.New(t, b.Addrs...)
	cl := s.member(t, "g")
	s.withoutMarkers(t, p, kafka.TransactionalIDs("test-", "other")[0], kafka.MembershipOf(cl, "g"), nil, kgo.TryCommit)
	if got := len(kafkatest.ReadAll(t, b, "out")); got != 0 {
		t.Fatalf("%d records are visible before", got)
	}
	s.left("mine").End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
	reader := kafkatest.Client(t, b, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for seen := 0; seen < 2; {
		fs := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d records are visible, want 2", seen)
		}
		seen += fs.NumRecords()
	}
	noSpare(t, cl)
}

// TestAnOffsetThatAReleaseHasLeftIsTakenBack by the next takeover, in which the broker fails once more.
func TestAnOffsetThatAReleaseHasLeftIsTakenBack(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		p := kafkaproxy.New(t, b.Addrs...)
		s.dialer.Config.Brokers = p.Addrs
		cl := s.member(t, "g")
		tr := s.transactor(t, cl)
		if err := tr.Commit(t.Context(), kafka.MembershipOf(cl, "g"), &kafka.Commit{Offsets: kafka.Offsets{"out": {0: {Offset: 0}}}}); err != nil {
			t.Fatal(err)
		}
		failed := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.OffsetDelete}, Do: kafkaproxy.Answer, Err: kerr.CoordinatorNotAvailable})
		s.left("mine").End(t.Context(), t.Context(), cl, map[string][]int32{"in": {0}})
		noSpare(t, cl)
		if failed.Struck() != 1 {
			t.Error("nothing failed on the way")
		}
	})
}

// TestAnOffsetOfAReleaseWhoseAnswerIsLostIsTakenBack: the broker has carried it out, and nothing is open any more when it is asked again.
func TestAnOffsetOfAReleaseWhoseAnswerIsLostIsTakenBack(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	o.commitsOfEachID(t)
	o.withoutMarkers(t, o.p, o.id(), o.m, nil, kgo.TryCommit)
	lost := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Client: "release", Do: kafkaproxy.AnswerAfter, Err: kerr.InvalidTxnState})
	o.p.Cut()
	o.refused(t)
	if lost.Struck() != 1 {
		t.Fatal("no answer of a release was lost")
	}
	noSpare(t, o.cl)

	// A broker that is killed may forget that, too.
	tr := o.transactor(t, o.cl)
	if err := tr.Commit(t.Context(), o.m, &kafka.Commit{Offsets: kafka.Offsets{"out": {0: {Offset: 0}}}}); err != nil {
		t.Fatal(err)
	}
	o.commitsOfEachID(t)
	o.p.Cut()
	o.commitsOfEachID(t)
	noSpare(t, o.cl)
}

// TestAnOffsetOfAReleaseBehindATransactionThatWroteNothingIsTakenBack: it was aborted before the coordinator had heard of it, which calls the one before it
// committed, and that is what is ended once more.
func TestAnOffsetOfAReleaseBehindATransactionThatWroteNothingIsTakenBack(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	o.commitsOfEachID(t)
	failed := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.Answer, Err: kerr.InvalidTxnState})
	o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Do: kafkaproxy.Answer, Err: kerr.ClusterAuthorizationFailed}) // else the coordinator forgets how it ended
	if err := o.commit(t, o.m, 3, "refused"); err == nil || failed.Struck() == 0 {
		t.Fatalf("nothing was refused: %v", err)
	}
	o.p.Cut()
	o.commitsOfEachID(t)
	noSpare(t, o.cl)
}

// noSpare waits until the group has no offset of a topic that it does not read.
func noSpare(t *testing.T, cl *kgo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		got, err := kafka.Stable(ctx, cl, "g", map[string][]int32{"out": {0}})
		if om, _ := got.Get("out", 0); err == nil && om.Offset < 0 {
			return
		}
		if kafka.Sleep(ctx, 50*time.Millisecond) != nil {
			t.Fatalf("the group has an offset of a topic that it does not read: %+v %v", got, err)
		}
	}
}

// TestWhatWasCommittedAndPassedToAnotherOwnerIsNotAborted: the end of a transaction got no answer, and when it is read back the partition is another's,
// who has committed since. It was committed all the same, and the broker has forgotten to end it where it wrote its results.
func TestWhatWasCommittedAndPassedToAnotherOwnerIsNotAborted(t *testing.T) {
	t.Parallel()
	o := connected(t, unverified(t))
	direct := &kafka.Dialer{Config: config.Kafka{Brokers: o.b.Addrs}, Log: o.dialer.Log}
	cl, err := direct.Client("owner")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	owner := kafka.NewTransactor(direct, "test-", cl, nil)
	lost := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Do: kafkaproxy.AnswerAfter, Err: kerr.UnknownServerError, When: commits})
	took := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.DescribeTransactions}, Do: kafkaproxy.Answer, Err: none, When: func(kmsg.Request) bool {
		if err := owner.Commit(t.Context(), o.m, &kafka.Commit{Offsets: offsets(9, "another's")}); err != nil {
			t.Error(err)
		}
		return false
	}})
	turn := 0
	for {
		began := time.Now()
		err := o.commit(t, o.m, 5, "ours")
		if err == nil {
			break
		}
		if lost.Struck() > 0 || !errors.Is(err, kafka.ErrAborted) || !slow(began) {
			t.Fatalf("%v; it was committed, though the offsets are another's by now", err)
		}
		turn++ // it had not come to its end: see again
	}
	took.Remove()
	o.withoutMarkers(t, o.p, kafka.TransactionalIDs("test-", o.tr.Writer())[turn%2], o.m, nil, kgo.TryCommit)
	o.p.Cut()
	o.refused(t)
	if got := len(kafkatest.ReadAll(t, o.b, "out")); got != 3 {
		t.Errorf("%d records are visible: want the first, and the two that were forgotten", got)
	}
}

// TestACoordinatorThatDoesNotTellHowATransactionEndedIsNotAskedForEver: what was aborted in an outage is ended by what we know of it.
func TestACoordinatorThatDoesNotTellHowATransactionEndedIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		o := connected(t, b)
		o.refused(t) // both ids
		denied := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.DescribeTransactions}, Do: kafkaproxy.AnswerAfter, Err: kerr.TransactionalIDAuthorizationFailed, Count: -1})
		o.p.Cut()
		o.commitsOfEachID(t)
		if denied.Struck() == 0 {
			t.Error("it was not asked")
		}
	})
}

// TestAPartitionWithoutALeaderHoldsUpNobodyAfterAnOutage who does not write to it.
func TestAPartitionWithoutALeaderHoldsUpNobodyAfterAnOutage(t *testing.T) {
	t.Parallel()
	o := connected(t, kafkatest.Kfake(t))
	o.commitsOfEachID(t)
	leaderless := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Do: kafkaproxy.Answer, Err: kerr.LeaderNotAvailable, Count: -1})
	o.p.Cut()
	o.commitsOfEachID(t)
	if leaderless.Struck() == 0 {
		t.Error("it was not asked")
	}
}

// TestATransactionOfAnotherThatNobodyEndsDoesNotStopUsAfterAnOutage: it holds back what we have written, and is not ours to end.
func TestATransactionOfAnotherThatNobodyEndsDoesNotStopUsAfterAnOutage(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		o := connected(t, b)
		o.commitsOfEachID(t)
		other := kafkatest.Client(t, b, kgo.TransactionalID("a stranger's"), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := other.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for partition := range int32(2) {
			if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Partition: partition, Value: []byte("a stranger's")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		o.p.Cut()
		o.commitsOfEachID(t)
		o.commitsOfEachID(t)
		if err := other.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != 6 {
			t.Errorf("%d records are visible, want our 6", got)
		}
		noSpare(t, o.cl)
	})
}
