package sms

// MaxParts is how many parts a message may have: the count is one octet in a
// user data header and in sar_total_segments.
const MaxParts = 255

// maxPayload is the length that a TLV's 16-bit length can tell.
const maxPayload = 65535

// Options is how a text is to be encoded and cut.
type Options struct {
	Encoding Encoding
	Concat   Concat
	// Ref tells the long messages to one recipient apart; the caller counts it.
	Ref uint16
	// Languages are those whose national tables may be used where the default
	// alphabet does not hold a text, by Auto and GSM7.
	Languages Languages
	Codings   *Codings // nil: the standard's
}

// Parts is a message ready to be put into submit_sm PDUs.
type Parts struct {
	Encoding   Encoding // never Auto or Packed
	DataCoding byte
	Concat     Concat // Single where the message is not long
	Ref        uint16 // as it is in the parts: 8 bits for UDH8; 0 for Single and Payload
	UDHI       bool   // esm_class must say that UD begins with a header
	// Of GSM7 with national language tables, as the header says; else 0.
	Locking, Single Language
	// UD is the user data of each part: its header, if UDHI, and its share of
	// the message. All share one buffer, each limited to its own capacity.
	UD [][]byte

	form form
}

// Split is Options.Split for the standard's codings and the default alphabet.
func Split(text string, enc Encoding, mode Concat, ref uint16) (Parts, error) {
	o := Options{Encoding: enc, Concat: mode, Ref: ref}
	return o.Split(text)
}

// Split encodes text and cuts it into the parts that o.Concat asks for.
//
// Auto takes the cheapest form that holds every character: the one with the
// fewest parts, and among equals the first of GSM7, Latin1, UCS2, GSM7 with
// national language tables. (Handsets show Latin1 less reliably, and fewer still
// know the tables: they must save a part to be taken.)
//
// No part ends inside an escape sequence of the GSM alphabet or a surrogate
// pair. None ends inside a grapheme cluster either (an emoji with its skin
// tone, a letter with its marks, CR LF), unless the cluster is larger than a
// part or more than MaxParts would be needed.
//
// The error is *CannotEncode or *TooLong.
func (o *Options) Split(text string) (Parts, error) {
	m, err := measure(text)
	if err != nil {
		return Parts{}, err
	}
	f, err := o.choose(text, &m)
	if err != nil {
		return Parts{}, err
	}
	units := m.unitsAs(f, text)
	if f.locking|f.single == 0 && units <= f.capacity(o.Concat).single {
		return o.single(text, f), nil
	}
	return o.splitLong(text, units, f)
}

// splitLong is apart from Split so that a short text does not pay for the room
// that a plan takes on the stack. It does short texts with a header too.
func (o *Options) splitLong(text string, units int, f form) (Parts, error) {
	octets := f.octets(units)
	short := units <= f.capacity(o.Concat).single
	if short || o.Concat == Payload {
		header := f.header(Single, false)
		if header+octets > maxPayload {
			return Parts{}, &TooLong{Parts: 1, Octets: octets, Concat: Payload}
		}
		p := o.newParts(f, 1)
		p.Concat, p.Ref = Payload, 0
		if short {
			p.Concat = Single
		}
		ud := p.appendHeader(make([]byte, 0, header+octets), 1)
		p.UD[0] = f.append(ud, text, header)
		return p, nil
	}
	var cuts plan
	cuts.cut(text, f, f.capacity(o.Concat).part)
	if cuts.n > MaxParts {
		return Parts{}, &TooLong{Parts: cuts.n, Octets: octets, Concat: o.Concat}
	}
	p := o.newParts(f, cuts.n)
	header := f.header(o.Concat, true)
	buf := make([]byte, 0, octets+header*cuts.n)
	start := 0
	for i := range p.UD {
		from := len(buf)
		buf = f.append(p.appendHeader(buf, i+1), text[start:cuts.ends[i]], header)
		p.UD[i] = buf[from:len(buf):len(buf)]
		start = cuts.ends[i]
	}
	return p, nil
}

// SplitBinary cuts octets into the parts that mode asks for, data_coding 4. The
// error is *TooLong. The parts do not alias payload.
func SplitBinary(payload []byte, mode Concat, ref uint16) (Parts, error) {
	o := Options{Concat: mode, Ref: ref}
	return o.SplitBinary(payload)
}

// SplitBinary cuts octets into the parts that o.Concat asks for.
func (o *Options) SplitBinary(payload []byte) (Parts, error) {
	f := form{enc: Binary}
	c := f.capacity(o.Concat)
	if len(payload) <= c.single || o.Concat == Payload {
		if len(payload) > maxPayload {
			return Parts{}, &TooLong{Parts: 1, Octets: len(payload), Concat: Payload}
		}
		p := o.newParts(f, 1)
		p.Concat, p.Ref, p.UDHI = Payload, 0, false
		if len(payload) <= c.single {
			p.Concat = Single
		}
		p.UD[0] = append(make([]byte, 0, len(payload)), payload...)
		return p, nil
	}
	n := (len(payload) + c.part - 1) / c.part
	if n > MaxParts {
		return Parts{}, &TooLong{Parts: n, Octets: len(payload), Concat: o.Concat}
	}
	p := o.newParts(f, n)
	buf := make([]byte, 0, len(payload)+n*f.header(o.Concat, true))
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
func (o *Options) single(text string, f form) Parts {
	s := new(struct {
		ud  [1][]byte
		buf [160]byte
	})
	s.ud[0] = f.append(s.buf[:0], text, 0)
	s.ud[0] = s.ud[0][:len(s.ud[0]):len(s.ud[0])]
	return Parts{Encoding: f.enc, DataCoding: o.Codings.Writes(f.enc), Concat: Single, UD: s.ud[:], form: f}
}

// newParts is n empty parts of a long message.
func (o *Options) newParts(f form, n int) Parts {
	p := Parts{Encoding: f.enc, DataCoding: o.Codings.Writes(f.enc), Concat: o.Concat, Ref: o.Ref, Locking: f.locking, Single: f.single,
		UD: make([][]byte, n), form: f}
	p.UDHI = f.national()
	if n > 1 {
		switch o.Concat {
		case UDH8:
			p.UDHI, p.Ref = true, o.Ref&0xFF
		case UDH16:
			p.UDHI = true
		}
	}
	return p
}

// appendHeader appends the user data header of part seq, counted from 1.
func (p *Parts) appendHeader(dst []byte, seq int) []byte {
	if !p.UDHI {
		return dst
	}
	size := p.form.header(p.Concat, p.Concat == UDH8 || p.Concat == UDH16)
	total := byte(len(p.UD))
	dst = append(dst, byte(size-1))
	switch p.Concat {
	case UDH8:
		dst = append(dst, iePart8, 3, byte(p.Ref), total, byte(seq))
	case UDH16:
		dst = append(dst, iePart16, 4, byte(p.Ref>>8), byte(p.Ref), total, byte(seq))
	}
	if p.Locking != 0 {
		dst = append(dst, ieLock, 1, byte(p.Locking))
	}
	if p.Single != 0 {
		dst = append(dst, ieSingle, 1, byte(p.Single))
	}
	return dst
}

// Units counts what a text takes of a part: septets in GSM7, 16-bit units in
// UCS2, else octets. The text is one that the parts' form holds.
func (p *Parts) Units(text string) int { return p.form.unitsOf(text) }

// Capacity is how many such units each part holds; 0 where message_payload sets no
// such limit.
func (p *Parts) Capacity() int {
	switch p.Concat {
	case Payload:
		return 0
	case Single:
		return p.form.capacity(Single).single
	default:
		return p.form.capacity(p.Concat).part
	}
}
