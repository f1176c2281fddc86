// Package redrive puts dead letters back to the topics that they came from. It may import config, kafka and record.
//
// One transaction holds the records that are put back and the entries of the journal (<name>.redriven) that say so, and all runs for one
// CONNECTOR_NAME use one transactional id. A run begins by taking that id, which ends what a run before it has left open and fences one
// that still runs, and only then reads the journal. So:
//
//	died before the commit        nothing of the transaction happened; the next run puts those records back
//	died after the commit         the journal says so; the next run leaves them alone
//	died inside the commit        one of the two: taking the id waits until the broker has ended it
//	two runs at once              the later one goes on, the earlier one ends at its next transaction, of which nothing happens
//	another filter, the same      a dead letter that one of them has put back the other leaves alone
//	records in two transactions   none: a run reads each dead letter once, in the order of its partition
package redrive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// Options say what is put back, and where.
type Options struct {
	Dialer          *kafka.Dialer
	DeadLetters     string // topic
	Journal         string // topic, <name>.redriven
	TransactionalID string // <name>-redrive
	Connector       string // <name>-sink, of whose dead letters alone is spoken
	CreateJournal   bool
	Replication     int16

	Filter         Filter
	To             string            // topic; "" puts each back to its own
	Input          func(string) bool // tells the topics that the sink reads
	Execute        bool              // else nothing is written
	Rate           float64           // records a second; 0 for no limit
	MaxRedrives    int
	KeepTimestamps bool
	// Progress is told of what was looked at, of how many, and how many were put back.
	Progress func(looked, of, done int64)
}

const (
	// batchRecords and batchBytes bound a transaction: readers under read_committed wait for its end.
	batchRecords = 500
	batchBytes   = 4 << 20
	// quietLimit is how long a broker may have nothing to give that it has said it has.
	quietLimit = 30 * time.Second
)

// run is one call of Run.
type run struct {
	Options
	cl      *kgo.Client // asks
	writer  *kgo.Client // nil in a dry run
	batches kafka.Batches
	journal *journal
	starts  map[int32]int64 // of the dead letters
	ends    map[int32]int64 // as they were when the run began
	batch   []letter
	bytes   int
	began   time.Time
	report  Report
}

// Run looks at every dead letter that is there when it begins, and puts back those that are asked for. The report is right whatever the
// error: what it says was put back is committed. A context that ends stops it between two transactions.
func Run(ctx context.Context, o Options) (*Report, error) {
	r := &run{Options: o, began: time.Now(), report: Report{Groups: map[Group]int64{}}}
	cl, err := o.Dialer.Client("redrive-admin")
	if err != nil {
		return &r.report, err
	}
	defer cl.Close()
	r.cl = cl
	if o.Execute {
		if err := r.openWriter(ctx); err != nil {
			return &r.report, err
		}
		defer func() {
			if r.writer != nil {
				r.writer.Close()
			}
		}()
	}
	if err := r.look(ctx); err != nil {
		return &r.report, err
	}
	err = r.read(ctx)
	return &r.report, err
}

// openWriter takes the transactional id from whoever had it. What that one has committed is in the journal once this has returned.
func (r *run) openWriter(ctx context.Context) error {
	journal := kafka.Topic{Name: r.Journal, Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	if _, err := kafka.EnsureTopics(ctx, r.cl, []kafka.Topic{journal}, r.CreateJournal, r.Replication); err != nil {
		return fmt.Errorf("the topic that keeps what was put back, compacted and of one partition: %w", kafka.Remedy(err))
	}
	return r.takeID(ctx)
}

func (r *run) takeID(ctx context.Context) error {
	w, err := r.Dialer.Unmeasured().Client("redrive-writer", r.batches.Opt(), kgo.TransactionalID(r.TransactionalID), kgo.TransactionTimeout(kafka.TransactionTimeout),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(samePartition)), kgo.UnknownTopicRetries(5), kgo.RequestRetries(60),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()))
	if err != nil {
		return err
	}
	ictx, cancel := context.WithTimeout(ctx, 3*kafka.TransactionTimeout)
	defer cancel()
	if _, _, err := w.ProducerID(ictx); err != nil {
		w.Close()
		return fmt.Errorf("transactional id %s: %w", r.TransactionalID, kafka.Remedy(err))
	}
	r.writer = w
	return nil
}

// samePartition keeps a record on the partition that it had, where the topic still has it, so that whatever order its producer gave to
// keys stays; others go by Kafka's hash of the key.
func samePartition(topic string) func(*kgo.Record, int) int {
	byKey, turn := kgo.StickyKeyPartitioner(nil).ForTopic(topic), 0
	return func(r *kgo.Record, n int) int {
		switch {
		case r.Partition >= 0 && int(r.Partition) < n:
			return int(r.Partition)
		case r.Key == nil:
			turn++
			return turn % n
		}
		return byKey.Partition(r, n)
	}
}

// look finds out what there is to read, and what has been put back already.
func (r *run) look(ctx context.Context) error {
	adm := kadm.NewClient(r.cl)
	ids, err := kafka.TopicIDs(ctx, r.cl, r.DeadLetters, r.Journal)
	if err != nil {
		return kafka.Remedy(err)
	}
	id, ok := ids[r.DeadLetters]
	if !ok {
		return fmt.Errorf("topic %s does not exist: see DEADLETTER_TOPIC and --from", r.DeadLetters)
	}
	starts, ends, err := bounds(ctx, adm, r.DeadLetters)
	if err != nil {
		return err
	}
	r.journal = newJournal(r.DeadLetters, id)
	if _, ok := ids[r.Journal]; ok {
		if err := r.readJournal(ctx, adm, starts); err != nil {
			return err
		}
	}
	r.starts, r.ends = starts, ends
	return nil
}

// bounds are the first offsets of a topic's partitions, and those behind the last that is committed.
func bounds(ctx context.Context, adm *kadm.Client, topic string) (starts, ends map[int32]int64, err error) {
	if starts, err = kafka.ListOffsets(ctx, topic, adm.ListStartOffsets); err != nil {
		return nil, nil, err
	}
	ends, err = kafka.ListOffsets(ctx, topic, adm.ListCommittedOffsets)
	return starts, ends, err
}

func (r *run) readJournal(ctx context.Context, adm *kadm.Client, deadStarts map[int32]int64) error {
	// To its very end: what stands behind a transaction that is still open may be what an earlier run has put back.
	starts, err := kafka.ListOffsets(ctx, r.Journal, adm.ListStartOffsets)
	if err != nil {
		return err
	}
	ends, err := kafka.ListOffsets(ctx, r.Journal, adm.ListEndOffsets)
	if err != nil {
		return err
	}
	if len(ends) != 1 {
		return fmt.Errorf("topic %s must have one partition and has %d: it is the record of what was put back", r.Journal, len(ends))
	}
	err = r.poll(ctx, r.Journal, starts, ends, true, func(rec *kgo.Record) error { return r.journal.take(rec, deadStarts) })
	r.journal.settle()
	return err
}

// poll hands on the records of a topic up to the ends, and returns when all ends are reached. It goes from partition to partition, so that what
// is put back does not come to one partition after the other.
func (r *run) poll(ctx context.Context, topic string, starts, ends map[int32]int64, compacted bool, take func(*kgo.Record) error) error {
	reader := kafka.Reader{Client: r.cl, Patience: quietLimit, Compacted: compacted}
	at, open := maps.Clone(starts), slices.Sorted(maps.Keys(ends))
	for {
		open = slices.DeleteFunc(open, func(p int32) bool { return at[p] >= ends[p] })
		if len(open) == 0 {
			return nil
		}
		for _, p := range open {
			next, err := reader.ReadSome(ctx, topic, p, at[p], ends[p], func(rec *kgo.Record) error {
				if rec.Offset >= ends[p] {
					return nil
				}
				return take(rec)
			})
			if err != nil {
				return err
			}
			at[p] = next
		}
	}
}

func (r *run) read(ctx context.Context) error {
	looked, of := int64(0), int64(0)
	for p, end := range r.ends {
		of += end - r.starts[p]
	}
	err := r.poll(ctx, r.DeadLetters, r.starts, r.ends, false, func(rec *kgo.Record) error {
		looked++
		if err := r.consider(ctx, read(rec)); err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(looked, of, r.report.Done)
		}
		return nil
	})
	if err == nil {
		err = r.flush(ctx)
	}
	if err == nil && r.Progress != nil {
		r.Progress(of, of, r.report.Done)
	}
	return err
}

// judge says what is to become of a dead letter.
func (r *run) judge(l *letter) Reason {
	switch {
	case l.connector != "" && l.connector != r.Connector:
		return OtherSink
	case !r.Filter.matches(l):
		return NotAsked
	case l.status == inDoubtStatus && len(r.Filter.Statuses) == 0:
		return InDoubt
	case r.journal.has(l.rec.Partition, l.rec.Offset):
		return Already
	case l.redriven >= r.MaxRedrives:
		return TooOften
	case l.rec.Value == nil:
		return NoValue
	case r.To == "" && l.topic == "":
		return NoTopic
	case r.To == "" && !r.Input(l.topic):
		return NotAnInput
	}
	return Asked
}

func (r *run) consider(ctx context.Context, l letter) error {
	why := r.judge(&l)
	r.report.Left[why]++
	if why != Asked {
		return nil
	}
	r.report.count(&l)
	if !r.Execute {
		return nil
	}
	r.batch = append(r.batch, l)
	r.bytes += len(l.rec.Key) + len(l.rec.Value)
	if len(r.batch) >= r.batchLimit() || r.bytes >= batchBytes {
		return r.flush(ctx)
	}
	return nil
}

// batchLimit keeps a slow rate even: what goes in one transaction comes at once.
func (r *run) batchLimit() int {
	if r.Rate <= 0 {
		return batchRecords
	}
	return int(min(batchRecords, max(1, r.Rate/4)))
}

// flush puts a batch back in one transaction.
func (r *run) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil { // what a fetch has brought is handed on whole, whether the run was stopped or not
		return err
	}
	if r.Rate > 0 { // this batch may go when all before it have had their time
		due := r.began.Add(time.Duration(float64(r.report.Done) / r.Rate * float64(time.Second)))
		if err := kafka.Sleep(ctx, time.Until(due)); err != nil {
			return err
		}
	}
	// What has begun is ended, whatever comes: SIGTERM waits for it.
	if err := r.put(context.WithoutCancel(ctx), r.batch); err != nil {
		return err
	}
	r.batch, r.bytes = r.batch[:0], 0
	return nil
}

// put puts letters back in one transaction, or in several where their topics take smaller batches than ours, in their order. One that is refused alone stays where it is.
func (r *run) put(ctx context.Context, letters []letter) error {
	if len(letters) == 0 {
		return nil
	}
	records, err := r.journal.entries(r.Journal, letters)
	if err != nil {
		return err
	}
	now, entries := time.Now(), len(records)
	for i := range letters {
		l := &letters[i]
		to := l.topic
		if r.To != "" {
			to = r.To
		}
		records = append(records, l.again(to, now, r.KeepTimestamps))
	}
	topic, err := r.transact(ctx, records)
	if err == nil {
		r.report.Done += int64(len(letters))
		return nil
	}
	if !errors.Is(err, kerr.MessageTooLarge) || topic == "" {
		return err
	}
	shrunk := r.batches.Shrink(topic, records)
	letters, again := slices.Clone(letters), records[entries:]
	if !shrunk && len(letters) > 1 { // the largest goes alone
		at := -1
		for i, rec := range again {
			if rec.Topic == topic && (at < 0 || len(rec.Key)+len(rec.Value) > len(again[at].Key)+len(again[at].Value)) {
				at = i
			}
		}
		if at < 0 { // it is the journal that does not take its entries
			return err
		}
		return r.afresh(ctx, letters[:at], letters[at:at+1], letters[at+1:])
	}
	if !shrunk {
		if again[0].Topic != topic {
			return err
		}
		r.report.Left[Asked]--
		r.report.Left[TooLarge]++
		return r.afresh(ctx)
	}
	return r.afresh(ctx, letters)
}

// afresh goes on with a new client, since one keeps the size of its batches. To make one takes the id from a run that has begun after this one, and ends
// it; so what that one has put back by then is left out.
func (r *run) afresh(ctx context.Context, parts ...[]letter) error {
	r.writer.Close()
	r.writer = nil
	if err := r.takeID(ctx); err != nil {
		return err
	}
	r.journal = newJournal(r.DeadLetters, r.journal.id)
	if err := r.readJournal(ctx, kadm.NewClient(r.cl), r.starts); err != nil {
		return err
	}
	for _, letters := range parts {
		left := letters[:0]
		for _, l := range letters {
			if r.journal.has(l.rec.Partition, l.rec.Offset) {
				r.report.Left[Asked]--
				r.report.Left[Already]++
				continue
			}
			left = append(left, l)
		}
		if err := r.put(ctx, left); err != nil {
			return err
		}
	}
	return nil
}

// transact says of which topic it was that something could not be written.
func (r *run) transact(ctx context.Context, records []*kgo.Record) (topic string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*kafka.TransactionTimeout)
	defer cancel()
	if err := r.writer.BeginTransaction(); err != nil {
		return "", err
	}
	// What may have been written the client tries for ever, unless it is made to give it up. It may be written yet, and be taken along by another
	// transaction of this client, so there is none: the error ends the run, and the next one's id is taken anew, which aborts it.
	stop := context.AfterFunc(ctx, r.writer.UnsafeAbortBufferedRecords)
	results := r.writer.ProduceSync(ctx, records...)
	stop()
	if err := results.FirstErr(); err != nil {
		for _, res := range results {
			if errors.Is(res.Err, err) {
				topic = res.Record.Topic
				break
			}
		}
		_ = r.writer.EndTransaction(ctx, kgo.TryAbort) // where that fails, the broker aborts it, or the next run does
		return topic, fmt.Errorf("writing to topic %s: %w", topic, remedy(err))
	}
	if err := r.writer.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return "", fmt.Errorf("whether the last transaction was committed is not known; %s says, so run the same again: %w", r.Journal, remedy(err))
	}
	return "", nil
}

func remedy(err error) error {
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) {
		return fmt.Errorf("another redrive for this CONNECTOR_NAME has begun, or this one was too slow for the broker; nothing is lost or doubled: %w", err)
	}
	return kafka.Remedy(err)
}
