package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fence ends what is open under an id, with what is to be known for release.
//
// After a broker's death all replicas come here at once, for the same ids, and each fencing aborts what is open. Were that a release that another
// replica has begun, the abort would take along what had been committed. So one that is complete is fenced only where nobody has fenced
// it since we looked, and one that is ongoing only if it stands still: a release takes milliseconds.
func (l *LeftOpen) fence(ctx context.Context, cl *kgo.Client, id string) (fencedID, error) {
	f := fencedID{id: id}
	var last kmsg.DescribeTransactionsResponseTransactionState
	for n := 1; ; n++ {
		t, err := describe(ctx, cl, id)
		if err != nil {
			return f, err
		}
		pause := Backoff(n)
		switch f.state = t.State; {
		case strings.HasPrefix(t.State, "Prepare"): // and complete in a moment
		case t.State == "Ongoing":
			if t.ProducerEpoch == last.ProducerEpoch && t.StartTimestamp == last.StartTimestamp {
				f.pid, f.epoch, err = Fence(ctx, cl, id)
				return f, err
			}
			pause = orphanedFor
		default:
			if !strings.HasPrefix(t.State, "Complete") { // empty, or not known at all
				// Fenced by somebody: us, before a release that failed, or a replica that is at it this very moment. Whoever does not
				// know how it had ended can release nothing, and would shut out the one that does.
				if f.state = l.unreleased.of(id, t.ProducerID, t.ProducerEpoch); f.state == "" {
					return f, nil
				}
			}
			l.unreleased.note(id, end{f.state, t.ProducerID, t.ProducerEpoch})
			f.pid, f.epoch, err = fenceAt(ctx, cl, id, t.ProducerID, t.ProducerEpoch)
			if errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced) {
				f.state, err = "", nil // somebody else is at it
			}
			return f, err
		}
		last = t
		if err := Sleep(ctx, pause); err != nil {
			return f, err
		}
	}
}

// endOwn ends once more the last transaction of an id of our own, of which we know how it ended; what is open of it in any partition ends with it. What the coordinator says
// comes first, since another replica may be at it; one that does not tell, being older than Kafka 3.0 or for lack of a right, is not asked again and again.
func (l *LeftOpen) endOwn(ctx, beside context.Context, cl *kgo.Client, id, state string) error {
	told, err := lastState(ctx, cl, id)
	if err != nil {
		return err
	}
	f := fencedID{id: id, state: state}
	if told == "" {
		f.pid, f.epoch, err = Fence(ctx, cl, id)
	} else {
		l.unreleased.note(id, end{state, -1, -1})
		f, err = l.fence(ctx, cl, id)
	}
	switch {
	case err != nil:
		return err
	case f.state == "":
		return errFencing
	}
	if err := l.release(ctx, beside, cl, f); err != nil {
		return err
	}
	l.unreleased.done(id)
	return nil
}

// errFencing: two that fence an id at the same time shut each other out; who came first ends its transaction.
var errFencing = errors.New("another replica is ending it")

// unreleased remembers how transactions ended that were fenced: from then on the coordinator does not tell, and where the release fails, since the
// broker dies once more, nobody else knows.
type unreleased struct {
	mu   sync.Mutex
	ends map[string]end // by transactional id; no more than the ids that were met
}

// end is what the coordinator said of an id before it was fenced. What has become of the id since is another transaction's. epoch -1: it
// is our own id, of which we forget it ourselves.
type end struct {
	state string
	pid   int64
	epoch int16
}

func (u *unreleased) note(id string, e end) {
	if !strings.HasPrefix(e.state, "Complete") && !strings.HasPrefix(e.state, "Prepare") {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ends == nil {
		u.ends = make(map[string]end)
	}
	u.ends[id] = e
}

// of returns how the transaction ended before the id was fenced, the last time perhaps without an answer; empty: not known.
func (u *unreleased) of(id string, pid int64, epoch int16) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.ends[id]; e.epoch < 0 || e.pid == pid && (e.epoch == epoch || e.epoch+1 == epoch) {
		return e.state
	}
	return ""
}

func (u *unreleased) has(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.ends[id]
	return ok
}

func (u *unreleased) done(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ends, id)
}

const (
	searchEvery = 3 * time.Second
	searchFor   = 10 * time.Minute
	mostIDs     = 500 // that one search looks at
)

// searchUntilStable ends transactions whose markers are lost and whose writers no committed offset names: one that lives, whose
// partitions are others' now and which has nothing more to commit, or one that is dead. They are found among all ids of ours that the brokers know.
func (l *LeftOpen) searchUntilStable(beside context.Context, cl *kgo.Client, parts map[string][]int32) {
	key := fmt.Sprint(parts)
	if _, on := l.searches.LoadOrStore(key, true); on {
		return // whoever waits for them calls End again and again
	}
	defer l.searches.Delete(key)
	ctx, cancel := context.WithTimeout(beside, searchFor)
	defer cancel()
	told := false
	for Sleep(ctx, searchEvery) == nil {
		_, err := Stable(ctx, cl, l.Group, parts)
		if err == nil {
			return
		}
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			continue // the broker is away
		}
		if !told {
			told = true
			l.Dialer.Log.Warn("our offsets cannot be read: the broker has lost the end of a transaction of a writer that they do not name; looking for it", "group", l.Group)
		}
		ids, err := l.complete(ctx, cl)
		if err != nil {
			l.Dialer.Log.Debug("listing transactions", "error", err)
			continue
		}
		var fenced []fencedID
		// Brokers remember an id for a week, so there may be many of former processes: others come up the next time.
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		for _, t := range ids[:min(len(ids), mostIDs)] {
			if f, err := l.fence(ctx, cl, t.id); err == nil {
				fenced = append(fenced, f)
			}
		}
		l.releaseAll(ctx, beside, cl, fenced)
	}
}

// transaction is one that the brokers know.
type transaction struct {
	id  string
	pid int64
}

// complete lists those of ours that are not in hand and of which is known how they ended (KIP-664).
func (l *LeftOpen) complete(ctx context.Context, cl *kgo.Client) ([]transaction, error) {
	req := kmsg.NewPtrListTransactionsRequest()
	req.StateFilters = []string{"CompleteCommit", "CompleteAbort", "Empty"}
	var ours []transaction
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListTransactionsResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return nil, err
		}
		for _, t := range resp.TransactionStates {
			id := t.TransactionalID
			if strings.HasPrefix(id, l.Prefix) && (t.TransactionState != "Empty" || l.unreleased.has(id)) {
				ours = append(ours, transaction{id, t.ProducerID})
			}
		}
	}
	return ours, nil
}
