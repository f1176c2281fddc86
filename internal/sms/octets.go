package sms

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// The alphabets of one octet a character that data_coding names (SMPP v3.4
// §5.2.19). The first 128 of each are those of ASCII.

// charmapOf is the table of an alphabet's octets above 0x7F; nil where there is
// none or none is needed.
func charmapOf(enc Encoding) *charmap.Charmap {
	switch enc {
	case Cyrillic:
		return charmap.ISO8859_5
	case Hebrew:
		return charmap.ISO8859_8
	default:
		return nil
	}
}

// octetOf is a rune's octet in one of these alphabets.
func octetOf(r rune, enc Encoding) (octet byte, ok bool) {
	if r < utf8.RuneSelf {
		return byte(r), true
	}
	switch enc {
	case Latin1:
		return byte(r), r <= 0xFF
	case Cyrillic, Hebrew:
		return charmapOf(enc).EncodeRune(r)
	default:
		return 0, false
	}
}

func appendOctets(dst []byte, text string, enc Encoding) []byte {
	for _, r := range text {
		octet, _ := octetOf(r, enc)
		dst = append(dst, octet)
	}
	return dst
}

// decodeOctets is not ok where an octet is none of the alphabet's.
func decodeOctets(ud []byte, enc Encoding) (text string, ok bool) {
	high := 0
	for _, c := range ud {
		high += int(c >> 7)
	}
	if high == 0 {
		return string(ud), true
	}
	table := charmapOf(enc)
	if table == nil && enc != Latin1 {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(ud) + high)
	for _, c := range ud {
		r := rune(c)
		if table != nil {
			if r = table.DecodeByte(c); r == utf8.RuneError {
				return "", false
			}
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
