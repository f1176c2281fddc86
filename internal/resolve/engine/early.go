package engine

import (
	"encoding/binary"

	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
)

// early is an entry of the `waiting` log that has to do with a receipt: one that waits
// for its submission, or the memory of one that was published without.
type early struct {
	key      string // record.ReceiptKey
	id       store.ID
	due      int64
	seen     bool
	offset   int64  // in `deliver`
	envelope []byte // record.Deliver; nil if seen
}

// The form of the values of `waiting`: version, kind, due and offset as varints, and
// what the kind has.
const (
	waitingVersion = 1
	kindEarly      = 'e'
	kindSeen       = 's'
	kindPart       = 'p'
	kindJoined     = 'j'
)

func appendWaiting(dst []byte, kind byte, due, offset int64, rest []byte) []byte {
	dst = append(dst, waitingVersion, kind)
	dst = binary.AppendVarint(dst, due)
	dst = binary.AppendVarint(dst, offset)
	return append(dst, rest...)
}

func parseWaiting(b []byte) (kind byte, due, offset int64, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != waitingVersion {
		return 0, 0, 0, nil, false
	}
	kind, b = b[1], b[2:]
	due, n := binary.Varint(b)
	if n <= 0 || due < 0 {
		return 0, 0, 0, nil, false
	}
	offset, m := binary.Varint(b[n:])
	if m <= 0 {
		return 0, 0, 0, nil, false
	}
	return kind, due, offset, b[n+m:], true
}

// A row of the store is the waiting record itself: the key that it waits under with its
// length, and the value.
func appendRow(dst []byte, key string, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	return append(append(dst, key...), value...)
}

func parseRow(row []byte) (key string, value []byte, ok bool) {
	n, w := binary.Uvarint(row)
	if w <= 0 || n > uint64(len(row)-w) {
		return "", nil, false
	}
	return string(row[w : w+int(n)]), row[w+int(n):], true
}

func parseEarly(entry *store.Entry) (w early, ok bool) {
	key, value, ok := parseRow(entry.Row)
	if !ok {
		return early{}, false
	}
	kind, _, offset, rest, ok := parseWaiting(value)
	return early{key: key, id: entry.ID, due: entry.Due, seen: kind == kindSeen, offset: offset, envelope: rest}, ok
}

func (w *early) value() []byte {
	if w.seen {
		return appendWaiting(nil, kindSeen, w.due, w.offset, nil)
	}
	return appendWaiting(make([]byte, 0, len(w.envelope)+24), kindEarly, w.due, w.offset, w.envelope)
}

// keep puts a receipt to the waiting ones. It is not there yet.
func (e *Engine) keep(out *Output, w *early, fresh bool) {
	value := w.value()
	state := []byte{kindEarly}
	if w.seen {
		state[0] = kindSeen
		e.rest++
	} else {
		e.held++
	}
	out.batch.Put(e.cfg.Partition, w.id, w.due, state, appendRow(nil, w.key, value))
	e.floors.lower(store.Waiting, w.due)
	out.put(e.cfg.Partition, waitingRecordKey(store.Early, w.key, w.id.Disc), value, fresh)
}

// forget takes it out.
func (e *Engine) forget(out *Output, w *early) {
	if w.seen {
		e.rest--
	} else {
		e.held--
	}
	out.batch.Delete(e.cfg.Partition, w.id)
	out.tombstone(e.cfg.Partition, waitingRecordKey(store.Early, w.key, w.id.Disc))
}

// FoldWaiting takes one record of `waiting` into the state; a nil value is a
// tombstone. What cannot be read is passed over with an *InvalidError.
func (e *Engine) FoldWaiting(offset int64, key, value []byte) error {
	class, k, disc, ok := parseWaitingRecordKey(key)
	if !ok {
		return &InvalidError{"waiting", offset, errKey}
	}
	b, err := e.foldBatch()
	if err != nil {
		return storeError(err)
	}
	id := store.ID{Class: class, Hash: hashOf(k), Disc: disc}
	if old, ok := b.Get(e.cfg.Partition, id); ok {
		e.count(old.State, -1)
		b.Delete(e.cfg.Partition, id)
	}
	if value == nil {
		return storeError(b.Err())
	}
	kind, due, _, rest, ok := parseWaiting(value)
	if !ok {
		return &InvalidError{"waiting", offset, errValue}
	}
	state := []byte{kind}
	if !fits(id, k, kind, rest) {
		return &InvalidError{"waiting", offset, errValue}
	}
	b.Put(e.cfg.Partition, id, due, state, appendRow(nil, k, value))
	e.count(state, 1)
	e.floors.lower(store.Waiting, due)
	return storeError(b.Err())
}

// fits tells whether a value is of the kind that its key says.
func fits(id store.ID, key string, kind byte, rest []byte) bool {
	switch {
	case id.Class == store.Early:
		return kind == kindEarly || kind == kindSeen
	case id.Disc == joinedDisc:
		return kind == kindJoined
	default:
		return kind == kindPart && len(rest) >= partHead && len(key) > 0 && id.Disc <= uint64(key[len(key)-1])
	}
}

func (e *Engine) count(state []byte, n int) {
	if len(state) > 0 && state[0] == kindEarly {
		e.held += n
		return
	}
	e.rest += n
}
