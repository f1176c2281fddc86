package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// heldBack returns the partitions of the writers' topics in which a transaction is open: those whose last stable offset does not get to where
// the log ended when it was called, each with that stable offset. What others write there meanwhile, and end, is let pass. A partition that has no leader
// for longer than this takes is left out, and holds up nobody who does not write to it.
//
// Listing offsets takes no right that a writer has not; which producer it is that holds them back only a reader may ask.
func (l *LeftOpen) heldBack(ctx context.Context, cl *kgo.Client) (map[string]map[int32]int64, error) {
	adm := kadm.NewClient(cl)
	var ends kadm.ListedOffsets
	for n := 1; ; n++ {
		all, err := adm.ListEndOffsets(ctx, l.Topics...)
		if err != nil {
			return nil, fmt.Errorf("listing offsets: %w", err)
		}
		known, unknown := listed(all)
		if ends = known; unknown == 0 || n == looks {
			break
		}
		if err := Sleep(ctx, Backoff(n)); err != nil {
			return nil, err
		}
	}
	for n := 1; ; n++ {
		all, err := adm.ListCommittedOffsets(ctx, l.Topics...)
		if err != nil {
			return nil, fmt.Errorf("listing stable offsets: %w", err)
		}
		stable, unknown := listed(all)
		held := make(map[string]map[int32]int64)
		for _, end := range ends.Offsets().Sorted() {
			if at, ok := stable.Lookup(end.Topic, end.Partition); ok && at.Offset < end.At {
				if held[end.Topic] == nil {
					held[end.Topic] = make(map[int32]int64)
				}
				held[end.Topic][end.Partition] = at.Offset
			}
		}
		if len(held)+unknown == 0 || n == looks {
			return held, nil
		}
		if err := Sleep(ctx, Backoff(n)); err != nil {
			return nil, err
		}
	}
}

// looks are as many as Stable takes, a little more than a second.
const looks = 10

// listed tells partitions whose offset is known from those that exist and have none to tell.
func listed(all kadm.ListedOffsets) (known kadm.ListedOffsets, unknown int) {
	known = make(kadm.ListedOffsets)
	for topic, ps := range all {
		for p, o := range ps {
			switch {
			case errors.Is(o.Err, kerr.UnknownTopicOrPartition):
			case o.Err != nil:
				unknown++
			default:
				if known[topic] == nil {
					known[topic] = make(map[int32]kadm.ListedOffset)
				}
				known[topic][p] = o
			}
		}
	}
	return known, unknown
}

// searchHeldBack goes on beside a takeover, and ends what is open in the writers' topics though its coordinator calls it complete, where no offset tells of
// it: a transaction that was aborted before it had got to its offsets, or one of which the broker has lost the markers of some partitions. Its writer may be dead,
// or have nothing more to commit. Readers with read_committed would wait there for ever.
//
// It asks which producers have something open, which takes READ on the topic (KIP-664). Without it this is told, where it matters.
func (l *LeftOpen) searchHeldBack(beside context.Context, cl *kgo.Client) {
	if _, on := l.searches.LoadOrStore("held back", true); on {
		return
	}
	defer l.searches.Delete("held back")
	ctx, cancel := context.WithTimeout(beside, searchFor)
	defer cancel()
	began, told := time.Now(), false
	for Sleep(ctx, searchEvery) == nil {
		held, err := l.heldBack(ctx, cl)
		if err == nil && len(held) == 0 {
			return
		}
		if err == nil {
			err = l.endHeldBack(ctx, beside, cl, held)
		}
		switch {
		case err == nil || told:
		case time.Since(began) < heldBackFor:
			l.Dialer.Log.Debug("looking for transactions that nobody ends", "error", err)
		default:
			told = true
			l.Dialer.Log.Warn("a transaction that nobody ends keeps readers with read_committed from what stands behind it; its writer must end it, or you (kafka-transactions.sh find-hanging, abort); to end one of ours we need READ on the topic", "error", err)
		}
	}
}

// heldBackFor is longer than a broker takes to end the transaction of a writer that has died in it: its timeout, and up to ten seconds until the
// broker looks for such (transaction.abort.timed.out.transaction.cleanup.interval.ms).
const heldBackFor = TransactionTimeout + 15*time.Second

// endHeldBack ends what is ours of what holds back the partitions. An error says what is left.
//
// A coordinator that calls a transaction complete has no marker more to write. So what was open in a partition before it said so, and still is after it, from
// the same offset on, has lost its marker. A writer that lives has begun another one meanwhile, or none.
func (l *LeftOpen) endHeldBack(ctx, beside context.Context, cl *kgo.Client, held map[string]map[int32]int64) error {
	before, err := openAt(ctx, cl, held)
	if err != nil {
		return err
	}
	ids, err := l.complete(ctx, cl)
	if err != nil {
		return fmt.Errorf("listing transactions: %w", err)
	}
	after, err := openAt(ctx, cl, held)
	if err != nil {
		return err
	}
	var left error
	done := make(map[int64]bool)
	for at, pid := range before {
		if after[at] != pid || done[pid] {
			continue
		}
		done[pid] = true
		i := slices.IndexFunc(ids, func(t transaction) bool { return t.pid == pid })
		if i < 0 {
			left = errors.Join(left, fmt.Errorf("%s[%d]: producer %d has a transaction open from offset %d on, which is none of ours that is complete", at.topic, at.partition, pid, at.offset))
			continue
		}
		f, err := l.fence(ctx, cl, ids[i].id)
		if err == nil && f.state == "" {
			err = fmt.Errorf("nobody here knows how it had ended") // or another replica is at it
		}
		if err == nil {
			l.Dialer.Log.Warn("the broker calls a transaction complete whose end it has not written in all partitions; writing it", "transactional_id", f.id, "topic", at.topic, "partition", at.partition)
			err = l.release(ctx, beside, cl, f)
		}
		if err != nil {
			left = errors.Join(left, fmt.Errorf("%s[%d]: the transaction of %s that is open from offset %d on: %w", at.topic, at.partition, ids[i].id, at.offset, err))
		}
	}
	return left
}

// opening is the first offset of a transaction that is open.
type opening struct {
	topic     string
	partition int32
	offset    int64
}

// openAt returns the producers whose transactions are what holds the partitions back.
func openAt(ctx context.Context, cl *kgo.Client, held map[string]map[int32]int64) (map[opening]int64, error) {
	set := kadm.TopicsSet{}
	for topic, ps := range held {
		for p := range ps {
			set.Add(topic, p)
		}
	}
	described, err := kadm.NewClient(cl).DescribeProducers(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("describing producers: %w", err)
	}
	open := make(map[opening]int64)
	for topic, d := range described {
		for p, of := range d.Partitions {
			if of.Err != nil {
				return nil, fmt.Errorf("describing the producers of %s[%d]: %w", topic, p, of.Err)
			}
			for _, producer := range of.ActiveProducers {
				if producer.CurrentTxnStartOffset == held[topic][p] {
					open[opening{topic, p, producer.CurrentTxnStartOffset}] = producer.ProducerID
				}
			}
		}
	}
	return open, nil
}
