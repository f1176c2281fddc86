package sms

import (
	"unicode/utf16"
	"unicode/utf8"
)

// MaxParts is how many parts a message may have: the count is one octet in a
// user data header and in sar_total_segments.
const MaxParts = 255

// maxPayload is the length that a TLV's 16-bit length can tell.
const maxPayload = 65535

// Parts is a message ready to be put into submit_sm PDUs.
type Parts struct {
	Encoding   Encoding // never Auto
	DataCoding byte
	Concat     Concat // Single where the message is not long
	Ref        uint16 // as it is in the parts: 8 bits for UDH8; 0 for Single and Payload
	UDHI       bool   // esm_class must say that UD begins with a header
	// UD is the user data of each part: its header, if UDHI, and its share of
	// the message. All share one buffer, each limited to its own capacity.
	UD [][]byte
}

// capacity is how much of a message fits one part: septets for GSM7, octets for
// Latin1 and Binary, UTF-16 units for UCS2. A part is 140 octets on the air
// (3GPP TS 23.040 §9.2.3.24), of which the header takes 6 or 7.
//
// SAR parts carry no header here, yet have the capacity of UDH8: carriers that
// take the TLVs turn them into that header towards the handset.
type capacity struct{ single, part int }

func capacityOf(enc Encoding, mode Concat) capacity {
	wide := 0
	if mode == UDH16 {
		wide = 1
	}
	switch enc {
	case GSM7:
		return capacity{160, 153 - wide}
	case UCS2:
		return capacity{70, 67 - wide}
	default:
		return capacity{140, 134 - wide}
	}
}

// Split encodes text and cuts it into the parts that mode asks for.
//
// Auto takes the cheapest encoding that holds every character: the one with the
// fewest parts, and among equals the first of GSM7, Latin1, UCS2. (Handsets
// show Latin1 less reliably, so it must save a part to be taken where GSM7 would do.)
//
// No part ends inside an escape sequence of the GSM alphabet or a surrogate
// pair. None ends inside a grapheme cluster either (an emoji with its skin
// tone, a letter with its marks, CR LF), unless the cluster is larger than a
// part or more than MaxParts would be needed.
//
// ref tells the messages to one recipient apart; the caller counts it. The
// error is *CannotEncode or *TooLong.
func Split(text string, enc Encoding, mode Concat, ref uint16) (Parts, error) {
	m, err := measure(text)
	if err != nil {
		return Parts{}, err
	}
	if enc, err = choose(text, &m, enc, mode); err != nil {
		return Parts{}, err
	}
	if m.units(enc) <= capacityOf(enc, mode).single {
		return single(text, enc), nil
	}
	return splitLong(text, &m, enc, mode, ref)
}

// splitLong is apart from Split so that a short text does not pay for the room
// that a plan takes on the stack.
func splitLong(text string, m *measured, enc Encoding, mode Concat, ref uint16) (Parts, error) {
	octets := m.units(enc)
	if enc == UCS2 {
		octets *= 2
	}
	if mode == Payload {
		if octets > maxPayload {
			return Parts{}, &TooLong{Parts: 1, Octets: octets, Concat: mode}
		}
		ud := appendText(make([]byte, 0, octets), text, enc)
		return Parts{Encoding: enc, DataCoding: enc.DataCoding(), Concat: Payload, UD: [][]byte{ud}}, nil
	}
	var cuts plan
	cuts.cut(text, enc, capacityOf(enc, mode).part)
	if cuts.n > MaxParts {
		return Parts{}, &TooLong{Parts: cuts.n, Octets: octets, Concat: mode}
	}
	p, buf := newParts(enc, mode, ref, cuts.n, octets)
	start := 0
	for i := range p.UD {
		from := len(buf)
		buf = appendText(p.appendHeader(buf, i+1), text[start:cuts.ends[i]], enc)
		p.UD[i] = buf[from:len(buf):len(buf)]
		start = cuts.ends[i]
	}
	return p, nil
}

// SplitBinary cuts octets into the parts that mode asks for, data_coding 4. The
// error is *TooLong. The parts do not alias payload.
func SplitBinary(payload []byte, mode Concat, ref uint16) (Parts, error) {
	c := capacityOf(Binary, mode)
	if len(payload) <= c.single || mode == Payload {
		if len(payload) > maxPayload {
			return Parts{}, &TooLong{Parts: 1, Octets: len(payload), Concat: mode}
		}
		p := Parts{Encoding: Binary, DataCoding: Binary.DataCoding(), Concat: Payload}
		if len(payload) <= c.single {
			p.Concat = Single
		}
		p.UD = [][]byte{append(make([]byte, 0, len(payload)), payload...)}
		return p, nil
	}
	n := (len(payload) + c.part - 1) / c.part
	if n > MaxParts {
		return Parts{}, &TooLong{Parts: n, Octets: len(payload), Concat: mode}
	}
	p, buf := newParts(Binary, mode, ref, n, len(payload))
	for i := range p.UD {
		from := len(buf)
		share := payload[:min(c.part, len(payload))]
		payload = payload[len(share):]
		buf = append(p.appendHeader(buf, i+1), share...)
		p.UD[i] = buf[from:len(buf):len(buf)]
	}
	return p, nil
}

// single is the hot path: a short message, in one allocation. The text fits.
func single(text string, enc Encoding) Parts {
	s := new(struct {
		ud  [1][]byte
		buf [160]byte
	})
	s.ud[0] = appendText(s.buf[:0], text, enc)
	s.ud[0] = s.ud[0][:len(s.ud[0]):len(s.ud[0])]
	return Parts{Encoding: enc, DataCoding: enc.DataCoding(), Concat: Single, UD: s.ud[:]}
}

func newParts(enc Encoding, mode Concat, ref uint16, n, octets int) (p Parts, buf []byte) {
	p = Parts{Encoding: enc, DataCoding: enc.DataCoding(), Concat: mode, Ref: ref, UD: make([][]byte, n)}
	switch mode {
	case UDH8:
		p.UDHI, p.Ref = true, ref&0xFF
		octets += 6 * n
	case UDH16:
		p.UDHI = true
		octets += 7 * n
	}
	return p, make([]byte, 0, octets)
}

// appendHeader appends the user data header of part seq, counted from 1.
func (p *Parts) appendHeader(dst []byte, seq int) []byte {
	total := byte(len(p.UD))
	switch p.Concat {
	case UDH8:
		return append(dst, 5, iePart8, 3, byte(p.Ref), total, byte(seq))
	case UDH16:
		return append(dst, 6, iePart16, 4, byte(p.Ref>>8), byte(p.Ref), total, byte(seq))
	default:
		return dst
	}
}

// measured is what one pass over a text tells of every encoding.
type measured struct {
	septets   int // as GSM7, counting only what is in the alphabet
	runes     int // which is octets as Latin1
	utf16     int // units as UCS2
	gsmBad    int // index of the first character that is not in GSM7; -1: none
	latin1Bad int // the same for Latin1
}

func (m *measured) units(enc Encoding) int {
	switch enc {
	case GSM7:
		return m.septets
	case UCS2:
		return m.utf16
	default:
		return m.runes
	}
}

func measure(text string) (measured, error) {
	m := measured{gsmBad: -1, latin1Bad: -1}
	septets, runes := 0, 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			width := gsmWidth[c]
			if width == 0 && m.gsmBad < 0 {
				m.gsmBad = i
			}
			septets += int(width)
			runes++
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return m, cannotEncode(text, i, Auto)
		}
		width := gsmWidthOf(r)
		if width == 0 && m.gsmBad < 0 {
			m.gsmBad = i
		}
		if r > 0xFF && m.latin1Bad < 0 {
			m.latin1Bad = i
		}
		if r > 0xFFFF {
			m.utf16++ // beside the one that every rune counts for
		}
		septets += width
		runes++
		i += size
	}
	m.septets, m.runes, m.utf16 = septets, runes, m.utf16+runes
	return m, nil
}

// choose settles the encoding.
func choose(text string, m *measured, enc Encoding, mode Concat) (Encoding, error) {
	switch enc {
	case GSM7:
		if m.gsmBad >= 0 {
			return enc, cannotEncode(text, m.gsmBad, enc)
		}
		return enc, nil
	case Latin1:
		if m.latin1Bad >= 0 {
			return enc, cannotEncode(text, m.latin1Bad, enc)
		}
		return enc, nil
	case UCS2:
		return enc, nil
	case Auto:
	default:
		return enc, cannotEncode(text, 0, enc)
	}
	if m.gsmBad >= 0 {
		if m.latin1Bad >= 0 {
			return UCS2, nil
		}
		return Latin1, nil
	}
	gsm, latin1 := capacityOf(GSM7, mode), capacityOf(Latin1, mode)
	// UCS2 never beats GSM7: its parts hold 67 units, those of GSM7 76
	// characters even where each takes an escape. Latin1 may, where many do.
	if m.latin1Bad >= 0 || m.septets <= gsm.single || m.septets == m.runes || mode == Payload {
		return GSM7, nil
	}
	if m.runes <= latin1.single {
		return Latin1, nil
	}
	if partsAs(text, Latin1, latin1.part) < partsAs(text, GSM7, gsm.part) {
		return Latin1, nil
	}
	return GSM7, nil
}

func partsAs(text string, enc Encoding, capacity int) int {
	var cuts plan
	cuts.cut(text, enc, capacity)
	return cuts.n
}

// appendText appends text in an encoding that holds all of it.
func appendText(dst []byte, text string, enc Encoding) []byte {
	switch enc {
	case GSM7:
		return appendGSM(dst, text)
	case Latin1:
		for _, r := range text {
			dst = append(dst, byte(r))
		}
	case UCS2:
		for _, r := range text {
			if r > 0xFFFF {
				hi, lo := utf16.EncodeRune(r)
				dst = append(dst, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo))
				continue
			}
			dst = append(dst, byte(r>>8), byte(r))
		}
	}
	return dst
}
