package sms

import (
	"fmt"
	"unicode/utf8"
)

// Encoding is the form in which a text travels in user data.
type Encoding uint8

const (
	// Auto asks Split to take the cheapest encoding that holds every character.
	Auto Encoding = iota
	// GSM7 is the GSM 7-bit default alphabet with its extension table (3GPP TS
	// 23.038 §6.2.1), or with national language tables where the user data header
	// says so, one septet per octet: the SMSC packs. data_coding 0.
	GSM7
	// Latin1 is ISO-8859-1. data_coding 3.
	Latin1
	// UCS2 is UTF-16, big endian, with surrogate pairs. data_coding 8.
	UCS2
	// Binary is octets without a meaning to us. data_coding 4.
	Binary
	// ASCII is IA5, ITU-T T.50. data_coding 1.
	ASCII
	// Cyrillic is ISO-8859-5. data_coding 6.
	Cyrillic
	// Hebrew is ISO-8859-8, in logical order. data_coding 7.
	Hebrew
	// Packed is GSM7 with eight septets in seven octets, as on the air. It is what an
	// SMSC may mean by data_coding 0, see Codings; as the encoding of a message it is
	// called GSM7.
	Packed
)

var encodingNames = [...]string{
	Auto: "auto", GSM7: "gsm7", Latin1: "latin1", UCS2: "ucs2", Binary: "binary", ASCII: "ascii", Cyrillic: "cyrillic", Hebrew: "hebrew",
	Packed: "gsm7-packed",
}

// String gives the name that records use.
func (e Encoding) String() string {
	if int(e) < len(encodingNames) {
		return encodingNames[e]
	}
	return fmt.Sprintf("encoding(%d)", uint8(e))
}

// ParseEncoding reads a name as String writes it.
func ParseEncoding(s string) (Encoding, bool) {
	for e, name := range encodingNames {
		if s == name {
			return Encoding(e), true
		}
	}
	return Auto, false
}

// DataCoding is the data_coding of the encoding (SMPP v3.4 §5.2.19).
func (e Encoding) DataCoding() byte {
	switch e {
	case ASCII:
		return 0x01
	case Latin1:
		return 0x03
	case Binary:
		return 0x04
	case Cyrillic:
		return 0x06
	case Hebrew:
		return 0x07
	case UCS2:
		return 0x08
	default:
		return 0x00
	}
}

// WithClass gives the data_coding that carries a message class (0 to 3, 0 is
// flash) beside the encoding: the general data coding group of 3GPP TS 23.038
// §4. The 8-bit alphabets have no such form, nor has any class outside 0 to 3:
// ok is false.
func (e Encoding) WithClass(class int) (dataCoding byte, ok bool) {
	if class < 0 || class > 3 {
		return 0, false
	}
	switch e {
	case GSM7, Packed:
		return 0x10 | byte(class), true
	case Binary:
		return 0x14 | byte(class), true
	case UCS2:
		return 0x18 | byte(class), true
	default:
		return 0, false
	}
}

// Concat is the way in which the parts of a long message name each other.
type Concat uint8

const (
	// UDH8 is a user data header with an 8-bit reference (3GPP TS 23.040
	// §9.2.3.24.1).
	UDH8 Concat = iota
	// UDH16 is a user data header with a 16-bit reference (§9.2.3.24.8).
	UDH16
	// SAR is the TLVs sar_msg_ref_num, sar_total_segments and
	// sar_segment_seqnum (SMPP v3.4 §5.3.2.22 to 24); the caller adds them.
	SAR
	// Payload is the whole message in the TLV message_payload (§5.3.2.32).
	Payload
	// Single is what Split says of a message that fits one short_message,
	// whatever way was asked for: there is nothing to join. It cannot be asked
	// for.
	Single
)

var concatNames = [...]string{UDH8: "udh8", UDH16: "udh16", SAR: "sar", Payload: "payload", Single: "single"}

// String gives the name that the configuration uses.
func (c Concat) String() string {
	if int(c) < len(concatNames) {
		return concatNames[c]
	}
	return fmt.Sprintf("concat(%d)", uint8(c))
}

// ParseConcat reads one of udh8, udh16, sar and payload.
func ParseConcat(s string) (Concat, bool) {
	for c, name := range concatNames[:Single] {
		if s == name {
			return Concat(c), true
		}
	}
	return UDH8, false
}

// CannotEncode says which character an encoding does not hold. It carries that
// one character and no other part of the text.
type CannotEncode struct {
	Rune     rune     // utf8.RuneError where the text is not valid UTF-8
	Index    int      // of its first byte in the text
	Encoding Encoding // what was asked for
	Invalid  bool     // the text is not valid UTF-8 there
}

func (e *CannotEncode) Error() string {
	switch {
	case e.Invalid:
		return fmt.Sprintf("text: byte %d is not valid UTF-8; send the text as UTF-8, or octets as payload", e.Index)
	case e.Encoding == Binary:
		return "text: encoding binary is for payload; use encoding auto for a text, or give payload"
	case int(e.Encoding) >= len(encodingNames):
		return fmt.Sprintf("text: there is no encoding %d; use auto, gsm7, ascii, latin1, cyrillic, hebrew or ucs2", uint8(e.Encoding))
	default:
		return fmt.Sprintf("text: %U at byte %d is not in %s; use encoding auto or ucs2", e.Rune, e.Index, e.Encoding)
	}
}

func cannotEncode(text string, index int, enc Encoding) error {
	r, size := utf8.DecodeRuneInString(text[index:])
	return &CannotEncode{Rune: r, Index: index, Encoding: enc, Invalid: r == utf8.RuneError && size <= 1 && index < len(text)}
}

// TooLong says that a message cannot be carried in the way asked for.
type TooLong struct {
	Parts  int // that it would take; 1 for Payload
	Octets int // of user data without headers
	Concat Concat
}

func (e *TooLong) Error() string {
	if e.Concat == Payload {
		return fmt.Sprintf("message is %d octets long and message_payload holds at most %d; shorten it or send it as several messages", e.Octets, maxPayload)
	}
	return fmt.Sprintf("message needs %d parts and at most %d can name each other; shorten it or send it as several messages", e.Parts, MaxParts)
}
