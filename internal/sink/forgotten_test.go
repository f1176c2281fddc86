package sink_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestABrokerThatHasForgottenAllCommitsMakesNobodySendThemAgain has the coordinator answer, for good, that nothing was ever committed, as one
// does whose log is lost, and has the replica lose its session.
func TestABrokerThatHasForgottenAllCommitsMakesNobodySendThemAgain(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{})
	var member atomic.Pointer[string]
	var forgotten atomic.Bool
	c := b.Kfake()
	c.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		member.Store(&r.(*kmsg.HeartbeatRequest).MemberID)
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !forgotten.Load() {
			return nil, nil, false
		}
		req := r.(*kmsg.OffsetFetchRequest)
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		for _, g := range req.Groups {
			rg := kmsg.NewOffsetFetchResponseGroup()
			rg.Group = g.Group
			for _, t := range g.Topics {
				rt := kmsg.NewOffsetFetchResponseGroupTopic()
				rt.Topic, rt.TopicID = t.Topic, t.TopicID
				for _, p := range t.Partitions {
					rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
					rp.Partition, rp.Offset = p, -1
					rt.Partitions = append(rt.Partitions, rp)
				}
				rg.Topics = append(rg.Topics, rt)
			}
			resp.Groups = append(resp.Groups, rg)
		}
		return resp, nil, true
	})
	const n = 400
	values := campaign(2 * n)
	x.produce(values[:n]...)
	a := x.start()
	x.results(n)
	x.until("it heartbeats", func() bool { return member.Load() != nil })
	forgotten.Store(true)
	old := *member.Load()
	x.evict(old)
	x.until("it has joined anew", func() bool { return *member.Load() != old && len(a.Status().Partitions) == 4 })
	x.produce(values[n:]...)
	got := x.results(2 * n)
	a.stop(patience)
	sends := x.sends()
	for i := range 2 * n {
		if rs, times := got[fmt.Sprintf("m%d", i)], sends[fmt.Sprintf("4917%08d", i)]; len(rs) != 1 || times != 1 || rs[0].PossibleDuplicate {
			t.Fatalf("m%d was sent %d times and has %d results: %+v", i, times, len(rs), rs)
		}
	}
}
