package smsc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// esme is a client made of gosmpp's codec that does one thing after the other.
type esme struct {
	t    testing.TB
	conn net.Conn
	last int32
}

// patience bounds every wait for the simulator; no test depends on its length.
const patience = 2 * time.Minute

func connect(t testing.TB, s *SMSC) *esme {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &esme{t: t, conn: conn}
}

// bindAs binds and wants to be accepted.
func bindAs(t testing.TB, s *SMSC, as pdu.BindingType, systemID string) *esme {
	t.Helper()
	e := connect(t, s)
	if status := e.bind(as, systemID, "secret"); status != 0 {
		t.Fatalf("the bind was answered with %s", StatusName(status))
	}
	return e
}

func (e *esme) bind(as pdu.BindingType, systemID, password string) uint32 {
	e.t.Helper()
	req := pdu.NewBindRequest(as)
	req.SystemID, req.Password = systemID, password
	e.send(req)
	// A refusal has no body (SMPP v3.4 §4.1.2), which pdu.Parse does not expect.
	var raw [headerLen]byte
	_ = e.conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(e.conn, raw[:]); err != nil {
		e.t.Fatalf("waiting for the answer to a bind: %v", err)
	}
	h := pdu.ParseHeader(raw)
	if h.CommandID != responseTo(req.CommandID) || h.SequenceNumber != req.SequenceNumber {
		e.t.Fatalf("the bind was answered with %+v", h)
	}
	if _, err := io.CopyN(io.Discard, e.conn, int64(h.CommandLength)-headerLen); err != nil {
		e.t.Fatal(err)
	}
	return uint32(h.CommandStatus)
}

func (e *esme) send(p pdu.PDU) int32 {
	e.t.Helper()
	if p.CanResponse() {
		e.last++
		p.SetSequenceNumber(e.last)
	}
	buf := pdu.NewBuffer(nil)
	p.Marshal(buf)
	e.write(buf.Bytes())
	return p.GetSequenceNumber()
}

func (e *esme) write(raw []byte) {
	e.t.Helper()
	_ = e.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := e.conn.Write(raw); err != nil {
		e.t.Fatal(err)
	}
}

func (e *esme) read() (pdu.PDU, error) {
	_ = e.conn.SetReadDeadline(time.Now().Add(patience))
	return pdu.Parse(e.conn)
}

func (e *esme) receive() pdu.PDU {
	e.t.Helper()
	p, err := e.read()
	if err != nil {
		e.t.Fatalf("waiting for a PDU: %v", err)
	}
	return p
}

// submission makes a submit_sm that asks for the given receipts.
func submission(to, text string, registered byte) *pdu.SubmitSM {
	p := pdu.NewSubmitSM().(*pdu.SubmitSM)
	_ = p.SourceAddr.SetAddress("12345")
	_ = p.DestAddr.SetAddress(to)
	p.RegisteredDelivery = registered
	_ = p.Message.SetMessageWithEncoding(text, data.GSM7BIT)
	return p
}

// submit sends and waits for the answer, which has to be the next PDU.
func (e *esme) submit(p *pdu.SubmitSM) *pdu.SubmitSMResp {
	e.t.Helper()
	sequence := e.send(p)
	return e.response(sequence)
}

func (e *esme) response(sequence int32) *pdu.SubmitSMResp {
	e.t.Helper()
	resp, ok := e.receive().(*pdu.SubmitSMResp)
	if !ok || resp.SequenceNumber != sequence {
		e.t.Fatalf("submit %d was answered with %+v", sequence, resp)
	}
	return resp
}

// accepted submits and returns the message id.
func (e *esme) accepted(p *pdu.SubmitSM) string {
	e.t.Helper()
	resp := e.submit(p)
	if resp.CommandStatus != 0 {
		e.t.Fatalf("the submit was answered with %s", StatusName(uint32(resp.CommandStatus)))
	}
	return resp.MessageID
}

// delivery waits for a deliver_sm.
func (e *esme) delivery() *pdu.DeliverSM {
	e.t.Helper()
	d, ok := e.receive().(*pdu.DeliverSM)
	if !ok {
		e.t.Fatal("something other than a deliver_sm came")
	}
	return d
}

// answer acknowledges a deliver_sm, with any status.
func (e *esme) answer(d *pdu.DeliverSM, status uint32) {
	e.t.Helper()
	buf := pdu.NewBuffer(nil)
	if status == 0 {
		d.GetResponse().Marshal(buf)
	} else {
		appendHeader(buf, data.DELIVER_SM_RESP, status, uint32(d.SequenceNumber))
	}
	e.write(buf.Bytes())
}

// wantClosed wants the simulator to end the connection with nothing more to say.
func (e *esme) wantClosed() {
	e.t.Helper()
	p, err := e.read()
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		e.t.Fatalf("the connection is open: %T, %v", p, err)
	}
}

func textOf(d *pdu.DeliverSM) string {
	text, err := d.Message.GetMessage()
	if err != nil {
		return fmt.Sprint(err)
	}
	return text
}

// eventually waits until the statistics are as wanted.
func eventually(t testing.TB, s *SMSC, condition func(Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitFor(ctx, condition); err != nil {
		t.Fatal(err)
	}
}
