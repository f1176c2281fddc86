package smsc

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

const (
	// bindWithin is how long a connection may stay without a bind.
	bindWithin = 30 * time.Second
	// lingerFor bounds how long a connection that the simulator ends in
	// order waits for the other side to read the last octets.
	lingerFor = 250 * time.Millisecond
	// maxOut and maxAnswers bound what waits for an ESME that does not read,
	// or whose answers are late: the reader then waits too, and TCP
	// makes the ESME wait.
	maxOut     = 1 << 20
	maxAnswers = 1 << 16
)

// bind is one connection, from its accept on.
type bind struct {
	s    *SMSC
	id   int
	conn net.Conn
	wake chan struct{} // for the writer; one token
	gone chan struct{} // closed with the connection

	// Written by the reader before it reports the bind to the post office,
	// constant from then on.
	systemID    string
	transmitter bool // may submit
	receiver    bool // may be sent deliver_sm

	mu        sync.Mutex // may be taken under office.mu, never the other way round
	room      *sync.Cond // signalled when out or answers shrank, or closed
	out       *pdu.ByteBuffer
	answers   heap[answer] // answers that are not due yet
	released  []*parcel    // of answers moved into out; for the writer to post
	lastOwn   uint32       // sequence of the last request sent from here
	bound     bool
	closed    bool
	finishing bool // the writer closes the connection once out is written

	mail mailbox // guarded by office.mu
}

// answer is a submit_sm_resp or data_sm_resp to be.
type answer struct {
	due      time.Duration
	order    uint64 // keeps answers of one time in order
	command  data.CommandIDType
	sequence uint32
	status   uint32
	id       string
	load     byte      // congestion_state; 0: none
	parcels  []*parcel // receipts and replies, which follow the answer
}

func newBind(s *SMSC, id int, conn net.Conn) *bind {
	b := &bind{
		s: s, id: id, conn: conn,
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
		out: pdu.NewBuffer(nil),
		answers: heap[answer]{less: func(a, b *answer) bool {
			return a.due < b.due || a.due == b.due && a.order < b.order
		}},
		mail: mailbox{sent: make(map[uint32]*parcel)},
	}
	b.room = sync.NewCond(&b.mu)
	if s.behaviour.Load().ReadRate > 0 {
		if tcp, ok := conn.(*net.TCPConn); ok {
			// A slow reader is only felt when the kernel does not read
			// ahead for it. Best effort.
			_ = tcp.SetReadBuffer(4096)
		}
	}
	return b
}

// close ends the connection at once. What was not written is lost.
func (b *bind) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	close(b.gone)
	// Nobody is left to be told that closing failed.
	_ = b.conn.Close()
	b.room.Broadcast()
}

// finish lets the writer write what is in out, and then close.
func (b *bind) finish() {
	b.mu.Lock()
	b.finishing = true
	b.mu.Unlock()
	b.signal()
}

// signal wakes the writer.
func (b *bind) signal() {
	select {
	case b.wake <- struct{}{}:
	default: // it has not taken the last token yet
	}
}

// read is the reader: one goroutine for the life of the connection. It owns
// the order of the end: when it returns, nothing of the bind is left.
func (b *bind) read() {
	defer b.s.forget(b)
	defer b.abandon()
	defer b.s.office.leave(b)
	defer b.close()

	_ = b.conn.SetReadDeadline(time.Now().Add(bindWithin))
	in := bufio.NewReaderSize(b.conn, maxPDU)
	for {
		raw, err := in.Peek(headerLen)
		if err != nil {
			return
		}
		h, err := parseHeader(raw)
		if err != nil {
			b.s.count.malformed.Add(1)
			b.write1(data.GENERIC_NACK, uint32(data.ESME_RINVCMDLEN), uint32(h.SequenceNumber))
			b.linger(in)
			return
		}
		if raw, err = in.Peek(int(h.CommandLength)); err != nil {
			return
		}
		if !b.pace() {
			return
		}
		goOn := b.handle(h, raw)
		// Peeked, so it is there to be discarded.
		_, _ = in.Discard(int(h.CommandLength))
		if !goOn {
			b.linger(in)
			return
		}
		// One write for all that came in one read: wake the writer only when the
		// next PDU has to be waited for.
		if in.Buffered() < headerLen || b.outLen() > 32<<10 {
			b.signal()
		}
		if !b.waitForRoom() {
			return
		}
	}
}

// abandon posts what followed answers that will never be sent: the messages
// were accepted, so their receipts come, over other binds.
func (b *bind) abandon() {
	b.mu.Lock()
	parcels := b.released
	b.released = nil
	for i := range b.answers.items {
		parcels = append(parcels, b.answers.items[i].parcels...)
	}
	b.answers.items = nil
	b.mu.Unlock()
	b.s.office.post(parcels, b.s.now())
}

// linger ends a connection in order: everything written, then closed, while
// what still comes is read and thrown away. Closing with unread input would
// make TCP reset the connection and take the last answers with it.
func (b *bind) linger(in io.Reader) {
	b.s.office.leave(b)
	b.finish()
	_ = b.conn.SetReadDeadline(time.Now().Add(lingerFor))
	_, _ = io.Copy(io.Discard, in)
}

// pace makes a slow reader. False means that the connection is gone.
func (b *bind) pace() bool {
	rate := b.s.behaviour.Load().ReadRate
	if rate <= 0 {
		return true
	}
	return b.sleep(time.Duration(float64(time.Second) / rate))
}

func (b *bind) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.gone:
		return false
	}
}

// handle does what one PDU asks for. False ends the connection in order.
func (b *bind) handle(h pdu.Header, raw []byte) bool {
	sequence := uint32(h.SequenceNumber)
	if isResponse(h.CommandID) {
		b.handleResponse(h, raw)
		return true
	}
	if !b.s.opts.Version.knows(h.CommandID) {
		b.write1(data.GENERIC_NACK, uint32(data.ESME_RINVCMDID), sequence)
		return true
	}
	p, err := decode(h, raw)
	if err != nil {
		b.s.count.malformed.Add(1)
		if p == nil {
			b.write1(data.GENERIC_NACK, uint32(data.ESME_RINVCMDID), sequence)
		} else {
			b.write1(responseTo(h.CommandID), uint32(data.ESME_RINVCMDLEN), sequence)
		}
		return true
	}
	switch p := p.(type) {
	case *pdu.BindRequest:
		return b.bindRequest(p)
	case *pdu.EnquireLink:
		if !b.s.behaviour.Load().SilentLinks {
			b.write1(data.ENQUIRE_LINK_RESP, 0, sequence)
		}
	case *pdu.Unbind:
		b.write1(data.UNBIND_RESP, 0, sequence)
		return false
	case *pdu.SubmitSM:
		m, err := messageOfSubmit(p, raw)
		if err != nil || b.s.opts.Version.refuses(p) {
			b.s.count.malformed.Add(1)
			b.write1(data.SUBMIT_SM_RESP, uint32(data.ESME_RINVCMDLEN), sequence)
			return true
		}
		return b.submitted(&m)
	case *pdu.DataSM:
		m := messageOfData(p)
		return b.submitted(&m)
	case *pdu.QuerySM:
		b.query(p)
	case *pdu.CancelSM:
		b.cancel(p)
	case *pdu.ReplaceSM:
		b.replace(p)
	default:
		b.write1(data.GENERIC_NACK, uint32(data.ESME_RINVCMDID), sequence)
	}
	return true
}

func (b *bind) handleResponse(h pdu.Header, raw []byte) {
	switch h.CommandID {
	case data.DELIVER_SM_RESP:
		// A negative response may come without a body (SMPP v3.4 §4.6.2),
		// which the codec does not expect. Its header says all that counts.
		if len(raw) > headerLen {
			if _, err := decode(h, raw); err != nil {
				b.s.count.malformed.Add(1)
			}
		}
		b.s.office.answered(b, uint32(h.SequenceNumber), uint32(h.CommandStatus))
	case data.GENERIC_NACK:
		status := uint32(h.CommandStatus)
		if status == 0 {
			status = uint32(data.ESME_RUNKNOWNERR)
		}
		b.s.office.answered(b, uint32(h.SequenceNumber), status)
	default: // enquire_link_resp, unbind_resp: that they came is enough
	}
}

// bindRequest answers a bind. False ends the connection.
func (b *bind) bindRequest(p *pdu.BindRequest) bool {
	s, beh := b.s, b.s.behaviour.Load()
	sequence, command := uint32(p.SequenceNumber), responseTo(p.CommandID)
	if b.transmitter || b.receiver {
		b.write1(command, uint32(data.ESME_RALYBND), sequence)
		return true
	}
	if !b.sleep(beh.BindDelay) {
		return false
	}
	status := uint32(data.ESME_ROK)
	switch password, known := s.opts.Accounts[p.SystemID]; {
	case beh.BindStatus != 0 && (beh.RefuseBinds == 0 || s.refusals.Add(1) <= uint64(beh.RefuseBinds)):
		status = beh.BindStatus
	case len(s.opts.Accounts) > 0 && !known:
		status = uint32(data.ESME_RINVSYSID)
	case len(s.opts.Accounts) > 0 && password != p.Password:
		status = uint32(data.ESME_RINVPASWD)
	}
	s.tellBind(p, status)
	if status != 0 {
		s.count.bindsRefused.Add(1)
		s.log.Info("bind refused", "system_id", p.SystemID, "status", StatusName(status))
		b.write1(command, status, sequence)
		return false
	}
	b.systemID = p.SystemID
	b.transmitter = p.BindingType != pdu.Receiver
	b.receiver = p.BindingType != pdu.Transmitter
	_ = b.conn.SetReadDeadline(time.Time{})

	resp := p.GetResponse().(*pdu.BindResp)
	resp.SystemID = s.opts.SystemID
	s.opts.Version.sign(resp)
	b.mu.Lock()
	b.bound = true
	resp.Marshal(b.out)
	b.mu.Unlock()
	b.signal()
	// Only now, so that no deliver_sm is written before the response.
	s.count.bindsTotal.Add(1)
	s.office.join(b)
	return true
}

// sendUnbind asks the ESME to go. It reports whether there was a bind.
func (b *bind) sendUnbind() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.bound || b.closed || b.finishing {
		return false
	}
	appendHeader(b.out, data.UNBIND, 0, b.nextOwn())
	b.finishing = true
	b.signal()
	return true
}

var errGone = errors.New("smsc: the connection is gone")
