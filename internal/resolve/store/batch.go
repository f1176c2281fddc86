package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Batch is a set of changes that take effect together at Commit. Reads through it see
// its own writes. It is used by one goroutine.
//
// Errors stick: after the first, nothing more is read or written, and Commit
// returns it.
type Batch struct {
	d   *DB
	b   *pebble.Batch
	it  *pebble.Iterator
	key []byte
	val []byte
	err error
	old bool // the iterator does not see the writes since it was last used

	refs []pending // of what was put, not written yet
}

// NewBatch begins a batch.
func (d *DB) NewBatch() *Batch { return &Batch{d: d, b: d.db.NewIndexedBatch()} }

// NewFold begins a batch of which little is read: it has no index of its writes until something is.
func (d *DB) NewFold() *Batch { return &Batch{d: d, b: d.db.NewBatch()} }

// Commit applies the batch and closes it.
func (b *Batch) Commit() error {
	b.group()
	b.closeIter()
	if b.err == nil {
		b.err = b.b.Commit(pebble.NoSync)
	}
	b.Close()
	return b.err
}

// Close drops the batch, unless it was committed.
func (b *Batch) Close() {
	b.closeIter()
	if b.b != nil {
		_ = b.b.Close()
		b.b = nil
	}
}

// Err is the first error.
func (b *Batch) Err() error { return b.err }

// Size is about how many bytes the batch holds.
func (b *Batch) Size() int { return b.b.Len() + 10*len(b.refs) }

func (b *Batch) closeIter() {
	if b.it != nil {
		b.fail(b.it.Close())
		b.it = nil
	}
}

// Refresh makes what others have committed since the batch first read visible to it. Without it a batch goes on
// seeing the store as of its first read, and its own writes.
func (b *Batch) Refresh() { b.closeIter() }

func (b *Batch) fail(err error) {
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("the resolver's local state: %w", err)
	}
}

// iter returns an iterator that sees all writes so far.
func (b *Batch) iter() *pebble.Iterator {
	if b.err != nil {
		return nil
	}
	b.index()
	if b.it == nil {
		it, err := b.b.NewIter(nil)
		b.fail(err)
		b.it, b.old = it, false
		return it
	}
	if b.old {
		b.it.SetOptions(&pebble.IterOptions{}) // takes up the batch's writes
		b.old = false
	}
	return b.it
}

// index makes the batch one that can be read.
func (b *Batch) index() {
	if b.b.Indexed() {
		return
	}
	indexed := b.d.db.NewIndexedBatch()
	b.fail(indexed.Apply(b.b, nil))
	b.fail(b.b.Close())
	b.b = indexed
}

func (b *Batch) set(k, v []byte) {
	if b.err == nil {
		b.fail(b.b.Set(k, v, nil))
		b.old = true
	}
}

func (b *Batch) del(k []byte) {
	if b.err == nil {
		b.fail(b.b.Delete(k, nil))
		b.old = true
	}
}

// latest is the last time that six bytes can say, in the year 10889.
const latest = 1<<48 - 1

func millis(due int64) uint64 { return uint64(min(max(due, 0), latest)) }

// Put writes an entry that will be due then, in milliseconds since 1970. One with the same id is replaced, and is due no more at its own time.
func (b *Batch) Put(partition int32, id ID, due int64, state, row []byte) {
	b.Set(partition, id, due, state, row)
	if id.Class.form().ref > 0 {
		b.note(partition, id, int64(millis(due)))
	}
}

// Set writes an entry that is there, due at the time for which it was put.
func (b *Batch) Set(partition int32, id ID, due int64, state, row []byte) {
	b.key = appendEntryKey(b.key[:0], uint32(partition), id)
	// The lowest first: the highest are the same in all that are there, as what follows mostly is, and compress with it.
	ms := millis(due)
	v := append(b.val[:0], byte(ms), byte(ms>>8), byte(ms>>16), byte(ms>>24), byte(ms>>32), byte(ms>>40))
	v = binary.AppendUvarint(v, uint64(len(state)))
	b.val = append(append(v, state...), row...)
	b.set(b.key, b.val)
}

// Delete drops an entry.
func (b *Batch) Delete(partition int32, id ID) {
	b.key = appendEntryKey(b.key[:0], uint32(partition), id)
	b.del(b.key)
}

// Entry is what the store has under an ID.
type Entry struct {
	ID    ID
	Due   int64  // milliseconds since 1970
	State []byte // what changes of it
	Row   []byte
}

// Get looks one entry up. What it holds is valid until the batch is used again.
func (b *Batch) Get(partition int32, id ID) (Entry, bool) {
	it := b.iter()
	if it == nil {
		return Entry{}, false
	}
	b.key = appendEntryKey(b.key[:0], uint32(partition), id)
	if !it.SeekPrefixGE(b.key) || string(it.Key()) != string(b.key) {
		b.fail(it.Error())
		return Entry{}, false
	}
	return b.entry(it, id)
}

func (b *Batch) entry(it *pebble.Iterator, id ID) (Entry, bool) {
	v, err := it.ValueAndErr()
	if err == nil {
		if e, ok := parseEntry(id, v); ok {
			return e, true
		}
		err = errors.New("an entry is cut off")
	}
	b.fail(err)
	return Entry{}, false
}

func parseEntry(id ID, v []byte) (e Entry, ok bool) {
	if len(v) < 6 {
		return e, false
	}
	due := uint64(binary.LittleEndian.Uint32(v)) | uint64(binary.LittleEndian.Uint16(v[4:]))<<32
	v = v[6:]
	n, w := binary.Uvarint(v)
	if w <= 0 || n > uint64(len(v)-w) {
		return e, false
	}
	at := w + int(n)
	return Entry{ID: id, Due: int64(due), State: v[w:at:at], Row: v[at:]}, true
}

// Find appends the entries under a hash, by ascending Disc, at most limit of
// them. What they hold are copies.
func (b *Batch) Find(dst []Entry, partition int32, c Class, hash uint64, limit int) []Entry {
	it := b.iter()
	if it == nil {
		return dst
	}
	b.key = appendPrefix(b.key[:0], uint32(partition), c, hash)
	for ok := it.SeekPrefixGE(b.key); ok && limit > 0; ok = it.Next() {
		id, ok := parseEntryKey(it.Key())
		if !ok {
			continue
		}
		e, ok := b.entry(it, id)
		if !ok {
			return dst
		}
		n := len(e.State)
		held := append(append(make([]byte, 0, n+len(e.Row)), e.State...), e.Row...)
		e.State, e.Row = held[:n:n], held[n:]
		dst = append(dst, e)
		limit--
	}
	b.fail(it.Error())
	return dst
}

// DropLog drops all entries of a log. It does not see, nor undo, what this very batch
// wrote to it after.
func (b *Batch) DropLog(partition int32, l Log) {
	classes := []byte{byte(l), byte(Early), byte(Part)}
	if l == Submitted {
		classes = []byte{byte(l), byte(Origin), byte(Last)}
	}
	for _, c := range classes {
		if b.err == nil {
			b.fail(b.b.DeleteRange(appendHead(nil, uint32(partition), c), appendHead(nil, uint32(partition), c+1), nil))
			b.old = true
		}
	}
}

// Head is what the store knows of a partition as a whole.
type Head struct {
	Position int64 // the offset of `submitted` from where to fold on
	Origins  int64 // entries of that class
}

// Head reads it; a partition not seen before has a zero one.
func (b *Batch) Head(partition int32) Head {
	if b.err != nil {
		return Head{}
	}
	b.index()
	v, closer, err := b.b.Get(headKey(partition))
	if err != nil {
		if !errors.Is(err, pebble.ErrNotFound) {
			b.fail(err)
		}
		return Head{}
	}
	defer func() { b.fail(closer.Close()) }()
	if len(v) != 16 {
		b.fail(errors.New("a partition's head is cut off"))
		return Head{}
	}
	return Head{int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint64(v[8:]))}
}

// SetHead writes it.
func (b *Batch) SetHead(partition int32, h Head) {
	v := binary.BigEndian.AppendUint64(nil, uint64(h.Position))
	b.set(headKey(partition), binary.BigEndian.AppendUint64(v, uint64(h.Origins)))
}

func headKey(partition int32) []byte { return appendHead(nil, uint32(partition), headKind) }
