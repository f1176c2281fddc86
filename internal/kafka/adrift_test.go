package kafka_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestAProduceWhoseAnswerComesTooLateTakesNothingAlong: the broker takes what is produced, and answers only when the transaction has been given up, as where a
// follower hangs; or the request is on its way until then. What the id writes next, as many records, must neither be taken for what came before nor be committed together with it.
func TestAProduceWhoseAnswerComesTooLateTakesNothingAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before890 bool
		do        kafkaproxy.Do
	}{
		"taken":                 {false, kafkaproxy.HoldAfter},
		"taken, before KIP-890": {true, kafkaproxy.HoldAfter},
		"late":                  {false, kafkaproxy.HoldBefore},
		"late, before KIP-890":  {true, kafkaproxy.HoldBefore},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kafkatest.Kfake(t)
			// Apache Kafka looks for transactions whose time is up every ten seconds; kfake ends them to the moment.
			b.Kfake().ControlKey(kmsg.InitProducerID.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
				b.Kfake().KeepControl()
				r.(*kmsg.InitProducerIDRequest).TransactionTimeoutMillis += 5000
				return nil, nil, false
			})
			answeredTooLate(t, b, c.before890, c.do)
		})
	}
	t.Run("taken, before KIP-890, apache", func(t *testing.T) {
		t.Parallel()
		answeredTooLate(t, kafkatest.Apache(t), true, kafkaproxy.HoldAfter)
	})
}

func answeredTooLate(t *testing.T, b *kafkatest.Broker, before890 bool, do kafkaproxy.Do) {
	t.Helper()
	if before890 {
		withoutKIP890(t, b)
	}
	o := connected(t, b)
	o.commitsOfEachID(t)
	held := o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.Produce}, Do: do, Delay: kafka.TransactionTimeout + 2*time.Second})
	var err error
	for began := time.Now(); ; began = time.Now() {
		if err = o.commit(t, o.m, 3, "third"); held.Struck() > 0 || !slow(began) {
			break // else it had not come to its produce: see again
		}
	}
	if !errors.Is(err, kafka.ErrAborted) || held.Struck() != 1 {
		t.Fatalf("%v, %d requests were held", err, held.Struck())
	}
	for i, meta := range []string{"third", "fourth", "fifth", "sixth"} {
		if err := again(func() error { return o.commit(t, o.m, int64(3+i), meta) }); err != nil {
			t.Fatalf("%s: %v", meta, err)
		}
	}
	var got []string
	for _, r := range kafkatest.ReadAll(t, b, "out") {
		got = append(got, string(r.Value))
	}
	slices.Sort(got)
	if want := []string{"fifth", "first", "fourth", "second", "sixth", "third"}; !slices.Equal(got, want) {
		t.Errorf("visible are %q, want %q", got, want)
	}
}

// withoutKIP890 takes the cluster's feature transaction.version down to what Kafka had before 4.0.
func withoutKIP890(t *testing.T, b *kafkatest.Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req := kmsg.NewPtrUpdateFeaturesRequest()
	down := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	down.Feature, down.MaxVersionLevel, down.UpgradeType = "transaction.version", 0, 2 // a downgrade that is safe
	req.FeatureUpdates = append(req.FeatureUpdates, down)
	resp, err := req.RequestWith(ctx, kafkatest.Client(t, b))
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestACommitIsNotTakenForAbortedByWhatAGroupsCoordinatorHasNotReadYet: the answer to EndTxn is lost with its broker, and the group's coordinator, up again, names for a
// second what it has read of its log so far.
func TestACommitIsNotTakenForAbortedByWhatAGroupsCoordinatorHasNotReadYet(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	o := connected(t, b)
	o.commitsOfEachID(t)
	c := b.Kfake()
	var ended kmsg.EndTxnRequest
	var over time.Time
	c.ControlKey(kmsg.EndTxn.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if !commits(r) {
			c.KeepControl()
			return nil, nil, false
		}
		ended, over = *r.(*kmsg.EndTxnRequest), time.Now().Add(time.Second)
		return nil, nil, false
	})
	c.ControlKey(kmsg.OffsetFetch.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if time.Now().After(over) {
			return nil, nil, false
		}
		return offsetsOf(r.(*kmsg.OffsetFetchRequest), 2, "second"), nil, true
	})
	// kfake calls each id that is in no transaction empty. Apache Kafka says how the last one has ended, under the epoch that its end has raised.
	c.ControlKey(kmsg.DescribeTransactions.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := r.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		st := kmsg.NewDescribeTransactionsResponseTransactionState()
		st.TransactionalID, st.State = ended.TransactionalID, "CompleteCommit"
		st.ProducerID, st.ProducerEpoch = ended.ProducerID, ended.ProducerEpoch+1
		resp.TransactionStates = append(resp.TransactionStates, st)
		return resp, nil, true
	})
	o.p.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Do: kafkaproxy.AnswerAfter, Err: kerr.UnknownServerError, When: commits})
	if n, err := until(t, func() error { return o.commit(t, o.m, 3, "third") }); err != nil || n > 1 { // as the sink does
		t.Fatalf("%d tries more, %v", n, err)
	}
	if got := len(kafkatest.ReadAll(t, b, "out")); got != 3 {
		t.Errorf("%d records are visible of three", got)
	}
}

func offsetsOf(req *kmsg.OffsetFetchRequest, offset int64, meta string) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, g := range req.Groups {
		rg := kmsg.NewOffsetFetchResponseGroup()
		rg.Group = g.Group
		for _, topic := range g.Topics {
			rt := kmsg.NewOffsetFetchResponseGroupTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
				rp.Partition, rp.Offset, rp.Metadata = p, offset, kmsg.StringPtr(meta)
				rt.Partitions = append(rt.Partitions, rp)
			}
			rg.Topics = append(rg.Topics, rt)
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}
