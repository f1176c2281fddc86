package sms

import "fmt"

// Waiting is what a data_coding of the message waiting groups asks the handset
// to show (3GPP TS 23.038 §4).
type Waiting uint8

const (
	NotWaiting   Waiting = iota // not of these groups
	WaitingVoice                // voicemail
	WaitingFax
	WaitingEmail
	WaitingOther
)

// Coding is what a data_coding says.
type Coding struct {
	// Encoding is Binary also for what this package cannot read; then Known is false.
	Encoding Encoding
	Known    bool
	// Compressed text (3GPP TS 23.042) is not known: no handset in use sends it.
	Compressed bool
	Class      int     // 0 to 3, 0 is flash; -1: none
	Waiting    Waiting // whose indication is meant
	Active     bool    // the indication is to be shown, not taken away
	Discard    bool    // the handset may show the indication alone and drop the text
	AutoDelete bool    // marked for automatic deletion, once read
}

// ParseDataCoding reads a data_coding: the alphabets that SMPP v3.4 §5.2.19 gives to 0x00 to 0x0F,
// and the coding groups of 3GPP TS 23.038 §4 above. What that calls reserved is to be taken for the
// default alphabet, and is.
func ParseDataCoding(dataCoding byte) Coding {
	c := Coding{Encoding: GSM7, Known: true, Class: -1}
	low := dataCoding & 0x0F
	switch group := dataCoding >> 4; {
	case group == 0:
		c.Encoding, c.Known = smppCoding(low)
	case group < 0x8: // 00xx general, 01xx marked for automatic deletion
		c.AutoDelete = group >= 4
		if group&1 != 0 {
			c.Class = int(low & 3)
		}
		switch low >> 2 {
		case 1:
			c.Encoding = Binary
		case 2:
			c.Encoding = UCS2
		}
		if group&2 != 0 {
			c.Compressed, c.Known, c.Encoding = true, false, Binary
		}
	case group < 0xC: // reserved
	case group < 0xF: // message waiting: 1100 discard, 1101 store, 1110 store in UCS-2
		c.Waiting = WaitingVoice + Waiting(low&3)
		c.Active = low&8 != 0
		c.Discard = group == 0xC
		if group == 0xE {
			c.Encoding = UCS2
		}
	default: // 1111: bit 2 is the alphabet; bit 3 is reserved
		c.Class = int(low & 3)
		if low&4 != 0 {
			c.Encoding = Binary
		}
	}
	return c
}

// smppCoding is SMPP v3.4 §5.2.19. JIS, ISO-2022-JP, EUC-KR and pictograms are
// not read.
func smppCoding(low byte) (enc Encoding, known bool) {
	switch low {
	case 0x00:
		return GSM7, true
	case 0x01:
		return ASCII, true
	case 0x02, 0x04:
		return Binary, true
	case 0x03:
		return Latin1, true
	case 0x06:
		return Cyrillic, true
	case 0x07:
		return Hebrew, true
	case 0x08:
		return UCS2, true
	}
	return Binary, false
}

// EncodingOf tells what user data holds by the standard's codings. known is false
// for what this package cannot read; the encoding is then Binary.
func EncodingOf(dataCoding byte) (enc Encoding, known bool) {
	c := ParseDataCoding(dataCoding)
	return c.Encoding, c.Known
}

// Codings is what one SMSC means by data_coding, as far as that departs from the
// standard. A nil *Codings is the standard. It is not changed once made.
type Codings struct {
	read    [256]Encoding
	own     [256]bool // read differs from the standard
	write   [len(encodingNames)]int16
	refused [len(encodingNames)]bool
}

// NewCodings makes the table of an SMSC.
//
// read has the encodings of data_codings that mean something else there, in both
// directions. data_coding 0 may be GSM7, Packed, or an alphabet that the SMSC
// turns into GSM 7-bit for the air, ASCII or Latin1: texts of the GSM alphabet
// then go out in it, counted in septets nevertheless. write has the data_coding
// to write for an encoding where neither the standard one nor one of read is
// right. What is in refused is never chosen by Auto.
func NewCodings(read map[byte]Encoding, write map[Encoding]byte, refused []Encoding) (*Codings, error) {
	c := &Codings{}
	for dc := range c.read {
		c.read[dc] = ParseDataCoding(byte(dc)).Encoding
	}
	for enc := range c.write {
		c.write[enc] = -1
	}
	for dc := 255; dc >= 0; dc-- { // of several the lowest is written
		enc, ok := read[byte(dc)]
		if !ok {
			continue
		}
		if enc == Auto || int(enc) >= len(encodingNames) {
			return nil, fmt.Errorf("data_coding %d: %s is no encoding to read: use gsm7, gsm7-packed, ascii, latin1, cyrillic, hebrew, ucs2 or binary", dc, enc)
		}
		if dc == 0 {
			switch enc {
			case GSM7, Packed, ASCII, Latin1:
				c.write[GSM7] = 0
			default:
				return nil, fmt.Errorf("data_coding 0: %s cannot stand for the default alphabet: use gsm7, gsm7-packed, ascii or latin1", enc)
			}
		} else {
			c.write[enc] = int16(dc)
		}
		c.read[dc], c.own[dc] = enc, true
	}
	for enc, dc := range write {
		if enc == Auto || int(enc) >= len(encodingNames) {
			return nil, fmt.Errorf("data_coding %d: %s is no encoding to write", dc, enc)
		}
		c.write[enc] = int16(dc)
	}
	for _, enc := range refused {
		if enc == GSM7 || enc == UCS2 || int(enc) >= len(encodingNames) {
			return nil, fmt.Errorf("%s cannot be refused: every text must have an encoding", enc)
		}
		c.refused[enc] = true
	}
	return c, nil
}

// Reads is the encoding of user data under a data_coding.
func (c *Codings) Reads(dataCoding byte) Encoding {
	if c != nil {
		return c.read[dataCoding]
	}
	return ParseDataCoding(dataCoding).Encoding
}

// Writes is the data_coding for an encoding.
func (c *Codings) Writes(enc Encoding) byte {
	if c != nil && int(enc) < len(c.write) && c.write[enc] >= 0 {
		return byte(c.write[enc])
	}
	return enc.DataCoding()
}

// onLink is the form in which GSM7 is written: Auto for one septet per octet, or
// Packed, Latin1, ASCII.
func (c *Codings) onLink() Encoding {
	if c == nil || c.read[0] == GSM7 {
		return Auto
	}
	return c.read[0]
}

// choosable tells whether Auto may take an encoding.
func (c *Codings) choosable(enc Encoding) bool { return c == nil || !c.refused[enc] }
