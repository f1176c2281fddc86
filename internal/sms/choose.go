package sms

import "unicode/utf8"

// measured is what one pass over a text tells of the plain forms.
type measured struct {
	septets   int // as GSM7 of the default alphabet, counting only what is in it
	runes     int // which is octets as Latin1
	utf16     int // units as UCS2
	gsmBad    int // index of the first character that is not in GSM7; -1: none
	latin1Bad int // the same for Latin1
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

// unitsAs is the units of the text that was measured, in a form that holds it.
func (m *measured) unitsAs(f form, text string) int {
	switch {
	case f.national():
		return f.unitsOf(text)
	case f.enc == GSM7:
		return m.septets
	case f.enc == UCS2:
		return m.utf16
	default:
		return m.runes
	}
}

// choose settles the form.
func (o *Options) choose(text string, m *measured) (form, error) {
	gsm := form{enc: GSM7, link: o.Codings.onLink()}
	if !gsm.takesTables() {
		m.gsmBad = gsm.firstBad(text)
	}
	switch o.Encoding {
	case Auto:
	case GSM7, Packed:
		if m.gsmBad < 0 {
			return gsm, nil
		}
		if f, _ := o.national(text, m); f.national() {
			return f, nil
		}
		return gsm, cannotEncode(text, m.gsmBad, GSM7)
	case Latin1:
		if m.latin1Bad >= 0 {
			return form{}, cannotEncode(text, m.latin1Bad, o.Encoding)
		}
		return form{enc: Latin1}, nil
	case UCS2:
		return form{enc: UCS2}, nil
	case ASCII, Cyrillic, Hebrew:
		f := form{enc: o.Encoding}
		if bad := f.firstBad(text); bad >= 0 {
			return form{}, cannotEncode(text, bad, o.Encoding)
		}
		return f, nil
	default:
		return form{}, cannotEncode(text, 0, o.Encoding)
	}
	f := o.plain(text, m, gsm)
	if o.Languages != 0 {
		if parts := o.partsAs(text, m.unitsAs(f, text), f); parts > 1 {
			if n, fewer := o.national(text, m); n.national() && fewer < parts {
				return n, nil
			}
		}
	}
	return f, nil
}

// plain is the form that Auto takes among those without national tables.
func (o *Options) plain(text string, m *measured, gsm form) form {
	latin1 := form{enc: Latin1}
	holds := m.latin1Bad < 0 && o.Codings.choosable(Latin1)
	if m.gsmBad >= 0 {
		if !holds {
			return form{enc: UCS2}
		}
		return latin1
	}
	// UCS2 never beats GSM7: its parts hold 67 units, those of GSM7 76
	// characters even where each takes an escape. Latin1 may, where many do.
	if !holds || m.septets <= gsm.capacity(o.Concat).single || m.septets == m.runes || o.Concat == Payload {
		return gsm
	}
	if o.partsAs(text, m.runes, latin1) < o.partsAs(text, m.septets, gsm) {
		return latin1
	}
	return gsm
}

// national is the form of GSM7 with the tables of one allowed language that
// takes the fewest parts, and how many; among equals the first of the languages
// by number, and of single shift, locking shift and both. The zero form if none
// holds the text.
func (o *Options) national(text string, m *measured) (best form, parts int) {
	plain := form{enc: GSM7, link: o.Codings.onLink()}
	if !plain.takesTables() {
		return form{}, 0
	}
	for l := Turkish; l < languages; l++ {
		if !o.Languages.Has(l) {
			continue
		}
		for _, f := range plain.with(l) {
			// Most languages drop out at the first character that the default alphabet lacks.
			if m.gsmBad >= 0 && f.units(firstRune(text[m.gsmBad:])) == 0 || f.firstBad(text) >= 0 {
				continue
			}
			if n := o.partsAs(text, f.unitsOf(text), f); parts == 0 || n < parts {
				best, parts = f, n
			}
		}
	}
	return best, parts
}

// with is the forms that the tables of a language make of this one.
func (f form) with(l Language) []form {
	forms := []form{{f.enc, f.link, 0, l}, {f.enc, f.link, l, 0}, {f.enc, f.link, l, l}}
	if lockingTables[l] == nil {
		return forms[:1]
	}
	return forms
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// partsAs is how many parts a text of so many units takes in a form. Of a
// message_payload it is how many the SMSC will make of it.
func (o *Options) partsAs(text string, units int, f form) int {
	mode := o.Concat
	if mode == Payload {
		mode = UDH8
	}
	c := f.capacity(mode)
	if units <= c.single {
		return 1
	}
	var cuts plan
	cuts.cut(text, f, c.part)
	return cuts.n
}

// FirstOutside is the index of the first character of a text that an encoding
// does not hold; -1: it holds all, as UCS2 does. In GSM7 it is that at which the
// last of the allowed languages' tables gives up.
func (o *Options) FirstOutside(text string, enc Encoding) int {
	if enc == UCS2 || enc == Auto {
		return -1
	}
	f := form{enc: enc}
	if enc != GSM7 {
		return f.firstBad(text)
	}
	f.link = o.Codings.onLink()
	last := f.firstBad(text)
	for l := Turkish; l < languages && last >= 0 && f.takesTables(); l++ {
		if !o.Languages.Has(l) {
			continue
		}
		for _, n := range f.with(l) {
			bad := n.firstBad(text)
			if bad < 0 {
				return -1
			}
			last = max(last, bad)
		}
	}
	return last
}
