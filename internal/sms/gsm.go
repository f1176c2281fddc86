package sms

import (
	"strings"
)

// The GSM 7-bit default alphabet and its extension table, 3GPP TS 23.038
// §6.2.1 and §6.2.1.1.

const esc = 0x1B

// gsmRunes is the default alphabet by septet. Septet 0x1B is the escape to the
// extension table; on its own it is shown as a space (§6.2.1, note 1). Septet
// 0x09 is the capital Ç, as in the specification; tables that have ç there
// follow an early error.
var gsmRunes = [128]rune{
	'@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
	'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É',
	' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
	'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
	'¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
	'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
	'¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
	'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
}

// gsmExtension is the extension table: the septet after the escape.
var gsmExtension = [...]struct {
	septet byte
	r      rune
}{
	{0x0A, '\f'}, {0x14, '^'}, {0x28, '{'}, {0x29, '}'}, {0x2F, '\\'},
	{0x3C, '['}, {0x3D, '~'}, {0x3E, ']'}, {0x40, '|'}, {0x65, '€'},
}

// The tables below are made once from the two above.
var (
	// gsmCode is the code of a rune below U+0100: its septet, or extension|septet,
	// or noCode.
	gsmCode [256]uint16
	// gsmWidth is the septets that such a rune takes: 1, 2, or 0 for none.
	gsmWidth [256]uint8
	// gsmExtended is the rune of the septet after an escape, 0 for none.
	gsmExtended [128]rune
	// gsmPlain says of an octet that it means the same in the alphabet and in
	// ASCII.
	gsmPlain [256]bool
)

const (
	extension = 0x1B00
	noCode    = 0xFFFF
)

func init() {
	for i := range gsmCode {
		gsmCode[i] = noCode
	}
	for septet, r := range gsmRunes {
		if septet == esc {
			continue // its space is for showing; the space character is 0x20
		}
		if r < 256 {
			gsmCode[r], gsmWidth[r] = uint16(septet), 1
		}
		gsmPlain[septet] = int(r) == septet
	}
	for _, x := range gsmExtension {
		gsmExtended[x.septet] = x.r
		if x.r < 256 {
			gsmCode[x.r], gsmWidth[x.r] = extension|uint16(x.septet), 2
		}
	}
}

// gsmCodeOf is gsmCode for any rune.
func gsmCodeOf(r rune) uint16 {
	if r >= 0 && r < 256 {
		return gsmCode[r]
	}
	switch r {
	case 'Δ':
		return 0x10
	case 'Φ':
		return 0x12
	case 'Γ':
		return 0x13
	case 'Λ':
		return 0x14
	case 'Ω':
		return 0x15
	case 'Π':
		return 0x16
	case 'Ψ':
		return 0x17
	case 'Σ':
		return 0x18
	case 'Θ':
		return 0x19
	case 'Ξ':
		return 0x1A
	case '€':
		return extension | 0x65
	}
	return noCode
}

// gsmWidthOf is the septets that a rune takes; 0: it is not in the alphabet.
func gsmWidthOf(r rune) int {
	switch code := gsmCodeOf(r); {
	case code == noCode:
		return 0
	case code >= extension:
		return 2
	default:
		return 1
	}
}

// appendGSM appends the septets of text, one per octet. Every character of it
// must be in the alphabet: Split has measured it.
//
// What is the same in ASCII, which is most, is copied in runs.
func appendGSM(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		run := i
		for i < len(text) && gsmPlain[text[i]] {
			i++
		}
		dst = append(dst, text[run:i]...)
		if i == len(text) {
			break
		}
		r, size := decodeRune(text[i:])
		code := gsmCodeOf(r)
		if code >= extension {
			dst = append(dst, esc)
		}
		dst = append(dst, byte(code))
		i += size
	}
	return dst
}

// decodeGSM reads unpacked septets. ok is false where an octet is no septet:
// then the data is something else than it says, and guessing would lose it.
//
// What is not in the tables is read as §6.2.1 asks of a handset: an escape
// before a septet without an extension gives the septet of the default table,
// a second escape or an escape at the end gives a space.
func decodeGSM(ud []byte) (text string, ok bool) {
	plain := true
	for _, c := range ud {
		if c >= 0x80 {
			return "", false
		}
		plain = plain && gsmPlain[c]
	}
	if plain {
		return string(ud), true
	}
	var b strings.Builder
	b.Grow(len(ud) + len(ud)/4)
	for i := 0; i < len(ud); i++ {
		c := ud[i]
		if c == esc && i+1 < len(ud) {
			if r := gsmExtended[ud[i+1]]; r != 0 {
				b.WriteRune(r)
				i++
				continue
			}
			if ud[i+1] != esc {
				continue
			}
			i++
		}
		b.WriteRune(gsmRunes[c])
	}
	return b.String(), true
}
