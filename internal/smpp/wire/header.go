package wire

import (
	"encoding/binary"
	"errors"
)

// HeaderLen is the length of a PDU's header in octets (SMPP v3.4 §3.2).
const HeaderLen = 16

// MaxSequence is the highest sequence number that an ESME may use; the lowest is 1 (SMPP v3.4 §5.1.4).
const MaxSequence uint32 = 0x7FFFFFFF

var (
	// ErrShort says that the octets end before the PDU does: read more and try again.
	ErrShort = errors.New("wire: the PDU is not complete yet")

	// ErrLength says that a command_length is below HeaderLen or above MaxPDU. Where the next PDU begins can no longer be known:
	// answer with generic_nack (StatusInvCmdLen) and close the connection.
	ErrLength = errors.New("wire: command_length is out of bounds, framing is lost")
)

// Header is a PDU's header, SMPP v3.4 §3.2. Length counts the whole PDU in octets, the header included.
type Header struct{ Length, ID, Status, Sequence uint32 }

// ParseHeader reads the header that b begins with. It fails with ErrShort if b has fewer than HeaderLen octets, and with ErrLength if the
// length is out of bounds; the header is returned all the same with ErrLength, so that the generic_nack can carry its sequence number.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, ErrShort
	}
	h := Header{
		Length:   binary.BigEndian.Uint32(b[0:4]),
		ID:       binary.BigEndian.Uint32(b[4:8]),
		Status:   binary.BigEndian.Uint32(b[8:12]),
		Sequence: binary.BigEndian.Uint32(b[12:16]),
	}
	if !lengthInBounds(h.Length) {
		return h, ErrLength
	}
	return h, nil
}

// Response tells whether the PDU answers another one. generic_nack counts as a response.
func (h Header) Response() bool { return h.ID&responseBit != 0 }

// AppendHeaderOnly appends a PDU without a body: enquire_link and its response, unbind and its response, generic_nack.
func AppendHeaderOnly(dst []byte, id, status, seq uint32) []byte {
	return appendHeader(dst, HeaderLen, id, status, seq)
}

func lengthInBounds(n uint32) bool { return n >= HeaderLen && n <= uint32(MaxPDU) }

func appendHeader(dst []byte, length int, id, status, seq uint32) []byte {
	return append(dst,
		byte(length>>24), byte(length>>16), byte(length>>8), byte(length),
		byte(id>>24), byte(id>>16), byte(id>>8), byte(id),
		byte(status>>24), byte(status>>16), byte(status>>8), byte(status),
		byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq))
}
