package kafka_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestAProducerWhoseEpochHasRunOutGoesOnUnderAnotherProducerID: an epoch has 15 bits, and with KIP-890 each transaction takes one, so
// that at 20 transactions a second one lasts for less than half an hour. What a connector needs half an hour for is done beforehand
// here: each InitProducerId takes one too.
func TestAProducerWhoseEpochHasRunOutGoesOnUnderAnotherProducerID(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: an epoch needs 32,767 requests")
	}
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl, tr, m := s.joined(t)
		ids := kafka.TransactionalIDs("test-", tr.Writer())
		// One of the two is enough: the other shows that they do not touch each other. A few are left for
		// transactions, the first of which must not be the one that meets the end.
		const before = 10
		was := raiseEpoch(t, cl, ids[0], math.MaxInt16-before)
		const commits = 4 * before
		for n := range commits {
			err := again(func() error {
				return tr.Commit(t.Context(), m, &kafka.Commit{
					Records: []*kgo.Record{{Topic: "out", Value: fmt.Append(nil, n)}},
					Offsets: offsets(int64(n), fmt.Sprintf("v1;n=%d", n)),
				})
			})
			if err != nil {
				t.Fatalf("transaction %d: %v", n, err)
			}
			if got := committed(t, cl, "g"); got != (kafka.OffsetMeta{Offset: int64(n), Metadata: fmt.Sprintf("v1;n=%d", n)}) {
				t.Fatalf("transaction %d left %+v", n, got)
			}
		}
		seen := map[string]int{}
		for _, r := range kafkatest.ReadAll(t, b, "out") {
			seen[string(r.Value)]++
		}
		for n := range commits {
			if got := seen[fmt.Sprint(n)]; got != 1 {
				t.Errorf("record %d is visible %d times", n, got)
			}
		}
		is := producerOf(t, cl, ids[0])
		if is.ProducerID == was {
			t.Errorf("%d transactions later it is still producer %d, with epoch %d: its epoch has not run out, and nothing is shown", commits/2, is.ProducerID, is.ProducerEpoch)
		}
		if tr.Settled != 0 {
			t.Errorf("%d transactions ended without a clear answer", tr.Settled)
		}
		t.Logf("producer %d until its epoch ran out, then producer %d, now with epoch %d", was, is.ProducerID, is.ProducerEpoch)
	})
}

// raiseEpoch has the producer of a transactional id fenced until its epoch stands there, and returns its id. Where the machine is too slow for so many requests there is
// nothing to be seen of what the test is about.
func raiseEpoch(t *testing.T, cl *kgo.Client, id string, to int16) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	began, last := time.Now(), int16(0)
	for {
		pid, epoch, err := kafka.Fence(ctx, cl, id)
		if ctx.Err() != nil {
			t.Skipf("left out: the epoch is at %d of %d after %s", last, to, time.Since(began).Round(time.Second))
		}
		if err != nil {
			t.Fatalf("at epoch %d after %s: %v", last, time.Since(began), err)
		}
		if last = epoch; epoch >= to {
			t.Logf("epoch %d after %s", epoch, time.Since(began).Round(time.Millisecond))
			return pid
		}
	}
}

func producerOf(t *testing.T, cl *kgo.Client, id string) kadm.DescribedTransaction {
	t.Helper()
	all, err := kadm.NewClient(cl).DescribeTransactions(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	d, err := all.On(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
