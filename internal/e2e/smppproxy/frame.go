package smppproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The commands that rules are made for (SMPP v3.4 §5.1.2.1).
const (
	GenericNack    uint32 = 0x80000000
	BindReceiver   uint32 = 0x00000001
	BindTransmit   uint32 = 0x00000002
	SubmitSM       uint32 = 0x00000004
	SubmitSMResp   uint32 = 0x80000004
	DeliverSM      uint32 = 0x00000005
	DeliverSMResp  uint32 = 0x80000005
	Unbind         uint32 = 0x00000006
	UnbindResp     uint32 = 0x80000006
	BindTransceive uint32 = 0x00000009
	EnquireLink    uint32 = 0x00000015
)

const (
	responseBit = 1 << 31
	headerLen   = 16
	// maxFrame is far above what either end sends; it bounds the memory that a
	// command_length can ask for.
	maxFrame = 1 << 20
)

var errFraming = errors.New("smppproxy: a command_length under 16 or over the limit")

// frame is one PDU, header and body.
type frame []byte

func (f frame) command() uint32  { return binary.BigEndian.Uint32(f[4:]) }
func (f frame) sequence() uint32 { return binary.BigEndian.Uint32(f[12:]) }

// PDU makes a PDU with a true command_length.
func PDU(command, status, sequence uint32, body ...byte) []byte {
	return append(Header(uint32(headerLen+len(body)), command, status, sequence), body...)
}

// Header makes a header alone, with any command_length.
func Header(length, command, status, sequence uint32) []byte {
	b := make([]byte, 0, headerLen)
	for _, v := range [...]uint32{length, command, status, sequence} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// readFrame reads one PDU into memory of its own.
func readFrame(r *bufio.Reader) (frame, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head)
	if n < headerLen || n > maxFrame {
		return nil, fmt.Errorf("%w: %d", errFraming, n)
	}
	f := make(frame, n)
	_, err = io.ReadFull(r, f)
	return f, err
}

// more tells whether a whole PDU can be read without waiting.
func more(r *bufio.Reader) bool {
	if r.Buffered() < headerLen {
		return false
	}
	head, err := r.Peek(4)
	return err == nil && r.Buffered() >= int(min(binary.BigEndian.Uint32(head), maxFrame))
}
