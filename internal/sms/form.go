package sms

import "unicode/utf16"

// form is an encoding with all that its units depend on. A unit is a septet of
// GSM7, an octet, or 16 bits of UCS2.
type form struct {
	enc             Encoding
	link            Encoding // of GSM7: how septets are written, see Codings.onLink
	locking, single Language // of GSM7
}

func (f form) national() bool { return f.locking != 0 || f.single != 0 }

// takesTables tells whether GSM7 reaches the SMSC as septets, so that tables can
// be named for them.
func (f form) takesTables() bool { return f.link == Auto || f.link == Packed }

// header is the octets of the user data header of a part in this form, its length
// octet included; 0: there is none. Part of a long message is one that needs the
// concatenation element.
func (f form) header(mode Concat, long bool) (octets int) {
	if long {
		switch mode {
		case UDH8:
			octets = 5
		case UDH16:
			octets = 6
		}
	}
	if f.locking != 0 {
		octets += 3
	}
	if f.single != 0 {
		octets += 3
	}
	if octets > 0 {
		octets++
	}
	return octets
}

// onAir is the octets of a short message on the air (3GPP TS 23.040 §9.2.3.24).
const onAir = 140

// capacity is how many units of a message fit one part, if it is the only one and
// if it is one of several.
//
// SAR parts carry no concatenation element here, yet have the capacity of UDH8:
// carriers that take the TLVs turn them into that element towards the handset.
type capacity struct{ single, part int }

func (f form) capacity(mode Concat) capacity {
	if mode == SAR {
		mode = UDH8
	}
	single, part := onAir-f.header(mode, false), onAir-f.header(mode, true)
	switch f.enc {
	case GSM7:
		return capacity{single * 8 / 7, part * 8 / 7}
	case UCS2:
		return capacity{single / 2, part / 2}
	default:
		return capacity{single, part}
	}
}

// units is those of a rune; 0: the form does not hold it.
func (f form) units(r rune) int {
	switch f.enc {
	case GSM7:
		if !f.national() {
			return gsmWidthOf(r)
		}
		switch code := codeIn(r, f.locking, f.single); {
		case code == noCode:
			return 0
		case code >= extension:
			return 2
		default:
			return 1
		}
	case UCS2:
		if r > 0xFFFF {
			return 2
		}
		return 1
	default:
		if _, ok := octetOf(r, f.enc); !ok {
			return 0
		}
		return 1
	}
}

// unitsOf is those of a text that the form holds.
func (f form) unitsOf(text string) (units int) {
	for _, r := range text {
		units += f.units(r)
	}
	return units
}

// firstBad is the index of the first character that the form does not hold; -1:
// it holds all. In GSM7 that an SMSC takes in another alphabet a character must be
// in both.
func (f form) firstBad(text string) int {
	for i, r := range text {
		if f.units(r) == 0 || !f.links(r) {
			return i
		}
	}
	return -1
}

// links tells whether the alphabet in which GSM7 goes to the SMSC has a rune.
func (f form) links(r rune) bool {
	if f.enc != GSM7 || f.takesTables() {
		return true
	}
	_, ok := octetOf(r, f.link)
	return ok
}

// octets is how many an encoded text of so many units may take at most, without
// headers.
func (f form) octets(units int) int {
	if f.enc == UCS2 {
		return 2 * units
	}
	return units
}

// append appends text, which the form holds. header is the octets of the part's
// header: what is packed is aligned to it.
func (f form) append(dst []byte, text string, header int) []byte {
	switch f.enc {
	case GSM7:
		if f.link != Auto {
			return f.appendLinked(dst, text, header)
		}
		return f.appendSeptets(dst, text)
	case UCS2:
		for _, r := range text {
			if r > 0xFFFF {
				hi, lo := utf16.EncodeRune(r)
				dst = append(dst, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo))
				continue
			}
			dst = append(dst, byte(r>>8), byte(r))
		}
		return dst
	default:
		return appendOctets(dst, text, f.enc)
	}
}

func (f form) appendSeptets(dst []byte, text string) []byte {
	if f.national() {
		return appendNational(dst, text, f.locking, f.single)
	}
	return appendGSM(dst, text)
}

// appendLinked writes GSM7 as an SMSC takes it that does not take it unpacked.
func (f form) appendLinked(dst []byte, text string, header int) []byte {
	if f.link != Packed {
		return appendOctets(dst, text, f.link)
	}
	return appendPacked(dst, f.appendSeptets(make([]byte, 0, 2*len(text)), text), header)
}
