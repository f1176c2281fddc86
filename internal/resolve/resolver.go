package resolve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// Forms knows how each SMSC writes message ids in receipts; the sink asks it, and the
// resolver learns it. One is shared by all of a process.
type Forms = engine.Forms

// NewForms returns the forms of the SMSCs given; those with sms.FormUnknown are learned.
func NewForms(fixed map[string]sms.IDForm) *Forms { return engine.NewForms(fixed) }

// Options are what a resolver needs.
type Options struct {
	Config *config.Config // StateDir empty: a temporary folder that Stop deletes
	Dialer *kafka.Dialer
	Forms  *Forms
	Form   record.Form // of receipts and inbound messages; nil: JSON
	// Query, if set, is asked to query an SMSC (SMSC_<n>_QUERY_AFTER) for a message whose receipt is overdue. It says false where it
	// takes no more now, and never blocks.
	Query func(engine.Question) bool
	Trace *trace.Tracer // nil: no traces
	Log   *slog.Logger
	Reg   prometheus.Registerer
	// Store opens the local store; nil: in StateDir, or a temporary folder.
	Store func(identity string) (*store.DB, error)
}

// Resolver is one replica's resolver.
type Resolver struct {
	cfg     *config.Config
	dialer  *kafka.Dialer
	forms   *Forms
	habits  habits
	form    record.Form
	query   func(engine.Question) bool // nil: nobody is asked
	trace   *trace.Tracer
	log     *slog.Logger
	metrics *metrics
	open    func(identity string) (*store.DB, error)

	deliver, submitted, waiting string
	partitions                  int32
	group                       string

	db       *store.DB
	dir      string      // to delete; empty: not ours
	plain    *kgo.Client // for what needs no group: reading, listing
	consumer *kgo.Client
	txn      *kafka.Transactor

	// The loop's own, and the callbacks' while the loop lets them run.
	parts     map[int32]*partition
	given     map[string]map[int32]bool // by topic, what the group has given us
	restoring []*restoring              // in hand
	values    record.Arena              // of the transaction in hand

	// mu guards what a restore hands over.
	mu       sync.Mutex
	restored []*partition
	snapshot *ends // the watch writes, the loop takes
	wake     context.CancelFunc

	fetching context.CancelFunc
	working  context.CancelFunc
	running  sync.WaitGroup
	stopOnce sync.Once

	failed   chan struct{}
	failOnce sync.Once
	failure  error
}

// partition is one that we own, with its engine.
type partition struct {
	p    int32
	e    *engine.Engine
	n    uint64           // numbers our commits
	next map[string]int64 // by topic, the offset from which to go on
	due  *ends            // a tick that waits until all is applied that was there then
	more bool             // the last tick left something
	// rewind: the consumer is ahead of next, having read what was never committed.
	rewind bool
	// moved: next is not where the group's offsets are, and is committed though nothing was applied. Else a successor would find the same end lost once more, and go on
	// from where the log ends by then.
	moved bool
}

// New makes a resolver; Start joins the group.
func New(o Options) (*Resolver, error) {
	c := o.Config
	r := &Resolver{
		cfg: c, dialer: o.Dialer, forms: o.Forms, habits: habitsOf(c), query: o.Query, trace: o.Trace, log: o.Log, metrics: newMetrics(o.Reg), open: o.Store, group: c.SourceGroup(),
		deliver: c.InternalTopic(config.TopicDeliver), submitted: c.InternalTopic(config.TopicSubmitted), waiting: c.InternalTopic(config.TopicWaiting),
		parts: make(map[int32]*partition), given: make(map[string]map[int32]bool), failed: make(chan struct{}),
	}
	if r.form = o.Form; r.form == nil {
		r.form = record.JSON{}
	}
	if r.forms == nil {
		return nil, errors.New("resolver: Forms is missing")
	}
	r.forms.OnAlarm(r.alarm)
	return r, nil
}

// Pause stops or resumes the resolver as Kafka Connect pauses a connector: it stays in its group and publishes nothing more, and what comes
// waits in <name>.deliver. It may be called once Start has returned.
func (r *Resolver) Pause(on bool) {
	if on {
		r.consumer.PauseFetchTopics(r.deliver, r.submitted)
	} else {
		r.consumer.ResumeFetchTopics(r.deliver, r.submitted)
	}
}

// Member is our id in the group; "" before it is known.
func (r *Resolver) Member() string {
	id, _ := r.consumer.GroupMetadata()
	return id
}

// Start opens the local store and joins the group. The topics must exist.
func (r *Resolver) Start(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		r.close()
		return fmt.Errorf("resolver: %w", err)
	}
	return nil
}

// heartbeatInterval: no lease rests on these, as the sink's does, and a receipt may wait for a rebalance. They are what a replica at rest does most.
const heartbeatInterval = time.Second

func (r *Resolver) start(ctx context.Context) error {
	var err error
	if r.plain, err = r.dialer.Client("resolver"); err != nil {
		return err
	}
	identity, err := r.checkTopics(ctx)
	if err != nil {
		return err
	}
	if err := r.openStore(identity); err != nil {
		return err
	}
	r.txn = kafka.NewTransactor(r.dialer, r.txnPrefix(), r.plain, func(topic string) bool { return topic == r.submitted || topic == r.waiting })
	r.txn.Left = r.leftOpen()
	// By range, both topics' partitions of a number go to the same member.
	opts := append(kafka.GroupOpts(&r.cfg.Kafka, r.group, kafka.ByRange, heartbeatInterval),
		kgo.ConsumeTopics(r.deliver, r.submitted),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // else the group shows a lag of 1 for ever, and UNKNOWNs wait for it
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxBytes(4<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.MaxConcurrentFetches(2),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.OnPartitionsAssigned(r.onAssigned),
		kgo.OnPartitionsRevoked(r.onRevoked),
		kgo.OnPartitionsLost(r.onRevoked),
	)
	// Last of all: it joins the group at once, and its callbacks use what is above.
	if r.consumer, err = r.dialer.Client("resolver-consumer", opts...); err != nil {
		return err
	}
	base := context.WithoutCancel(ctx)
	fctx, fetching := context.WithCancel(base)
	wctx, working := context.WithCancel(base)
	r.fetching, r.working = fetching, working
	r.running.Go(func() { r.loop(fctx, wctx) })
	r.running.Go(func() { r.watch(fctx) })
	return nil
}

// checkTopics finds the number of partitions, and what tells these topics from others of
// the same names. A topic that was just made is not known to every broker at once.
func (r *Resolver) checkTopics(ctx context.Context) (identity string, err error) {
	const tries = 40 // 8 s
	var details kadm.TopicDetails
	topics := []string{r.submitted, r.deliver, r.waiting}
	for n := 1; ; n++ {
		if details, err = kadm.NewClient(r.plain).ListTopics(ctx, topics...); err != nil {
			return "", fmt.Errorf("listing topics: %w", err)
		}
		missing := slices.IndexFunc(topics, func(t string) bool { return details[t].Err != nil || len(details[t].Partitions) == 0 })
		if missing < 0 {
			break
		}
		if n == tries {
			return "", fmt.Errorf("topic %s does not exist (create it, or set KAFKA_TOPICS_CREATE=true)", topics[missing])
		}
		if err := kafka.Sleep(ctx, kafka.Backoff(n)); err != nil {
			return "", err
		}
	}
	r.partitions = int32(len(details[r.submitted].Partitions))
	for _, topic := range topics {
		if int32(len(details[topic].Partitions)) != r.partitions {
			return "", fmt.Errorf("topics %s, %s and %s must have the same number of partitions, have %d, %d and %d: make them anew together",
				r.submitted, r.deliver, r.waiting, len(details[r.submitted].Partitions), len(details[r.deliver].Partitions), len(details[r.waiting].Partitions))
		}
		identity += fmt.Sprintf("%s %s %d\n", topic, details[topic].ID, r.partitions)
	}
	// What is due is written beside each entry, so other waiting times need a new fold.
	return identity + r.cfg.Source.ReceiptWait.String(), nil
}

func (r *Resolver) openStore(identity string) (err error) {
	if r.open != nil {
		r.db, err = r.open(identity)
		return err
	}
	dir := r.cfg.StateDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "smpp-connector-"); err != nil {
			return fmt.Errorf("a temporary state folder: %w (set STATE_DIR)", err)
		}
		r.dir = dir
	}
	r.db, err = store.Open(filepath.Join(dir, "resolver"), identity, r.log)
	return err
}

// txnPrefix begins our transactional ids.
func (r *Resolver) txnPrefix() string { return r.cfg.Name + "-source-" }

// Stop commits what is in hand, leaves the group and closes the store. It may be called
// again. Where ctx ends first, what was in hand is applied again by the successor.
func (r *Resolver) Stop(ctx context.Context) {
	if r.fetching == nil {
		return
	}
	r.stopOnce.Do(func() {
		r.fetching()
		stop := context.AfterFunc(ctx, r.working)
		r.running.Wait()
		lctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		_ = r.consumer.LeaveGroupContext(lctx)
		cancel()
		stop()
		r.working()
		r.close()
	})
}

func (r *Resolver) close() {
	if r.consumer != nil {
		r.consumer.CloseAllowingRebalance()
		r.consumer.AllowRebalance() // Close polls what it had buffered, and a goroutine of its own then waits for this
	}
	r.drop()
	if r.plain != nil {
		r.plain.Close()
	}
	if r.txn != nil {
		r.txn.Close()
	}
	if r.db != nil {
		if err := r.db.Close(); err != nil {
			r.log.Warn("the resolver's local state was not closed in order; it may be built anew", "error", err)
		}
	}
	if r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

// Failed is closed when the resolver cannot go on; Err then says why.
func (r *Resolver) Failed() <-chan struct{} { return r.failed }

// Err is why the resolver failed.
func (r *Resolver) Err() error {
	select {
	case <-r.failed:
		return r.failure
	default:
		return nil
	}
}

// fail ends the resolver. A store that failed is marked, so that the next start begins
// it anew and does not fail at the same place.
func (r *Resolver) fail(err error) {
	var se *engine.StoreError
	if errors.As(err, &se) {
		r.db.Damaged(err)
	}
	r.failOnce.Do(func() {
		r.failure = fmt.Errorf("resolver: %w", err)
		close(r.failed)
	})
}

func (r *Resolver) alarm(a engine.Alarm) {
	if !a.Poor {
		r.metrics.poor.WithLabelValues(a.SMSC).Set(0)
		r.log.Info("receipts find their messages again", "smsc", a.SMSC, "matched_of_last_100", a.Matched)
		return
	}
	r.metrics.poor.WithLabelValues(a.SMSC).Set(1)
	r.log.Warn("receipts do not find their messages; if the SMSC has changed how it writes message ids, or other systems share the account, see SMSC_<n>_MESSAGE_ID",
		"smsc", a.SMSC, "matched_of_last_100", a.Matched, "message_id_form", a.Form.String(), "learning_anew", a.Unlearn)
}
