package sms

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// Decode reads the text of user data without its header, by the standard's
// codings and the default alphabet. See Codings.Read.
func Decode(dataCoding byte, ud []byte) (text string, enc Encoding, ok bool) {
	return (*Codings)(nil).Read(dataCoding, 0, 0, ud)
}

// AppendUnits appends the user data of one part, without its header of so many
// octets, as Read wants it: septets that the SMSC packs come one per octet.
func (c *Codings) AppendUnits(dst []byte, dataCoding byte, header int, ud []byte) []byte {
	if c.Reads(dataCoding) == Packed {
		return appendUnpacked(dst, ud, header)
	}
	return append(dst, ud...)
}

// Read reads text: of a long message that of all parts in their order, since a
// foreign sender may cut inside an escape sequence or a surrogate pair. locking
// and single are the languages that the parts' header names; they matter in GSM7
// alone.
//
// ok is false where it is not text, or not wholly text of that encoding: binary
// and unknown data codings, octets above 0x7F in GSM7, UCS-2 of odd length or with
// half a surrogate pair. Nothing is replaced or dropped: publish it as payload.
func (c *Codings) Read(dataCoding byte, locking, single Language, units []byte) (text string, enc Encoding, ok bool) {
	switch enc = c.Reads(dataCoding); enc {
	case GSM7, Packed:
		enc = GSM7
		if l, s := lockingTable(locking), singleTable(single); l != nil || s != nil {
			text, ok = decodeNational(units, l, s)
		} else {
			text, ok = decodeGSM(units)
		}
	case ASCII:
		if text, ok = decodeOctets(units, ASCII); !ok { // of which it is a part: SMSCs announce one and send the other
			enc = Latin1
			text, ok = decodeOctets(units, Latin1)
		}
	case Latin1, Cyrillic, Hebrew:
		text, ok = decodeOctets(units, enc)
	case UCS2:
		if text, ok = decodeUCS2(units); !ok && isASCIIText(units) {
			return string(units), ASCII, true
		}
	}
	return text, enc, ok
}

// isASCIIText tells of user data that cannot be UCS-2, having an odd length, and
// can be nothing else than printable ASCII: some SMSCs put ASCII under data_coding
// 8. Of an even length it could be either, and is read as what it says.
func isASCIIText(ud []byte) bool {
	if len(ud)%2 == 0 {
		return false
	}
	for _, c := range ud {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

func decodeUCS2(ud []byte) (text string, ok bool) {
	if len(ud)%2 != 0 {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(ud)) // Latin takes half, Cyrillic all, CJK half again as much
	for i := 0; i < len(ud); i += 2 {
		r := rune(binary.BigEndian.Uint16(ud[i:]))
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(ud) {
				return "", false
			}
			r = utf16.DecodeRune(r, rune(binary.BigEndian.Uint16(ud[i:])))
			if r == '\uFFFD' { // DecodeRune's only way to say no: a pair never means it
				return "", false
			}
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
