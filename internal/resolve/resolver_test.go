package resolve

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

const partitions = 3

// patience is how long anything may take that is waited for: the machine may be busy with other things. So may a clean stop.
const patience = 3 * time.Minute

// bench is a broker with the topics, and what the sink and the source would write to them.
type bench struct {
	t   *testing.T
	b   *kafkatest.Broker
	cl  *kgo.Client
	cfg config.Config
}

func setup(t *testing.T, b *kafkatest.Broker) *bench {
	kafkatest.CreateTopics(t, b, partitions, "smpp.deliver", "smpp.submitted", "sms.receipts", "sms.inbound")
	kafkatest.CreateTopicsWith(t, b, partitions, map[string]string{"cleanup.policy": "compact"}, "smpp.waiting")
	s := &bench{t: t, b: b, cl: kafkatest.Client(t, b, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))}
	s.cfg.Name = "smpp"
	s.cfg.Kafka = config.Kafka{Brokers: b.Addrs, SessionTimeout: 30 * time.Second}
	s.cfg.Source.MatchWait, s.cfg.Source.ReceiptWait, s.cfg.Source.PartsWait = time.Hour, 72*time.Hour, time.Hour
	s.cfg.Topics.Receipts, s.cfg.Topics.Inbound = "sms.receipts", "sms.inbound"
	s.cfg.Delivery.CommitInterval = 20 * time.Millisecond
	return s
}

func (s *bench) start(dir string) (*Resolver, *prometheus.Registry) {
	s.t.Helper()
	cfg := s.cfg
	cfg.StateDir = dir
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewTextHandler(testWriter{s.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := New(Options{Config: &cfg, Dialer: &kafka.Dialer{Config: cfg.Kafka, Log: slog.New(slog.DiscardHandler), Reg: reg}, Forms: NewForms(nil), Log: log, Reg: reg})
	if err == nil {
		err = r.Start(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.stop(r) })
	return r, reg
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (s *bench) stop(r *Resolver) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.Stop(ctx)
	if err := r.Err(); err != nil {
		s.t.Error(err)
	}
}

// kill stops a resolver in the middle of whatever it does: nothing is finished.
func (s *bench) kill(r *Resolver) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Stop(ctx)
}

func (s *bench) produce(topic, key string, value []byte) {
	rec := &kgo.Record{Topic: topic, Partition: record.PartitionOf(key, partitions), Value: value}
	if err := s.cl.ProduceSync(s.t.Context(), rec).FirstErr(); err != nil {
		s.t.Error(err) // not Fatal: also called beside the test's goroutine
	}
}

func (s *bench) submit(id, response, to string) {
	sub := record.Submission{Kind: record.KindFiled, SMSC: "a", MessageID: response, ID: id, RecordKey: []byte(id), Part: 1, Parts: 1, To: to, From: "12345",
		Source: record.Source{Topic: "sms.outbound", Offset: int64(len(id))}, SubmittedAt: time.Now(), Receipts: "final"}
	keys := sms.FilingKeys(nil, response, sms.FormUnknown)
	for i, k := range keys {
		sub.Key = record.ReceiptKey("a", k)
		if i == 1 {
			sub.PrimaryKey = record.ReceiptKey("a", keys[0])
		}
		s.produce("smpp.submitted", sub.Key, record.AppendSubmission(nil, &sub))
	}
}

func (s *bench) deliver(key string, sm *wire.SM) {
	pdu, err := sm.AppendDeliver(nil, 1)
	if err != nil {
		s.t.Error(err)
		return
	}
	d := record.Deliver{SMSC: "a", CommandID: wire.DeliverSM, ReceivedAt: time.Now(), Body: pdu[wire.HeaderLen:]}
	s.produce("smpp.deliver", key, d.Append(nil))
}

func (s *bench) receipt(id, from string) {
	text := "id:" + id + " sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:DELIVRD err:000 text:"
	s.deliver(record.ReceiptKey("a", sms.NormalID(id)), &wire.SM{ESMClass: 4, Source: wire.Address{Addr: []byte(from)}, Dest: wire.Address{Addr: []byte("12345")}, ShortMessage: []byte(text)})
}

func (s *bench) part(from string, ref, total, seq byte, text string) {
	s.deliver(record.SubscriberKey(from, "12345"), &wire.SM{ESMClass: 0x40, Source: wire.Address{Addr: []byte(from)}, Dest: wire.Address{Addr: []byte("12345")},
		ShortMessage: append([]byte{5, 0, 3, ref, total, seq}, text...)})
}

// await reads a topic until it has so many records. It gives up when nothing more comes.
func (s *bench) await(topic string, n int) []*kgo.Record {
	s.t.Helper()
	cl := kafkatest.Client(s.t, s.b, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	var all []*kgo.Record
	for limit := time.Now().Add(patience); len(all) < n; {
		ctx, cancel := context.WithDeadline(s.t.Context(), limit)
		fetches := cl.PollFetches(ctx)
		cancel()
		if fetches.NumRecords() > 0 {
			limit = time.Now().Add(patience)
		} else if time.Now().After(limit) {
			s.t.Fatalf("%d records in %s, want %d", len(all), topic, n)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// message is one message's life, from the side of the sink and of the source.
type message struct {
	id, response, receipt, to string
}

func messages(from, n int) []message {
	ms := make([]message, n)
	for i := range ms {
		id := from + i
		ms[i] = message{id: fmt.Sprintf("m%d", id), response: fmt.Sprintf("%08X", 0x10000000+id), receipt: fmt.Sprint(0x10000000 + id), to: fmt.Sprint(491700000000 + id)}
	}
	return ms
}

// send writes submissions and receipts, receipts early or late, one in four twice.
func (s *bench) send(ms []message) {
	var acts []func()
	for _, m := range ms {
		acts = append(acts, func() { s.submit(m.id, m.response, m.to) }, func() { s.receipt(m.receipt, m.to) })
		if rand.IntN(4) == 0 {
			acts = append(acts, func() { s.receipt(m.receipt, m.to) })
		}
	}
	rand.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	for _, act := range acts {
		act()
	}
}

// checkReceipts compares all that is in the topic: one receipt for each message, its own.
func (s *bench) checkReceipts(ms []message) {
	s.t.Helper()
	got := map[string]int{}
	for _, rec := range kafkatest.ReadAll(s.t, s.b, "sms.receipts") {
		r, err := record.DecodeReceipt(rec.Value)
		if err != nil {
			s.t.Fatal(err)
		}
		if string(rec.Key) != r.ID || !r.Correlated {
			s.t.Errorf("receipt under key %q: %s", rec.Key, rec.Value)
		}
		got[r.ID+" "+r.MessageID+" "+r.To]++
	}
	for _, m := range ms {
		if n := got[m.id+" "+m.response+" "+m.to]; n != 1 {
			s.t.Errorf("%d receipts of %+v", n, m)
		}
		delete(got, m.id+" "+m.response+" "+m.to)
	}
	if len(got) > 0 {
		s.t.Errorf("receipts that nobody sent: %v", got)
	}
}

func TestReceiptsFindTheirMessagesAndPartsEachOther(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		_, reg := s.start(t.TempDir())
		ms := messages(0, 100)
		s.send(ms)
		for i := range byte(10) {
			from := fmt.Sprint(491600 + int(i))
			for _, seq := range rand.Perm(3) {
				s.part(from, i, 3, byte(seq+1), fmt.Sprintf("%d/%d;", i, seq+1))
			}
		}
		s.await("sms.receipts", len(ms))
		inbound := s.await("sms.inbound", 10)
		s.checkReceipts(ms)
		seen := map[string]bool{}
		for _, rec := range inbound {
			m, err := record.DecodeInbound(rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(m.From)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%[1]d/1;%[1]d/2;%[1]d/3;", n-491600); m.Text != want || !m.Complete || string(rec.Key) != m.From || !strings.HasPrefix(m.ID, "smpp.deliver-") || seen[m.ID] {
				t.Errorf("message %s", rec.Value)
			}
			seen[m.ID] = true
		}
		counted := func() (n float64) {
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "smpp_connector_resolver_inbound_total" {
					n = f.GetMetric()[0].GetCounter().GetValue()
				}
			}
			return n
		}
		limit := time.Now().Add(patience)
		for counted() < 10 && time.Now().Before(limit) { // it counts when it knows of the commit, which readers may before
			time.Sleep(10 * time.Millisecond)
		}
		if n := counted(); n != 10 {
			t.Errorf("%v inbound messages are counted", n)
		}
	})
}

func TestWhatIsDueIsPublishedWithoutAnythingComingIn(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		s.cfg.Source.MatchWait, s.cfg.Source.ReceiptWait, s.cfg.Source.PartsWait = time.Millisecond, time.Millisecond, time.Millisecond
		s.submit("m1", "abc1", "4917")
		s.part("4917", 1, 2, 2, "half")
		s.receipt("ffff", "4918")
		r, _ := s.start(t.TempDir())
		receipts := s.await("sms.receipts", 2)
		inbound := s.await("sms.inbound", 1)
		s.stop(r)
		s.start(t.TempDir()) // and nothing of it again, with the state lost
		s.part("4919", 1, 1, 1, "the end")
		s.await("sms.inbound", 2)
		if n := len(kafkatest.ReadAll(t, b, "sms.receipts")); n != 2 {
			t.Errorf("%d receipts, want 2", n)
		}
		got := map[string]map[string]any{}
		for _, rec := range receipts {
			var v map[string]any
			if err := json.Unmarshal(rec.Value, &v); err != nil {
				t.Fatal(err)
			}
			got[v["message_id"].(string)] = v
		}
		if v := got["abc1"]; v["state"] != "UNKNOWN" || v["final"] != true || v["id"] != "m1" {
			t.Errorf("at the end of the message's time: %v", v)
		}
		if v := got["ffff"]; v["correlated"] != false || v["id"] != nil {
			t.Errorf("without a message: %v", v)
		}
		if m, err := record.DecodeInbound(inbound[0].Value); err != nil || m.Complete || len(m.Missing) != 1 {
			t.Errorf("half a message: %s %v", inbound[0].Value, err)
		}
	})
}

// TestReplicasComeAndGo has resolvers join, leave, die in the middle of what they do, and
// come back with their state, or without.
func TestReplicasComeAndGo(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) { comeAndGo(t, b, config.GroupClassic) })
}

func comeAndGo(t *testing.T, b *kafkatest.Broker, protocol string) {
	t.Helper()
	s := setup(t, b)
	s.cfg.Kafka.GroupProtocol = protocol
	var all []message
	var sending sync.WaitGroup
	const rounds, each = 6, 60
	for i := range rounds {
		all = append(all, messages(i*each, each)...)
	}
	sending.Go(func() {
		for i := range rounds {
			s.send(all[i*each : (i+1)*each])
		}
	})
	kept := t.TempDir()
	lasting, _ := s.start(t.TempDir())
	for i := range 4 {
		dir := kept
		if i == 2 {
			dir = t.TempDir()
		}
		r, _ := s.start(dir)
		s.await("sms.receipts", (i+1)*each/2)
		if i%2 == 0 {
			s.kill(r)
		} else {
			s.stop(r)
		}
	}
	s.kill(lasting)
	s.start(t.TempDir())
	sending.Wait()
	s.await("sms.receipts", len(all))
	s.checkReceipts(all)
}

func TestABrokerThatIsKilledLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s := setup(t, b)
		s.start(t.TempDir())
		first, second := messages(0, 80), messages(80, 80)
		s.send(first)
		s.await("sms.receipts", 10)
		b.Kill()
		b.Restart()
		s.send(second)
		s.await("sms.receipts", len(first)+len(second))
		s.checkReceipts(append(first, second...))
	})
}

func TestStoppingTwiceAndWithoutAStartIsFine(t *testing.T) {
	t.Parallel()
	s := setup(t, kafkatest.Kfake(t))
	r, err := New(Options{Config: &s.cfg, Dialer: &kafka.Dialer{Config: s.cfg.Kafka, Log: slog.New(slog.DiscardHandler)}, Forms: NewForms(nil),
		Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	r.Stop(t.Context())
	r2, _ := s.start("")
	dir := r2.dir
	s.stop(r2)
	s.stop(r2)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the temporary state folder is still there: %v", err)
	}
}

func TestTopicsOfDifferentSizesAreRefused(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 2, "smpp.deliver", "smpp.waiting")
	kafkatest.CreateTopics(t, b, 3, "smpp.submitted")
	cfg := config.Config{Name: "smpp", Kafka: config.Kafka{Brokers: b.Addrs, SessionTimeout: 6 * time.Second}, StateDir: t.TempDir()}
	r, err := New(Options{Config: &cfg, Dialer: &kafka.Dialer{Config: cfg.Kafka, Log: slog.New(slog.DiscardHandler)}, Forms: NewForms(nil),
		Log: slog.New(slog.DiscardHandler), Reg: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "same number of partitions") {
		t.Errorf("error %v", err)
	}
}
