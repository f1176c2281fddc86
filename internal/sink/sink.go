package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/number"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/route"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// Forms tells how an SMSC's ids in receipts relate to those in its responses, as
// far as that is known; the resolver learns it.
type Forms interface{ Of(smsc string) sms.IDForm }

// Options are what a sink needs.
type Options struct {
	Config   *config.Config
	Dialer   *kafka.Dialer
	Accounts []*smpp.Account // in the order of Config.SMSCs
	Lease    *smpp.Lease     // the one that the accounts were made with
	Forms    Forms
	Form     record.Form   // of the results; nil: JSON
	Input    record.Reader // nil: plain JSON
	// Partitions of <name>.submitted.
	SubmittedPartitions int32
	Trace               *trace.Tracer // nil: no traces
	Log                 *slog.Logger
	Reg                 prometheus.Registerer
}

// Sink is one replica's sink.
type Sink struct {
	cfg      *config.Config
	dialer   *kafka.Dialer
	log      *slog.Logger
	metrics  *metrics
	accounts []*smpp.Account
	// canSubmit: by account; a receiver takes no submit_sm.
	canSubmit []bool
	quiet     *quiet   // nil: none
	optOuts   *optOuts // nil: none
	habits    []habits
	country   *number.Country // nil: numbers are taken as they are written
	table     *route.Table
	routed    []int // the account of each of the table's targets
	forms     Forms
	form      record.Form
	input     record.Reader
	lease     *smpp.Lease
	heard     *heard
	trace     *trace.Tracer
	hold      bool // DELIVERY_IN_DOUBT=hold
	retryFor  time.Duration
	submitted submittedTopic

	consumer      *kgo.Client
	optOutsClient *kgo.Client // nil: none
	txn           *kafka.Transactor
	session       time.Duration // KAFKA_SESSION_TIMEOUT, or the group's own if that is less; set by Start

	// The loop's own state.
	paused        bool              // by an operator: nothing is granted, nothing more is read
	parts         map[tp]*partition // held
	limbo         map[tp]*partition // lost, perhaps for a moment
	givenAt       time.Time         // when the group last gave us what it gave
	heldNone      bool              // at the last change of the assignment
	takenOver     bool              // since then, a partition that was not ours, or was somebody's meanwhile
	lanes         lanes
	topicNos      map[string]int // numbers of the topics held so far
	retries       retries
	verdicts      fifo[*message] // decided without a grant, waiting for a place in the ledger
	draft         draft
	inflight      *commit
	afterCommits  []func() // requests that must know how the commit in hand ended
	cadence       cadence
	leaving       int       // partitions that are being handed over
	aborts        int       // in a row
	refusedAt     time.Time // when the first of them began
	told          bool      // the log says so
	still         standstill
	lettersNow    bool          // dead letters do not keep their records' timestamps, which the topic refuses
	commitTime    time.Duration // smoothed
	lastCommit    time.Time     // start of the last that succeeded
	keys          []string      // scratch
	metaScratch   []byte
	resultScratch record.Result
	published     time.Time
	budget        []int    // by account
	up            []bool   // by account: a bind that can submit is up
	healths       []health // by account
	offers        [][]*smpp.Submit
	spare         bool // the last grant left budget that nothing of what waits may take
	stirred       bool // something came or went: regulate
	gate          gate
	outflow       outflow
	mostQueued    int          // messages of all partitions
	mostBytes     int          // bytes of their records
	maxQueued     int          // messages of one partition, where partitions are paused
	maxBytes      int          // bytes of their records
	pollSize      atomic.Int32 // records that one poll returns at most

	// Ways into the loop.
	inboxMu   sync.Mutex
	inbox     []smpp.Answer // sessions write, the loop takes
	wake      chan struct{} // cap 1
	batches   chan batch
	requests  chan func()
	committed chan error // cap 1: the committer's answer

	anew     map[tp]bool // the group's callbacks alone: see recreated.go
	goneMu   sync.Mutex
	gone     map[string]bool // topics that are being taken up anew
	troubles troubles

	epochMu sync.Mutex
	epochs  map[tp]int64 // callbacks write, the poller reads
	epoch   int64

	totalPartitions atomic.Int64
	ready           chan struct{} // closed by Start
	loopDone        chan struct{}
	failed          chan struct{}
	failOnce        sync.Once
	failure         error

	stopPoll context.CancelFunc
	stopLoop context.CancelFunc
	looping  context.Context // ended by stopLoop
	running  sync.WaitGroup
	polling  sync.WaitGroup
	stopOnce sync.Once
	state    atomic.Pointer[Status]
}

// New makes a sink; Start joins the group.
func New(o Options) (*Sink, error) {
	s := &Sink{
		cfg: o.Config, dialer: o.Dialer, log: o.Log, metrics: newMetrics(o.Reg), accounts: o.Accounts, forms: o.Forms, lease: o.Lease, trace: o.Trace,
		hold: o.Config.Delivery.InDoubt == "hold", retryFor: o.Config.Delivery.RetryFor, session: o.Config.Kafka.SessionTimeout,
		submitted: submittedTopic{name: o.Config.InternalTopic("submitted"), partitions: o.SubmittedPartitions},
		parts:     make(map[tp]*partition), limbo: make(map[tp]*partition), topicNos: make(map[string]int), epochs: make(map[tp]int64), gone: make(map[string]bool),
		wake: make(chan struct{}, 1), batches: make(chan batch, batchesWaiting), requests: make(chan func()), committed: make(chan error, 1),
		failed: make(chan struct{}), loopDone: make(chan struct{}), ready: make(chan struct{}), gate: gate{opened: make(chan struct{}, 1)},
		budget: make([]int, len(o.Accounts)), up: make([]bool, len(o.Accounts)), offers: make([][]*smpp.Submit, len(o.Accounts)),
	}
	s.shareRoom(0)
	if s.form = o.Form; s.form == nil {
		s.form = record.JSON{}
	}
	if s.input = o.Input; s.input == nil {
		s.input = record.PlainReader{}
	}
	var targets []route.Target
	for i := range o.Config.SMSCs {
		c := &o.Config.SMSCs[i]
		h, err := habitsOf(c, o.Config.Sink.Transliterate)
		if err != nil {
			return nil, err
		}
		s.habits = append(s.habits, h)
		s.healths = append(s.healths, healthOf(c))
		s.canSubmit = append(s.canSubmit, c.Bind != "receiver")
		if c.Bind != "receiver" { // nothing can be routed to one that takes no submit_sm
			targets = append(targets, route.Target{Name: c.Name, Prefixes: c.Routes, Weight: c.Weight, Priority: c.Priority})
			s.routed = append(s.routed, i)
		}
	}
	s.table = route.New(targets)
	if code := o.Config.Sink.DefaultCountry; code != "" {
		country, err := number.ParseCountry(code)
		if err != nil {
			return nil, fmt.Errorf("SINK_DEFAULT_COUNTRY: %w", err)
		}
		s.country = country
	}
	s.quiet = newQuiet(&o.Config.Sink.Quiet)
	s.optOuts = newOptOuts(&o.Config.Sink.OptOuts, s.dialled, o.Lease.Now, o.Log)
	s.heard = newHeard(o.Lease, kafka.SessionTimeout(context.Background(), nil, &o.Config.Kafka, o.Config.SinkGroup()))
	s.state.Store(&Status{})
	return s, nil
}

// Start joins the group and begins.
func (s *Sink) Start(ctx context.Context) error {
	opts := append(kafka.GroupOpts(&s.cfg.Kafka, s.cfg.SinkGroup(), kafka.ByPartition, heartbeatInterval),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // else a group on transactional input shows a lag of 1 for ever
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxBytes(maxFetch), kgo.FetchMaxPartitionBytes(mostFetch), kgo.MaxConcurrentFetches(2), // see fetchOf
		kgo.FetchMaxWait(s.fetchWait()),
		kgo.OnPartitionsAssigned(s.onAssigned),
		kgo.OnOffsetsFetched(s.onOffsets),
		kgo.AdjustFetchOffsetsFn(s.startOfNewTopics),
		kgo.OnPartitionsRevoked(s.onRevoked),
		kgo.OnPartitionsLost(s.onLost),
		kgo.WithHooks(s.heard),
	)
	if s.cfg.Sink.TopicsRegex != "" {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(s.cfg.Sink.TopicsRegex))
	} else {
		opts = append(opts, kgo.ConsumeTopics(s.cfg.Sink.Topics...))
	}
	cl, err := s.dialer.Client("sink-consumer", opts...)
	if err != nil {
		return err
	}
	s.consumer = cl
	if session := s.sessionTimeout(ctx); s.cfg.Kafka.GroupProtocol == config.GroupConsumer {
		s.heard.session.Store(int64(session))
		s.session = min(s.session, session)
	}
	s.txn = kafka.NewTransactor(s.dialer, s.txnPrefix(), cl, func(topic string) bool { return topic == s.submitted.name })
	s.txn.Left = s.leftOpen()
	if s.optOuts != nil {
		if s.optOutsClient, err = s.dialer.Client("sink-optouts"); err != nil {
			return err
		}
	}
	pctx, stopPoll := context.WithCancel(context.WithoutCancel(ctx))
	lctx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopPoll, s.stopLoop, s.looping = stopPoll, stopLoop, lctx
	s.polling.Go(func() { s.poll(pctx) })
	s.running.Go(func() { s.loop(lctx) })
	if s.optOuts != nil {
		s.running.Go(func() { s.followOptOuts(lctx) })
	}
	close(s.ready)
	return nil
}

// sessionTimeout is read once: who makes a group's session shorter starts its members anew.
func (s *Sink) sessionTimeout(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return kafka.SessionTimeout(ctx, s.consumer, &s.cfg.Kafka, s.cfg.SinkGroup())
}

// fetchWait is how long a broker with nothing new may keep a fetch. Two fetches are under
// way at a time, so that with many brokers a new record may wait for others' empty ones:
// not for long where topics have a priority.
func (s *Sink) fetchWait() time.Duration {
	if len(s.cfg.Sink.TopicPriorities) > 0 {
		return 100 * time.Millisecond
	}
	return 500 * time.Millisecond
}

// txnPrefix begins our transactional ids.
func (s *Sink) txnPrefix() string { return s.cfg.Name + "-sink-" }

// Stop drains: no new grants, answers of what is in flight awaited until ctx
// ends, everything committed, the group left. It may be called again.
//
// A clean drain leaves nothing in doubt. Where ctx ends first, what is still
// without an answer stays granted, and the successor counts it as in doubt.
func (s *Sink) Stop(ctx context.Context) {
	if s.consumer == nil {
		return
	}
	s.stopOnce.Do(func() {
		s.stopPoll()
		// Heartbeats go on meanwhile: the client is alive, and the commits need
		// the membership.
		faultpoint.At("sink.drain.begin")
		s.letGo(ctx, nil)
		faultpoint.At("sink.drain.clean")
		// The poller may stand behind a callback of the group that waits for the commit in
		// hand, and that one for as long as Kafka is away. Nothing is ours any more by now;
		// what the commit held is the successor's, in doubt.
		limit := time.AfterFunc(callbacksWait, s.stopLoop)
		s.polling.Wait()
		limit.Stop()
		lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		_ = s.consumer.LeaveGroupContext(lctx)
		cancel()
		faultpoint.At("sink.drain.left")
		s.stopLoop()
		s.running.Wait()
		s.consumer.CloseAllowingRebalance()
		s.consumer.AllowRebalance() // Close polls what it had buffered, and a goroutine of its own then waits for this
		s.txn.Close()
		if s.optOutsClient != nil {
			s.optOutsClient.Close()
		}
	})
}

// callbacksWait is how long a callback of the group that runs while we stop may go on.
const callbacksWait = 3 * time.Second

// untilStopped ends with ctx or with the loop, whichever is first: a callback has nobody to
// speak to after that, and holds up Stop.
func (s *Sink) untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.looping, cancel)
	return ctx, func() { stop(); cancel() }
}

// Pause stops or resumes the sink as Kafka Connect pauses a connector: it stays in its group and sees through what it has granted, but grants
// nothing more and reads nothing more. It may be called before Start.
func (s *Sink) Pause(ctx context.Context, on bool) {
	set := func() {
		s.paused = on
		s.regulate(time.Now())
		s.nudge()
	}
	select {
	case <-s.ready:
		s.do(ctx, set)
	default:
		s.paused = on
		s.gate.set(!on)
	}
}

// Member is our id in the group; "" before it is known.
func (s *Sink) Member() string {
	id, _ := s.consumer.GroupMetadata()
	return id
}

// Failed is closed when the sink cannot go on; Err then says why.
func (s *Sink) Failed() <-chan struct{} { return s.failed }

// Err is why the sink failed.
func (s *Sink) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

func (s *Sink) fail(err error) {
	s.failOnce.Do(func() {
		s.failure = err
		close(s.failed)
	})
}

// Answered is smpp.Events' Answered: it copies, wakes the loop and returns.
// The inbox is bounded by the windows, as there is one answer to a submit. When the loop has ended, as while an operator has stopped the sink, nobody
// takes them any more.
func (s *Sink) Answered(_ *smpp.Account, answers []smpp.Answer) {
	select {
	case <-s.loopDone:
		return
	default:
	}
	s.inboxMu.Lock()
	s.inbox = append(s.inbox, answers...)
	s.inboxMu.Unlock()
	s.nudge()
}

// StateChanged is smpp.Events' StateChanged: a bind that came up has windows.
func (s *Sink) StateChanged(*smpp.Account) { s.nudge() }

func (s *Sink) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// do runs fn in the loop and waits for it; false when ctx or the loop ended first.
func (s *Sink) do(ctx context.Context, fn func()) bool {
	done := make(chan struct{})
	select {
	case s.requests <- func() { fn(); close(done) }:
	case <-ctx.Done():
		return false
	case <-s.loopDone:
		return false
	}
	// The loop has it and does not block: whoever returned now, because ctx has ended,
	// would go on beside fn.
	select {
	case <-done:
		return true
	case <-s.loopDone:
		return false
	}
}

// doSettled is do for what must know how the commit in hand has ended.
func (s *Sink) doSettled(ctx context.Context, fn func()) bool {
	done := make(chan struct{})
	ok := s.do(ctx, func() {
		run := func() {
			// Who asked may have gone: an assignment that was cancelled meanwhile
			// must not be installed, it may be another replica's by now.
			if ctx.Err() == nil {
				fn()
			}
			close(done)
		}
		if s.inflight == nil {
			run()
			return
		}
		s.afterCommits = append(s.afterCommits, run)
	})
	if !ok {
		return false
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	case <-s.loopDone:
		return false
	}
}

func (s *Sink) epochOf(key tp) int64 {
	s.epochMu.Lock()
	defer s.epochMu.Unlock()
	return s.epochs[key]
}

func (s *Sink) setEpoch(key tp, epoch int64) {
	s.epochMu.Lock()
	defer s.epochMu.Unlock()
	if epoch == 0 {
		delete(s.epochs, key)
		return
	}
	s.epochs[key] = epoch
}

// maxDefaultID is the longest of them: a topic has 249 characters at most, an offset 19 digits.
const maxDefaultID = 249 + 1 + 10 + 1 + 19

// defaultID is the id of a record that names none. One that was put back from the dead letters keeps the id that it had at first, so
// that all its results join.
func defaultID(r *kgo.Record) string {
	for i := range r.Headers {
		if h := &r.Headers[i]; h.Key == record.HeaderRedrivenFrom && 0 < len(h.Value) && len(h.Value) <= maxDefaultID && utf8.Valid(h.Value) {
			return string(h.Value)
		}
	}
	return r.Topic + "-" + strconv.Itoa(int(r.Partition)) + "-" + strconv.FormatInt(r.Offset, 10)
}

var errStopOnError = errors.New("DELIVERY_ERRORS=stop")

// stopError names the record and not what it holds: unlike a result's error it goes into the log and to /health.
func stopError(m *message) error {
	why := m.fault.err
	var field *record.FieldError
	if errors.As(why, &field) && field.Value != "" {
		why = &record.FieldError{Field: field.Field, Value: "(see the record)", Remedy: field.Remedy}
	}
	return fmt.Errorf("%w: record %s[%d]@%d can never be sent: %w", errStopOnError, m.rec.Topic, m.rec.Partition, m.rec.Offset, why)
}
