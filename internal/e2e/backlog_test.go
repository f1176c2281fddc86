package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

var (
	backlog      = flag.Int("backlog", 200_000, "TestMemoryIsBoundedWhateverWaits: records that wait; above a million they wait in Apache Kafka")
	backlogLarge = flag.Int("backlog.large", 200, "of them records of up to 1 MiB")
	backlogFor   = flag.Duration("backlog.for", 20*time.Second, "how long the connector works at them")
)

// What the formula of internal/DESIGN.md, "Memory", counts, in bytes. The figures of the sink are those of its constants.
const (
	mib            = 1 << 20
	memoryProgram  = 180 * mib             // the runtime, the clients, the local store's cache and tables
	memoryMessages = 2 * 24_000 * 2560     // maxQueuedAll
	memoryRecords  = 3 * 64 * mib          // maxQueuedBytes: as Kafka has them, encoded, and as results
	memoryFetched  = 2*2*4*mib + 2*2*4*mib // what the clients have fetched ahead, as it came and decompressed
	memoryGarbage  = 2                     // GOGC=100
)

// TestMemoryIsBoundedWhateverWaits has many more records wait than memory could hold, at an SMSC that answers 50 a second.
func TestMemoryIsBoundedWhateverWaits(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: -short")
	}
	const partitions, window, binds = 6, 100, 1
	var b *kafkatest.Broker
	if *backlog > 1_000_000 {
		b = kafkatest.Apache(t)
	} else {
		b = kafkatest.Kfake(t)
	}
	kafkatest.CreateTopics(t, b, partitions, "sms.outbound")
	s, err := smsc.New(smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Constant(2 * time.Second)}}) // with a window of 100, 50 a second
	if err == nil {
		err = s.Start(context.WithoutCancel(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	fill(t, b, *backlog, *backlogLarge)

	c := start(t, b, s.Addr(), "SMSC_0_WINDOW="+fmt.Sprint(window), "KAFKA_TOPICS_PARTITIONS="+fmt.Sprint(partitions), "LOG_LEVEL=info")
	c.ready()
	began := time.Now()
	waitFor(t, 5*time.Minute, "answers to three windows", func() bool { return s.Stats().Accepted >= 3*window })
	waitFor(t, *backlogFor+time.Minute, "end of the time", func() bool { return time.Since(began) >= *backlogFor })
	peak, err := memory(c.cmd.Process.Pid, "VmHWM")
	if err != nil {
		t.Skip("left out: ", err)
	}
	now, err := memory(c.cmd.Process.Pid, "VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	limit := int64(memoryProgram + memoryGarbage*(memoryMessages+memoryRecords+memoryFetched+window*binds*4096))
	t.Logf("%d records wait, %d of them large; after %s %d were sent; resident %d MiB, at most %d MiB; the formula says %d MiB",
		*backlog, *backlogLarge, time.Since(began).Round(time.Second), s.Stats().Accepted, now/mib, peak/mib, limit/mib)
	if peak > limit {
		t.Errorf("%d MiB were resident, more than the formula's %d MiB", peak/mib, limit/mib)
	}
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// fill produces the backlog, the large records spread over it: large in a field that nobody reads, in the key, in the metadata and in
// a text that is too long.
func fill(t *testing.T, b *kafkatest.Broker, n, large int) {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"), kgo.ProducerBatchMaxBytes(1_048_588), kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(50_000), kgo.MaxBufferedBytes(64*mib), kgo.ProducerBatchCompression(kgo.NoCompression()))
	noise := make([]byte, 780_000)
	_, _ = rand.Read(noise)
	bulk := base64.StdEncoding.EncodeToString(noise) // nothing that could be compressed
	failed := make(chan error, 1)
	for i := range n {
		to, text := fmt.Sprintf("+4917%08d", i), "Your code is 1234."
		r := &kgo.Record{Key: fmt.Appendf(nil, "k%d", i)}
		if large > 0 && i%(n/large) == 0 {
			switch i / (n / large) % 4 {
			case 0:
				r.Value = fmt.Appendf(nil, `{"to":%q,"text":%q,"unread":%q}`, to, text, bulk)
			case 1:
				r.Key, r.Value = []byte(bulk), fmt.Appendf(nil, `{"to":%q,"text":%q}`, to, text)
			case 2:
				r.Value = fmt.Appendf(nil, `{"to":%q,"text":%q,"metadata":{"m":%q}}`, to, strings.Repeat("x", 38_000), bulk[:60_000])
			default:
				r.Value = fmt.Appendf(nil, `{"to":%q,"text":%q}`, to, bulk)
			}
		} else {
			r.Value = fmt.Appendf(nil, `{"to":%q,"text":%q}`, to, text)
		}
		cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	cl.Close()
}
