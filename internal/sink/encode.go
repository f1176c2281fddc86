package sink

import (
	"errors"
	"fmt"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/profile"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// body is a message as the PDUs of its parts: what they share, and their user data.
type body struct {
	sm    wire.SM // everything but ShortMessage and the TLVs of one part
	parts sms.Parts
	from  string // the sender as the record or the configuration names it
	// What is asked of the SMSC, and of which message where that is not a new one.
	op        smpp.Op
	messageID []byte
	// changes is what transliteration made of characters of the text.
	changes []string
}

// habits are what the encoding of a message depends on besides the record: what
// the SMSC's configuration says. Two SMSCs with equal habits share an encoding.
type habits struct {
	source        string
	text          sms.Options // but Encoding and Ref, which are each message's
	transliterate bool        // unless the record says otherwise
	receipts      string
	profile       *profile.Profile
	v33           bool // SMPP v3.3: no TLVs
	data          bool // data_sm rather than submit_sm
}

func habitsOf(c *config.SMSC, transliterate bool) (habits, error) {
	h := habits{source: c.SourceAddress, transliterate: transliterate, receipts: c.Receipts,
		v33: c.InterfaceVersion == config.Version33, data: c.SubmitWith == config.SubmitWithData}
	var ok bool
	if h.text.Concat, ok = sms.ParseConcat(c.LongMessages); !ok {
		return h, fmt.Errorf("SMSC %s: long messages %q: want udh8, udh16, sar or payload", c.Name, c.LongMessages)
	}
	var err error
	if h.text.Languages, err = sms.ParseLanguages(c.National); err != nil {
		return h, fmt.Errorf("SMSC %s: national language tables: %w", c.Name, err)
	}
	if h.profile = c.Habits; h.profile == nil {
		h.profile = profile.Default()
	}
	h.text.Codings = h.profile.Codings
	return h, nil
}

// encode turns a record into the body of its PDUs. number is the destination as it is dialled; ref numbers long messages.
func encode(out *record.Outbound, number string, h habits, ref uint16, now time.Time) (body, error) {
	var b body
	b.from = out.From
	if b.from == "" {
		b.from = h.source
	}
	to, err := h.profile.Addresses.Parse(number, false)
	if err != nil {
		return b, &record.FieldError{Field: "to", Value: "a number of its own form", Remedy: err.Error()}
	}
	b.sm.Dest = wire.Address{TON: to.TON, NPI: to.NPI, Addr: []byte(to.Addr)}
	if b.from != "" {
		from, err := h.profile.Addresses.Parse(b.from, true)
		if err != nil {
			return b, &record.FieldError{Field: "from", Value: "a sender of its own form", Remedy: err.Error()}
		}
		b.sm.Source = wire.Address{TON: from.TON, NPI: from.NPI, Addr: []byte(from.Addr)}
	}
	switch out.Action {
	case record.Cancel:
		b.parts.UD = [][]byte{nil} // one PDU, without a text
	case record.Replace:
		h.text.Concat = sms.UDH8 // no message_payload there
		fallthrough
	default:
		if err := b.split(out, h, ref); err != nil {
			return b, err
		}
	}
	b.sm.DataCoding = b.parts.DataCoding
	if out.Class >= 0 {
		if b.sm.DataCoding, err = withClass(b.parts.Encoding, out.Class); err != nil {
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
	if out.Priority > 0 && !h.profile.Quirks.NoPriorityFlag {
		b.sm.PriorityFlag = byte(out.Priority)
	}
	if out.Validity > 0 {
		b.sm.ValidityPeriod = []byte(sms.FormatRelative(out.Validity))
	}
	if out.DeliverAt.After(now) {
		if h.profile.Quirks.NoSchedule {
			return b, &record.FieldError{Field: "deliver_at", Value: "a time to come",
				Remedy: "this SMSC schedules nothing (profile " + h.profile.Name + "): write the record when it is to go out, or take another route"}
		}
		b.sm.ScheduleDeliveryTime = []byte(sms.FormatAbsolute(out.DeliverAt))
	}
	b.sm.RegisteredDelivery = registered(receipts(out, h))
	return b, b.operation(out, h, now)
}

// addTLVs adds the record's TLVs, and sees that the SMSC gets those that it wants.
func (b *body) addTLVs(out *record.Outbound, known *profile.TLVs) error {
	for _, t := range out.TLVs {
		b.sm.TLVs = append(b.sm.TLVs, wire.TLV{Tag: t.Tag, Value: t.Value})
	}
	for _, n := range out.NamedTLVs {
		t, err := known.Named(n.Name, n.Value, n.Raw)
		if err != nil {
			return tlvFault(err)
		}
		if _, twice := wire.FindTLV(b.sm.TLVs, t.Tag); twice {
			return &record.FieldError{Field: "tlvs", Value: fmt.Sprintf("%s, which is 0x%04x, twice", n.Name, t.Tag), Remedy: "give it once, by its name or by its tag"}
		}
		b.sm.TLVs = append(b.sm.TLVs, t)
	}
	return tlvFault(known.Check(b.sm.TLVs))
}

func tlvFault(err error) error {
	var wrong *profile.TLVError
	if !errors.As(err, &wrong) {
		return err
	}
	return &record.FieldError{Field: "tlvs", Value: wrong.Name + ", " + wrong.Fault, Remedy: wrong.Remedy}
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
func (b *body) fill(to *smpp.Submit, i int) {
	to.Op, to.MessageID = b.op, b.messageID
	b.fillSM(&to.SM, i)
	if b.op == smpp.OpData {
		intoPayload(&to.SM)
	}
}

func (b *body) fillSM(sm *wire.SM, i int) {
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
