package wire

import "encoding/binary"

// Next splits the first whole PDU off buf, which holds what was read from a connection so far: pdu is that PDU with its header, rest what
// follows it. Both alias buf. A reader calls it until ErrShort, moves rest to the front of its buffer and reads on, so that one read may
// serve many PDUs.
//
// With ErrShort rest is buf, and FrameLen tells how much room the PDU needs. With ErrLength framing is lost for good; it is reported as
// soon as the four octets of the length are there, for a peer that speaks another protocol may never send sixteen.
func Next(buf []byte) (pdu, rest []byte, err error) {
	if len(buf) < 4 {
		return nil, buf, ErrShort
	}
	n := binary.BigEndian.Uint32(buf)
	if !lengthInBounds(n) {
		return nil, buf, ErrLength
	}
	if uint64(len(buf)) < uint64(n) {
		return nil, buf, ErrShort
	}
	return buf[:n:n], buf[n:], nil
}

// FrameLen tells how many octets the PDU that buf begins with will have, header included, at most MaxPDU: what a buffer must hold before
// Next can succeed. While the length itself is not there yet, or is out of bounds, it is HeaderLen.
func FrameLen(buf []byte) int {
	if len(buf) < 4 {
		return HeaderLen
	}
	n := binary.BigEndian.Uint32(buf)
	if !lengthInBounds(n) {
		return HeaderLen
	}
	return int(n)
}
