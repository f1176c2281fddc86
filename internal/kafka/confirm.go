package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// confirm looks, before an id's next transaction, whether the markers of its last one are written, where a connection was lost since.
//
// The answer to EndTxn(commit) says that the coordinator has it in its log, not that the partitions have their markers. Apache Kafka, killed
// in between, may call it complete without ever writing them (see release). What is open then belongs to the producer id, and the end
// of its next transaction ends it too: were that one aborted, as the first after an outage often is, since the group's generation has
// changed, results that were committed would be gone.
//
// A transaction under way when the connection is lost is not held up: it began when the coordinator had called the one before it complete,
// before the broker was killed.
func (t *Transactor) confirm(ctx context.Context, p *txnProducer) error {
	last := p.last
	if t.Left == nil || last == nil || p.cuts == t.dialer.cuts.Load() {
		p.last = nil
		return nil
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, TransactionTimeout) // then the next commit looks
	defer cancel()
	for n := 1; ; n++ {
		_, err := Stable(ctx, t.plain, p.lastGroup, last.partitions())
		if errors.Is(err, kerr.UnstableOffsetCommit) {
			err = t.confirmUnstable(outer, p, err)
		} else if err == nil {
			err = t.confirmWritten(outer, p)
		}
		if err == nil {
			p.last = nil
			t.Left.unreleased.done(p.id)
			if t.Left.released.Load() {
				go t.Left.forgetSpare(outer, t.plain) // which a broker that was killed may have forgotten
			}
			return nil
		}
		if serr := Sleep(ctx, Backoff(n)); serr != nil {
			return fmt.Errorf("the end of the last transaction of %s: %w", p.id, errors.Join(serr, err))
		}
	}
}

// confirmUnstable tells a marker that is lost from one that is on its way, and from another's transaction: a coordinator that calls ours
// complete says that there is nothing more to come. One that was fenced after it is empty, and it was committed all the same.
func (t *Transactor) confirmUnstable(outer context.Context, p *txnProducer, unstable error) error {
	ctx, cancel := context.WithTimeout(outer, 2*TransactionTimeout)
	defer cancel()
	state, err := stateOf(ctx, t.plain, p.id)
	if state == "Empty" {
		state = "CompleteCommit"
	}
	if err != nil || state != "CompleteCommit" {
		return errors.Join(unstable, err)
	}
	if _, err := Stable(ctx, t.plain, p.lastGroup, p.last.partitions()); !errors.Is(err, kerr.UnstableOffsetCommit) {
		return err // they came between the two looks
	}
	t.log.Warn("the broker calls a transaction complete whose end it has not written; writing it", "transactional_id", p.id)
	p.discard()
	t.Left.endLost(ctx, outer, t.plain, p.last.partitions(), p.id, state)
	_, err = Stable(ctx, t.plain, p.lastGroup, p.last.partitions())
	return err
}

// confirmWritten is for the markers in the partitions that were written to: a broker that is killed while it writes them may have got to those of the
// offsets and not to all others. Where something is open it is not asked whose it is, which takes rights that a writer need not have; the last transaction of the id
// is ended once more, in the same sense, which does nothing where nothing of it is open.
func (t *Transactor) confirmWritten(outer context.Context, p *txnProducer) error {
	ctx, cancel := context.WithTimeout(outer, 2*TransactionTimeout)
	defer cancel()
	held, err := t.Left.heldBack(ctx, t.plain)
	if len(held) == 0 || err != nil {
		return err
	}
	t.log.Info("something is open where we wrote before the connection to Kafka was lost; ending our last transaction once more", "transactional_id", p.id)
	p.discard()
	return t.Left.endOwn(ctx, outer, t.plain, p.id, "CompleteCommit")
}

// endAborted writes, before an id's next transaction, the markers of one that was aborted, where a connection was lost since it began. The broker
// may have lost these as well as those of a commit, and what is open then would be committed along with the next transaction: each of its
// results would be there twice.
//
// It cannot be seen in the offsets, which such a transaction need not have got to, so it is done after every outage in a transaction. If the
// process dies before it was done, or has nothing more to commit, whoever takes partitions over finds what is open: see searchHeldBack.
func (t *Transactor) endAborted(outer context.Context, p *txnProducer) error {
	if t.Left == nil || !p.aborted || p.cuts == t.dialer.cuts.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(outer, 2*TransactionTimeout)
	defer cancel()
	p.discard()
	cuts := t.dialer.cuts.Load()
	if err := t.Left.endOwn(ctx, outer, t.plain, p.id, "CompleteAbort"); err != nil {
		return fmt.Errorf("ending what was open of %s: %w", p.id, err)
	}
	p.cuts = cuts
	return nil
}
