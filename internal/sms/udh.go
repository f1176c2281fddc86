package sms

import "fmt"

// Information element identifiers of a user data header (3GPP TS 23.040
// §9.2.3.24).
const (
	iePart8  = 0x00 // concatenation, 8-bit reference
	iePart16 = 0x08 // concatenation, 16-bit reference
	ieSingle = 0x24 // national language single shift
	ieLock   = 0x25 // national language locking shift
)

// UDH is a user data header and what it says of concatenation.
type UDH struct {
	Ref        uint16
	Total, Seq byte     // both from 1; Seq is never above Total
	Wide       bool     // the reference has 16 bits: 0x12 and wide 0x0012 are two messages
	Found      bool     // there is a concatenation element; the fields above hold it
	Locking    Language // of the septets that follow; 0 or unknown to us: the default alphabet
	Single     Language // of those after an escape; 0 or unknown to us: the extension table
	Raw        []byte   // the whole header, its length octet included; aliases the input
}

// UDHError says that a message announced a header that it does not hold.
type UDHError struct {
	Announced int // octets, the length octet included
	Held      int
}

func (e *UDHError) Error() string {
	return fmt.Sprintf("user data header of %d octets announced, %d octets held", e.Announced, e.Held)
}

// ParseUDH reads the header that sm begins with, where esm_class says that
// there is one (SMPP v3.4 §5.2.12, 0x40). rest is what comes after it. The only
// error is *UDHError; then nothing of sm can be trusted as text.
//
// An element may stand anywhere among the others, the last one of a kind
// counts, and a concatenation element that cannot be right (part 0, part 3 of 2, of a wrong length)
// is passed over, all as 3GPP TS 23.040 §9.2.3.24 asks. So is whatever follows
// an element that does not fit the header.
func ParseUDH(sm []byte) (udh UDH, rest []byte, err error) {
	if len(sm) == 0 {
		return UDH{}, nil, &UDHError{Announced: 1}
	}
	size := 1 + int(sm[0])
	if size > len(sm) {
		return UDH{}, nil, &UDHError{Announced: size, Held: len(sm)}
	}
	udh.Raw = sm[:size:size]
	for elements := sm[1:size]; len(elements) >= 2; {
		id, n := elements[0], int(elements[1])
		elements = elements[2:]
		if n > len(elements) {
			break
		}
		data := elements[:n]
		elements = elements[n:]
		switch {
		case id == iePart8 && n == 3:
			udh.take(uint16(data[0]), data[1], data[2], false)
		case id == iePart16 && n == 4:
			udh.take(uint16(data[0])<<8|uint16(data[1]), data[2], data[3], true)
		case id == ieSingle && n == 1:
			udh.Single = Language(data[0])
		case id == ieLock && n == 1:
			udh.Locking = Language(data[0])
		}
	}
	return udh, sm[size:], nil
}

func (u *UDH) take(ref uint16, total, seq byte, wide bool) {
	if seq == 0 || seq > total {
		return
	}
	u.Ref, u.Total, u.Seq, u.Wide, u.Found = ref, total, seq, wide, true
}
