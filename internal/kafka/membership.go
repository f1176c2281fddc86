package kafka

import "github.com/twmb/franz-go/pkg/kgo"

// Membership is what fences a commit: Kafka takes it from a member of the
// group's current generation only (KIP-447).
//
// Read it BEFORE the ledgers whose state goes into the commit. Kafka checks the
// generation, not who owns a partition: were it read after, a rebalance in
// between could let a replica commit, with the new generation's number, a
// partition that it has just lost. By the consumer protocol the generation is the
// member's epoch, which is checked in the same way.
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
