package sink

import (
	"time"
	"unicode/utf8"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Preview is a text as it would be submitted to an SMSC, for people to look at.
type Preview struct {
	Encoding        sms.Encoding
	DataCoding      byte // with the class, or the record's own
	Concat          sms.Concat
	Locking, Single sms.Language
	Parts           []PreviewPart
	Changes         []string // by transliteration
	// Outside are the characters of the text, as it is after that, that the GSM alphabet lacks.
	Outside Outside
}

// PreviewPart is one submit_sm.
type PreviewPart struct {
	Text      string
	Units, Of int    // septets, octets or 16-bit units of the text, and how many a part holds; Of is 0 for message_payload
	PDU       []byte // with the part's number for sequence_number
}

// Outside tells of the characters that kept a text out of the GSM 7-bit alphabet
// and of the national language tables that the SMSC takes.
type Outside struct {
	First    rune
	Position int // of the first, in characters, from 1; 0: there is none
	Count    int // all of them; of a text with national tables at least the first
}

// NewPreview encodes what goes to an SMSC just as the sink does. number is the
// destination as it is dialled, ref the
// reference of a long message, which for the sink follows from the record's place.
// The error is a *record.FieldError.
func NewPreview(out *record.Outbound, number string, c *config.SMSC, transliterate bool, ref uint16, now time.Time) (*Preview, error) {
	h, err := habitsOf(c, transliterate)
	if err != nil {
		return nil, err
	}
	b, err := encode(out, number, h, ref, now)
	if err != nil {
		return nil, err
	}
	p := &Preview{
		Encoding: b.parts.Encoding, DataCoding: b.sm.DataCoding, Concat: b.parts.Concat,
		Locking: b.parts.Locking, Single: b.parts.Single, Changes: b.changes,
	}
	text := ""
	for i, ud := range b.parts.UD {
		var request smpp.Submit
		b.fill(&request, i)
		part := PreviewPart{Of: b.parts.Capacity()}
		if part.PDU, err = request.Append(nil, uint32(i+1)); err != nil {
			return nil, err
		}
		header := 0
		if b.parts.UDHI {
			udh, rest, err := sms.ParseUDH(ud)
			if err != nil {
				return nil, err
			}
			header, ud = len(udh.Raw), rest
		}
		// By the encoding's own data_coding: the record may have put another in its place.
		dc := b.parts.DataCoding
		units := h.text.Codings.AppendUnits(nil, dc, header, ud)
		part.Text, _, _ = h.text.Codings.Read(dc, p.Locking, p.Single, units)
		part.Units = b.parts.Units(part.Text)
		text += part.Text
		p.Parts = append(p.Parts, part)
	}
	if out.HasText && p.Encoding != sms.GSM7 {
		p.Outside = outside(text, &h.text)
	}
	return p, nil
}

func outside(text string, o *sms.Options) (out Outside) {
	at := o.FirstOutside(text, sms.GSM7)
	if at < 0 {
		return out
	}
	out.First, _ = utf8.DecodeRuneInString(text[at:])
	out.Position = utf8.RuneCountInString(text[:at]) + 1
	for _, r := range text[at:] {
		if o.FirstOutside(string(r), sms.GSM7) >= 0 {
			out.Count++
		}
	}
	out.Count = max(out.Count, 1)
	return out
}
