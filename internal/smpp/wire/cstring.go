package wire

import (
	"bytes"
	"encoding/binary"
)

// checkCString checks a C-octet string that is to be encoded; limit counts the NUL.
func checkCString(field string, v []byte, limit Limit) error {
	if len(v) >= int(limit) {
		return &FieldError{Field: field, Length: len(v), Limit: int(limit) - 1, Fault: TooLong}
	}
	if holdsNUL(v) {
		return &FieldError{Field: field, Length: len(v), Limit: int(limit) - 1, Fault: HoldsNUL}
	}
	return nil
}

// checkTime checks a time of SMPP v3.4 §7.1.1, which is empty or 16 characters; what the characters say is the caller's business.
func checkTime(field string, v []byte) error {
	if len(v) == 0 {
		return nil
	}
	if len(v) != int(LimitTime)-1 {
		return &FieldError{Field: field, Length: len(v), Limit: int(LimitTime) - 1, Fault: WrongLength}
	}
	return checkCString(field, v, LimitTime)
}

// cStringFits tells whether checkCString finds nothing.
func cStringFits(v []byte, limit Limit) bool {
	return len(v) == 0 || len(v) < int(limit) && !holdsNUL(v)
}

// timeFits tells whether checkTime finds nothing.
func timeFits(v []byte) bool { return len(v) == 0 || len(v) == int(LimitTime)-1 && !holdsNUL(v) }

// holdsNUL looks at eight octets at a time. What it is given is so short that a call of bytes.IndexByte takes longer than what that does.
func holdsNUL(v []byte) bool {
	for len(v) >= 8 {
		// Where no octet is 0 the subtraction borrows from none, and sets no high bit that was not set before.
		if w := binary.LittleEndian.Uint64(v); (w-0x0101010101010101)&^w&0x8080808080808080 != 0 {
			return true
		}
		if len(v) == 8 {
			return false
		}
		v = v[min(8, len(v)-8):] // the last eight may have been seen in part
	}
	for _, c := range v {
		if c == 0 {
			return true
		}
	}
	return false
}

// cutCString splits the C-octet string that b begins with from what follows its NUL. n is the octets it takes with the NUL, and 0 if
// there is no NUL within TolerateString octets. The string's capacity ends with it: appending to it must not write into the body.
func cutCString(b []byte) (s []byte, n int) {
	if len(b) > 0 && b[0] == 0 { // as most are
		return b[:0:0], 1
	}
	i := bytes.IndexByte(b, 0)
	if i < 0 || i > int(TolerateString) {
		return nil, 0
	}
	return b[:i:i], i + 1
}

// cStringFault tells why cutCString found nothing in b.
func cStringFault(b []byte) Fault {
	if len(b) > int(TolerateString) {
		return TooLong
	}
	return CutOff
}
