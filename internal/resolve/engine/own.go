package engine

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// own are the records of `submitted` that say what this engine has settled, on their way through Kafka and back to it: its store has
// them already, and looking each submission up again would be a fifth of what a join costs. They are known by the
// hash of their bytes, which hold those of the receipts, and whatever is not known is read. A submission is filed once under a key, so
// that nothing can come between that would have to be settled anew.
type own []uint64

// maxOwn is far above the records of the transactions that can be under way.
const maxOwn = 256

func (o *own) add(value []byte) {
	if len(*o) >= maxOwn {
		*o = slices.Delete(*o, 0, 1)
	}
	*o = append(*o, xxhash.Sum64(value))
}

// take tells whether a record is one of them, once.
func (o *own) take(value []byte) bool {
	if len(*o) == 0 {
		return false
	}
	at := slices.Index(*o, xxhash.Sum64(value))
	if at < 0 {
		return false
	}
	*o = slices.Delete(*o, at, at+1)
	return true
}
