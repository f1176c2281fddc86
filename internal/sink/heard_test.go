package sink

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// coordinator plays the answers of a group whose session is 8 s to a lease that commits extend all the time.
type coordinator struct {
	t     *testing.T
	now   time.Duration
	lease *smpp.Lease
	heard *heard
}

func newCoordinator(t *testing.T) *coordinator {
	c := &coordinator{t: t, now: time.Hour}
	c.lease = smpp.NewLeaseOn(func() time.Duration { return c.now })
	c.heard = newHeard(c.lease, 8*time.Second)
	c.commit()
	return c
}

func (c *coordinator) commit() { c.lease.Extend(c.now + 4*time.Second) }

func (c *coordinator) sent(key kmsg.Key) {
	c.heard.OnBrokerWrite(kgo.BrokerMetadata{}, int16(key), 50, 0, 0, nil)
}

func (c *coordinator) answered(key kmsg.Key, err error) {
	c.heard.OnBrokerE2E(kgo.BrokerMetadata{}, int16(key), kgo.BrokerE2E{ReadErr: err})
}

func (c *coordinator) heartbeat() {
	c.sent(kmsg.Heartbeat)
	c.answered(kmsg.Heartbeat, nil)
}

// silence lets commits go on, every half second.
func (c *coordinator) silence(d time.Duration) {
	for until := c.now + d; c.now < until; {
		c.now += 500 * time.Millisecond
		c.commit()
	}
}

func (c *coordinator) valid(want bool, when string) {
	c.t.Helper()
	if c.lease.Valid() != want {
		c.t.Errorf("valid is %v %s", !want, when)
	}
}

func TestTheLeaseEndsWithTheSessionAlthoughCommitsGetThrough(t *testing.T) {
	t.Parallel()
	c := newCoordinator(t)
	c.heartbeat()
	c.heartbeat()
	c.silence(5500 * time.Millisecond)
	c.valid(true, "5.5 s after the last heartbeat")
	c.sent(kmsg.Heartbeat)
	c.answered(kmsg.Heartbeat, errors.New("connection reset"))
	c.silence(500 * time.Millisecond)
	c.valid(false, "three quarters of a session after the last heartbeat")
	c.heartbeat()
	c.valid(false, "after a heartbeat whose answer may have been that the member is unknown")
	c.commit()
	c.valid(true, "after a commit")
}

// A process frozen between a request's way to the socket and the hook that tells of it must
// not take it for sent when it woke up.
func TestTheLeaseCountsFromBeforeTheHeartbeatWasSent(t *testing.T) {
	t.Parallel()
	c := newCoordinator(t)
	c.heartbeat()
	c.now += 20 * time.Second
	c.sent(kmsg.Heartbeat)
	c.answered(kmsg.Heartbeat, nil)
	c.commit()
	c.valid(false, "after a heartbeat of 20 s ago")
	c.heartbeat()
	c.commit()
	c.valid(true, "after one of now")
}

func TestTheLeaseLastsWhileTheMemberWaitsToJoin(t *testing.T) {
	t.Parallel()
	c := newCoordinator(t)
	c.heartbeat()
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup} {
		c.sent(key)
		c.silence(40 * time.Second)
		c.valid(true, "40 s into a rebalance")
		c.answered(key, nil)
		c.valid(false, "after an answer that may be as old")
	}
	c.heartbeat()
	c.heartbeat()
	c.commit()
	c.valid(true, "when it is over")
	c.sent(kmsg.JoinGroup)
	c.answered(kmsg.JoinGroup, errors.New("connection reset"))
	c.valid(true, "after a JoinGroup that was lost at once")
	c.silence(6 * time.Second)
	c.valid(false, "a while after a JoinGroup that was lost")
	c.now += time.Second
	c.lease.Expire()
	c.sent(kmsg.JoinGroup)
	c.now += 4 * time.Second
	c.valid(false, "while it waits to join and commits nothing")
}

func TestTheLeaseOfAGroupByTheConsumerProtocolEndsWithItsHeartbeats(t *testing.T) {
	t.Parallel()
	c := newCoordinator(t)
	c.sent(kmsg.ConsumerGroupHeartbeat)
	c.answered(kmsg.ConsumerGroupHeartbeat, nil)
	c.silence(5500 * time.Millisecond)
	c.valid(true, "5.5 s after the last heartbeat")
	c.sent(kmsg.Fetch)
	c.answered(kmsg.Fetch, nil)
	c.silence(500 * time.Millisecond)
	c.valid(false, "three quarters of a session after the last heartbeat")
}
