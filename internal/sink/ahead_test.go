package sink_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// With grants for no more than the window, each commit would let five messages go:
// a hundred and more commits for 600.
func TestASmallWindowStaysFullWhileCommitsTakeLong(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(time.Millisecond, 2*time.Millisecond)}}, "SMSC_0_WINDOW=5")
	var commits atomic.Int64
	c := b.Kfake()
	for _, key := range []kmsg.Key{kmsg.OffsetCommit, kmsg.EndTxn} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			commits.Add(1)
			c.SleepControl(func() { time.Sleep(150 * time.Millisecond) }) // a broker that waits for its followers
			return nil, nil, false
		})
	}
	x.produce(campaign(600)...)
	x.start()
	x.once(600, x.results(600))
	if n := commits.Load(); n > 60 {
		t.Errorf("600 messages took %d commits", n)
	}
}
