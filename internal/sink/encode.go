package sink

import (
	"fmt"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// body is a message as the PDUs of its parts: what they share, and their user data.
type body struct {
	sm    wire.SM // everything but ShortMessage and the TLVs of one part
	parts sms.Parts
	from  string // the sender as the record or the configuration names it
}

// habits are what the encoding of a message depends on besides the record: what
// the SMSC's configuration says. Two SMSCs with equal habits share an encoding.
type habits struct {
	source   string
	concat   sms.Concat
	receipts string
}

func habitsOf(c *config.SMSC) (habits, error) {
	concat, ok := sms.ParseConcat(c.LongMessages)
	if !ok {
		return habits{}, fmt.Errorf("SMSC %s: long messages %q: want udh8, udh16, sar or payload", c.Name, c.LongMessages)
	}
	return habits{source: c.SourceAddress, concat: concat, receipts: c.Receipts}, nil
}

// encode turns a record into the body of its PDUs. ref numbers long messages.
func encode(out *record.Outbound, h habits, ref uint16, now time.Time) (body, error) {
	var b body
	b.from = out.From
	if b.from == "" {
		b.from = h.source
	}
	to, err := sms.ParseAddress(out.To, false)
	if err != nil {
		return b, &record.FieldError{Field: "to", Value: "a number of its own form", Remedy: err.Error()}
	}
	b.sm.Dest = wire.Address{TON: to.TON, NPI: to.NPI, Addr: []byte(to.Addr)}
	if b.from != "" {
		from, err := sms.ParseAddress(b.from, true)
		if err != nil {
			return b, &record.FieldError{Field: "from", Value: "a sender of its own form", Remedy: err.Error()}
		}
		b.sm.Source = wire.Address{TON: from.TON, NPI: from.NPI, Addr: []byte(from.Addr)}
	}
	if b.parts, err = split(out, h.concat, ref); err != nil {
		return b, err
	}
	b.sm.DataCoding = b.parts.DataCoding
	if out.Class >= 0 {
		if b.sm.DataCoding, err = withClass(b.parts.Encoding, byte(out.Class)); err != nil {
			return b, err
		}
	}
	if out.DataCoding >= 0 {
		b.sm.DataCoding = byte(out.DataCoding)
	}
	if b.parts.UDHI {
		b.sm.ESMClass |= 0x40 // §5.2.12: UDHI
	}
	b.sm.ServiceType = []byte(out.ServiceType)
	if out.ProtocolID >= 0 {
		b.sm.ProtocolID = byte(out.ProtocolID)
	}
	if out.Priority > 0 {
		b.sm.PriorityFlag = byte(out.Priority)
	}
	if out.Validity > 0 {
		b.sm.ValidityPeriod = []byte(sms.FormatRelative(out.Validity))
	}
	if out.DeliverAt.After(now) {
		b.sm.ScheduleDeliveryTime = []byte(sms.FormatAbsolute(out.DeliverAt))
	}
	b.sm.RegisteredDelivery = registered(receipts(out, h))
	for _, t := range out.TLVs {
		b.sm.TLVs = append(b.sm.TLVs, wire.TLV{Tag: t.Tag, Value: t.Value})
	}
	return b, nil
}

func split(out *record.Outbound, concat sms.Concat, ref uint16) (sms.Parts, error) {
	enc := sms.Auto
	if out.Encoding != "" {
		enc, _ = sms.ParseEncoding(out.Encoding) // the decoder has refused what is none
	}
	var parts sms.Parts
	var err error
	if out.HasPayload {
		parts, err = sms.SplitBinary(out.Payload, concat, ref)
		if err == nil {
			parts.DataCoding = codingOf(enc)
			if enc != sms.Auto {
				parts.Encoding = enc
			}
		}
		return parts, asFieldError("payload", err)
	}
	parts, err = sms.Split(out.Text, enc, concat, ref)
	if err == nil && out.Class >= 0 && enc == sms.Auto && parts.Encoding == sms.Latin1 {
		// Latin-1 has no coding with a class; what it was chosen for may still be GSM.
		if parts, err = sms.Split(out.Text, sms.GSM7, concat, ref); err != nil {
			parts, err = sms.Split(out.Text, sms.UCS2, concat, ref)
		}
	}
	return parts, asFieldError("text", err)
}

// codingOf is the data_coding (§5.2.19) of a payload that is sent as it is.
func codingOf(enc sms.Encoding) byte {
	switch enc {
	case sms.GSM7:
		return 0
	case sms.Latin1:
		return 3
	case sms.UCS2:
		return 8
	}
	return 4
}

// withClass is the data_coding of 3GPP TS 23.038 §4, group 00x1, that carries a
// message class.
func withClass(enc sms.Encoding, class byte) (byte, error) {
	switch enc {
	case sms.GSM7:
		return 0x10 | class, nil
	case sms.Binary:
		return 0x14 | class, nil
	case sms.UCS2:
		return 0x18 | class, nil
	}
	return 0, &record.FieldError{Field: "class", Value: fmt.Sprint(class), Remedy: `latin1 has no data_coding with a class: use encoding "auto", "gsm7" or "ucs2"`}
}

func asFieldError(field string, err error) error {
	if err == nil {
		return nil
	}
	return &record.FieldError{Field: field, Value: "its content", Remedy: err.Error()}
}

// receipts is what the record asks for, or else the SMSC's default.
func receipts(out *record.Outbound, h habits) string {
	if out.Receipts != "" {
		return out.Receipts
	}
	return h.receipts
}

// registered is registered_delivery, §5.2.17.
func registered(receipts string) byte {
	switch receipts {
	case "final":
		return 0x01
	case "failure":
		return 0x02
	case "all":
		return 0x11 // final, and intermediate notifications
	}
	return 0
}

// fill makes the PDU of one part.
func (b *body) fill(sm *wire.SM, i int) {
	*sm = b.sm
	ud := b.parts.UD[i]
	switch b.parts.Concat {
	case sms.Payload:
		sm.TLVs = append(sm.TLVs[:len(sm.TLVs):len(sm.TLVs)], wire.TLV{Tag: wire.TagMessagePayload, Value: ud})
		return
	case sms.SAR:
		sm.TLVs = append(sm.TLVs[:len(sm.TLVs):len(sm.TLVs)],
			wire.TLV{Tag: wire.TagSARMsgRefNum, Value: []byte{byte(b.parts.Ref >> 8), byte(b.parts.Ref)}},
			wire.TLV{Tag: wire.TagSARTotalSegments, Value: []byte{byte(len(b.parts.UD))}},
			wire.TLV{Tag: wire.TagSARSegmentSeqnum, Value: []byte{byte(i + 1)}})
	}
	sm.ShortMessage = ud
}

// reference numbers a long message. It follows from where the record stands, so
// that what is sent again after a crash carries the number that it had: a handset
// then joins old and new parts instead of showing two halves. Records that
// follow each other in a partition differ for 256 messages, or 65,536.
func reference(topic string, partition int32, offset int64) uint16 {
	h := uint32(2166136261)
	for i := range len(topic) {
		h = (h ^ uint32(topic[i])) * 16777619
	}
	h = (h ^ uint32(partition)) * 16777619
	return uint16(h>>16) + uint16(offset)
}
