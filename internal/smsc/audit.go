package smsc

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/linxGnu/gosmpp/data"
)

// Submit is one submit_sm or data_sm as it came in, in the order of arrival.
type Submit struct {
	At                 time.Time
	Bind               int // the connection's number, from 1
	SystemID           string
	Sequence           uint32
	MessageID          string // as in the response; empty when refused
	From, To           string
	ESMClass           byte
	DataCoding         byte
	RegisteredDelivery byte
	Length             int    // octets of short_message or message_payload
	Hash               uint64 // XXH64 of those octets
	Body               []byte // those octets, with Options.AuditBodies
	Ref                uint16 // of a long message
	Total, Part        byte   // 0 for a message of one part
	Status             uint32 // that it is answered with
	Answered           bool   // false: a fault keeps the answer back
	ByData             bool   // it was a data_sm
}

// Kind tells receipts from messages.
type Kind uint8

// The kinds of deliver_sm.
const (
	KindReceipt Kind = iota + 1
	KindMO
)

// String is "receipt" or "mo".
func (k Kind) String() string {
	if k == KindReceipt {
		return "receipt"
	}
	return "mo"
}

// Delivery is one try to deliver a deliver_sm, once it has ended.
type Delivery struct {
	SentAt, EndedAt time.Time
	ID              uint64 // the same for every try of one deliver_sm
	Kind            Kind
	From            string // source_addr
	MessageID       string // of a receipt: as the submit_sm_resp told it
	Stat            string // of a receipt: DELIVRD and the like
	Bind            int
	Sequence        uint32
	Try             int  // from 1
	Total, Part     byte // of an unsolicited message in parts
	Acked           bool // answered with ESME_ROK
	Status          uint32
	Reason          string // "timeout" or "disconnect" where no answer came
}

const (
	auditEvery = 10 * time.Millisecond
	auditMax   = 1 << 20 // above it the writer of a line waits for the disk
)

// audit writes what happened to a file and keeps the last of it in memory.
//
// The file has one JSON object a line, of three events. "submit" and the end of
// a delivery, "end", have the fields of Submit and Delivery; "deliver" is a
// deliver_sm as it is sent. An event is in the file within about 10 ms, and all of
// them once Stop has returned.
type audit struct {
	bodies     bool
	onSubmit   func(Submit)
	onDelivery func(Delivery)

	mu      sync.Mutex
	file    *os.File
	buf     []byte
	err     error // of the first write that failed
	submits ring[Submit]
	ends    ring[Delivery]
}

func newAudit(o *Options) (*audit, error) {
	a := &audit{
		bodies: o.AuditBodies, onSubmit: o.OnSubmit, onDelivery: o.OnDelivery,
		submits: ring[Submit]{limit: o.Keep}, ends: ring[Delivery]{limit: o.Keep},
	}
	if o.AuditFile == "" {
		return a, nil
	}
	f, err := os.Create(o.AuditFile)
	if err != nil {
		return nil, fmt.Errorf("smsc: audit file: %w", err)
	}
	a.file = f
	return a, nil
}

// run flushes until quit is closed; close flushes the rest.
func (a *audit) run(quit <-chan struct{}) {
	if a.file == nil {
		return
	}
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
			a.mu.Lock()
			a.flush()
			a.mu.Unlock()
		}
	}
}

func (a *audit) flush() {
	if len(a.buf) == 0 {
		return
	}
	if _, err := a.file.Write(a.buf); err != nil && a.err == nil {
		a.err = err
	}
	a.buf = a.buf[:0]
}

// close writes what is left. It may be called more than once.
func (a *audit) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	a.flush()
	if err := a.file.Close(); err != nil && a.err == nil {
		a.err = err
	}
	a.file = nil
	if a.err != nil {
		return fmt.Errorf("smsc: audit file: %w", a.err)
	}
	return nil
}

// off says that nobody wants to know.
func (a *audit) off() bool {
	return a.file == nil && a.submits.limit == 0 && a.onSubmit == nil && a.onDelivery == nil
}

func (a *audit) submit(b *bind, m *message, f *fate, answered bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.off() {
		return
	}
	e := Submit{
		At: time.Now(), Bind: b.id, SystemID: b.systemID, Sequence: m.sequence, MessageID: f.id,
		From: m.from.Address(), To: m.to.Address(), ESMClass: m.esmClass, DataCoding: m.dataCoding,
		RegisteredDelivery: m.registered, Length: len(m.raw), Hash: xxhash.Sum64(m.raw),
		Ref: m.ref, Total: m.total, Part: m.part, Status: f.status, Answered: answered,
		ByData: m.response == data.DATA_SM_RESP,
	}
	if a.bodies {
		e.Body = m.raw
	}
	if a.file != nil {
		a.buf = e.appendJSON(a.buf)
		a.full()
	}
	if a.bodies && (a.submits.limit > 0 || a.onSubmit != nil) {
		e.Body = append([]byte(nil), m.raw...) // m.raw dies with the PDU
	}
	a.submits.add(e)
	if a.onSubmit != nil {
		a.onSubmit(e)
	}
}

func (a *audit) sent(p *parcel) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return
	}
	e := a.delivery(p)
	a.buf = e.appendJSON(a.buf, "deliver", time.Now())
	a.full()
}

// ended notes the end of a try; status is nil where no answer came.
func (a *audit) ended(p *parcel, status *uint32, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.off() {
		return
	}
	e := a.delivery(p)
	e.EndedAt, e.Reason = time.Now(), reason
	e.SentAt = e.EndedAt.Add(p.sentAt - p.on.s.now())
	if status != nil {
		e.Status, e.Acked = *status, *status == 0
	}
	if a.file != nil {
		a.buf = e.appendJSON(a.buf, "end", e.EndedAt)
		a.full()
	}
	a.ends.add(e)
	if a.onDelivery != nil {
		a.onDelivery(e)
	}
}

func (a *audit) delivery(p *parcel) Delivery {
	return Delivery{
		ID: p.id, Kind: p.kind, From: p.from, MessageID: p.messageID, Stat: p.stat, Bind: p.on.id,
		Sequence: p.sequence, Try: p.tries, Total: p.total, Part: p.part,
	}
}

func (a *audit) full() {
	if len(a.buf) > auditMax {
		a.flush()
	}
}

// Submits returns the last submits received, Options.Keep at most, oldest first.
func (s *SMSC) Submits() []Submit {
	a := s.auditOrNil()
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.submits.list()
}

// Delivers returns the last tries to deliver that have ended, Options.Keep at
// most, oldest first.
func (s *SMSC) Delivers() []Delivery {
	a := s.auditOrNil()
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ends.list()
}

func (s *SMSC) auditOrNil() *audit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audit
}

// ring keeps the last values added.
type ring[T any] struct {
	limit int
	items []T
	next  int // where the oldest is, once items has limit values
}

func (r *ring[T]) add(v T) {
	switch {
	case r.limit == 0:
	case len(r.items) < r.limit:
		r.items = append(r.items, v)
	default:
		r.items[r.next] = v
		r.next = (r.next + 1) % r.limit
	}
}

func (r *ring[T]) list() []T {
	return append(append(make([]T, 0, len(r.items)), r.items[r.next:]...), r.items[:r.next]...)
}
