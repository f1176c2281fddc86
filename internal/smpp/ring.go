package smpp

import (
	"sync"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// ring is what a session has outstanding, found by sequence number without a map
// and without an allocation.
//
// It is a table, a power of two of at least four windows. A submit with sequence
// number q lies at q mod size and nowhere else, so a lookup is one comparison and
// exact; numbers whose place is still taken by an unanswered submit are passed over
// (at most a quarter of the table is, so few are). Numbers on the wire thus
// always grow, as SMPP v3.4 §3.2 asks, with a gap here and there.
//
// A submit that was given up as in doubt stays in its place until the numbers come
// round to it: that is how long a late answer can still be told, and all the memory
// it costs.
type ring struct {
	mu    sync.Mutex
	slots []slot
	last  uint32 // the highest number given so far
	epoch time.Time
}

type slot struct {
	submit   *Submit
	at       int64 // handed to the transport, nanoseconds since epoch
	sequence uint32
	state    slotState
}

type slotState uint8

const (
	slotFree    slotState = iota
	slotOut               // unanswered; counts in the window
	slotDoubted           // InDoubt was given
)

const ringLeast = 1024

func newRing(window int, epoch time.Time) *ring {
	size := ringLeast
	for size < 4*window {
		size *= 2
	}
	return &ring{slots: make([]slot, size), epoch: epoch}
}

// advance gives the next number. mu is held.
func (r *ring) advance() uint32 {
	if r.last++; r.last > wire.MaxSequence {
		r.last = 1
	}
	return r.last
}

// next gives a number to a PDU whose answer is not looked up here.
func (r *ring) next() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.advance()
}

// register gives each of batch a number, appended to sequences, before a byte of it
// is in any buffer: an answer cannot come before it can be found.
func (r *ring) register(batch []*Submit, sequences []uint32, now time.Time) []uint32 {
	at := int64(now.Sub(r.epoch))
	mask := uint32(len(r.slots) - 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range batch {
		q := r.advance()
		for r.slots[q&mask].state == slotOut {
			q = r.advance()
		}
		r.slots[q&mask] = slot{submit: s, at: at, sequence: q, state: slotOut}
		sequences = append(sequences, q)
	}
	return sequences
}

// find returns the slot of a number, nil if nothing is known of it. mu is held.
func (r *ring) find(sequence uint32) *slot {
	s := &r.slots[sequence&uint32(len(r.slots)-1)]
	if s.state == slotFree || s.sequence != sequence {
		return nil
	}
	return s
}

// forget takes back the registration of a submit that was not written. It says
// false if it has been answered or given up already, which only a peer that answers
// what it was not sent, or a write longer than RESPONSE_TIMEOUT, can bring about:
// then the submit has its Answer and must not get another.
func (r *ring) forget(sequence uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.find(sequence)
	if s == nil || s.state != slotOut {
		return false
	}
	*s = slot{}
	return true
}

// response is an answer as read, before it is joined to its submit.
type response struct {
	sequence, status uint32
	id, end          int // where its message id lies among those of the batch
	op               Op
	nack             bool // a generic_nack, which answers any
}

// answers says whether the response is one to s. data_sm and submit_sm are not told
// apart: there are SMSCs that answer the one as the other, and the message is with
// them all the same.
func (r *response) answers(s *Submit) bool {
	return r.op == s.Op || r.nack || r.op <= OpData && s.Op <= OpData
}

// settle joins responses to their submits and appends the answers, without
// message ids: those are at ids[i] of the responses that were joined, which are
// moved to the front of responses in the answers' order. freed is how many places
// in the window came free.
func (r *ring) settle(responses []response, now time.Time, answers []Answer) (out []Answer, freed, unknown int) {
	joined := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range responses {
		s := r.find(responses[i].sequence)
		if s == nil || !responses[i].answers(s.submit) {
			unknown++ // answered before, forgotten, or never sent: nobody to tell
			continue
		}
		late := s.state == slotDoubted
		if !late {
			freed++
		}
		answers = append(answers, Answer{
			Submit: s.submit, Outcome: Responded, Status: responses[i].status,
			SentAt: r.epoch.Add(time.Duration(s.at)), At: now, Late: late,
		})
		*s = slot{}
		responses[joined] = responses[i]
		joined++
	}
	return answers, freed, unknown
}

// expire gives up what was handed over before a moment: it is in doubt, its place
// in the window is free, and a late answer can still upgrade it.
func (r *ring) expire(before, now time.Time, reason string, answers []Answer) []Answer {
	limit := int64(before.Sub(r.epoch))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slots {
		if s := &r.slots[i]; s.state == slotOut && s.at <= limit {
			s.state = slotDoubted
			answers = append(answers, r.doubt(s, now, reason))
		}
	}
	return answers
}

// abandon gives up everything, at a session's end. Late answers find nothing.
func (r *ring) abandon(now time.Time, reason string, answers []Answer) []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slots {
		s := &r.slots[i]
		if s.state == slotOut {
			answers = append(answers, r.doubt(s, now, reason))
		}
		*s = slot{}
	}
	return answers
}

func (r *ring) doubt(s *slot, now time.Time, reason string) Answer {
	return Answer{
		Submit: s.submit, Outcome: InDoubt,
		SentAt: r.epoch.Add(time.Duration(s.at)), At: now, Reason: reason,
	}
}
