package record

// Arena holds the values of the records of one transaction, many to a block. A buffer that
// grows instead would be copied again and again, and each copy would stay as long as a value
// lies in it: five times what the values take.
//
//	v := form.AppendResult(arena.Room(), &result)
//	arena.Keep(v)
//
// The zero value is ready for use.
type Arena struct {
	blocks [][]byte // in use; the last one has room
	spare  Spare[[]byte]
}

const (
	arenaBlock = 128 << 10
	// arenaRoom is what a value finds at least. One that is larger is moved by append, into memory of its own.
	arenaRoom = 2 << 10
	// arenaFree bounds the blocks that wait to be used again, 16 MB: what came all at once once is not kept for ever.
	arenaFree = 128
)

// Room returns an empty slice with room to append a value to.
func (a *Arena) Room() []byte {
	if n := len(a.blocks); n > 0 {
		if b := a.blocks[n-1]; cap(b)-len(b) >= arenaRoom {
			return b[len(b):]
		}
	}
	b := a.spare.Take()
	if b == nil {
		b = make([]byte, 0, arenaBlock)
	}
	a.blocks = append(a.blocks, b)
	return b
}

// Keep keeps a value that was appended to what Room has returned, and returns it, closed to further appending.
func (a *Arena) Keep(value []byte) []byte {
	n := len(a.blocks) - 1
	b := a.blocks[n]
	if end := len(b) + len(value); len(value) > 0 && end <= cap(b) && &b[:end][len(b)] == &value[0] {
		a.blocks[n] = b[:end]
	}
	return value[:len(value):len(value)]
}

// Take empties the arena and returns what held its values, for Reuse.
func (a *Arena) Take() [][]byte {
	blocks := a.blocks
	a.blocks = nil
	a.spare.Turn()
	return blocks
}

// Reuse takes back blocks of which no value is needed any more.
func (a *Arena) Reuse(blocks [][]byte) {
	for _, b := range blocks {
		a.spare.Put(b[:0], arenaFree)
	}
}

// Reset empties the arena. None of its values is needed any more.
func (a *Arena) Reset() {
	a.spare.Turn()
	a.Reuse(a.blocks)
	clear(a.blocks)
	a.blocks = a.blocks[:0]
}

// Age is called twice a second, and lets go of blocks that the transactions of late have no use for.
func (a *Arena) Age() { a.spare.Age() }
