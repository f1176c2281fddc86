package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

var (
	soakRate = flag.Int("soak.rate", 2500, "TestFaultSoak: outbound records a second")
	soakSeed = flag.Uint64("soak.seed", 0, "TestFaultSoak: which faults come when; 0 picks a seed")
)

const (
	soakBehind    = 100_000         // records without a result above which no more are produced
	soakInbound   = 30              // messages from subscribers a second
	soakLongOf    = 10              // one of so many has parts
	soakRemember  = 5 * time.Minute // SOURCE_RECEIPT_WAIT: what the resolver keeps is flat after that
	soakEpochs    = 32_767          // after so many transactions a producer's epoch runs out
	soakEpochsBy  = 50 * time.Minute
	soakSettle    = 5 * time.Minute // for what is left when the faults end
	soakMostTimes = 3 * time.Second // between two faults: half of it to one and a half
)

// TestFaultSoak lets records, receipts and messages from subscribers flow through two replicas and more, breaks something every few
// seconds, and audits all of it as it goes:
//
//	deploy/soak/soak.sh 1h
//
// One replica is never killed: what it holds (memory, goroutines, open files, STATE_DIR) must be flat, and so must the
// connector's internal topics. What all parties have read is deleted from the topics behind them, and the audit remembers a few
// bytes a record, so that a gigabyte of disk and half of one of memory do for any length. See soak_audit_test.go for what
// must hold, and soak_faults_test.go for what is broken.
func TestFaultSoak(t *testing.T) {
	if *soakFor <= 0 {
		t.Skip("left out without -soak, such as -soak 10m")
	}
	if end, ok := t.Deadline(); ok && time.Until(end) < *soakFor+3*soakSettle {
		t.Fatalf("-soak %s needs -timeout %s or more: the run, and what comes around it", *soakFor, *soakFor+3*soakSettle)
	}
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with: -soak %s -soak.rate %d -soak.seed %d", *soakFor, *soakRate, seed)
	s := newSoak(t, seed)
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	fed, said, watched := make(chan int, 1), make(chan int, 1), make(chan []soakReading, 1)
	go func() { fed <- s.feed(ctx) }()         // these end with ctx
	go func() { said <- s.subscribers(ctx) }() //
	go func() { watched <- s.watch(ctx) }()    //
	go s.trim(ctx)
	s.breakThings(ctx)

	records, messages, samples := <-fed, <-said, <-watched
	s.heal()
	s.settle(records, messages)
	s.rest(samples)
	for _, r := range s.replicas() {
		if code := r.terminate(); code != 0 {
			t.Errorf("replica %s: exit code %d after SIGTERM", r.name, code)
		}
	}
	for _, f := range s.followers {
		f.finish(t)
	}
	s.audit.close(records, messages)
	t.Logf("%s\n%s\n%s", s.played(), s.audit.summary(), soakTable(samples))
	s.flat(samples)
	s.exhausted()
	for _, fault := range s.audit.found() {
		t.Error(fault)
	}
}

// soak is a run: the parts between which the connector's replicas stand, and the replicas.
type soak struct {
	t      *testing.T
	rnd    *rand.Rand // the player's
	broker *kafkatest.Broker
	proxy  *kafkaproxy.Proxy // the replicas' way to Kafka
	smsc   *smsc.SMSC
	audit  *soakAudit
	ids    *producerIDs
	adm    *kadm.Client
	out    *kgo.Client

	followers []*follower
	steady    *replica // never killed
	victim    *replica // killed and ended, and started again
	guest     *replica // comes and goes
	visiting  bool     // the guest is there
	count     map[string]int
	brokerAt  time.Time // when the broker was killed last
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	// Small segments, so that compaction has something to do within minutes.
	b := kafkatest.Apache(t, "log.segment.bytes=16777216", "log.retention.check.interval.ms=5000", "log.segment.delete.delay.ms=1000",
		"offsets.topic.segment.bytes=8388608", "transaction.state.log.segment.bytes=8388608",
		"log.cleaner.backoff.ms=5000", "log.cleaner.min.cleanable.ratio=0.2",
		"transactional.id.expiration.ms=600000", "transaction.remove.expired.transaction.cleanup.interval.ms=60000")
	if dir := os.Getenv("SOAK_LOGS"); dir != "" {
		b.KeepLog(filepath.Join(dir, "broker.log"))
	}
	s := &soak{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), broker: b, audit: newSoakAudit(), count: map[string]int{}, brokerAt: time.Now()}
	var err error
	s.smsc, err = smsc.New(smsc.Options{
		Seed: seed, OnSubmit: s.audit.submit, OnDelivery: s.audit.delivery,
		Behaviour: smsc.Behaviour{
			Latency:  smsc.Uniform(5*time.Millisecond, 50*time.Millisecond),
			Receipts: smsc.Receipts{Delay: smsc.Uniform(0, 5*time.Second), BeforeResponse: 0.01, Repeat: 0.01},
			MO:       smsc.MO{Shuffle: true, Spread: true},
			Retry:    smsc.Retry{Max: 100_000},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.smsc.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.smsc.Stop)
	kafkatest.CreateTopics(t, b, partitions, "sms.outbound")
	s.followers = []*follower{
		watch(t, b, "sms.results", s.audit.results), watch(t, b, "sms.receipts", s.audit.receipts),
		watch(t, b, "sms.inbound", s.audit.inbound), watch(t, b, "sms.deadletter", s.audit.deadLetters),
	}
	s.adm = kadm.NewClient(kafkatest.Client(t, b))
	s.ids = &producerIDs{adm: s.adm, by: map[string]*producerID{}}
	s.out = kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"), kgo.ProducerLinger(5*time.Millisecond))
	s.proxy = kafkaproxy.New(t, b.Addrs...)
	s.steady, s.victim, s.guest = s.newReplica("steady", true), s.newReplica("victim", false), s.newReplica("guest", false)
	s.steady.start()
	s.victim.start()
	return s
}

// replicas are those that run.
func (s *soak) replicas() []*replica {
	all := []*replica{s.steady, s.victim}
	if s.visiting {
		all = append(all, s.guest)
	}
	return all
}

// feed produces numbered records at the rate, as long as the connector keeps up. What was not produced while it
// did not is left out: after an outage comes the backlog that there is, not an hour of full speed.
func (s *soak) feed(ctx context.Context) int {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	n, owed, last := 0, 0.0, time.Now()
	for {
		select {
		case <-ctx.Done():
			_ = s.out.Flush(context.Background()) // what fails here has no result, and that is seen
			return n
		case now := <-tick.C:
			owed = min(owed+now.Sub(last).Seconds()*float64(*soakRate), float64(*soakRate))
			last = now
		}
		for ; owed >= 1 && n-s.audit.done() < soakBehind && ctx.Err() == nil; owed-- {
			s.out.Produce(context.Background(), soakRecord(n), nil)
			n++
		}
	}
}

// soakRecord asks for a receipt, and is from a number that can be answered to, if its number is a multiple of soakReceiptOf.
func soakRecord(i int) *kgo.Record {
	r := outbound(i)
	if i%soakReceiptOf != 0 {
		r.Value = append([]byte(`{"receipts":"none","from":"Parcels",`), r.Value[1:]...)
	}
	return r
}

// subscribers sends numbered messages.
func (s *soak) subscribers(ctx context.Context) int {
	tick := time.NewTicker(time.Second / soakInbound)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
		s.audit.sends(n)
		if err := s.smsc.SendMO(subscriber(n), "32323", subscriberText(n)); err != nil {
			s.audit.fault("message %d from a subscriber: %v", n, err)
		}
	}
}

func subscriber(n int) string { return fmt.Sprintf("4916%08d", n) }

// settle waits until all is through that will come.
func (s *soak) settle(records, messages int) {
	ctx, cancel := context.WithTimeout(s.t.Context(), soakSettle)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !s.audit.complete(records, messages) {
		select {
		case <-ctx.Done():
			s.t.Errorf("after %s not all is through", soakSettle)
			return
		case <-tick.C:
		}
	}
}

// trim deletes, from time to time, what everybody has read: the connector's groups by what they have committed, the
// followers by where they stand. Submissions stay for twice the time that a resolver remembers them: one
// that takes over a partition reads them again.
func (s *soak) trim(ctx context.Context) {
	tick := time.NewTicker(soakTrim)
	defer tick.Stop()
	type mark struct {
		at      time.Time
		offsets kadm.Offsets
	}
	var later []mark
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		read := kadm.Offsets{}
		submitted := mark{at: time.Now(), offsets: kadm.Offsets{}}
		for _, group := range []string{"connect-smpp-sink", "connect-smpp-source"} {
			committed, err := s.adm.FetchOffsets(ctx, group)
			if err != nil {
				continue // the next round, or the disk, will tell
			}
			committed.Each(func(o kadm.OffsetResponse) {
				switch {
				case o.At <= 0:
				case o.Topic == "smpp.submitted":
					submitted.offsets.AddOffset(o.Topic, o.Partition, o.At, -1)
				default:
					read.AddOffset(o.Topic, o.Partition, o.At, -1)
				}
			})
		}
		later = append(later, submitted)
		for len(later) > 0 && time.Since(later[0].at) > 2*soakRemember {
			later[0].offsets.Each(func(o kadm.Offset) { read.Add(o) })
			later = later[1:]
		}
		for _, f := range s.followers {
			f.mu.Lock()
			for p, off := range f.next {
				read.AddOffset(f.topic, p, off, -1)
			}
			f.mu.Unlock()
		}
		_, _ = s.adm.DeleteRecords(ctx, read)
	}
}

// soakLogs is where the replicas' logs go (and the broker's): a folder that outlives the test if SOAK_LOGS names one.
func soakLogs(t *testing.T) string {
	if dir := os.Getenv("SOAK_LOGS"); dir != "" {
		return dir
	}
	return t.TempDir()
}
