package kafkaproxy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/leaktest"
)

const limit = 3 * time.Minute

// through returns a client that knows nothing but the proxy.
func through(t *testing.T, p *kafkaproxy.Proxy, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(p.Addrs...), kgo.ClientID("tested"), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond })}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.CloseAllowingRebalance)
	return cl
}

func produce(t *testing.T, cl *kgo.Client, values ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: "t", Value: []byte(v)})
	}
	return cl.ProduceSync(ctx, rs...).FirstErr()
}

// until waits for a condition that nothing tells of.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// TestClientsReachTheBrokersThroughTheProxyAlone has a group, a transaction and an
// administrator work as ever.
func TestClientsReachTheBrokersThroughTheProxyAlone(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 2, "t")
		p := kafkaproxy.New(t, b.Addrs...)
		writer := through(t, p, kgo.TransactionalID("x"))
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := produce(t, writer, "one", "two"); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		reader := through(t, p, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for n := 0; n < 2; {
			fs := reader.PollFetches(ctx)
			if err := fs.Err0(); err != nil {
				t.Fatal(err)
			}
			n += fs.NumRecords()
		}
		if err := reader.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		meta, err := kadm.NewClient(reader).BrokerMetadata(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, br := range meta.Brokers {
			if at := fmt.Sprintf("%s:%d", br.Host, br.Port); at != p.Addrs[0] {
				t.Errorf("a client was told of %s, the proxy is at %s", at, p.Addrs[0])
			}
		}
		for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.OffsetCommit, kmsg.Fetch} {
			if p.Seen(key) == 0 {
				t.Errorf("no %s came by", key.Name())
			}
		}
	})
}

func TestEachBrokerOfAClusterHasItsOwnPort(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p := kafkaproxy.New(t, c.ListenAddrs()...)
	cl := through(t, p)
	for i := range 20 {
		if err := produce(t, cl, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		for partition := range int32(6) { // the answer tells where the partition went (KIP-951)
			if err := c.MoveTopicPartition("t", partition, int32(i)%3); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAnAnswerIsLostAfterTheBrokerAppliedTheRequest(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "t")
	p := kafkaproxy.New(t, b.Addrs...)
	cl := through(t, p, kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
	if err := produce(t, cl, "first"); err != nil {
		t.Fatal(err)
	}
	h := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.CutAfter})
	if err := produce(t, cl, "applied"); err == nil {
		t.Error("the answer came")
	}
	h2 := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.CutBefore})
	if err := produce(t, cl, "not applied"); err == nil {
		t.Error("an answer came to what never reached the broker")
	}
	if h.Struck() != 1 || h2.Struck() != 1 {
		t.Errorf("struck %d and %d times", h.Struck(), h2.Struck())
	}
	var got []string
	for _, r := range kafkatest.ReadAll(t, b, "t") {
		got = append(got, string(r.Value))
	}
	if fmt.Sprint(got) != "[first applied]" {
		t.Errorf("the broker holds %v", got)
	}
}

func TestAnErrorIsAnsweredInTheBrokersPlaceOrAfterIt(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 1, "t")
		p := kafkaproxy.New(t, b.Addrs...)
		cl := through(t, p, kgo.DisableIdempotentWrite())
		if err := produce(t, cl, "first"); err != nil {
			t.Fatal(err)
		}
		p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.Answer, Err: kerr.TopicAuthorizationFailed, Client: "somebody else", Count: -1})
		p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.Answer, Err: kerr.TopicAuthorizationFailed, Client: "test"})
		if err := produce(t, cl, "refused"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("%v", err)
		}
		p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.AnswerAfter, Err: kerr.InvalidRecord})
		if err := produce(t, cl, "applied"); !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("%v", err)
		}
		// One that the client tries again by itself: three times refused, then taken.
		h := p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: kafkaproxy.Answer, Err: kerr.KafkaStorageError, Count: 3})
		if err := produce(t, cl, "at last"); err != nil || h.Struck() != 3 {
			t.Errorf("%v after %d refusals", err, h.Struck())
		}
		var got []string
		for _, r := range kafkatest.ReadAll(t, b, "t") {
			got = append(got, string(r.Value))
		}
		if fmt.Sprint(got) != "[first applied at last]" {
			t.Errorf("the broker holds %v", got)
		}
	})
}

// TestEveryRequestOfATransactionCanBeRefused looks whether each refusal is one that the
// client can read, and is tried again after.
func TestEveryRequestOfATransactionCanBeRefused(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 1, "in", "t")
		p := kafkaproxy.New(t, b.Addrs...)
		var handles []*kafkaproxy.Handle
		// Each is refused with what it may be refused with and is worth another try.
		for key, err := range map[kmsg.Key]*kerr.Error{
			kmsg.InitProducerID: kerr.CoordinatorLoadInProgress, kmsg.FindCoordinator: kerr.CoordinatorNotAvailable, kmsg.JoinGroup: kerr.CoordinatorLoadInProgress,
			kmsg.SyncGroup: kerr.RebalanceInProgress, kmsg.OffsetFetch: kerr.CoordinatorLoadInProgress, kmsg.Produce: kerr.KafkaStorageError,
			kmsg.TxnOffsetCommit: kerr.CoordinatorLoadInProgress, kmsg.EndTxn: kerr.NotCoordinator, kmsg.Metadata: kerr.LeaderNotAvailable,
			kmsg.Fetch: kerr.NotLeaderForPartition, kmsg.ListOffsets: kerr.NotLeaderForPartition, kmsg.Heartbeat: kerr.RebalanceInProgress,
		} {
			handles = append(handles, p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{key}, Do: kafkaproxy.Answer, Err: err}))
		}
		if err := kafkatest.Client(t, b).ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(p.Addrs...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"), kgo.TransactionalID("x"),
			kgo.HeartbeatInterval(100*time.Millisecond), kgo.SessionTimeout(time.Minute), kgo.MetadataMinAge(10*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for done := false; !done; {
			fs := s.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatal("nothing could be consumed")
			}
			if fs.NumRecords() == 0 {
				continue
			}
			if err := s.Begin(); err != nil {
				t.Fatal(err)
			}
			s.Produce(ctx, &kgo.Record{Topic: "t", Value: []byte("x")}, nil)
			if done, err = s.End(ctx, kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "every fault has struck", func() bool {
			for _, h := range handles {
				if h.Struck() == 0 {
					return false
				}
			}
			return true
		})
		// Apache Kafka answers an EndTxn before it has written the marker.
		until(t, "the record is visible", func() bool { return len(kafkatest.ReadAll(t, b, "t")) == 1 })
	})
}

func TestAStalledProxyKeepsConnectionsOpenAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "t")
	p := kafkaproxy.New(t, b.Addrs...)
	cl := through(t, p)
	if err := produce(t, cl, "before"); err != nil {
		t.Fatal(err)
	}
	before := p.Connections()
	p.Stall()
	p.Stall()
	done := make(chan error, 1)
	cl.Produce(t.Context(), &kgo.Record{Topic: "t", Value: []byte("held")}, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		t.Fatalf("an answer came through: %v", err)
	case <-time.After(300 * time.Millisecond): // a broker answers in less than ten
	}
	if n := p.Connections(); n < before {
		t.Errorf("%d of %d connections are open", n, before)
	}
	p.Resume()
	p.Resume()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := len(kafkatest.ReadAll(t, b, "t")); got != 2 {
		t.Errorf("%d records", got)
	}
}

func TestARefusingProxyResetsWhoeverComesUntilItAcceptsAgain(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "t")
	p := kafkaproxy.New(t, b.Addrs...)
	cl := through(t, p)
	if err := produce(t, cl, "before"); err != nil {
		t.Fatal(err)
	}
	p.Refuse()
	until(t, "all connections are gone", func() bool { return p.Connections() == 0 })
	conn, err := net.Dial("tcp", p.Addrs[0])
	if err == nil {
		_ = conn.SetReadDeadline(time.Now().Add(limit))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	var ne net.Error
	if err == nil || errors.As(err, &ne) && ne.Timeout() {
		t.Errorf("a connection stood: %v", err)
	}
	p.Accept()
	p.Cut()
	if err := produce(t, cl, "after"); err != nil {
		t.Error(err)
	}
}

func TestAHeldRequestReachesTheBrokerLate(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "t")
	p := kafkaproxy.New(t, b.Addrs...)
	cl := through(t, p)
	const delay = 200 * time.Millisecond
	for _, do := range []kafkaproxy.Do{kafkaproxy.HoldBefore, kafkaproxy.HoldAfter} {
		p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: do, Delay: delay, Skip: 1})
		if err := produce(t, cl, "free"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := produce(t, cl, "held"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < delay {
			t.Errorf("held for %v, want %v at least", took, delay)
		}
	}
}

// TestTheProxyLeavesNothingBehind is not parallel: others' goroutines would count.
func TestTheProxyLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		b := kafkatest.Kfake(t)
		kafkatest.CreateTopics(t, b, 1, "t")
		p := kafkaproxy.New(t, b.Addrs...)
		if err := produce(t, through(t, p), "x"); err != nil {
			t.Fatal(err)
		}
		p.Stall()
	})
	if err := leaktest.Find(before); err != nil {
		t.Error(err)
	}
}
