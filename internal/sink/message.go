package sink

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// message is one outbound record on its way. The poller makes it; from then on
// the loop owns it.
type message struct {
	part *partition
	rec  *kgo.Record
	size int // of the record in bytes, key and headers too
	out  record.Outbound
	// number is the destination as it is dialled: to, with SINK_DEFAULT_COUNTRY in the form of E.164.
	number string

	// What the poller found out. fault set: it is never sent, and this is why.
	fault      *fault
	set        int // candidate set of the route, or -1: target alone
	target     int // the account chosen; with set -1 the only one
	encodedFor int // the account that body was encoded for
	body       body
	receivedAt time.Time
	zones      *zones         // of the recipient; nil without SINK_QUIET_HOURS
	control    bool           // a transaction's marker: nothing but an offset
	sender     uint8          // see senderNo
	unread     bool           // its schema is not known yet: tried again as one that was refused for now
	trace      *trace.Message // nil: none

	state   state
	granted bool // its grant is in the ledger
	owed    bool // and we made it, or took an inherited one up: ours to see through
	parked  bool // with a partition that is lost, perhaps for a moment only
	shrunk  bool // its records were too large for Kafka
	inDoubt bool // a submit of it may have reached the SMSC without our knowing
	// inherited: granted by a predecessor, so in doubt whatever we learn.
	inherited bool
	pieces    []piece
	open      int    // pieces with the account
	status    string // of the result, once finished
	reason    string
	attempts  int
	doubts    int // attempts of which a submit got no answer
	retryAt   time.Time
	firstTry  time.Time

	submittedAt, answeredAt time.Time
}

// state is where a message stands. One that is finished by a late answer leaves
// its place in a lane or the heap behind; what is found there in another state
// than the place's own is such a leftover.
type state uint8

const (
	waiting  state = iota // in a lane
	granting              // in the commit in hand or the next
	sending               // its open pieces are with the account
	backoff               // in the retry heap
	finished              // its result is in the commit in hand or the next
	gone                  // its result is committed, or it was let go with its partition
)

// piece is one part of a message: one submit_sm.
type piece struct {
	flight *flight // with the account, or the last one that was
	state  pieceState
	status uint32
	id     string
}

type pieceState uint8

const (
	unsent   pieceState = iota
	offered             // with the account
	accepted            // ESME_ROK
	refused             // refused for now
	rejected            // refused for good
	doubtful            // no answer: it may have arrived
)

// flight is one submit_sm with an account. What is sent again is a new flight,
// since a late answer may still name the old one.
type flight struct {
	smpp.Submit
	m     *message
	piece int
	to    int // the account: pieces are of the encoding for it
}

// Header makes a message the record.Headers of its record.
func (m *message) Header(name string) []byte {
	for i := len(m.rec.Headers) - 1; i >= 0; i-- {
		if h := &m.rec.Headers[i]; h.Key == name {
			return h.Value
		}
	}
	return nil
}

// own and disown keep count of the grants that a hand-over has to wait for.
func (m *message) own() {
	m.granted = true
	if !m.owed {
		m.owed = true
		m.part.owing++
	}
}

func (m *message) disown() {
	m.granted = false
	if m.owed {
		m.owed = false
		m.part.owing--
	}
}

// end ends a message. It lets go of its flights: they live in a commit's slab, which
// holds other messages, and those their polls' slabs; as long as any message is
// under way the chain would reach back to the first one ever.
func (m *message) end() {
	m.state = gone
	for i := range m.pieces {
		m.pieces[i].flight = nil
	}
}

// sentAny tells whether anything of the message reached the SMSC, or may have.
func (m *message) sentAny() bool {
	if m.inDoubt {
		return true
	}
	for i := range m.pieces {
		if s := m.pieces[i].state; s == accepted || s == doubtful {
			return true
		}
	}
	return false
}

// pinned tells that an SMSC has taken a part of the message: it must get the rest.
func (m *message) pinned() bool { return m.encodedFor >= 0 && m.count(accepted) > 0 }

// count counts the pieces in a state.
func (m *message) count(s pieceState) (n int) {
	for i := range m.pieces {
		if m.pieces[i].state == s {
			n++
		}
	}
	return n
}

// fault is why a record is never sent.
type fault struct {
	status string // invalid, unroutable
	err    error
}
