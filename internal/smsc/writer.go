package smsc

import (
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

const (
	// grain is the least time between two looks at a queue by time. What
	// falls due within it goes out in one write, at up to that much delay.
	grain = time.Millisecond
	// writeWithin bounds one write to an ESME that does not read.
	writeWithin = 30 * time.Second
	// keepBuffer is the largest write buffer that is kept for reuse.
	keepBuffer = 256 << 10
)

// write is the writer: one goroutine for the life of the connection, and the
// only one that writes to it.
func (b *bind) write() {
	defer b.close()
	spare := pdu.NewBuffer(nil)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	nextEnquire := b.s.now()
	for {
		now := b.s.now()
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return
		}
		wait := b.collect(now)
		if every := b.s.behaviour.Load().EnquireLink; every > 0 && b.bound && !b.finishing {
			if now >= nextEnquire {
				appendHeader(b.out, data.ENQUIRE_LINK, 0, b.nextOwn())
				nextEnquire = now + every
			}
			wait = min(wait, nextEnquire-now)
		}
		full := b.out
		b.out, spare = spare, full
		end := b.finishing
		released := b.released
		b.released = nil
		b.mu.Unlock()
		// Their answers are in full by now, so whatever the office writes to
		// this bind comes behind them.
		b.s.office.post(released, now)

		if full.Len() > 0 {
			_ = b.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if _, err := b.conn.Write(full.Bytes()); err != nil {
				return
			}
			full.Reset()
			if full.Cap() > keepBuffer {
				spare = pdu.NewBuffer(nil)
			}
			b.mu.Lock()
			b.room.Broadcast()
			b.mu.Unlock()
		}
		if end {
			b.endOutput()
			return
		}
		timer.Reset(max(wait, grain))
		select {
		case <-b.wake:
		case <-timer.C:
		case <-b.gone:
			return
		}
	}
}

// collect moves answers that are due into out, and tells how long the
// next one has. The caller holds b.mu.
func (b *bind) collect(now time.Duration) time.Duration {
	const idle = time.Hour
	if b.s.paused.Load() {
		return idle
	}
	for len(b.answers.items) > 0 {
		if due := b.answers.items[0].due; due > now {
			return due - now
		}
		a := b.answers.pop()
		b.appendAnswer(&a)
		b.released = append(b.released, a.parcels...)
	}
	return idle
}

// endOutput closes the direction to the ESME, and leaves some time to the
// reader to see it close the other one.
func (b *bind) endOutput() {
	if half, ok := b.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		b.sleep(lingerFor)
	}
}

// appendAnswer writes an answer into out. The caller holds b.mu.
func (b *bind) appendAnswer(a *answer) {
	if a.status != 0 {
		// No body goes with an error (SMPP v3.4 §4.4.2).
		appendHeader(b.out, a.command, a.status, a.sequence)
		return
	}
	appendIDResponse(b.out, a.command, a.sequence, a.id, a.load)
}

// appendIDResponse writes a submit_sm_resp or data_sm_resp that carries an id.
func appendIDResponse(out *pdu.ByteBuffer, command data.CommandIDType, sequence uint32, id string, load byte) {
	h := pdu.Header{CommandLength: int32(headerLen + len(id) + 1), CommandID: command, SequenceNumber: int32(sequence)}
	if load > 0 {
		h.CommandLength += tlvHeaderLen + 1
	}
	h.Marshal(out)
	// Ids are made here, of ASCII, which the codec always writes.
	_ = out.WriteCString(id)
	if load > 0 {
		congestion := pdu.Field{Tag: tagCongestion, Data: []byte{load}}
		congestion.Marshal(out)
	}
}

// answer puts an answer on its way: at once when it is due, or by time. What
// follows it is posted when it is written, never before. The caller may hold
// office.mu only when nothing follows.
func (b *bind) answer(a answer, now time.Duration) {
	b.mu.Lock()
	switch {
	case b.closed:
	case a.due > now || len(b.answers.items) > 0 || b.s.paused.Load():
		b.answers.push(a)
		a.parcels = nil
	default:
		b.appendAnswer(&a)
	}
	b.mu.Unlock()
	b.s.office.post(a.parcels, now)
}

// answerLast writes an answer whatever waits before it.
func (b *bind) answerLast(a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.appendAnswer(&a)
	}
}

// write1 puts a PDU without a body on its way.
func (b *bind) write1(command data.CommandIDType, status, sequence uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		appendHeader(b.out, command, status, sequence)
	}
}

// unanswered is how many answers wait for their time.
func (b *bind) unanswered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.answers.items)
}

func (b *bind) outLen() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Len()
}

// waitForRoom holds the reader while too much waits for the ESME. False means
// that the connection is gone.
func (b *bind) waitForRoom() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && (b.out.Len() > maxOut || len(b.answers.items) >= maxAnswers) {
		b.signal()
		b.room.Wait()
	}
	return !b.closed
}

// deliver writes a deliver_sm into out under a new sequence number and tells
// that number. The caller holds office.mu. raw is changed.
func (b *bind) deliver(raw []byte) (uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.finishing {
		return 0, errGone
	}
	sequence := b.nextOwn()
	setSequence(raw, sequence)
	_, _ = b.out.Write(raw)
	return sequence, nil
}

// nextOwn is the sequence number of a request from here: 1 to 0x7FFFFFFF (SMPP
// v3.4 §5.1.4). The caller holds b.mu.
func (b *bind) nextOwn() uint32 {
	if b.lastOwn++; b.lastOwn > 0x7fffffff {
		b.lastOwn = 1
	}
	return b.lastOwn
}
