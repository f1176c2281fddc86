package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TransactionTimeout is how long the broker leaves a transaction of a process
// that has died open. Ours last milliseconds; what waits behind a dead one is
// its successor, so it is as short as a slow broker allows.
const TransactionTimeout = 10 * time.Second

// txnProducer is one transactional id. It is used by one goroutine at a time.
//
// Its client is thrown away after whatever is not plain success: a new one's
// InitProducerId ends for certain what the old one left open, whichever way.
type txnProducer struct {
	id    string
	dial  func(opts ...kgo.Opt) (*kgo.Client, error)
	topic func(topic string) bool // records of these carry their partition

	limits  batchLimits // how large the client makes its batches
	cl      *kgo.Client
	kip890  bool // KIP-890 part 2: the broker adds partitions and offsets by itself
	records sync.WaitGroup
	mu      sync.Mutex
	handed  [][]*kgo.Record // what the transaction was given so far, for fit
	err     error           // first error of the records produced in this transaction
	refused string          // the topic of that error
	adrift  bool            // what was produced and given up may reach the broker yet, or has: see produce

	producerID    int64 // as whom the transaction was begun, see same
	producerEpoch int16

	// The last transaction, where it was committed and nobody has looked since whether the broker has written all
	// of its markers; see confirm. cuts is how many connections had been lost by then.
	last      Offsets
	lastGroup string
	cuts      uint64
	// aborted: the last transaction was, or was never ended, and as many connections as cuts says had been lost when it began; see endAborted.
	aborted bool
}

// open makes the client ready: fenced from all before it, with a producer id.
func (p *txnProducer) open(ctx context.Context) error {
	if p.cl != nil {
		return nil
	}
	kip890, err := p.brokerHasKIP890(ctx)
	if err != nil {
		return err
	}
	v := versions()
	if kip890 {
		v.SetMaxKeyVersion(int16(kmsg.Produce), 13)
		v.SetMaxKeyVersion(int16(kmsg.EndTxn), 5)
	} else {
		v.SetMaxKeyVersion(int16(kmsg.Produce), 11)
		v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
		v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 4)
	}
	limits := p.limits // the client's, whatever becomes of ours
	cl, err := p.dial(
		kgo.TransactionalID(p.id),
		kgo.TransactionTimeout(TransactionTimeout),
		kgo.MaxVersions(v),
		kgo.RecordPartitioner(partitioner{manual: p.topic, keyed: kgo.StickyKeyPartitioner(nil)}),
		// A transaction is handed over whole and then flushed: full batches, few requests.
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(1<<20),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return int32(limits.of(topic)) }),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.UnknownTopicRetries(5),
		// Enough to outlast a coordinator that loads its log after a start.
		kgo.RequestRetries(60),
	)
	if err != nil {
		return err
	}
	ictx, cancel := context.WithTimeout(ctx, 2*TransactionTimeout)
	defer cancel()
	if _, _, err := cl.ProducerID(ictx); err != nil {
		cl.Close()
		return fmt.Errorf("transactional id %s: %w", p.id, err)
	}
	p.cl, p.kip890 = cl, kip890
	return nil
}

// brokerHasKIP890 asks for the feature transaction.version, as it may have been
// raised while we ran.
func (p *txnProducer) brokerHasKIP890(ctx context.Context) (bool, error) {
	cl, err := p.dial()
	if err != nil {
		return false, err
	}
	defer cl.Close()
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl)
	if err != nil {
		return false, fmt.Errorf("asking the broker for its versions: %w", err)
	}
	for _, f := range resp.FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel >= 2, nil
		}
	}
	return false, nil
}

// discard closes the client; the next open begins anew.
func (p *txnProducer) discard() {
	if p.cl == nil {
		return
	}
	p.cl.UnsafeAbortBufferedRecords()
	p.cl.Close()
	p.cl, p.adrift = nil, false
}

// produce sends all records and waits until the brokers hold them.
//
// The limit is the context's, not the client's RecordDeliveryTimeout: that one counts
// from a record's timestamp, and a dead letter carries that of its original, which
// may be days old.
//
// Records that are given up leave the client adrift. It numbers the next ones as it had numbered them, and before KIP-890 part 2 an EndTxn
// does not raise the epoch: of the next transaction's records as many would be taken for those again, acknowledged, and not written; or
// the old ones, still on their way, would be committed with it. An InitProducerId raises it, so such a client is thrown away (abort).
func (p *txnProducer) produce(ctx context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, TransactionTimeout)
	defer cancel()
	p.err, p.refused = nil, ""
	p.handed = append(p.handed, records)
	p.records.Add(len(records))
	for _, r := range records {
		r.Context = nil // the client has put that of a former try there, which has ended
		p.cl.Produce(ctx, r, p.produced)
	}
	if err := p.cl.Flush(ctx); err != nil {
		p.cl.UnsafeAbortBufferedRecords() // else the promises would never come
	}
	p.records.Wait()
	return p.err
}

func (p *txnProducer) produced(r *kgo.Record, err error) {
	if err != nil {
		p.mu.Lock()
		p.adrift = p.adrift || !isKafkaError(err) || kerr.IsRetriable(err) // else the broker has refused it, and nothing is written
		if p.err == nil {
			p.err, p.refused = fmt.Errorf("producing to %s: %w", r.Topic, err), r.Topic
		}
		p.mu.Unlock()
	}
	p.records.Done()
}

// largest is the need of the largest record of a topic in the transaction.
func (p *txnProducer) largest(topic string) (n int) {
	for _, records := range p.handed {
		for _, r := range records {
			if r.Topic == topic {
				n = max(n, batchOfOne(r))
			}
		}
	}
	return n
}

// forget lets go of the records of a transaction that has ended: whoever made them uses them again.
func (p *txnProducer) forget() {
	clear(p.handed)
	p.handed = p.handed[:0]
}

// remember takes down as whom the client begins a transaction.
func (p *txnProducer) remember(ctx context.Context) (err error) {
	p.producerID, p.producerEpoch, err = p.cl.ProducerID(ctx)
	return err
}

// same fails where the client is another producer by now. It takes a new epoch without a word where a broker does not know the one that it has any more (kgo v1.22: a
// log that was cut off behind what it has written), which ends the transaction: what follows would be committed without what went before.
func (p *txnProducer) same(ctx context.Context) error {
	id, epoch, err := p.cl.ProducerID(ctx)
	if err == nil && (id != p.producerID || epoch != p.producerEpoch) {
		err = fmt.Errorf("the producer id has changed within the transaction: %w", kerr.InvalidProducerEpoch)
	}
	return err
}

// committedIn tells whether the coordinator has called the transaction in hand committed. By KIP-890 part 2 its end has raised the epoch by one; before that, what
// is said may be of the id's transaction before, and proves nothing.
func (p *txnProducer) committedIn(last *kmsg.DescribeTransactionsResponseTransactionState) bool {
	return p.kip890 && strings.HasSuffix(last.State, "Commit") && last.ProducerID == p.producerID && last.ProducerEpoch == p.producerEpoch+1
}

// commitOffsets makes the offsets part of the transaction. Nothing retries a
// raw request for us; aborting a whole transaction because the broker was busy
// with the markers of the last would be dear, so what is transient is tried
// again until the transaction is about to time out.
func (p *txnProducer) commitOffsets(ctx context.Context, m Membership, offsets Offsets) error {
	pid, epoch, err := p.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	if !p.kip890 {
		err := p.untilSettled(ctx, func() error {
			req := kmsg.NewPtrAddOffsetsToTxnRequest()
			req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = p.id, pid, epoch, m.Group
			resp, err := req.RequestWith(ctx, p.cl)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.ErrorCode)
		})
		if err != nil {
			return fmt.Errorf("adding group %s to the transaction: %w", m.Group, err)
		}
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, pid, epoch
	req.Group, req.MemberID, req.Generation = m.Group, m.MemberID, m.Generation
	for topic, ps := range offsets {
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic = topic
		for partition, om := range ps {
			tp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			tp.Partition, tp.Offset, tp.Metadata = partition, om.Offset, &om.Metadata
			t.Partitions = append(t.Partitions, tp)
		}
		req.Topics = append(req.Topics, t)
	}
	return p.untilSettled(ctx, func() error {
		resp, err := req.RequestWith(ctx, p.cl)
		if err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, tp := range t.Partitions {
				if err := kerr.ErrorForCode(tp.ErrorCode); err != nil {
					return fmt.Errorf("committing %s[%d]: %w", t.Topic, tp.Partition, err)
				}
			}
		}
		return nil
	})
}

// untilSettled repeats what is transient.
func (p *txnProducer) untilSettled(ctx context.Context, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, TransactionTimeout/2)
	defer cancel()
	for n := 1; ; n++ {
		err := fn()
		if err == nil || classify(err) != retry || !isKafkaError(err) && !errors.Is(err, context.DeadlineExceeded) && n > 20 {
			return err
		}
		if serr := Sleep(ctx, Backoff(n)); serr != nil {
			return errors.Join(err, serr)
		}
	}
}

func isKafkaError(err error) bool {
	var ke *kerr.Error
	return errors.As(err, &ke)
}

// partitioner takes the record's own partition on the topics whose layout is
// ours, and Kafka's hash of the key elsewhere.
type partitioner struct {
	manual func(topic string) bool
	keyed  kgo.Partitioner
}

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if p.manual != nil && p.manual(topic) {
		return kgo.ManualPartitioner().ForTopic(topic)
	}
	return p.keyed.ForTopic(topic)
}
