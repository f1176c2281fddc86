package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

const (
	partitions = 6
	// patience is the limit of what must happen, on a machine that is busy with other things.
	patience = 4 * time.Minute
	// sessionTimeout is KAFKA_SESSION_TIMEOUT of the replicas: the least that Apache Kafka allows by default.
	sessionTimeout = 6 * time.Second
	sinkGroup      = "connect-smpp-sink"
	sourceGroup    = "connect-smpp-source"
)

// world is all that one row runs in.
type world struct {
	t        *testing.T
	row      *row
	broker   *kafkatest.Broker
	smscs    []*smsc.SMSC
	replicas []*process
	client   *kgo.Client // of the driver
	seen     *follower
	produced atomic.Int64
	messages []message // that subscribers send, by number
	moSent   atomic.Int64
	driver   chan struct{}               // closed when all is produced
	over     time.Time                   // when the last fault was over
	notes    []string                    // what the row has measured, for the table
	proxies  map[string]*smppproxy.Proxy // before SMSCs, by their addresses; see proxied
	marks    []time.Time                 // moments of play that hold.check measures between
	between  *kafkaproxy.Proxy           // before the broker; see throughProxy
	why      string                      // it was given up
}

// message is one from a subscriber.
type message struct {
	smsc           int
	from, to, text string
}

func newWorld(t *testing.T, r *row, kind string) *world {
	t.Helper()
	w := &world{t: t, row: r, driver: make(chan struct{})}
	t.Cleanup(func() { // the last one, so that it stands below all logs
		if w.why != "" {
			t.Log(w.why)
		}
	})
	settings := r.settings
	if w.nextGen() {
		settings = slices.Concat(settings, w.nextGenSettings())
	}
	if kind == kafkatest.KindApache {
		w.broker = kafkatest.Apache(t, settings...)
	} else {
		configs := map[string]string{}
		for _, s := range settings {
			if k, v, _ := strings.Cut(s, "="); strings.HasPrefix(k, "group.consumer.") {
				configs[k] = v
			}
		}
		w.broker = kafkatest.Kfake(t, kfake.BrokerConfigs(configs))
	}
	kafkatest.CreateTopics(t, w.broker, partitions, "sms.outbound", "sms.results", "sms.receipts", "sms.inbound", "sms.deadletter")
	for range max(r.smscs, 1) {
		o := r.smsc
		o.Keep = 1 << 20
		if o.Latency == (smsc.Distribution{}) {
			o.Latency = smsc.Uniform(5*time.Millisecond, 30*time.Millisecond)
		}
		s, err := smsc.New(o)
		if err == nil {
			err = s.Start(context.WithoutCancel(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		t.Logf("SMSC at %s, seed %d", s.Addr(), s.Seed())
		w.smscs = append(w.smscs, s)
	}
	w.client = kafkatest.Client(t, w.broker, kgo.DefaultProduceTopic("sms.outbound"))
	w.seen = follow(t, w.broker)
	w.messages = numbered(r.inbound, len(w.smscs))
	n := r.replicas
	if n == 0 {
		n = 1
	}
	for range max(n, 0) {
		w.add()
	}
	return w
}

func (w *world) nextGen() bool { return w.row.nextGen() }

// nextGen tells whether groups are those of KIP-848.
func (r *row) nextGen() bool {
	if r.protocol != "" {
		return r.protocol == "consumer"
	}
	return *group == "consumer"
}

// nextGenSettings have the broker use for such groups the session that classic members ask for by themselves, and their heartbeats.
func (w *world) nextGenSettings() []string {
	session := sessionTimeout
	for _, e := range w.row.env {
		if v, ok := strings.CutPrefix(e, "KAFKA_SESSION_TIMEOUT="); ok {
			session, _ = time.ParseDuration(v) // the connector would refuse it
		}
	}
	return []string{"group.consumer.min.session.timeout.ms=1000", fmt.Sprintf("group.consumer.session.timeout.ms=%d", session.Milliseconds()),
		"group.consumer.min.heartbeat.interval.ms=100", "group.consumer.heartbeat.interval.ms=300"}
}

// environment of a replica.
func (w *world) environment() []string {
	brokers := w.broker.Addrs
	if w.row.kafka != nil {
		brokers = w.row.kafka(w)
	}
	env := []string{
		"KAFKA_BROKERS=" + strings.Join(brokers, ","), "KAFKA_SESSION_TIMEOUT=" + sessionTimeout.String(), "KAFKA_TOPICS_REPLICATION=1",
		fmt.Sprintf("KAFKA_TOPICS_PARTITIONS=%d", partitions),
	}
	for i, s := range w.smscs {
		addr := s.Addr()
		if w.row.smppVia != nil {
			addr = w.row.smppVia(w, addr)
		}
		n := fmt.Sprintf("SMSC_%d_", i)
		env = append(env, n+"NAME="+smscName(i), n+"ADDRESS="+addr, n+"SYSTEM_ID=faults", n+"PASSWORD=secret", n+"SOURCE_ADDRESS=32323", n+"WINDOW=100")
	}
	if w.nextGen() {
		env = append(env, "KAFKA_GROUP_PROTOCOL=consumer")
	}
	return append(env, w.row.env...)
}

func smscName(i int) string { return fmt.Sprintf("smsc%d", i) }

// add makes a replica, which is not started yet.
func (w *world) add() *process {
	w.t.Helper()
	p := newProcess(w.t, fmt.Sprintf("replica %d", len(w.replicas)), w.environment())
	if w.row.begin != nil {
		p.of = *w.row.begin
	}
	w.replicas = append(w.replicas, p)
	return p
}

func (w *world) replica(i int) *process { return w.replicas[i] }

// begin starts the replicas and the flow.
func (w *world) begin() {
	w.t.Helper()
	if w.row.rate == 0 {
		w.produce(w.row.records)
	}
	for i, p := range w.replicas {
		if i == 0 {
			p.start(w.row.first...)
		} else {
			p.start()
		}
	}
	for _, p := range w.replicas {
		p.ready()
	}
	if w.nextGen() && len(w.replicas) > 0 {
		w.joinedByNextGen()
	}
	go w.drive() // ends with its records, or with the test
}

// joinedByNextGen makes sure of the protocol: clients fall back to the classic one without a word.
func (w *world) joinedByNextGen() {
	w.t.Helper()
	w.until("members of groups by KIP-848", patience, func() bool {
		ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
		defer cancel()
		groups, err := kadm.NewClient(w.client).DescribeConsumerGroups(ctx, sinkGroup, sourceGroup)
		if err != nil {
			return false
		}
		for _, name := range []string{sinkGroup, sourceGroup} {
			if g := groups[name]; g.Err != nil || len(g.Members) == 0 {
				return false
			}
		}
		return true
	})
}

// until waits for a condition that no signal tells of.
func (w *world) until(what string, limit time.Duration, ok func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			w.why = fmt.Sprintf("after %s there is still no: %s (produced %d, accepted by SMSCs %d, results %d; %s; open by the groups' books: %s; in the broker's log: %s)",
				limit, what, w.produced.Load(), w.sent(), w.results(), w.seen.trouble(), w.unsettled(), w.broker.Trouble())
			w.t.Error(w.why)
			w.t.Fatal(w.stuck())
		case <-tick.C:
		}
	}
}

// pass waits until d has passed: for rows in which the passing of time itself is what happens (a session that runs out).
func (w *world) pass(d time.Duration) {
	end := time.Now().Add(d)
	w.until("passing of time", d+patience, func() bool { return !time.Now().Before(end) })
}

// sent is how many submits the SMSCs have accepted.
func (w *world) sent() int {
	n := 0
	for _, s := range w.smscs {
		n += int(s.Stats().Accepted)
	}
	return n
}

// results is how many results are visible.
func (w *world) results() int { return w.seen.count() }

// dies waits until the fault point of this life has killed the process.
func (w *world) dies(p *process) {
	w.t.Helper()
	w.reaches(p, func() bool { return !p.running() })
}

// freezes waits until the fault point of this life has stopped the process.
func (w *world) freezes(p *process) {
	w.t.Helper()
	w.reaches(p, func() bool { return p.running() && p.frozen() })
}

// reaches waits until the fault point has acted. A flow that comes to its end before fails the row: it would prove nothing.
func (w *world) reaches(p *process, acted func() bool) {
	w.t.Helper()
	want := expectedResults(w.row)
	var through time.Time
	w.until("pass of the fault point", patience, func() bool {
		if through.IsZero() && w.results() >= want {
			through = time.Now()
		}
		return acted() || !through.IsZero() && time.Since(through) > 10*time.Second
	})
	if !acted() {
		w.t.Fatalf("%s was never at its fault point", p.name)
	}
	if !strings.Contains(p.logText(), "fault point ") {
		w.t.Fatalf("%s has ended, and not at its fault point", p.name)
	}
}

// share waits until so much of all records has its result.
func (w *world) share(of float64) {
	w.t.Helper()
	n := int(of * float64(w.row.records))
	w.until(fmt.Sprintf("results of %d records", n), patience, func() bool { return w.results() >= n })
}

// faultOver says that the fault has ended: recovery is counted from here. The end of play says it where a row does not.
func (w *world) faultOver() { w.over = time.Now() }

// note puts something that was measured into the table.
func (w *world) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	w.notes = append(w.notes, s)
	w.t.Log(s)
}

// recovery is the time from the end of the fault to the first new result and to the last one.
func (w *world) recovery() (first, last time.Duration) {
	return w.seen.since(w.over)
}

// finish waits until all has come of it that will, and ends the replicas.
func (w *world) finish() {
	w.t.Helper()
	select {
	case <-w.driver:
	case <-time.After(patience):
		w.why = fmt.Sprintf("the driver has given %d records to its client, of which %d are not produced", w.produced.Load(), w.client.BufferedProduceRecords())
		w.t.Fatal(w.why)
	}
	want := expectedResults(w.row)
	w.until(fmt.Sprintf("all %d results", want), patience, func() bool { return w.results() >= want })
	w.until("rest of the SMSCs: every receipt and message delivered", patience, func() bool {
		for _, s := range w.smscs {
			if st := s.Stats(); st.Queue > 0 || st.InFlight > 0 {
				return false
			}
		}
		return true
	})
	var owed string
	w.until("receipt of each accepted part and each message from a subscriber", patience, func() bool {
		owed = w.seen.owed(w)
		return owed == ""
	})
	w.settled()
	for _, p := range w.replicas {
		switch {
		case p.running():
			if code := p.terminate(); code != 0 {
				w.t.Errorf("%s: exit code %d after SIGTERM", p.name, code)
			}
		case !p.ending && !w.row.hold.mayExit && p.cmd != nil:
			w.t.Errorf("%s ended by itself", p.name)
		}
		if text := p.logText(); strings.Contains(text, "\npanic: ") || strings.Contains(text, "\nfatal error: ") || strings.Contains(text, "\ngoroutine 1 [") {
			w.t.Errorf("%s crashed", p.name)
		}
	}
	w.settled() // what was committed last, too
}

// settled waits until nothing is granted and no group has a lag.
func (w *world) settled() {
	w.t.Helper()
	var why string
	defer func() {
		if w.t.Failed() {
			w.t.Log(why)
		}
	}()
	w.until("end of all work: nothing granted, no lag", patience, func() bool {
		why = w.unsettled()
		return why == ""
	})
}

// granted is how many records are in doubt by the group's own books.
func (w *world) granted() int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	offsets, err := kadm.NewClient(w.client).FetchOffsets(ctx, sinkGroup)
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, o := range offsets.Sorted() {
		m, err := ledger.ParseMetadata(o.Metadata)
		if err != nil {
			w.t.Fatal(err)
		}
		n += m.Restore(o.At).Granted()
	}
	return n
}

// unsettled says what is still to be done by the groups' own books; empty: nothing.
func (w *world) unsettled() string {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	adm := kadm.NewClient(w.client)
	for _, group := range []string{sinkGroup, sourceGroup} {
		offsets, err := adm.FetchOffsets(ctx, group)
		if err != nil {
			return err.Error()
		}
		ends, err := adm.ListCommittedOffsets(ctx, topicsOf(offsets)...)
		if err != nil {
			return err.Error()
		}
		for _, o := range offsets.Sorted() {
			if group == sinkGroup {
				m, err := ledger.ParseMetadata(o.Metadata)
				if err != nil {
					return err.Error()
				}
				if g := m.Restore(o.At).Granted(); g > 0 {
					return fmt.Sprintf("%s[%d] has %d granted", o.Topic, o.Partition, g)
				}
			}
			if end, ok := ends.Lookup(o.Topic, o.Partition); ok && o.At < end.Offset {
				return fmt.Sprintf("%s is at %d of %s[%d], which ends at %d", group, o.At, o.Topic, o.Partition, end.Offset)
			}
		}
	}
	return ""
}

func topicsOf(offsets kadm.OffsetResponses) []string {
	var names []string
	for t := range offsets {
		names = append(names, t)
	}
	return names
}

func slowAnswers() smsc.Options {
	return smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(20*time.Millisecond, 300*time.Millisecond)}}
}
