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
// up, and what tells it from others under that key.
type ID struct {
	Class Class
	Hash  uint64
	Disc  uint64
}

// Keys, all numbers big-endian so that they sort:
//
//	partition(4) class(1) hash(8) disc(8)               -> due(8) state
//	partition(4) log(1) due(8) class(1) hash(8) disc(8) -> row
//	partition(4) 'a'                                    -> position(8) counters
//	0xffffffff                                          -> format and identity
//
// The bytes of Class and Log are distinct.
const (
	prefixLen = 4 + 1 + 8 // of an index key: what a lookup knows
	indexLen  = prefixLen + 8
	rowLen    = 4 + 1 + 8 + 1 + 8 + 8
	headKind  = 'a'
)

var formatKey = []byte{0xff, 0xff, 0xff, 0xff}

func appendPrefix(dst []byte, partition uint32, c Class, hash uint64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, partition)
	dst = append(dst, byte(c))
	return binary.BigEndian.AppendUint64(dst, hash)
}

func appendIndexKey(dst []byte, partition uint32, id ID) []byte {
	return binary.BigEndian.AppendUint64(appendPrefix(dst, partition, id.Class, id.Hash), id.Disc)
}

func appendRowStart(dst []byte, partition uint32, l Log, due uint64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, partition)
	dst = append(dst, byte(l))
	return binary.BigEndian.AppendUint64(dst, due)
}

func appendRowKey(dst []byte, partition uint32, id ID, due uint64) []byte {
	dst = appendRowStart(dst, partition, id.Class.log(), due)
	dst = append(dst, byte(id.Class))
	dst = binary.BigEndian.AppendUint64(dst, id.Hash)
	return binary.BigEndian.AppendUint64(dst, id.Disc)
}

func parseRowKey(k []byte) (id ID, due uint64, ok bool) {
	if len(k) != rowLen {
		return ID{}, 0, false
	}
	due = binary.BigEndian.Uint64(k[5:])
	id = ID{Class(k[13]), binary.BigEndian.Uint64(k[14:]), binary.BigEndian.Uint64(k[22:])}
	return id, due, true
}

// comparer is Pebble's own with a prefix: the Bloom filters then hold what a lookup
// knows, and most lookups of what is not there read no block at all.
//
// A row is all prefix. Values of keys with the same prefix as the key before go into blocks
// of their own (pebble/v2/sstable/valblk), which a compaction keeps in memory until its table
// is complete, each in a buffer of 32 kB: with the rows of one moment under one prefix that
// was 1 GB for tables of 100 MB.
func comparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "smpp-connector.resolve.2"
	c.Split = func(k []byte) int {
		if isRow(k) {
			return len(k)
		}
		return min(len(k), prefixLen)
	}
	c.Compare = bytes.Compare
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		if len(prefix) < prefixLen || isRow(prefix) {
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

// isRow tells rows, and where to look for them, from all other keys.
func isRow(k []byte) bool { return len(k) > 4 && (Log(k[4]) == Submitted || Log(k[4]) == Waiting) }
