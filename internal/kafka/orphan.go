package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// orphanedFor is for how long a transaction must have stood still to count as a dead writer's. One of ours takes some tens of
// milliseconds.
const orphanedFor = 500 * time.Millisecond

// endOrphans ends transactions of former owners that died in them before they had committed offsets. These do not stand in the way of
// the group's offsets, but of every reader with read_committed: what the successor commits behind them in the results, or among the
// submissions, stays invisible until the broker ends them, 10 to 20 s later.
//
// It goes on beside the takeover, which need not wait for it. A writer that lives, and has handed its partitions over, has begun
// another transaction by the second look. Should it be fenced all the same, on a broker that is this slow, it settles its transaction
// and opens the id anew, as after any that was lost.
func (l *LeftOpen) endOrphans(ctx context.Context, cl *kgo.Client, last Offsets) {
	for w := range l.writers(last) {
		if w == l.Own {
			continue // what is open there is in hand
		}
		for _, id := range TransactionalIDs(l.Prefix, w) {
			go func() { // ends with ctx, at the latest
				ctx, cancel := context.WithTimeout(ctx, 2*TransactionTimeout)
				defer cancel()
				// An error is a broker that does not tell, for lack of a right or of the request: it ends them itself.
				first, err := describe(ctx, cl, id)
				if err != nil || first.State != "Ongoing" || Sleep(ctx, orphanedFor) != nil {
					return
				}
				second, err := describe(ctx, cl, id)
				if err != nil || second.State != "Ongoing" || second.StartTimestamp != first.StartTimestamp || second.ProducerEpoch != first.ProducerEpoch {
					return
				}
				if _, _, err := Fence(ctx, cl, id); err != nil {
					l.Dialer.Log.Warn("could not end the transaction of a former owner; results stay invisible until its timeout", "transactional_id", id, "error", err)
					return
				}
				l.Dialer.Log.Info("ended the transaction that a former owner died in", "transactional_id", id)
			}()
		}
	}
}

// writers are those of the commits found.
func (l *LeftOpen) writers(last Offsets) map[string]bool {
	writers := make(map[string]bool)
	for _, ps := range last {
		for _, om := range ps {
			if w := l.WriterOf(om.Metadata); w != "" {
				writers[w] = true
			}
		}
	}
	return writers
}
