package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// What is due is found by groups of refs, each group under the time of its earliest: what a batch put, by time. A ref is a difference of
// times and a part of the entry's key, 8 bytes of an origin in place of the 29 that a key of its own would take. Entries that went before
// their time, or were written anew for a later one, leave their refs behind, which lead to nothing when their time comes.
const (
	groupSpan = 4000 // milliseconds between the earliest and the latest of a group
	groupSize = 512
)

// Ref is an entry that is due, unless it has gone meanwhile: see Batch.Coming.
type Ref struct {
	Due   int64 // milliseconds since 1970
	Class Class
	part  [16]byte // the beginning of its key, after the class
}

// pending is a ref of this batch that is not written yet.
type pending struct {
	partition uint32
	log       Log
	Ref
}

func refOf(id ID, due int64) Ref {
	r := Ref{Due: due, Class: id.Class}
	f := id.Class.form()
	rest := r.part[len(appendHighest(appendHighest(r.part[:0], id.Hash, f.hash), id.Disc, f.disc)):f.ref]
	copy(rest, id.Tail)
	return r
}

func (b *Batch) note(partition int32, id ID, due int64) {
	b.refs = append(b.refs, pending{uint32(partition), id.Class.log(), refOf(id, due)})
}

// group writes the refs that are pending.
func (b *Batch) group() {
	refs := b.refs
	slices.SortFunc(refs, func(x, y pending) int {
		return cmp.Or(cmp.Compare(x.partition, y.partition), cmp.Compare(x.Class, y.Class), cmp.Compare(x.Due, y.Due))
	})
	for len(refs) > 0 {
		first := &refs[0]
		n := 1
		for n < len(refs) && n < groupSize && refs[n].partition == first.partition && refs[n].Class == first.Class && refs[n].Due-first.Due <= groupSpan {
			n++
		}
		b.key = appendGroupStart(b.key[:0], first.partition, first.log, uint64(first.Due))
		b.key = binary.BigEndian.AppendUint64(b.key, b.d.groups.Add(1))
		v := append(b.val[:0], byte(first.Class))
		for i, length := 0, first.Class.form().ref; i < n; i++ {
			v = binary.AppendUvarint(v, uint64(refs[i].Due-first.Due))
			v = append(v, refs[i].part[:length]...)
		}
		b.val = v
		b.set(b.key, v)
		refs = refs[n:]
	}
	b.refs = b.refs[:0]
}

// eachRef calls fn with the refs of a group.
func eachRef(start uint64, v []byte, fn func(Ref)) error {
	if len(v) == 0 {
		return errGroup
	}
	r := Ref{Class: Class(v[0])}
	length := r.Class.form().ref
	for v = v[1:]; len(v) > 0; v = v[length:] {
		more, n := binary.Uvarint(v)
		if n <= 0 || len(v)-n < length {
			return errGroup
		}
		v = v[n:]
		r.Due = int64(start + more)
		copy(r.part[:], v[:length])
		fn(r)
	}
	return nil
}

var errGroup = errors.New("a group of what is due is cut off")

// TakeDue appends refs of a log that are due until then, takes them out of the store, and tells a time before which none is left. It ends when
// it has limit of them; more says that there are more. from is a time before which there are none: the later it is, the
// fewer traces of those that were taken earlier are read.
func (b *Batch) TakeDue(dst []Ref, partition int32, l Log, from, until int64, limit int) (refs []Ref, next int64, more bool) {
	b.group()
	refs, next = dst, max(until, from)
	it := b.iter()
	if it == nil {
		return refs, next, false
	}
	var gone [][]byte
	b.key = appendGroupStart(b.key[:0], uint32(partition), l, millis(from))
	head := string(b.key[:keyHead])
	for ok := it.SeekGE(b.key); ok; ok = it.Next() {
		k := it.Key()
		start, ok := parseGroupKey(k)
		if !ok || string(k[:keyHead]) != head || start > millis(until) {
			break
		}
		if len(refs) >= limit {
			next, more = int64(start), true
			break
		}
		v, err := it.ValueAndErr()
		if err == nil {
			err = eachRef(start, v, func(r Ref) {
				if r.Due <= until && len(refs) < limit {
					refs = append(refs, r)
					return
				}
				if r.Due <= until {
					more = true
				}
				b.refs = append(b.refs, pending{uint32(partition), l, r}) // a group of its own
			})
		}
		if err != nil {
			b.fail(err)
			return refs, next, false
		}
		gone = append(gone, slices.Clone(k))
		if more {
			next = int64(start)
			break
		}
	}
	b.fail(it.Error())
	for _, k := range gone {
		b.del(k)
	}
	b.group()
	return refs, next, more
}

// SeeDue appends refs of a log that are due from from to until, both included, in the order of time, at most limit of them.
func (b *Batch) SeeDue(dst []Ref, partition int32, l Log, from, until int64, limit int) []Ref {
	b.group()
	it := b.iter()
	if it == nil {
		return dst
	}
	had := len(dst)
	b.key = appendGroupStart(b.key[:0], uint32(partition), l, millis(from-groupSpan))
	head := string(b.key[:keyHead])
	for ok := it.SeekGE(b.key); ok; ok = it.Next() {
		k := it.Key()
		start, ok := parseGroupKey(k)
		if !ok || string(k[:keyHead]) != head || start > millis(until) {
			break
		}
		// What is due before this group begins is complete.
		if earlier := countBefore(dst[had:], int64(start)); earlier >= limit {
			break
		}
		v, err := it.ValueAndErr()
		if err == nil {
			err = eachRef(start, v, func(r Ref) {
				if r.Due >= from && r.Due <= until {
					dst = append(dst, r)
				}
			})
		}
		if err != nil {
			b.fail(err)
			return dst[:had]
		}
	}
	b.fail(it.Error())
	slices.SortStableFunc(dst[had:], func(x, y Ref) int { return cmp.Compare(x.Due, y.Due) })
	return dst[:min(len(dst), had+limit)]
}

func countBefore(refs []Ref, start int64) (n int) {
	for i := range refs {
		if refs[i].Due < start {
			n++
		}
	}
	return n
}

// Coming is the entry of a ref; false where it has gone, or is due at another time. What it holds is valid until the batch is used again.
func (b *Batch) Coming(partition int32, r Ref) (Entry, bool) {
	it := b.iter()
	if it == nil {
		return Entry{}, false
	}
	f := r.Class.form()
	b.key = append(appendHead(b.key[:0], uint32(partition), byte(r.Class)), r.part[:f.ref]...)
	for ok := it.SeekPrefixGE(b.key); ok; ok = it.Next() {
		k := it.Key()
		id, ok := parseEntryKey(k)
		if !ok || string(k[:len(b.key)]) != string(b.key) {
			break
		}
		e, ok := b.entry(it, id)
		if !ok {
			return Entry{}, false
		}
		if e.Due == r.Due {
			return e, true
		}
	}
	b.fail(it.Error())
	return Entry{}, false
}

// Sweep drops entries of a class whose hashes are from from to to, both included, that are due until then. It looks at limit of them at most, and tells
// where it ended; more says that there are more. It is for a class without refs, which may stay for longer than their time.
func (b *Batch) Sweep(partition int32, c Class, from, to uint64, until int64, limit int) (next uint64, more bool) {
	it := b.iter()
	if it == nil {
		return to, false
	}
	next = to
	var gone []ID
	b.key = appendPrefix(b.key[:0], uint32(partition), c, from)
	for ok := it.SeekGE(b.key); ok; ok = it.Next() {
		k := it.Key()
		id, ok := parseEntryKey(k)
		if !ok || string(k[:keyHead]) != string(b.key[:keyHead]) || id.Hash > to {
			break
		}
		if limit--; limit < 0 {
			next, more = id.Hash, true
			break
		}
		e, ok := b.entry(it, id)
		if !ok {
			return to, false
		}
		if e.Due <= until {
			gone = append(gone, id)
		}
	}
	b.fail(it.Error())
	for _, id := range gone {
		b.Delete(partition, id)
	}
	return next, more
}
