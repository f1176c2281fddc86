package sink_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// With grants for no more than the window, each commit would let five messages go:
// a hundred and more commits for 600.
//
// A machine on which a commit takes much longer than the broker says shows nothing of it: a grant provides for no more than half a second (maxAhead), and where the SMSC
// is as slow as the broker, little is answered in that.
func TestASmallWindowStaysFullWhileCommitsTakeLong(t *testing.T) {
	t.Parallel()
	const slow = 100 * time.Millisecond
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(time.Millisecond, 2*time.Millisecond)}}, "SMSC_0_WINDOW=5")
	var commits atomic.Int64
	c := b.Kfake()
	for _, key := range []kmsg.Key{kmsg.OffsetCommit, kmsg.EndTxn} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			commits.Add(1)
			c.SleepControl(func() { time.Sleep(slow) }) // a broker that waits for its followers
			return nil, nil, false
		})
	}
	x.produce(campaign(600)...)
	began := time.Now()
	x.start()
	got := x.results(600)
	n, took := commits.Load(), time.Since(began)
	x.once(600, got)
	if each := took / time.Duration(n); n > 60 && each > 2*slow {
		t.Skipf("left out: a commit takes %s", each.Round(time.Millisecond))
	}
	if n > 60 {
		t.Errorf("600 messages took %d commits", n)
	}
}

// A partition is paused at its share, and a poll brings records of one: with polls of 2,000, 96 partitions held all of these.
func TestWhatIsHeldInMemoryIsSharedAmongManyPartitions(t *testing.T) {
	t.Parallel()
	const partitions, each = 96, 1500
	const most = 2 * 24_000 / partitions // see maxPoll
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, partitions, "wide.outbound")
	x := setup(t, b, smsc.Options{}, "SINK_TOPICS=wide.outbound")
	x.smc.Stop() // nobody takes anything
	rs := make([]*kgo.Record, 0, partitions*each)
	for i := range partitions * each {
		rs = append(rs, &kgo.Record{Topic: "wide.outbound", Partition: int32(i / each), Value: []byte(`{"to":"+491","text":"a"}`)})
	}
	if err := kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner())).ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r := x.start()
	var st sink.Status
	x.until("all partitions have their share", func() bool {
		st = r.Status()
		return len(st.Partitions) == partitions && !slices.ContainsFunc(st.Partitions, func(p sink.PartitionStatus) bool { return !p.Paused })
	})
	if st.Waiting > partitions*most {
		t.Errorf("%d messages are held, %d of each partition; want %d of each at most", st.Waiting, st.Waiting/partitions, most)
	}
}
