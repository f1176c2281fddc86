package store

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Class is what an entry is. The classes of one log are dropped together.
type Class byte

// Log is the topic that an entry is folded from.
type Log byte

const (
	Submitted Log = 's'
	Waiting   Log = 'w'
)

// The classes, by the log that they belong to.
const (
	Origin Class = 'O' // a submission that may get a receipt (Submitted)
	Last   Class = 'L' // the last message to a subscriber (Submitted)
	Early  Class = 'E' // a receipt without its submission (Waiting)
	Part   Class = 'P' // a part of a long message (Waiting)
)

func (c Class) log() Log {
	if c == Origin || c == Last {
		return Submitted
	}
	return Waiting
}

// ID names an entry within a partition: the hash of the key under which it is looked
// up, and what tells it from others under that key. What of them goes into the store's key
// depends on the class (see forms); IDs that the store gives back have zeros in place of the rest.
type ID struct {
	Class Class
	Hash  uint64
	Disc  uint64
	Tail  string // an Origin's, in place of Disc: at least two bytes, of which the first two had better differ
}

// form is how many bytes of an ID are in a key, the highest first.
type form struct {
	hash int // which is what lookups know
	disc int
	ref  int // of its key, after the class, in a Ref; 0: see Batch.Sweep
}

// Millions of origins and last messages are there at a time, and a hash does not compress. One in a million lookups of an
// origin meets another's whose hash begins with the same 40 bits; its tail is another, and whoever looks it up compares the
// key in its row. A subscriber's last message has all of its hash, and its key is not kept.
func (c Class) form() form {
	switch c {
	case Origin:
		return form{hash: 5, ref: 7}
	case Last:
		return form{hash: 8}
	default:
		return form{hash: 8, disc: 8, ref: 16}
	}
}

// Keys, all numbers big-endian so that they sort:
//
//	partition(4) class(1) hash(5 or 8) disc(0 or 8) tail -> due(6, little-endian) length of the state, state, row
//	partition(4) log(1) due(6) number(8)               -> class(1), of each: due as a difference, ref
//	partition(4) 'a'                                   -> position(8) counters
//	0xffffffff                                         -> format and identity
//	0xffffffff 'n'                                     -> how often the store was opened
//
// The bytes of Class and Log are distinct.
const (
	keyHead  = 4 + 1
	groupLen = keyHead + 6 + 8
	headKind = 'a'
)

var (
	formatKey = []byte{0xff, 0xff, 0xff, 0xff}
	openedKey = []byte{0xff, 0xff, 0xff, 0xff, 'n'}
)

func appendHead(dst []byte, partition uint32, kind byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, partition), kind)
}

// appendHighest appends the n highest bytes of v.
func appendHighest(dst []byte, v uint64, n int) []byte {
	for i := range n {
		dst = append(dst, byte(v>>(56-8*i)))
	}
	return dst
}

func highest(b []byte) (v uint64) {
	for i, c := range b {
		v |= uint64(c) << (56 - 8*i)
	}
	return v
}

func appendPrefix(dst []byte, partition uint32, c Class, hash uint64) []byte {
	return appendHighest(appendHead(dst, partition, byte(c)), hash, c.form().hash)
}

func appendEntryKey(dst []byte, partition uint32, id ID) []byte {
	return append(appendHighest(appendPrefix(dst, partition, id.Class, id.Hash), id.Disc, id.Class.form().disc), id.Tail...)
}

func parseEntryKey(k []byte) (id ID, ok bool) {
	if len(k) <= keyHead {
		return ID{}, false
	}
	c := Class(k[4])
	f := c.form()
	k = k[keyHead:]
	if len(k) < f.hash+f.disc || c != Origin && len(k) > f.hash+f.disc {
		return ID{}, false
	}
	return ID{c, highest(k[:f.hash]), highest(k[f.hash : f.hash+f.disc]), string(k[f.hash+f.disc:])}, true
}

func appendGroupStart(dst []byte, partition uint32, l Log, due uint64) []byte {
	return appendHighest(appendHead(dst, partition, byte(l)), due<<16, 6)
}

func parseGroupKey(k []byte) (due uint64, ok bool) {
	if len(k) != groupLen {
		return 0, false
	}
	return highest(k[keyHead:keyHead+6]) >> 16, true
}

// comparer is Pebble's own with a prefix: the Bloom filters then hold what a lookup
// knows, and most lookups of what is not there read no block at all.
func comparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "smpp-connector.resolve.3"
	c.Split = func(k []byte) int {
		if len(k) < keyHead || !isEntry(k) {
			return len(k)
		}
		return min(len(k), keyHead+Class(k[4]).form().hash)
	}
	c.Compare = bytes.Compare
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		if len(prefix) < keyHead || !isEntry(prefix) || len(prefix) < keyHead+Class(prefix[4]).form().hash {
			return append(append(dst, prefix...), 0)
		}
		dst = append(dst, prefix...)
		next := dst[len(dst)-len(prefix):]
		for i := len(next) - 1; i >= 0; i-- {
			if next[i]++; next[i] != 0 {
				break
			}
		}
		return slices.Clip(dst)
	}
	return &c
}

// isEntry tells entries from all other keys; k is long enough to be one.
func isEntry(k []byte) bool {
	switch Class(k[4]) {
	case Origin, Last, Early, Part:
		return true
	}
	return false
}
