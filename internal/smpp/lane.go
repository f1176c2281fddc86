package smpp

import "sync"

// lane is what a session has to write besides submits: responses and session
// control, outside window and pace. Anyone appends, nobody waits, the writer swaps
// it against an empty buffer and writes all at once.
//
// Its size is bounded: responses to deliveries by MaxUnansweredDeliver, and what
// the peer can provoke at will (enquire_link, nonsense) by laneLimit, beyond which
// the peer reads nothing and the session ends.
type lane struct {
	mu     sync.Mutex
	buf    []byte
	closed bool
}

const (
	laneLimit = 1 << 20
	laneKeep  = 256 << 10 // a buffer larger than this is not kept
)

// add appends what encode appends. It says false where the lane is full; on a
// closed lane it does nothing.
func (l *lane) add(encode func(dst []byte) []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	if len(l.buf) > laneLimit {
		return false
	}
	l.buf = encode(l.buf)
	return true
}

// swap returns what there is and goes on with spare, which it empties.
func (l *lane) swap(spare []byte) []byte {
	if cap(spare) > laneKeep {
		spare = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.buf
	l.buf = spare[:0]
	return full
}

// close drops what there is and all that comes.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.buf = nil
}
