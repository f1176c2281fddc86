package sink

import (
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// tp names a partition.
type tp struct {
	topic     string
	partition int32
}

// partition is an input partition that this replica holds, or held until a
// moment ago. The loop owns it.
type partition struct {
	tp
	epoch  int64  // of the assignment: polled batches of another one are dropped
	member string // our id in the group when it became ours: see member.go
	held   bool   // ours now; false: lost or let go, and nothing of it may be committed
	claim  *smpp.Claim
	ledger *ledger.Ledger

	topicNo  int // its topic's place in the lanes
	priority int // of records that name none

	// n numbers our commits; committed is what Kafka holds as far as we know.
	n         uint64
	committed kafka.OffsetMeta
	// unwritten counts the messages that are done in the ledger and whose results are in no commit
	// that is known to have succeeded. While there are some, only a commit that carries them may
	// tell of this ledger.
	unwritten int

	high    int64 // the partition's end as the last fetch told it
	queued  int   // messages in memory
	bytes   int   // of their records
	owing   int   // granted by us, or taken up: to be seen through before a hand-over
	sending int   // of them with an account
	paused  bool
	beyond  []*message // polled, but further ahead than the ledger reaches
	stalled []*message // out of their lanes: the ledger has no place for their grants until C moves

	// limbo: lost, but perhaps for a moment only (a session that timed out, a
	// broker that restarted). What we know of it is parked until the partition
	// comes back at the very commit that we made, or somebody else has it.
	limbo   bool
	parked  []*message
	limboAt time.Time

	// left are the offsets of what a hand-over that did not get through has let go for the next owner: should that be us, they are read again.
	left map[int64]struct{}

	// letGo is closed when nothing granted is left and that is committed; nil
	// while nobody waits for it.
	letGo chan struct{}
}

// leftBefore tells what a record is that was read before: Repeated, while we hold it; after a hand-over that let it go and did not get
// through, what it was then.
func (p *partition) leftBefore(offset int64) ledger.Seen {
	if _, ok := p.left[offset]; !ok {
		return ledger.Repeated
	}
	if delete(p.left, offset); len(p.left) == 0 {
		p.left = nil
	}
	if p.ledger.At(offset) == ledger.Granted { // by a predecessor, and never taken up
		return ledger.Inherited
	}
	return ledger.Fresh
}

// clean tells whether the partition can be handed over with nothing in doubt but
// what we inherited so and never took up.
func (p *partition) clean() bool {
	return p.sending == 0 && p.owing == 0 && !p.ledger.Changed()
}
