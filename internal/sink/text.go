package sink

import (
	"errors"
	"fmt"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// split encodes the record's text or payload and cuts it into parts.
func (b *body) split(out *record.Outbound, h habits, ref uint16) error {
	o := h.text
	o.Ref = ref
	if out.Encoding != "" {
		o.Encoding, _ = sms.ParseEncoding(out.Encoding) // the decoder has refused what is none
	}
	var err error
	if out.HasPayload {
		if b.parts, err = o.SplitBinary(out.Payload); err == nil && o.Encoding != sms.Auto {
			b.parts.Encoding, b.parts.DataCoding = o.Encoding, o.Codings.Writes(o.Encoding)
		}
		return asFieldError("payload", err)
	}
	text := out.Text
	if out.Transliterate == record.True || out.Transliterate == record.Absent && h.transliterate {
		text, b.changes = o.Transliterate(text)
	}
	if o.Encoding == sms.Auto {
		b.parts, err = splitAuto(text, &o, out)
	} else {
		b.parts, err = o.Split(text)
	}
	return asFieldError("text", err)
}

// splitAuto splits a text whose encoding is not named. A data_coding that is (the
// record's raw override) tells which alphabet the handset will read, and so which
// to write, if it holds the text; else the octets are those of the cheapest
// encoding, under the record's data_coding all the same.
func splitAuto(text string, o *sms.Options, out *record.Outbound) (sms.Parts, error) {
	if out.DataCoding >= 0 {
		named := *o
		if named.Encoding = o.Codings.Reads(byte(out.DataCoding)); named.Encoding != sms.Binary {
			parts, err := named.Split(text)
			var cannot *sms.CannotEncode
			if !errors.As(err, &cannot) {
				return parts, err
			}
		}
	}
	parts, err := o.Split(text)
	if err == nil && out.Class >= 0 && parts.Encoding == sms.Latin1 {
		// Latin-1 has no coding with a class; what it was chosen for may still be GSM.
		named := *o
		named.Encoding = sms.GSM7
		if parts, err = named.Split(text); err != nil {
			named.Encoding = sms.UCS2
			parts, err = named.Split(text)
		}
	}
	return parts, err
}

// withClass is the data_coding of 3GPP TS 23.038 §4, group 00x1, that carries a
// message class.
func withClass(enc sms.Encoding, class int) (byte, error) {
	if dataCoding, ok := enc.WithClass(class); ok {
		return dataCoding, nil
	}
	return 0, &record.FieldError{Field: "class", Value: fmt.Sprint(class), Remedy: "must be left out: " + enc.String() + ` has no data_coding with a class, encoding "auto", "gsm7" and "ucs2" have`}
}

func asFieldError(field string, err error) error {
	if err == nil {
		return nil
	}
	return &record.FieldError{Field: field, Value: "its content", Remedy: err.Error()}
}

// reference numbers a long message. A handset joins the parts of one sender that
// have the same number (and count), so those that one destination may be waiting
// for at a time must differ. The number follows from where the record stands:
// what is sent again after a crash, by whichever replica, has the number that it
// had, and old and new parts make one message instead of two halves. A counter for
// each destination would be without collisions only as long as all replicas
// shared it and no crash lost it.
//
// In a partition, where the messages of one key follow each other, a number comes
// again after 256 records, or 65,536 where it has 16 bits. Partitions of a topic
// begin apart by the golden section: their records come at about the same offsets
// if they are filled in turn, and must not be at the same numbers. With 8 bits two
// messages whose records are further apart meet once in 256; an SMSC that takes
// 16 bits, sar or payload has better.
func reference(topic string, partition int32, offset int64) uint16 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(topic) {
		h = (h ^ uint32(topic[i])) * 16777619
	}
	// 0x9E9F is odd, so that up to 256 partitions differ in the low octet alone; both
	// it and its low octet are about 0.62 of their range.
	return uint16(h>>16^h) + uint16(partition)*0x9E9F + uint16(offset)
}
