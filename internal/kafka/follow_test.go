package kafka_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// followed is what a follower has made of topic "table".
type followed struct {
	t     *testing.T
	mu    sync.Mutex
	now   map[string]string
	whole map[string]string // as it was when all had been taken for the last time
	times int               // that it was begun anew
}

func follow(t *testing.T, b *kafkatest.Broker) *followed {
	t.Helper()
	v := &followed{t: t}
	locked := func(fn func()) {
		v.mu.Lock()
		defer v.mu.Unlock()
		fn()
	}
	f := kafka.Follower{
		Client: kafkatest.Client(t, b), Topic: "table",
		Take: func(r *kgo.Record) {
			locked(func() {
				if v.now[string(r.Key)] = string(r.Value); r.Value == nil {
					delete(v.now, string(r.Key))
				}
			})
		},
		Anew:    func() { locked(func() { v.now, v.whole, v.times = make(map[string]string), nil, v.times+1 }) },
		Whole:   func() { locked(func() { v.whole = maps.Clone(v.now) }) },
		Trouble: func(err error) { t.Logf("a look has failed: %v", err) },
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return v
}

// await waits until all is taken and is this.
func (v *followed) await(want map[string]string) {
	v.t.Helper()
	var whole map[string]string
	for limit := time.Now().Add(2 * time.Minute); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		v.mu.Lock()
		whole = v.whole
		v.mu.Unlock()
		if whole != nil && maps.Equal(whole, want) {
			return
		}
	}
	v.t.Fatalf("the table is %v, want %v", whole, want)
}

func (v *followed) begun() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.times
}

// put writes key and value in turn; "" deletes the key.
func put(t *testing.T, cl *kgo.Client, partition int32, kv ...string) {
	t.Helper()
	for i := 0; i < len(kv); i += 2 {
		r := &kgo.Record{Topic: "table", Partition: partition, Key: []byte(kv[i])}
		if kv[i+1] != "" {
			r.Value = []byte(kv[i+1])
		}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFollowerHasAllOfATopicAndWhatIsAdded(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		v := follow(t, b) // which has to wait for its topic
		cl := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond), kgo.UnknownTopicRetries(-1))
		compacted := map[string]string{"cleanup.policy": "compact"}
		kafkatest.CreateTopicsWith(t, b, 2, compacted, "table")
		v.await(map[string]string{})
		put(t, cl, 0, "a", "1", "b", "2", "a", "")
		put(t, cl, 1, "c", "3")
		v.await(map[string]string{"b": "2", "c": "3"})
		put(t, cl, 1, "c", "", "d", "4")
		v.await(map[string]string{"b": "2", "d": "4"})

		adm := kadm.NewClient(cl)
		if _, err := adm.UpdatePartitions(t.Context(), 3, "table"); err != nil {
			t.Fatal(err)
		}
		cl.ForceMetadataRefresh()
		anew := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		put(t, anew, 2, "e", "5")
		v.await(map[string]string{"b": "2", "d": "4", "e": "5"})
		if n := v.begun(); n != 1 {
			t.Errorf("it has begun %d times before anything was lost", n)
		}
		b.Restart()
		put(t, anew, 2, "e", "6")
		v.await(map[string]string{"b": "2", "d": "4", "e": "6"})

		// Deleted, and made anew with more in it than was read of the former.
		adm = kadm.NewClient(kafkatest.Client(t, b))
		if _, err := adm.DeleteTopics(t.Context(), "table"); err != nil {
			t.Fatal(err)
		}
		kafkatest.CreateTopicsWith(t, b, 3, compacted, "table")
		other := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for range 10 {
			put(t, other, 0, "f", "7")
		}
		v.await(map[string]string{"f": "7"})
	})
}

// TestAFollowerWaitsForTransactions: what is written behind an open one cannot be seen, so all is not known before it has ended.
func TestAFollowerWaitsForTransactions(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 1, "table")
		plain := kafkatest.Client(t, b)
		put(t, plain, 0, "before", "1")
		txn := kafkatest.Client(t, b, kgo.TransactionalID("writer"))
		if err := txn.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		put(t, txn, 0, "inside", "2")
		put(t, plain, 0, "behind", "3")
		v := follow(t, b)
		for seen := false; !seen; time.Sleep(10 * time.Millisecond) { // it has got as far as it can
			v.mu.Lock()
			whole := v.whole
			_, seen = v.now["before"]
			v.mu.Unlock()
			if whole != nil {
				t.Fatalf("all is said to be known, and is %v", whole)
			}
			if t.Context().Err() != nil {
				t.FailNow()
			}
		}
		if err := txn.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		v.await(map[string]string{"before": "1", "inside": "2", "behind": "3"})
	})
}
