package sim

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

const (
	input     = "sms.outbound"
	kafkaPort = 9092     // and those after it
	tester    = "tester" // the host of the clients that no fault touches

	responseTimeout = 5 * time.Second
	// restWithin bounds how long, after the last fault, all may take to come to rest. The
	// longest waits on the way are the group's minute for a rebalance and the backoffs of
	// the sessions.
	restWithin = 5 * time.Minute
	// endWithin bounds how long a replica may take to end that was told to, at the end of it
	// all: the drain's 30 s, and what ends after it.
	endWithin = 2 * time.Minute
	// matchWait is how long a receipt waits for its submission: longer than all outages but those of Kafka for everybody.
	matchWait = 20 * time.Second
	// watchWait is how long a fetch of the watcher waits for records. A partition whose leader
	// has moved is fetched only after the fetch that is already under way there.
	watchWait = 2 * time.Second
)

// world is everything of one seed.
type world struct {
	t       testing.TB
	seed    uint64
	plan    *plan
	net     *network
	kafka   *kfake.Cluster
	brokers []string
	smscs   []*smsc
	model   *model
	cfg     *config.Config
	log     *slog.Logger
	began   time.Time

	mu         sync.Mutex
	violations []string
	story      []string // what was broken when
	replicas   []*replica
	refusals   []*kfake.FaultHandle
	batches    batches // the cluster's goroutine alone
	timers     []*time.Timer
	doubt      atomic.Bool  // an SMSC may have left something in doubt
	lost       atomic.Bool  // a replica was taken for lost by its group
	takenOut   atomic.Int64 // when an operator has last taken a member out of the sink's group

	seenMu   sync.Mutex
	results  map[string][]record.Result
	whence   map[string][]string // who wrote them, where and when
	letters  int
	read     map[string]bool             // offsets that were seen
	receipts map[string][]record.Receipt // by message id
	inbound  []record.Inbound
	deliver  []string // bodies of <name>.deliver

	over    chan struct{}
	running sync.WaitGroup
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, seed: seed, plan: makePlan(seed), net: newNetwork(), model: newModel(), began: time.Now(), over: make(chan struct{}),
		log: slog.New(slog.DiscardHandler), read: make(map[string]bool), results: make(map[string][]record.Result), whence: make(map[string][]string), receipts: make(map[string][]record.Receipt)}
	w.log = slog.New(lost{w})
	if os.Getenv("SMPP_TEST_LOG") != "" {
		w.log = slog.New(slog.NewMultiHandler(lost{w}, slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	p := w.plan
	ports := make([]int, p.brokers)
	for i := range ports {
		ports[i] = kafkaPort + i
		w.brokers = append(w.brokers, fmt.Sprintf("127.0.0.1:%d", ports[i]))
	}
	var err error
	w.kafka, err = kfake.NewCluster(kfake.NumBrokers(p.brokers), kfake.Ports(ports...), kfake.ListenFn(w.net.listen),
		kfake.GroupMinSessionTimeout(time.Second), kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
		kfake.SeedTopics(p.partitions, input, "sms.results", "sms.deadletter", "smpp.submitted", "smpp.deliver", "sms.receipts", "sms.inbound", "smpp.waiting"))
	if err != nil {
		t.Fatal(err)
	}
	w.batches.first = make(map[batchKey]*kmsg.ProduceRequest)
	w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: -1, When: w.batches.note})
	latency := between(draw(seed, "latency"), 100*time.Microsecond, 4*time.Millisecond)
	env := []string{"KAFKA_BROKERS=" + strings.Join(w.brokers, ","), "KAFKA_SESSION_TIMEOUT=" + p.session.Round(time.Millisecond).String(), "SOURCE_RECEIPT_WAIT=72h", "SOURCE_MATCH_WAIT=" + matchWait.String()}
	if p.commits > 0 {
		env = append(env, "DELIVERY_COMMIT_INTERVAL="+p.commits.String())
	}
	if p.hold {
		env = append(env, "DELIVERY_IN_DOUBT=hold")
	}
	for i, h := range p.habits {
		s := newSMSC(w, fmt.Sprintf("smsc%d", i), fmt.Sprintf("10.0.0.%d:2775", i), h)
		w.smscs = append(w.smscs, s)
		pre := fmt.Sprintf("SMSC_%d_", i)
		env = append(env, pre+"NAME="+s.name, pre+"ADDRESS="+s.addr, pre+"SYSTEM_ID=sim", pre+"SOURCE_ADDRESS=12345", pre+"MESSAGE_ID=same",
			fmt.Sprintf("%sWINDOW=%d", pre, p.window), fmt.Sprintf("%sBINDS=%d", pre, p.binds), fmt.Sprintf("%sTPS=%d", pre, p.tps),
			pre+"RESPONSE_TIMEOUT="+responseTimeout.String(), pre+"BIND_TIMEOUT=3s", pre+"ENQUIRE_LINK=5s")
	}
	if w.cfg, err = config.Load(env); err != nil {
		t.Fatal(err)
	}
	w.net.mu.Lock()
	for i := range 40 {
		for _, addr := range append(slices.Clone(w.brokers), w.smscAddrs()...) {
			w.net.wire(replicaName(i), addr).latency = latency
		}
	}
	w.net.mu.Unlock()
	return w
}

// kafkaAt tells a broker's address from an SMSC's.
func kafkaAt(addr string) bool { return strings.HasPrefix(addr, "127.0.0.1:") }

func (w *world) smscAddrs() (as []string) {
	for _, s := range w.smscs {
		as = append(as, s.addr)
	}
	return as
}

// violated notes that something is not as it must be.
func (w *world) violated(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < 50 {
		w.violations = append(w.violations, fmt.Sprintf("%9.3fs  ", time.Since(w.began).Seconds())+fmt.Sprintf(format, args...))
	}
}

func (w *world) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%9.3fs  ", time.Since(w.began).Seconds()) + fmt.Sprintf(format, args...)
	w.story = append(w.story, line)
	w.log.Info("SIM " + line)
}

// lost is a log that hears only what the sink says when the group has given up on it. The
// client library gives all up on its own, too, when a JoinGroup or a SyncGroup of its fails.
type lost struct{ w *world }

func (h lost) Enabled(_ context.Context, l slog.Level) bool { return l == slog.LevelWarn }
func (h lost) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h lost) WithGroup(string) slog.Handler                { return h }
func (h lost) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "lost partitions") {
		h.w.lost.Store(true)
	}
	return nil
}

func (w *world) doubted() { w.doubt.Store(true) }

// later does something after a while, if the faults are not over by then.
func (w *world) later(d time.Duration, fn func()) {
	t := time.AfterFunc(d, fn)
	w.mu.Lock()
	w.timers = append(w.timers, t)
	w.mu.Unlock()
}

// play runs the world to its end.
func (w *world) play() {
	driver, watcher, stopWatch := w.driver(), w.watcher(), make(chan struct{})
	commits := w.watchCommits(stopWatch)
	for range w.plan.replicas {
		w.start()
	}
	for n, at := range w.plan.inbound {
		w.smscs[n%len(w.smscs)].subscriber(n, at)
	}
	w.running.Go(func() { w.produce(driver) })
	for _, f := range w.plan.faults {
		time.Sleep(time.Until(w.began.Add(f.at)))
		w.tell("%s", f.what)
		f.do(w)
	}
	time.Sleep(time.Until(w.began.Add(w.plan.duration)))
	w.heal()
	w.rest()
	for _, r := range w.alive() {
		w.stop(r)
	}
	w.waitReplicas()
	close(w.over) // what a drain still publishes is read, too
	w.running.Wait()
	w.model.look(w)
	time.Sleep(time.Second) // for the watcher
	for _, s := range w.smscs {
		s.stop()
	}
	driver.Close()
	watcher.Close()
	close(stopWatch)
	commits.Wait()
	w.kafka.Close()
	w.audit()
}

// heal ends all faults.
func (w *world) heal() {
	w.mu.Lock()
	for _, t := range w.timers {
		t.Stop()
	}
	refusals := w.refusals
	w.mu.Unlock()
	for _, h := range refusals {
		h.Remove()
	}
	w.net.mu.Lock()
	now := time.Now()
	for _, x := range w.net.wires {
		x.lose, x.refuse, x.unheard = nil, now, now
	}
	for _, h := range w.net.hosts {
		h.frozen = now
	}
	w.net.mu.Unlock()
	for i, s := range w.smscs {
		s.change(func(h *habits) { *h = w.plan.habits[i] })
	}
	w.tell("the last fault is over")
	if len(w.alive()) == 0 {
		w.start()
	}
}

// rest waits until everything is done.
func (w *world) rest() {
	for limit := time.Now().Add(restWithin); ; time.Sleep(250 * time.Millisecond) {
		why := w.unrest()
		if why == "" {
			w.tell("at rest")
			return
		}
		if time.Now().After(limit) {
			w.violated("stall: %s after the last fault, %s%s", restWithin, why, w.groups())
			return
		}
	}
}

// groups says who is a member of what.
func (w *world) groups() string {
	var b strings.Builder
	for _, name := range []string{w.cfg.SinkGroup(), w.cfg.SourceGroup()} {
		if g := w.kafka.GroupInfo(name); g != nil {
			fmt.Fprintf(&b, "; %s is %s", name, g.State)
			for _, m := range g.Members {
				fmt.Fprintf(&b, ", %s of %s has %v", m.MemberID, m.ClientHost, m.Assignment)
			}
		}
	}
	return b.String()
}

// unrest says what is not done yet.
func (w *world) unrest() string {
	w.seenMu.Lock()
	results, letters, refused := len(w.results), w.letters, 0
	for _, rs := range w.results {
		if rs[0].Status == "invalid" || rs[0].Status == "rejected" || rs[0].Status == "in_doubt" {
			refused++
		}
	}
	receipts, inbound := len(w.receipts), len(w.inbound)
	w.seenMu.Unlock()
	want := 0
	for _, r := range w.plan.records {
		if r.kind != null {
			want++
		}
	}
	if results < want {
		return fmt.Sprintf("%d of %d records have a result", results, want)
	}
	if letters < refused {
		return fmt.Sprintf("%d of %d dead letters are there", letters, refused)
	}
	if !w.model.settled(w) {
		w.model.look(w)
		if !w.model.settled(w) {
			return "not every offset is done"
		}
	}
	want, moms := 0, 0
	for _, s := range w.smscs {
		if n := s.pending(); n > 0 {
			return fmt.Sprintf("%d deliver_sm are not acknowledged", n)
		}
		r, m := s.delivered()
		want, moms = want+r, moms+m
	}
	if w.plan.resolver && (receipts < want || inbound < moms) {
		return fmt.Sprintf("%d of %d receipts and %d of %d messages are published", receipts, want, inbound, moms)
	}
	return ""
}

// client is one that no fault touches.
func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.brokers...), kgo.Dialer(w.net.dial(tester)), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond })}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return cl
}

func (w *world) driver() *kgo.Client {
	next := make(map[int32]int64)
	order := w.plan.order()
	for _, i := range order {
		p := w.plan.records[i].partition
		w.model.where[i] = place{p, next[p]}
		next[p]++
	}
	return w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
}

// produce writes the records at their times.
func (w *world) produce(cl *kgo.Client) {
	for _, i := range w.plan.order() {
		rec := &w.plan.records[i]
		time.Sleep(time.Until(w.began.Add(rec.at)))
		r := &kgo.Record{Topic: input, Partition: rec.partition, Key: []byte(fmt.Sprint(i))}
		if rec.kind != null {
			r.Value = []byte(rec.value)
		}
		cl.Produce(context.Background(), r, func(r *kgo.Record, err error) {
			if at, _ := w.model.place(i); err != nil || r.Offset != at.offset {
				w.violated("the simulation is wrong: record %d is at %d and not at %d (%v)", i, r.Offset, at.offset, err)
			}
		})
	}
	_ = cl.Flush(context.Background())
}

// watcher reads all that is published, as any consumer would.
func (w *world) watcher() *kgo.Client {
	cl := w.client(kgo.ConsumeTopics("sms.results", "sms.deadletter", "sms.receipts", "sms.inbound", "smpp.deliver"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(watchWait))
	w.running.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.running.Go(func() {
			<-w.over
			time.Sleep(watchWait + time.Second) // for what another fetch stands in the way of
			cancel()
		})
		for ctx.Err() == nil {
			fs := cl.PollFetches(ctx)
			w.seenMu.Lock()
			fs.EachRecord(w.see)
			w.seenMu.Unlock()
		}
	})
	return cl
}

func (w *world) see(r *kgo.Record) {
	// A leader that has moved may make the client read a part of its log once more.
	at := fmt.Sprint(r.Topic, r.Partition, "@", r.Offset)
	if w.read[at] {
		return
	}
	w.read[at] = true
	var err error
	switch r.Topic {
	case "sms.results":
		var v record.Result
		if v, err = record.DecodeResult(r.Value); err == nil {
			w.results[v.ID] = append(w.results[v.ID], v)
			w.whence[v.ID] = append(w.whence[v.ID], fmt.Sprintf("%d@%d by producer %d epoch %d at %s", r.Partition, r.Offset, r.ProducerID, r.ProducerEpoch, r.Timestamp.Sub(w.began)))
		}
	case "sms.deadletter":
		w.letters++
	case "sms.receipts":
		var v record.Receipt
		if v, err = record.DecodeReceipt(r.Value); err == nil {
			w.receipts[v.MessageID] = append(w.receipts[v.MessageID], v)
		}
	case "sms.inbound":
		var v record.Inbound
		if v, err = record.DecodeInbound(r.Value); err == nil {
			w.inbound = append(w.inbound, v)
		}
	case "smpp.deliver":
		var v record.Deliver
		if err = v.Decode(r.Value); err == nil {
			w.deliver = append(w.deliver, string(v.Body))
		}
	}
	if err != nil {
		w.violated("a record of %s cannot be read: %v", r.Topic, err)
	}
}

// watchCommits has the model look whenever offsets may have been committed.
func (w *world) watchCommits(stop chan struct{}) *sync.WaitGroup {
	seen := make(chan struct{}, 1)
	note := func(kmsg.Request) bool { wake(seen); return true }
	w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Observe: true, Count: -1, When: note},
		kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn, kmsg.InitProducerID}, TopLevel: true, Observe: true, Count: -1, When: note})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-seen:
				w.model.look(w) // queued behind the request that is handled
			case <-stop:
				return
			}
		}
	})
	return &wg
}
