package kafka_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

func outs(values ...string) []*kgo.Record {
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: "out", Value: []byte(v)})
	}
	return rs
}

func TestWhatATransactionWasBegunWithIsCommittedWithTheRestOrNotAtAll(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl, tr, m := s.joined(t)
		stale := m
		stale.Generation--
		cause := errors.New("a reason")
		for _, c := range []struct {
			name   string
			begun  []*kgo.Record
			end    func() error
			want   error
			offset string
		}{
			{"with a rest", outs("begun 1"), func() error {
				return tr.Commit(t.Context(), m, &kafka.Commit{Records: outs("rest 1"), Offsets: offsets(1, "one")})
			}, nil, "one"},
			{"without", outs("begun 2"), func() error { return tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(2, "two")}) }, nil, "two"},
			{"aborted", outs("aborted"), func() error { return tr.Abort(t.Context(), cause) }, cause, "two"},
			{"of another generation", outs("stale"), func() error {
				return tr.Commit(t.Context(), stale, &kafka.Commit{Records: outs("stale rest"), Offsets: offsets(3, "stale")})
			}, kafka.ErrNotMember, "two"},
			{"of nobody", outs("nobody's"), func() error {
				return tr.Commit(t.Context(), kafka.Membership{Group: "g", Generation: -1}, &kafka.Commit{Offsets: offsets(4, "nobody's")})
			}, kafka.ErrNotMember, "two"},
			{"and on it goes", outs("begun 3"), func() error { return tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(5, "three")}) }, nil, "three"},
		} {
			err := again(func() error {
				err := tr.Begin(t.Context(), c.begun)
				if err == nil {
					err = c.end()
				}
				if c.want != nil && errors.Is(err, c.want) {
					return c.want // which is not tried again although it says that nothing has happened
				}
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			if got := committed(t, cl, "g"); got.Metadata != c.offset {
				t.Errorf("%s: committed %+v, want %s", c.name, got, c.offset)
			}
		}
		if err := tr.Commit(t.Context(), m, &kafka.Commit{Offsets: offsets(6, "grants alone")}); err != nil {
			t.Errorf("a commit of offsets alone: %v", err)
		}
		var got []string
		for _, r := range kafkatest.ReadAll(t, b, "out") {
			got = append(got, string(r.Value))
		}
		slices.Sort(got)
		if want := []string{"begun 1", "begun 2", "begun 3", "rest 1"}; !slices.Equal(got, want) {
			t.Errorf("visible: %q, want %q", got, want)
		}
	})
}

// TestATransactionThatWasBegunDoesNotOutliveItsProcess where that ends as it should: left open it would keep others' results from being read.
//
// Close gives the broker a second for it. Where the machine is too busy for that it is tried again with another; code that does not end it never does.
func TestATransactionThatWasBegunDoesNotOutliveItsProcess(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		cl := s.member(t, "g")
		state := func(id string) string {
			t.Helper()
			ds, err := kadm.NewClient(cl).DescribeTransactions(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return ds[id].State
		}
		for try := 1; ; try++ {
			tr, began := kafka.NewTransactor(s.dialer, "test-", cl, nil), time.Now()
			id := kafka.TransactionalIDs("test-", tr.Writer())[0]
			err := tr.Begin(t.Context(), outs("begun"))
			before := state(id)
			tr.Close()
			after, took := state(id), time.Since(began)
			if before == "Ongoing" && after != "Ongoing" && took < kafka.TransactionTimeout { // when the broker would have ended it
				return
			}
			t.Logf("begun: %v, before: %s, after: %s, in %s", err, before, after, took)
			if try == 10 {
				t.Fatal("it is not ended")
			}
		}
	})
}

// TestATransactionWhoseProducerChangesIsNotCommittedInPart has the broker say that the log was cut off behind what the transaction was begun with, at which the client takes a
// new epoch, and goes on.
func TestATransactionWhoseProducerChangesIsNotCommittedInPart(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s := setup(t, b)
	cl, tr, m := s.joined(t)
	begun := []*kgo.Record{{Topic: "out", Key: []byte("k"), Value: []byte("begun")}}
	if err := again(func() error { return tr.Begin(t.Context(), begun) }); err != nil {
		t.Fatal(err)
	}
	b.Kfake().ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) { // once
		req := r.(*kmsg.ProduceRequest)
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, rt := range req.Topics {
			st := kmsg.NewProduceResponseTopic()
			st.Topic, st.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				sp := kmsg.NewProduceResponseTopicPartition()
				sp.Partition, sp.ErrorCode, sp.LogStartOffset = rp.Partition, kerr.InvalidProducerEpoch.Code, 1000
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp, nil, true
	})
	err := tr.Commit(t.Context(), m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Key: []byte("k"), Value: []byte("rest")}}, Offsets: offsets(1, "one")})
	if !errors.Is(err, kafka.ErrAborted) {
		t.Errorf("it ended with %v", err)
	}
	if got := kafkatest.ReadAll(t, b, "out"); len(got) != 0 {
		t.Errorf("%d records are visible, of two", len(got))
	}
	if got := committed(t, cl, "g"); got.Metadata != "" {
		t.Errorf("committed %+v", got)
	}
}
