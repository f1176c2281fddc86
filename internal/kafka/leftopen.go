package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// LeftOpen ends the transactions that stand in the way of a group's offsets.
type LeftOpen struct {
	Dialer   *Dialer
	Group    string
	Prefix   string                       // of the writers' transactional ids
	Own      string                       // the caller's writer
	WriterOf func(metadata string) string // finds the writer in an offset's metadata
	// Spare is a topic that exists and that the group does not read: see release.
	Spare string
	// Topics are those that the writers write to: see release.
	Topics []string

	unreleased unreleased
	forgetting once
	released   atomic.Bool // an offset of Spare was committed once
	searches   sync.Map    // partitions that are searched for, as text
}

// End is called when partitions are assigned, before the client reads the committed
// offsets. That read would wait for the timeout of a transaction that a dead writer
// has left open; and for ever where the broker has lost its end.
//
// Only where an offset stays unstable is anybody fenced before the read: a replica that lives has
// ended its transaction before it let the partition go. Our own ids are ended like
// any other's: the transactor opens them anew. See endOrphans for transactions without offsets.
//
// ctx is the callback's. What goes on when End has returned ends with beside, which lasts as long as the client.
func (l *LeftOpen) End(ctx, beside context.Context, cl *kgo.Client, parts map[string][]int32) {
	ctx, cancel := context.WithTimeout(ctx, 2*TransactionTimeout)
	defer cancel()
	found, err := Stable(ctx, cl, l.Group, parts)
	if !errors.Is(err, kerr.UnstableOffsetCommit) {
		if err == nil { // else for the client's own read to report
			l.endOrphans(beside, cl, found)
			go l.forgetSpare(beside, cl) // of a release whose process died before it could take it back
			go l.searchHeldBack(beside, cl)
		}
		return
	}
	last, err := Committed(ctx, cl, l.Group, parts, false)
	if err != nil {
		return
	}
	writers := l.writers(last)
	writers[l.Own] = true
	var fenced []fencedID
	for w := range writers {
		for _, id := range TransactionalIDs(l.Prefix, w) {
			f, err := l.fence(ctx, cl, id)
			if err != nil {
				l.Dialer.Log.Warn("could not end the transaction that stands in the way of our offsets; waiting for its timeout", "transactional_id", id, "error", err)
				continue
			}
			fenced = append(fenced, f)
		}
	}
	if _, err := Stable(ctx, cl, l.Group, parts); !errors.Is(err, kerr.UnstableOffsetCommit) {
		return // as after any crash; only where a marker was lost there is more to do
	}
	l.releaseAll(ctx, beside, cl, fenced)
	if _, err := Stable(ctx, cl, l.Group, parts); err != nil {
		go l.searchUntilStable(beside, cl, parts)
	}
}

func (l *LeftOpen) releaseAll(ctx, beside context.Context, cl *kgo.Client, fenced []fencedID) {
	for _, f := range fenced {
		if err := l.release(ctx, beside, cl, f); err != nil {
			l.Dialer.Log.Warn("could not write the end marker that the broker has lost; our offsets cannot be read until somebody does", "transactional_id", f.id, "error", err)
		}
	}
}

// endLost is End for a transaction of our own that is known to have ended: its id may have been fenced, which
// makes the coordinator forget how. state is what it said before.
func (l *LeftOpen) endLost(ctx, beside context.Context, cl *kgo.Client, parts map[string][]int32, id, state string) {
	rctx, cancel := context.WithTimeout(ctx, 2*TransactionTimeout)
	defer cancel()
	l.unreleased.note(id, end{state, -1, -1})
	f, err := l.fence(rctx, cl, id)
	if err == nil {
		err = l.release(rctx, beside, cl, f)
	}
	if err != nil {
		l.Dialer.Log.Warn("could not write the end marker that the broker has lost; trying on", "transactional_id", id, "error", err)
	}
	l.End(ctx, beside, cl, parts) // the marker may be another transaction's
}

// fencedID is a transactional id after Fence, with how its last transaction stood before.
type fencedID struct {
	id    string
	pid   int64
	epoch int16
	state string
}

// forgetSpare takes back the offset of Spare that a release has committed: the group does not read that topic, and would
// show a lag there that grows for ever, to every monitor and autoscaler. It tries on beside the takeover, since the broker that
// made the release necessary may die once more. Should the process die before it was done, whoever takes over next does it.
func (l *LeftOpen) forgetSpare(beside context.Context, cl *kgo.Client) {
	for more := l.forgetting.begin(); more; more = l.forgetting.again() {
		l.takeSpareBack(beside, cl)
	}
}

func (l *LeftOpen) takeSpareBack(beside context.Context, cl *kgo.Client) {
	ctx, cancel := context.WithTimeout(beside, searchFor)
	defer cancel()
	for n := 1; ; n++ {
		there, err := l.deleteSpare(ctx, cl)
		if err == nil {
			return
		}
		if over := Sleep(ctx, Backoff(n)) != nil; over || isKafkaError(err) && classify(err) == denied {
			if there {
				l.Dialer.Log.Warn("an offset that the group does not need stays committed, and looks like a lag; taking it back needs DELETE on the group and READ on the topic", "group", l.Group, "topic", l.Spare, "error", err)
			}
			return
		}
	}
}

// once is work of which no more than one is under way: who asks for it meanwhile has it done once more.
type once struct {
	mu         sync.Mutex
	on, wanted bool
}

// begin tells whether the caller has to do it.
func (o *once) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.on {
		o.wanted = true
		return false
	}
	o.on = true
	return true
}

// again tells whoever has done it whether to do it once more.
func (o *once) again() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.on, o.wanted = o.wanted, false
	return o.on
}

// deleteSpare tells whether there was an offset to delete.
func (l *LeftOpen) deleteSpare(ctx context.Context, cl *kgo.Client) (there bool, err error) {
	offsets, err := Stable(ctx, cl, l.Group, map[string][]int32{l.Spare: {0}}) // until its marker is written there is nothing to delete
	if err != nil {
		return false, err
	}
	if om, ok := offsets.Get(l.Spare, 0); !ok || om.Offset < 0 {
		return false, nil
	}
	deleted, err := kadm.NewClient(cl).DeleteOffsets(ctx, l.Group, kadm.TopicsSet{l.Spare: {0: {}}})
	if err == nil {
		err = deleted.Error()
	}
	return true, err
}

// stateOf is how the id's transaction stands; empty where the broker knows no such id.
func stateOf(ctx context.Context, cl *kgo.Client, id string) (string, error) {
	t, err := describe(ctx, cl, id)
	return t.State, err
}

func describe(ctx context.Context, cl *kgo.Client, id string) (t kmsg.DescribeTransactionsResponseTransactionState, err error) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return t, fmt.Errorf("describing transaction %s: %w", id, err)
	}
	if len(resp.TransactionStates) == 0 {
		return t, nil
	}
	t = resp.TransactionStates[0]
	if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TransactionalIDNotFound) {
		return t, err
	}
	return t, nil
}

// lastState is stateOf before the id is fenced, after which there is nothing to see. An error
// says that the broker is away: ask again. Empty: it does not tell, being older than Kafka 3.0
// or for lack of a right.
func lastState(ctx context.Context, cl *kgo.Client, id string) (string, error) {
	t, err := lastOf(ctx, cl, id)
	return t.State, err
}

// lastOf is all that the coordinator says of an id's last transaction, as lastState.
func lastOf(ctx context.Context, cl *kgo.Client, id string) (none kmsg.DescribeTransactionsResponseTransactionState, err error) {
	ctx, cancel := context.WithTimeout(ctx, TransactionTimeout/2)
	defer cancel()
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl)
	if err != nil {
		return none, err
	}
	if !slices.ContainsFunc(resp.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == kmsg.DescribeTransactions.Int16() }) {
		return none, nil
	}
	t, err := describe(ctx, cl, id)
	if isKafkaError(err) && !kerr.IsRetriable(err) {
		return none, nil
	}
	return t, err
}

// Fence ends whatever transaction is open under the id, and shuts its producer
// out: InitProducerId aborts it and raises the epoch.
//
// A successor calls it for the writers that it finds in the metadata. Without
// it, its OffsetFetch waits for the transaction's timeout (10 s) after a crash
// inside a transaction; with it, 0.2 s.
func Fence(ctx context.Context, cl *kgo.Client, transactionalID string) (producerID int64, epoch int16, err error) {
	return fenceAt(ctx, cl, transactionalID, -1, -1)
}

// fenceAt is Fence where the id still stands at that producer id and epoch, and an error where it does not (KIP-360); -1: wherever it stands.
func fenceAt(ctx context.Context, cl *kgo.Client, transactionalID string, pid int64, at int16) (producerID int64, epoch int16, err error) {
	for n := 1; ; n++ {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = &transactionalID, pid, at
		req.TransactionTimeoutMillis = int32(TransactionTimeout.Milliseconds())
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil {
			return resp.ProducerID, resp.ProducerEpoch, nil
		}
		if !kerr.IsRetriable(err) && !errors.Is(err, kerr.ConcurrentTransactions) {
			return 0, 0, fmt.Errorf("fencing %s: %w", transactionalID, err)
		}
		if err := Sleep(ctx, Backoff(n)); err != nil {
			return 0, 0, fmt.Errorf("fencing %s: %w", transactionalID, err)
		}
	}
}

// release writes the end markers that a broker has lost. Apache Kafka 4.3.0, killed
// under load, calls a transaction complete whose partitions never got their marker: at its
// start it loads transactions that are to be ended while it does not know the leaders of
// their partitions yet, and takes these for deleted ("Couldn't find leader endpoint for
// partitions ... these partitions are likely deleted already and hence can be skipped").
// The offsets stay pending for ever, and with them every OffsetFetch of the group; and of
// each partition that it has written to, nobody with read_committed reads on.
//
// What is pending or open belongs to a producer id, so the end of another transaction of that
// id ends it too, in the same sense: one with the offset of a topic that the group does not
// read, and with every partition that the writer may have written to. Nothing is written but
// markers, and that offset, which is taken back beside what goes on, whatever the answer was: what got none may have been carried out.
func (l *LeftOpen) release(ctx, beside context.Context, group *kgo.Client, f fencedID) error {
	var commit bool
	switch f.state {
	case "CompleteCommit", "PrepareCommit":
		commit = true
		l.released.Store(true)
		defer func() { go l.forgetSpare(beside, group) }()
	case "CompleteAbort", "PrepareAbort":
	default:
		return nil // the fencing has ended it
	}
	id, pid, epoch := f.id, f.pid, f.epoch
	// Before KIP-890, when each step was a request of its own.
	cl, err := l.Dialer.Unmeasured().Client("release", kgo.MaxVersions(kversion.V3_0_0()))
	if err != nil {
		return err
	}
	defer cl.Close()
	member := MembershipOf(group, l.Group)
	written, err := kadm.NewClient(cl).ListTopics(ctx, l.Topics...)
	if err != nil {
		return err
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"AddPartitionsToTxn", func() error {
			req := kmsg.NewPtrAddPartitionsToTxnRequest()
			req.TransactionalID, req.ProducerID, req.ProducerEpoch = id, pid, epoch
			for _, d := range written.Sorted() {
				if d.Err == nil { // else it does not exist
					t := kmsg.NewAddPartitionsToTxnRequestTopic()
					t.Topic, t.Partitions = d.Topic, d.Partitions.Numbers()
					req.Topics = append(req.Topics, t)
				}
			}
			if len(req.Topics) == 0 {
				return nil
			}
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.OperationNotAttempted) { // because of the one that tells
						return fmt.Errorf("%s[%d]: %w", t.Topic, p.Partition, err)
					}
				}
			}
			return nil
		}},
		{"AddOffsetsToTxn", func() error {
			req := kmsg.NewPtrAddOffsetsToTxnRequest()
			req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = id, pid, epoch, l.Group
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.ErrorCode)
		}},
		{"TxnOffsetCommit", func() error {
			req := kmsg.NewPtrTxnOffsetCommitRequest()
			req.TransactionalID, req.ProducerID, req.ProducerEpoch = id, pid, epoch
			req.Group, req.MemberID, req.Generation = l.Group, member.MemberID, member.Generation
			t := kmsg.NewTxnOffsetCommitRequestTopic()
			t.Topic = l.Spare
			t.Partitions = append(t.Partitions, kmsg.NewTxnOffsetCommitRequestTopicPartition())
			req.Topics = append(req.Topics, t)
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
		}},
		{"EndTxn", func() error {
			req := kmsg.NewPtrEndTxnRequest()
			req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = id, pid, epoch, commit
			resp, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.ErrorCode)
		}},
	}
	for _, step := range steps {
		for n := 1; ; n++ {
			err := step.do()
			if err == nil {
				break
			}
			if isKafkaError(err) && classify(err) != retry || n > 20 {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			if serr := Sleep(ctx, Backoff(n)); serr != nil {
				return fmt.Errorf("%s: %w", step.name, errors.Join(err, serr))
			}
		}
	}
	l.unreleased.done(id)
	return nil
}
