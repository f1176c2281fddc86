package engine

import (
	"time"

	"encoding/binary"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
)

// Output is what engines have to say, until it is committed: what goes into one Kafka
// transaction, and the changes of the store that follow it. Several engines of one
// store may write to it, one after another.
type Output struct {
	Receipts []Receipt
	Inbound  []Inbound
	// Events count what leaves no record: see the fields of Events.
	Events Events

	db       *store.DB
	batch    *store.Batch
	settled  map[int32][]pack
	waiting  []*change
	byKey    map[waitingKey]*change
	observed []observation
	engines  map[*Engine]bool
	applied  int
}

// Receipt is a record for the receipts topic.
type Receipt struct {
	Key   []byte // nil: the null key
	Value record.Receipt
	// Unanswered: no receipt, but the end of the time for one.
	Unanswered bool
	Submit     [24]byte // record.Submission.Span of what it is for
	// SubmittedAt is when the message that it is for was submitted, by our clock; Value's is the SMSC's. Zero: it is for none that is known.
	SubmittedAt time.Time
}

// Inbound is a record for the inbound topic.
type Inbound struct {
	Key    []byte
	Value  record.Inbound
	Submit [24]byte // record.Submission.Span of what it answers
}

// Waiting is a record for the `waiting` topic.
type Waiting struct {
	Partition int32
	Key       []byte
	Value     []byte // nil: a tombstone
}

// Events count what leaves no record of its own.
type Events struct {
	RepeatedReceipts int // dropped, word for word the same as one published
	RepeatedParts    int // dropped, the same as a part that is there
	Unreadable       int // published raw
	Expired          int // submissions whose time is over
}

type waitingKey struct {
	partition int32
	key       string
}

// pack is a record of settled submissions.
type pack struct {
	value []byte
	of    *Engine // whose store has all of it with this output; nil: nobody's
}

type change struct {
	waitingKey
	value []byte // nil: a tombstone
	fresh bool   // the topic did not have the key before this output
	void  bool   // put and deleted within this output: as if nothing had been
}

type observation struct {
	smsc     string
	response string
	receipt  string
	matched  bool
}

// NewOutput begins an output on the engines' store.
func NewOutput(db *store.DB) *Output {
	return &Output{db: db, batch: db.NewBatch(), settled: map[int32][]pack{}, byKey: map[waitingKey]*change{}, engines: map[*Engine]bool{}}
}

// Applied is how many submissions, deliveries and expiries are in the output.
func (o *Output) Applied() int { return o.applied }

// Bytes is about how much memory it holds in its store batch.
func (o *Output) Bytes() int { return o.batch.Size() }

// Empty tells whether nothing of it goes to Kafka. Its store batch may hold something
// all the same: submissions that were filed.
func (o *Output) Empty() bool {
	return len(o.Receipts) == 0 && len(o.Inbound) == 0 && len(o.settled) == 0 && len(o.waiting) == 0
}

// Settled calls fn with the settled submissions, packed for the partitions of
// `submitted`.
func (o *Output) Settled(fn func(partition int32, value []byte)) {
	for p, packs := range o.settled {
		for i := range packs {
			fn(p, packs[i].value)
		}
	}
}

// Waiting calls fn with the records for `waiting`, in order; each key comes once.
func (o *Output) Waiting(fn func(Waiting)) {
	for _, c := range o.waiting {
		if !c.void {
			fn(Waiting{Partition: c.partition, Key: []byte(c.key), Value: c.value})
		}
	}
}

// Commit takes the output into the store, after its transaction has been committed. An
// error is a *StoreError; the engines must then be dropped.
func (o *Output) Commit() error {
	for e := range o.engines {
		o.batch.SetHead(e.cfg.Partition, e.head)
	}
	if err := o.batch.Commit(); err != nil {
		return storeError(err)
	}
	for e := range o.engines {
		e.floors.commit()
		for _, k := range o.settled[e.cfg.Partition] {
			if k.of == e {
				e.own.add(k.value)
			}
		}
		for _, ob := range o.observed {
			e.cfg.Forms.Observe(ob.smsc, ob.response, ob.receipt, ob.matched)
		}
		o.observed = nil // the engines of a process share their Forms
	}
	return nil
}

// Abort drops the output, because its transaction did not happen and will not be tried
// again. The engines that wrote to it know what is not true now, and must be dropped.
func (o *Output) Abort() { o.batch.Close() }

// Err is the store's error, if it failed: the output must then be aborted.
func (o *Output) Err() error { return storeError(o.batch.Err()) }

// join is called before an engine writes to the output. One that was restored after the output had first read from the
// store would not find what it has folded there: the output reads as of then.
func (o *Output) join(e *Engine) {
	if !o.engines[e] {
		o.engines[e] = true
		o.batch.Refresh()
	}
}

// maxPack is how large a record of settled submissions grows, well under a broker's
// limit of 1 MB.
const maxPack = 128 << 10

// settle is told that the engine's own store has what is settled, as far as it is of its own partition.
func (o *Output) settle(e *Engine, s *record.Submission) {
	p := record.PartitionOf(s.Key, e.cfg.Partitions)
	packs := o.settled[p]
	if n := len(packs); n == 0 || len(packs[n-1].value) >= maxPack {
		packs = append(packs, pack{of: e})
	}
	last := &packs[len(packs)-1]
	last.value = record.AppendSubmission(last.value, s)
	if last.of != e || p != e.cfg.Partition {
		last.of = nil
	}
	o.settled[p] = packs
}

// put writes to `waiting`. fresh: the topic does not have the key yet.
func (o *Output) put(partition int32, key string, value []byte, fresh bool) {
	k := waitingKey{partition, key}
	c := o.byKey[k]
	if c == nil {
		c = &change{waitingKey: k, fresh: fresh}
		o.byKey[k] = c
		o.waiting = append(o.waiting, c)
	}
	c.value, c.void = value, false
}

func (o *Output) tombstone(partition int32, key string) {
	k := waitingKey{partition, key}
	c := o.byKey[k]
	if c == nil {
		c = &change{waitingKey: k}
		o.byKey[k] = c
		o.waiting = append(o.waiting, c)
	}
	c.value, c.void = nil, c.fresh
}

// waitingRecordKey is the key of an entry in the `waiting` topic: its class, the key
// that it waits under, and what tells it from others there.
func waitingRecordKey(c store.Class, key string, disc uint64) string {
	b := make([]byte, 0, 1+len(key)+8)
	b = append(b, byte(c))
	b = append(b, key...)
	return string(binary.BigEndian.AppendUint64(b, disc))
}

func parseWaitingRecordKey(b []byte) (c store.Class, key string, disc uint64, ok bool) {
	if len(b) < 9 {
		return 0, "", 0, false
	}
	c = store.Class(b[0])
	n := len(b) - 8
	return c, string(b[1:n]), binary.BigEndian.Uint64(b[n:]), c == store.Early || c == store.Part
}

func (o *Output) observe(smsc, response, receipt string, matched bool) {
	o.observed = append(o.observed, observation{smsc, response, receipt, matched})
}
