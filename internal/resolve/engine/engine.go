package engine

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Bounds on what is looked at under one key. An SMSC that answers every submit_sm with
// the same id must not make each receipt read a million submissions.
const (
	maxCandidates = 64
	maxHashes     = 16 // receipts remembered of one submission
	maxParts      = 255
)

// seenFor is how long an uncorrelated receipt is remembered after it was published, so
// that its repetition is not.
const seenFor = 24 * time.Hour

// Config is what an engine needs to know.
type Config struct {
	Partition    int32
	Partitions   int32  // of `submitted` and of `deliver`
	DeliverTopic string // the first part of an inbound message's id
	MatchWait    time.Duration
	ReceiptWait  time.Duration
	PartsWait    time.Duration
	Forms        *Forms // shared by all engines of the process
	// Codings is what an SMSC means by data_coding, by its name; nil: the standard's for all.
	Codings func(smsc string) *sms.Codings
	// Grammar is that of an SMSC's receipts, by its name; nil: the standard one for all.
	Grammar func(smsc string) *sms.Grammar
}

// Engine is the state of one partition. It is used by one goroutine at a time.
type Engine struct {
	cfg  Config
	db   *store.DB
	head store.Head
	held int // receipts that wait for their submission
	rest int // other entries of the `waiting` log

	own     own
	floors  floors
	sweeper sweeper
	rounds  map[string]*rounds // of Overdue, by SMSC

	fold    *store.Batch // while restoring
	scratch struct {
		reader  delivery.Reader
		entries []store.Entry
		due     []store.Ref
		rows    rowWriter
	}
}

// New begins an engine on what the store has of the partition. Of the `waiting` log
// nothing is kept: call Restored after folding it whole, and `submitted` from
// Position on.
func New(cfg Config, db *store.DB) (*Engine, error) {
	e := &Engine{cfg: cfg, db: db}
	b := db.NewBatch()
	defer b.Close()
	b.DropLog(cfg.Partition, store.Waiting)
	e.head = b.Head(cfg.Partition)
	return e, b.Commit()
}

// Position is the offset of `submitted` from which to fold.
func (e *Engine) Position() int64 { return e.head.Position }

// Reset forgets the partition. It is for a store that is ahead of its log, as when a
// topic was made anew.
func (e *Engine) Reset() error {
	e.dropFold()
	e.head, e.held, e.rest = store.Head{}, 0, 0
	return e.db.Wipe(e.cfg.Partition)
}

// Counts are figures for metrics.
type Counts struct {
	Origins int64 // submissions kept, under all their keys
	Early   int   // receipts that wait for their submission
	Others  int   // parts that wait, and what is remembered of what waited
}

// Counts returns them.
func (e *Engine) Counts() Counts { return Counts{e.head.Origins, e.held, e.rest} }

// foldBatchSize is how many bytes are folded into the store at once: more than half a table of the store's, so that they are sorted and written
// out as they are, instead of going through the table's skip list.
const foldBatchSize = 6 << 20

func (e *Engine) foldBatch() (*store.Batch, error) {
	if e.fold != nil && e.fold.Size() >= foldBatchSize {
		if err := e.Restored(); err != nil {
			return nil, err
		}
	}
	if e.fold == nil {
		e.fold = e.db.NewFold()
	}
	return e.fold, nil
}

// Restored ends the restoring (or a piece of it): what was folded is in the store.
func (e *Engine) Restored() error {
	if e.fold == nil {
		return nil
	}
	b := e.fold
	e.fold = nil
	b.SetHead(e.cfg.Partition, e.head)
	return b.Commit()
}

func (e *Engine) dropFold() {
	if e.fold != nil {
		e.fold.Close()
		e.fold = nil
	}
}

// Close drops what was folded and not committed. The store stays open.
func (e *Engine) Close() { e.dropFold() }

// FoldSubmitted takes one record of `submitted` into the state and puts nothing out.
// Records below Position are known and passed over. A value that cannot be read is
// an error and otherwise passed over; store errors are ErrStore.
func (e *Engine) FoldSubmitted(offset int64, value []byte) error {
	if offset < e.head.Position {
		return nil
	}
	b, err := e.foldBatch()
	if err != nil {
		return storeError(err)
	}
	err = record.EachSubmission(value, func(s *record.Submission) error {
		e.foldSubmission(b, s)
		return nil
	})
	e.head.Position = offset + 1
	if b.Err() != nil {
		return storeError(b.Err())
	}
	return err
}

// FoldPosition notes that `submitted` has nothing more below the offset, such as after
// the markers of transactions.
func (e *Engine) FoldPosition(offset int64) error {
	if offset > e.head.Position {
		e.head.Position = offset
		if _, err := e.foldBatch(); err != nil {
			return storeError(err)
		}
	}
	return nil
}

// StoreError says that the local store failed. The partition is then to be let go and
// the store begun anew: Kafka has all that is in it.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return e.Err.Error() }
func (e *StoreError) Unwrap() error { return e.Err }

func storeError(err error) error {
	if err == nil {
		return nil
	}
	return &StoreError{err}
}

// InvalidError says that a record of an internal topic cannot be read; it is passed over.
type InvalidError struct {
	Topic  string // its kind
	Offset int64
	Err    error
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("record of %s at offset %d passed over: %v", e.Topic, e.Offset, e.Err)
}
func (e *InvalidError) Unwrap() error { return e.Err }

func hashOf(key string) uint64 { return xxhash.Sum64String(key) }

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixMilli(), 0)
}

// floors is, for each log, a time before which no row is due: seeking from there
// spares reading the tombstones of all that has expired before.
type floors struct {
	now, next map[store.Log]int64 // next: as of the output in hand
}

func (f *floors) of(l store.Log) int64 {
	if t, ok := f.next[l]; ok {
		return t
	}
	return f.now[l]
}

// raise is for the output in hand; until it is committed what was expired may come back.
func (f *floors) raise(l store.Log, t int64) {
	if f.next == nil {
		f.next = map[store.Log]int64{}
	}
	f.next[l] = t
}

// lower keeps both under what is due.
func (f *floors) lower(l store.Log, due int64) {
	if due < f.now[l] {
		f.now[l] = due
	}
	if t, ok := f.next[l]; ok && due < t {
		f.next[l] = due
	}
}

func (f *floors) commit() {
	if f.now == nil {
		f.now = map[store.Log]int64{}
	}
	for l, t := range f.next {
		f.now[l] = t
	}
	clear(f.next)
}
