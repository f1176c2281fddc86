package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// HeartbeatInterval is how often members of a group report. Only in the answer do they learn that another has left, or waits to
// be let in: at the usual 3 s, nobody would have the partitions of a replica that was stopped cleanly for as long.
const HeartbeatInterval = 300 * time.Millisecond

// Membership is what fences a commit: Kafka takes it from a member of the
// group's current generation only (KIP-447).
//
// Read it BEFORE the ledgers whose state goes into the commit. Kafka checks the
// generation, not who owns a partition: were it read after, a rebalance in
// between could let a replica commit, with the new generation's number, a
// partition that it has just lost.
type Membership struct {
	Group      string
	MemberID   string
	Generation int32
}

// MembershipOf returns the client's membership as of now.
func MembershipOf(cl *kgo.Client, group string) Membership {
	id, gen := cl.GroupMetadata()
	return Membership{Group: group, MemberID: id, Generation: gen}
}

// Valid tells whether there is a membership at all. A commit with an empty
// member id is taken by Kafka as one from outside of any group, unfenced: it
// must never be sent.
func (m Membership) Valid() bool { return m.MemberID != "" && m.Generation >= 0 }
