package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

const resolverBatch = 5000 // about what the resolver takes into one transaction at full speed

// BenchmarkResolver measures what a built binary joins: so many submissions are outstanding, in Kafka and in its local state, and so many
// receipts for them lie in the topic of what SMSCs delivered, in random order, when it starts. Beside it, a bare copy of these receipts:
//
//	go test ./internal/e2e -run '^$' -bench Resolver -benchtime 1x -timeout 10m
//
// It checks what it measures: exactly one receipt for each message, all correlated.
//
//	receipts/s        visible in the receipts topic, from the end of the first 5,000 to the last
//	cpu-s/100k        CPU seconds of the connector per 100,000 of them
//	broker-cpu-s/100k the same of the broker, from the start of the connector
//	copy-N/s          records/s of the bare copy with N records a transaction
//	%-of-copy-N       receipts/s of those
//	filing/s          submissions, each with the last message to its subscriber, taken into an empty state before
//	rss-MB            the connector's memory at its highest
func BenchmarkResolver(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes a minute")
	}
	l := &load{broker: kafkatest.Apache(b), n: *benchRecords}
	for range b.N {
		l.benchResolver(b)
	}
	b.ReportMetric(0, "ns/op")
}

func (l *load) benchResolver(b *testing.B) {
	b.Helper()
	name, smsc := l.name("resolver"), launchRole(b, roleSMSC, true)
	submitted, deliver := name+".submitted", name+".deliver"
	kafkatest.CreateTopics(b, l.broker, partitions, submitted, deliver)
	f := watch(b, l.broker, name+".receipts", nil)
	env := []string{"CONNECTOR_NAME=" + name, "SINK_ENABLED=false", "RECEIPTS_TOPIC=" + name + ".receipts", "INBOUND_TOPIC=" + name + ".inbound",
		"SMSC_0_MESSAGE_ID=same", "STATE_DIR=" + b.TempDir()}

	cl := kafkatest.Client(b, l.broker, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(1_000_000), kgo.ProducerLinger(5*time.Millisecond))
	l.submit(b, cl, submitted)
	c := start(b, l.broker, smsc.address(b), env...)
	began := time.Now()
	l.taken(b, c, cl, name, submitted)
	b.ReportMetric(float64(l.n)/time.Since(began).Seconds(), "filing/s")
	if code := c.terminate(); code != 0 {
		b.Fatalf("exit code %d", code)
	}

	l.deliverReceipts(b, cl, deliver)
	c = start(b, l.broker, smsc.address(b), env...)
	brokerCPU := cpuTime(l.broker.PID())
	f.watches(c.cmd.Process.Pid)
	f.await(b, l.n, 5*time.Minute, c)
	brokerCPU = cpuTime(l.broker.PID()) - brokerCPU
	if most, err := memory(c.cmd.Process.Pid, "VmHWM"); err == nil {
		b.ReportMetric(float64(most)/1e6, "rss-MB")
	}
	if code := c.terminate(); code != 0 {
		b.Errorf("exit code %d", code)
	}
	f.finish(b)
	l.correlated(b, f)
	rate, cpu := f.steady(resolverBatch)
	b.ReportMetric(rate, "receipts/s")
	b.ReportMetric(cpu, "cpu-s/100k")
	b.ReportMetric(brokerCPU.Seconds()/float64(l.n)*100_000, "broker-cpu-s/100k")
	bare := &load{broker: l.broker, topic: deliver, n: l.n, runs: l.runs}
	for _, batch := range []int{1000, resolverBatch} {
		copied, _ := bare.copyOnce(b, min(batch, l.n/2))
		b.ReportMetric(copied, fmt.Sprintf("copy-%d/s", batch))
		b.ReportMetric(100*rate/copied, fmt.Sprintf("%%-of-copy-%d", batch))
	}
	l.runs = bare.runs
}

// messageID is that of the i-th message, in hexadecimal without order.
func messageID(i int) string { return fmt.Sprintf("%016x", (uint64(i)+1)*0x9E3779B97F4A7C15) }

func subscriberNumber(i int) string { return fmt.Sprintf("4917%09d", i) }

// submit writes what the sink would have: each message under its id and as the last to its subscriber, 200 entries a record.
func (l *load) submit(tb testing.TB, cl *kgo.Client, topic string) {
	tb.Helper()
	var packs [partitions][]byte
	var entries [partitions]int
	var records []*kgo.Record
	write := func(p int32) {
		records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: packs[p]})
		packs[p], entries[p] = nil, 0
	}
	add := func(s *record.Submission) {
		p := record.PartitionOf(s.Key, partitions)
		packs[p] = record.AppendSubmission(packs[p], s)
		if entries[p]++; entries[p] == 200 {
			write(p)
		}
	}
	now := time.Now()
	for i := range l.n {
		s := record.Submission{Kind: record.KindFiled, SMSC: "foreign", MessageID: messageID(i), ID: fmt.Sprint("b", i), RecordKey: fmt.Appendf(nil, "customer-%d", i),
			Part: 1, Parts: 1, To: "+" + subscriberNumber(i), From: "32323", SubmittedAt: now, Receipts: "final", Metadata: fmt.Appendf(nil, `{"customer":"%d"}`, i),
			Source: record.Source{Topic: "sms.outbound", Partition: int32(i % partitions), Offset: int64(i / partitions), Timestamp: now}}
		s.Key = record.ReceiptKey(s.SMSC, sms.NormalID(s.MessageID))
		add(&s)
		s.Kind, s.MessageID, s.Part, s.Key = record.KindLast, "", 0, record.SubscriberKey(subscriberNumber(i), "32323")
		add(&s)
	}
	for p := range packs {
		if entries[p] > 0 {
			write(int32(p))
		}
	}
	if err := cl.ProduceSync(tb.Context(), records...).FirstErr(); err != nil {
		tb.Fatal(err)
	}
}

// taken waits until the resolver has committed all that was submitted.
func (l *load) taken(tb testing.TB, c *connector, cl *kgo.Client, name, topic string) {
	tb.Helper()
	adm := kadm.NewClient(cl)
	ends, err := adm.ListEndOffsets(tb.Context(), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		tb.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(2 * time.Minute)
	for {
		select {
		case <-tick.C:
		case <-c.done:
			tb.Fatalf("the connector ended: %v", c.err)
		case <-late:
			tb.Fatal("not all submissions were taken within two minutes")
		}
		committed, err := adm.FetchOffsets(tb.Context(), "connect-"+name+"-source")
		if err != nil {
			continue // the coordinator may still be loading the group
		}
		all := true
		ends.Each(func(end kadm.ListedOffset) {
			at, ok := committed.Lookup(topic, end.Partition)
			all = all && ok && at.At >= end.Offset
		})
		if all {
			return
		}
	}
}

// deliverReceipts writes what the source would have, in random order.
func (l *load) deliverReceipts(tb testing.TB, cl *kgo.Client, topic string) {
	tb.Helper()
	records := make([]*kgo.Record, 0, l.n)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(l.n) {
		id := messageID(i)
		sm := wire.SM{Source: wire.Address{Addr: []byte(subscriberNumber(i))}, Dest: wire.Address{Addr: []byte("32323")}, ESMClass: 0x04, // a receipt: SMPP v3.4 §5.2.12
			ShortMessage: fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:DELIVRD err:000 text:hello", id)}
		pdu, err := sm.AppendDeliver(nil, 1)
		if err != nil {
			tb.Fatal(err)
		}
		key := record.ReceiptKey("foreign", sms.NormalID(id))
		d := record.Deliver{SMSC: "foreign", CommandID: wire.DeliverSM, ReceivedAt: time.Now(), Body: pdu[wire.HeaderLen:]}
		records = append(records, &kgo.Record{Topic: topic, Partition: record.PartitionOf(key, partitions), Key: []byte(key), Value: d.Append(nil)})
	}
	if err := cl.ProduceSync(tb.Context(), records...).FirstErr(); err != nil {
		tb.Fatal(err)
	}
}

// correlated checks the receipts: one of each message, with its key.
func (l *load) correlated(tb testing.TB, f *follower) {
	tb.Helper()
	seen := make([]bool, l.n)
	for _, a := range f.arrivals {
		for _, r := range a.records {
			var v struct {
				ID         string `json:"id"`
				Correlated bool   `json:"correlated"`
				State      string `json:"state"`
			}
			if err := json.Unmarshal(r.Value, &v); err != nil {
				tb.Fatal(err)
			}
			i := number(v.ID)
			if i < 0 || i >= l.n || seen[i] || !v.Correlated || v.State != "DELIVERED" || strings.TrimPrefix(string(r.Key), "customer-") != fmt.Sprint(i) {
				tb.Fatalf("a receipt that is repeated or wrong: %s", r.Value)
			}
			seen[i] = true
		}
	}
	if f.n != l.n {
		tb.Fatalf("%d receipts for %d messages", f.n, l.n)
	}
}
