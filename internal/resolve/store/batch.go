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
}

// NewBatch begins a batch.
func (d *DB) NewBatch() *Batch { return &Batch{d: d, b: d.db.NewIndexedBatch()} }

// Commit applies the batch and closes it.
func (b *Batch) Commit() error {
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

// Size is how many bytes the batch holds.
func (b *Batch) Size() int { return b.b.Len() }

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

func millis(due int64) uint64 { return uint64(max(due, 0)) }

// Put writes an entry: its index entry with the state, and its row. due is in
// milliseconds since 1970. An entry with the same id is replaced; its row stays behind
// if it was due at another time (delete the entry first, or let the row come due).
func (b *Batch) Put(partition int32, id ID, due int64, state, row []byte) {
	b.SetState(partition, id, due, state)
	b.key = appendRowKey(b.key[:0], uint32(partition), id, millis(due))
	b.set(b.key, row)
}

// SetState writes the index entry alone.
func (b *Batch) SetState(partition int32, id ID, due int64, state []byte) {
	b.key = appendIndexKey(b.key[:0], uint32(partition), id)
	b.val = append(binary.BigEndian.AppendUint64(b.val[:0], millis(due)), state...)
	b.set(b.key, b.val)
}

// Delete drops an entry whose row is due then.
func (b *Batch) Delete(partition int32, id ID, due int64) {
	b.key = appendIndexKey(b.key[:0], uint32(partition), id)
	b.del(b.key)
	b.DeleteRow(partition, id, due)
}

// DeleteRow drops a row alone.
func (b *Batch) DeleteRow(partition int32, id ID, due int64) {
	b.key = appendRowKey(b.key[:0], uint32(partition), id, millis(due))
	b.del(b.key)
}

// Entry is an index entry. State is valid until the batch is used again.
type Entry struct {
	ID    ID
	Due   int64 // milliseconds since 1970
	State []byte
}

// Get looks one index entry up.
func (b *Batch) Get(partition int32, id ID) (Entry, bool) {
	it := b.iter()
	if it == nil {
		return Entry{}, false
	}
	b.key = appendIndexKey(b.key[:0], uint32(partition), id)
	if !it.SeekPrefixGE(b.key) || string(it.Key()) != string(b.key) {
		b.fail(it.Error())
		return Entry{}, false
	}
	return b.entry(it, id)
}

func (b *Batch) entry(it *pebble.Iterator, id ID) (Entry, bool) {
	v, err := it.ValueAndErr()
	if err == nil && len(v) < 8 {
		err = errors.New("an index entry is cut off")
	}
	if err != nil {
		b.fail(err)
		return Entry{}, false
	}
	return Entry{ID: id, Due: int64(binary.BigEndian.Uint64(v)), State: v[8:]}, true
}

// Find appends the index entries under a hash, by ascending Disc, at most limit of
// them. Their states are copies.
func (b *Batch) Find(dst []Entry, partition int32, c Class, hash uint64, limit int) []Entry {
	it := b.iter()
	if it == nil {
		return dst
	}
	b.key = appendPrefix(b.key[:0], uint32(partition), c, hash)
	for ok := it.SeekPrefixGE(b.key); ok && limit > 0; ok = it.Next() {
		k := it.Key()
		if len(k) != indexLen {
			continue
		}
		e, ok := b.entry(it, ID{c, hash, binary.BigEndian.Uint64(k[prefixLen:])})
		if !ok {
			return dst
		}
		e.State = append([]byte(nil), e.State...)
		dst = append(dst, e)
		limit--
	}
	b.fail(it.Error())
	return dst
}

// Row returns a copy of an entry's row; nil if there is none.
func (b *Batch) Row(partition int32, id ID, due int64) []byte {
	if b.err != nil {
		return nil
	}
	b.key = appendRowKey(b.key[:0], uint32(partition), id, millis(due))
	v, closer, err := b.b.Get(b.key)
	if err != nil {
		if !errors.Is(err, pebble.ErrNotFound) {
			b.fail(err)
		}
		return nil
	}
	row := append([]byte{}, v...)
	b.fail(closer.Close())
	return row
}

// Due is a row whose time has come.
type Due struct {
	ID  ID
	Due int64
	Row []byte // a copy
}

// Due appends the rows of a log that are due from from to until, both included, in the
// order of time, at most limit of them.
func (b *Batch) Due(dst []Due, partition int32, l Log, from, until int64, limit int) []Due {
	it := b.iter()
	if it == nil {
		return dst
	}
	b.key = appendRowStart(b.key[:0], uint32(partition), l, millis(from))
	head := string(b.key[:5])
	for ok := it.SeekGE(b.key); ok && limit > 0; ok = it.Next() {
		k := it.Key()
		id, due, ok := parseRowKey(k)
		if !ok || string(k[:5]) != head || due > millis(until) {
			break
		}
		v, err := it.ValueAndErr()
		if err != nil {
			b.fail(err)
			return dst
		}
		dst = append(dst, Due{ID: id, Due: int64(due), Row: append([]byte(nil), v...)})
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
			from := append(binary.BigEndian.AppendUint32(nil, uint32(partition)), c)
			to := append(binary.BigEndian.AppendUint32(nil, uint32(partition)), c+1)
			b.fail(b.b.DeleteRange(from, to, nil))
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

func headKey(partition int32) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(partition)), headKind)
}
