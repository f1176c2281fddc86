package main

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

// deadLetters writes n of them and returns their values, sorted.
func deadLetters(t *testing.T, b *kafkatest.Broker, n int) (values []string) {
	t.Helper()
	kafkatest.CreateTopics(t, b, 2, "sms.outbound", "sms.deadletter")
	var records []*kgo.Record
	for i := range n {
		d := record.DeadLetter{Source: record.Source{Topic: "sms.outbound", Partition: int32(i % 2), Offset: int64(i)}, Connector: "smpp-sink", Status: record.Rejected}
		r := &kgo.Record{Topic: "sms.deadletter", Value: fmt.Appendf(nil, `{"id":"%04d","to":"+491701234567","text":"x"}`, i)}
		for _, h := range d.AppendHeaders(nil) {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		records = append(records, r)
		values = append(values, string(r.Value))
	}
	if err := kafkatest.Client(t, b).ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return values
}

func redriveEnv(b *kafkatest.Broker) []string {
	return []string{"KAFKA_BROKERS=" + b.Addrs[0], "KAFKA_TOPICS_REPLICATION=1", "SMSC_0_NAME=one", "SMSC_0_ADDRESS=127.0.0.1:1"}
}

func outbound(t *testing.T, b *kafkatest.Broker) (values []string) {
	t.Helper()
	for _, r := range kafkatest.ReadAll(t, b, "sms.outbound") {
		values = append(values, string(r.Value))
	}
	slices.Sort(values)
	return values
}

// TestARedriveThatIsKilledIsEndedByTheNext kills the program again and again while it puts records back, each time at another moment after some
// are there, and lets a last one end the work.
func TestARedriveThatIsKilledIsEndedByTheNext(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		want := deadLetters(t, b, 400)
		for n := range 4 {
			p := startProcess(t, redriveEnv(b), "redrive", "--all", "--execute", "--rate", "40")
			at := 10 * (n + 1)
			eventually(t, fmt.Sprintf("%d records put back", at), func() bool {
				if n%2 == 1 { // whatever is open then is not seen
					return len(outbound(t, b)) >= at
				}
				return ends(t, b) >= int64(at)
			})
			p.signal(syscall.SIGKILL)
			p.exit()
		}
		last := startProcess(t, redriveEnv(b), "redrive", "--all", "--execute")
		if code := last.exit(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		// A transaction is visible a moment after its end was answered.
		eventually(t, "all records put back", func() bool { return len(outbound(t, b)) >= len(want) })
		if got := outbound(t, b); !slices.Equal(got, want) {
			t.Errorf("%d records, %d of them different, for %d", len(got), len(slices.Compact(slices.Clone(got))), len(want))
		}
	})
}

// ends are the ends of sms.outbound, where what is not committed counts as well.
func ends(t *testing.T, b *kafkatest.Broker) (sum int64) {
	t.Helper()
	cl := kafkatest.Client(t, b)
	defer cl.Close()
	all, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "sms.outbound")
	if err != nil {
		t.Fatal(err)
	}
	all.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

func TestARedriveThatIsToldToStopSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	want := deadLetters(t, b, 200)
	p := startProcess(t, redriveEnv(b), "redrive", "--all", "--execute", "--rate", "20")
	eventually(t, "record put back", func() bool { return len(outbound(t, b)) > 0 })
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	n := len(outbound(t, b))
	p.await(fmt.Sprintf("put back: %d\n", n))
	p.await(fmt.Sprintf("interrupted after %d records", n))
	p = startProcess(t, redriveEnv(b), "redrive", "--all", "--execute")
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.await(fmt.Sprintf("left alone: %d put back before", n))
	if got := outbound(t, b); !slices.Equal(got, want) {
		t.Errorf("%d records for %d", len(got), len(want))
	}
}
