package faults

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

// written are the topics with what is committed together.
var written = []string{"sms.results", "sms.receipts", "sms.inbound", "sms.deadletter", "smpp.submitted", "smpp.waiting"}

// stuck says what Kafka shows of a row that waits in vain: transactions that nobody ends, and where the submission stands whose receipt is missing.
func (w *world) stuck() string {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var b strings.Builder
	adm := kadm.NewClient(w.client)
	open, err := w.openTransactions(ctx, adm)
	fmt.Fprintf(&b, "open transactions: %v (%v)", open, err)
	if ids, err := adm.DescribeTransactions(ctx); err == nil {
		for _, t := range ids.Sorted() {
			fmt.Fprintf(&b, "\n%s: producer %d epoch %d %s", t.TxnID, t.ProducerID, t.ProducerEpoch, t.State)
		}
	}
	fmt.Fprintf(&b, "\nowed: %s", w.seen.owed(w))
	if missing := w.seen.missing(w); len(missing) > 0 {
		fmt.Fprintf(&b, "%s", w.traced(missing[0]))
	}
	return b.String()
}

func (w *world) openTransactions(ctx context.Context, adm *kadm.Client) ([]string, error) {
	all := kadm.TopicsSet{}
	details, err := adm.ListTopics(ctx, written...)
	if err != nil {
		return nil, err
	}
	for _, d := range details {
		if d.Err == nil {
			all.Add(d.Topic, d.Partitions.Numbers()...)
		}
	}
	described, err := adm.DescribeProducers(ctx, all)
	var open []string
	for _, p := range described.SortedProducers() {
		if p.CurrentTxnStartOffset >= 0 {
			open = append(open, fmt.Sprintf("%s[%d] from offset %d on, producer %d epoch %d", p.Topic, p.Partition, p.CurrentTxnStartOffset, p.ProducerID, p.ProducerEpoch))
		}
	}
	return open, err
}

// traced tells where a part's id stands, committed or not: in results, in submissions, in what waits, in receipts.
func (w *world) traced(p part) string {
	var b strings.Builder
	visible := map[string]bool{}
	for _, r := range kafkatest.ReadAll(w.t, w.broker, "smpp.submitted") {
		visible[fmt.Sprint(r.Partition, r.Offset)] = true
	}
	for _, topic := range []string{"sms.results", "smpp.submitted", "smpp.waiting", "sms.receipts"} {
		cl := kafkatest.Client(w.t, w.broker, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		for {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			fs := cl.PollFetches(ctx)
			cancel()
			if fs.NumRecords() == 0 {
				break
			}
			fs.EachRecord(func(r *kgo.Record) {
				if topic == "smpp.submitted" {
					_ = record.EachSubmission(r.Value, func(s *record.Submission) error {
						if strings.Contains(fmt.Sprintf("%+v", *s), p.messageID) {
							fmt.Fprintf(&b, "; submission at %s[%d] %d by producer %d epoch %d, committed %v", topic, r.Partition, r.Offset, r.ProducerID, r.ProducerEpoch, visible[fmt.Sprint(r.Partition, r.Offset)])
						}
						return nil
					})
				} else if strings.Contains(string(r.Value)+string(r.Key), p.messageID) {
					fmt.Fprintf(&b, "; %s[%d] %d by producer %d epoch %d", topic, r.Partition, r.Offset, r.ProducerID, r.ProducerEpoch)
				}
			})
		}
	}
	return b.String()
}
