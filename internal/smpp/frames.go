package smpp

import (
	"io"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// readSize is the read buffer of a session: many PDUs a read. It grows, once, for a
// PDU that does not fit, up to wire.MaxPDU.
const readSize = 64 << 10

// frames cuts what was read into PDUs.
type frames struct {
	buf        []byte
	start, end int // what is read and not yet cut
}

// fill reads once. PDUs cut before are overwritten.
func (f *frames) fill(r io.Reader) (int, error) {
	if f.buf == nil {
		f.buf = make([]byte, readSize)
	}
	if f.start > 0 {
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if need := wire.FrameLen(f.buf[:f.end]); need > len(f.buf) {
		buf := make([]byte, wire.MaxPDU)
		copy(buf, f.buf[:f.end])
		f.buf = buf
	}
	n, err := r.Read(f.buf[f.end:])
	f.end += n
	return n, err
}

// next cuts off one PDU: its header and its body, which is good until fill. Errors
// are wire.ErrShort (fill, and try again) and wire.ErrLength (framing is lost; the
// header is what can be read of it).
func (f *frames) next() (wire.Header, []byte, error) {
	pdu, _, err := wire.Next(f.buf[f.start:f.end])
	switch err {
	case nil:
	case wire.ErrLength:
		h, _ := wire.ParseHeader(f.buf[f.start:f.end])
		return h, nil, err
	default:
		return wire.Header{}, nil, err
	}
	f.start += len(pdu)
	h, err := wire.ParseHeader(pdu)
	return h, pdu[wire.HeaderLen:], err
}
