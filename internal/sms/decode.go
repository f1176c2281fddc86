package sms

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// EncodingOf tells what user data holds, from data_coding (SMPP v3.4 §5.2.19
// and, for the coding groups above 0x0F, 3GPP TS 23.038 §4). known is false for
// what this package cannot read, such as JIS, Cyrillic or compressed text; the
// encoding is then Binary. IA5 is given as Latin1, of which it is a part.
func EncodingOf(dataCoding byte) (enc Encoding, known bool) {
	switch dataCoding {
	case 0x00:
		return GSM7, true
	case 0x01, 0x03:
		return Latin1, true
	case 0x02, 0x04:
		return Binary, true
	case 0x08:
		return UCS2, true
	}
	switch dataCoding >> 4 {
	case 0x1: // a message class; bits 3 and 2 are the alphabet
		switch dataCoding >> 2 & 3 {
		case 0:
			return GSM7, true
		case 1:
			return Binary, true
		case 2:
			return UCS2, true
		}
	case 0xC, 0xD: // message waiting indication
		return GSM7, true
	case 0xE:
		return UCS2, true
	case 0xF: // bit 2 is the alphabet; bit 3 is reserved
		if dataCoding&4 != 0 {
			return Binary, true
		}
		return GSM7, true
	}
	return Binary, false
}

// Decode reads the text of user data without its header; of a long message,
// that of all parts in their order, since a foreign sender may cut inside an
// escape sequence or a surrogate pair.
//
// ok is false where it is not text, or not wholly text of that encoding: binary
// and unknown data codings, octets above 0x7F in GSM7, UCS-2 of odd length or with
// half a surrogate pair. Nothing is replaced or dropped: publish ud as payload.
func Decode(dataCoding byte, ud []byte) (text string, enc Encoding, ok bool) {
	enc, _ = EncodingOf(dataCoding)
	switch enc {
	case GSM7:
		text, ok = decodeGSM(ud)
	case Latin1:
		text, ok = decodeLatin1(ud), true
	case UCS2:
		text, ok = decodeUCS2(ud)
	}
	return text, enc, ok
}

func decodeLatin1(ud []byte) string {
	high := 0
	for _, c := range ud {
		high += int(c >> 7)
	}
	if high == 0 {
		return string(ud)
	}
	var b strings.Builder
	b.Grow(len(ud) + high)
	for _, c := range ud {
		b.WriteRune(rune(c))
	}
	return b.String()
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
