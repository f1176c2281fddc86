package sink_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// evict takes a member out of the group, as the coordinator itself does with one
// that is late.
func (x *bench) evict(member string) {
	x.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = x.cfg.SinkGroup(), member
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = member
	req.Members = append(req.Members, m)
	resp, err := req.RequestWith(x.t.Context(), kafkatest.Client(x.t, x.b))
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err == nil && len(resp.Members) == 1 {
		err = kerr.ErrorForCode(resp.Members[0].ErrorCode)
	}
	if err != nil && !errors.Is(err, kerr.UnknownMemberID) { // its session was over before
		x.t.Fatal(err)
	}
}

// TestAMemberThatWasEvictedWhileItJoinedWritesNothingOfWhatOthersHaveNow holds a
// replica's JoinGroup back until the group has given its partitions to another.
// The client library then joins as a new member without saying that anything was
// lost: its generation is valid again, its ledgers are not.
func TestAMemberThatWasEvictedWhileItJoinedWritesNothingOfWhatOthersHaveNow(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	const n = 600
	x := setup(t, b, smsc.Options{})
	x.produce(campaign(n)...)
	var first atomic.Pointer[string]
	var once sync.Once
	joined, evicted := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(evicted) })
	t.Cleanup(release)
	c := b.Kfake()
	c.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		first.CompareAndSwap(nil, &r.(*kmsg.HeartbeatRequest).MemberID)
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if id := first.Load(); id != nil && r.(*kmsg.JoinGroupRequest).MemberID == *id {
			c.SleepControl(func() {
				once.Do(func() { close(joined) })
				<-evicted
			})
		}
		return nil, nil, false
	})
	x.smc.Pause()
	a := x.start()
	x.submitted(100) // the window is full
	x.until("it heartbeats", func() bool { return first.Load() != nil })
	r := x.start()
	<-joined
	x.evict(*first.Load()) // as the rebalance's timeout would, a minute later
	x.until("the other has all partitions", func() bool { return len(r.Status().Partitions) == 4 })
	x.submitted(200) // and has sent again what was in doubt
	release()
	x.smc.Resume()
	x.until("both hold half", func() bool {
		select {
		case <-a.Failed(): // it was given back what had been another's, which only a new start can read rightly: its container is started again
			a.stop(patience)
			a = x.start()
		default:
		}
		return len(a.Status().Partitions) == 2 && len(r.Status().Partitions) == 2
	})
	x.results(n)
	a.stop(patience)
	r.stop(patience)
	got, sends := x.results(n), x.sends()
	for i := range n {
		rs, times := got[fmt.Sprintf("m%d", i)], sends[fmt.Sprintf("4917%08d", i)]
		if len(rs) != 1 || rs[0].Status != "accepted" || times > 1 && !rs[0].PossibleDuplicate {
			t.Fatalf("m%d was sent %d times and has %d results: %+v", i, times, len(rs), rs)
		}
	}
	x.settled(n)
}
