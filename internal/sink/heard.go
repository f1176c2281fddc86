package sink

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// heartbeatInterval: the lease rests on these, and so does how soon somebody has the partitions of a replica that was stopped.
const heartbeatInterval = 300 * time.Millisecond

// heard bounds the lease by when the group has last heard of this member.
//
// A commit that succeeds shows that we were a member when it was checked. It does not keep
// us one: a transactional commit prolongs no session. (Apache Kafka 4.3, OffsetMetadataManager: of the
// two checks validateOffsetCommit alone calls rescheduleClassicGroupMemberHeartbeat, and
// validateTransactionalOffsetCommit does not; groups by KIP-848 count ConsumerGroupHeartbeat alone.) So a member
// whose heartbeats are lost while its commits get through is taken for dead in the middle
// of a lease that rests on commits, and another sends what it still sends itself.
//
// Plain commits do prolong a classic group's session. They are left out: to count less
// is safe, and heartbeats come more often.
//
// It is a hook of the consumer's client, which tells of requests and answers but not of what
// they say. An answer that we are unknown therefore counts like any other; but the lease does not
// come back with an answer alone, see smpp.Lease.Bound.
type heard struct {
	lease   *smpp.Lease
	session atomic.Int64 // the group's

	mu    sync.Mutex
	last  time.Duration // when a hook was last called, on the lease's clock
	asked time.Duration // no later than when the request under way went out
	until time.Duration // the bound that the last answer gave
}

var (
	_ kgo.HookBrokerWrite = (*heard)(nil)
	_ kgo.HookBrokerE2E   = (*heard)(nil)
)

func newHeard(lease *smpp.Lease, session time.Duration) *heard {
	h := &heard{lease: lease, last: lease.Now()}
	h.session.Store(int64(session))
	return h
}

// OnBrokerWrite is called after a request was written. A process frozen in between
// would take it for a later one: what counts is when the last answer came, before
// which the group's requests, which follow one another, cannot have gone out.
func (h *heard) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	joins := isJoin(key)
	if !joins && !isHeartbeat(key) || err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.last = h.last, h.lease.Now()
	if joins {
		// The coordinator answers when all have joined, or the leader has assigned: as long as
		// the slowest takes to hand over. It times nobody who waits for that (hasSatisfiedHeartbeat), and no
		// heartbeats are sent. Commits go on, and bound the lease as before. The client
		// gives the request up some time after the rebalance's timeout.
		h.lease.Bound(smpp.Forever)
	}
}

// OnBrokerE2E is called after an answer was read, or will not be.
func (h *heard) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	joins := isJoin(key)
	if !joins && !isHeartbeat(key) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = h.lease.Now()
	if e.Err() == nil {
		// A quarter of a session lies between the last look at the lease and the
		// SMSC's having read what was written.
		h.until = h.asked + time.Duration(h.session.Load())*3/4
	}
	if e.Err() == nil || joins {
		h.lease.Bound(h.until)
	}
}

func isHeartbeat(key int16) bool {
	return key == int16(kmsg.Heartbeat) || key == int16(kmsg.ConsumerGroupHeartbeat)
}

func isJoin(key int16) bool {
	return key == int16(kmsg.JoinGroup) || key == int16(kmsg.SyncGroup)
}
