package sink

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// A record asks for one of three things (its action), and the SMSC's configuration for one of two ways to submit.
//
// A cancel or a replace goes through everything that a submit does: it is granted before it is written, has one result, and is in doubt
// where a submit would be. What differs is what a doubt costs. Neither can reach a phone a second time: an SMSC that has carried out a
// cancel refuses the second one, and a replace that comes twice puts the same text in place of itself. So sending again what is in doubt
// is safe; only its answer may be misleading, and a refusal after a doubt says so (rejection). What DELIVERY_IN_DOUBT says holds all the
// same, for it is about what the user wants to hear of.
//
// Records about one message are not kept in order, as no two records are: who replaces a text twice waits for the first result.

// subject finds the SMSC that a cancel or replace is for. A guess by the routes would ask an SMSC that never had the message.
func (s *Sink) subject(m *message) *fault {
	switch {
	case m.out.Route != "":
		t, ok := s.table.ByName(m.out.Route)
		if !ok {
			return &fault{status: "unroutable", err: noSuchRoute(m.out.Route)}
		}
		m.target = s.routed[t]
	case len(s.routed) == 1:
		m.target = s.routed[0]
	default:
		return &fault{status: "invalid", err: &record.FieldError{Field: "smsc",
			Remedy: "must be given with action " + strconv.Quote(m.out.Action) + ": the NAME of the SMSC that has the message, as its result has it"}}
	}
	m.set = -1
	return nil
}

func noSuchRoute(name string) *record.FieldError {
	return &record.FieldError{Field: "route", Value: strconv.Quote(clip(name)),
		Remedy: "no SMSC that messages can be sent to has that name (see SMSC_<n>_NAME, SMSC_<n>_BIND)"}
}

// operation makes of a body that was encoded for a submit_sm what the record and the SMSC want.
func (b *body) operation(out *record.Outbound, h habits, now time.Time) error {
	switch out.Action {
	case record.Cancel:
		b.op, b.messageID = smpp.OpCancel, []byte(out.MessageID)
		return nil
	case record.Replace:
		b.op, b.messageID = smpp.OpReplace, []byte(out.MessageID)
		return b.replacement(out)
	}
	if h.v33 && len(out.TLVs)+len(out.NamedTLVs) > 0 {
		// Some SMSCs of that version take what follows the short message for the next PDU.
		return &record.FieldError{Field: "tlvs", Value: "an object of " + strconv.Itoa(len(out.TLVs)+len(out.NamedTLVs)),
			Remedy: "must be left out for an SMSC with SMSC_<n>_INTERFACE_VERSION=3.3, which has no TLVs"}
	}
	if err := b.addTLVs(out, h.profile.TLVs); err != nil {
		return err
	}
	if h.v33 && b.sm.RegisteredDelivery != 0 {
		b.sm.RegisteredDelivery = 1 // SMPP v3.3 knows no other kind of receipt
	}
	// What data_sm has no place for goes by submit_sm, as it would otherwise be lost.
	if h.data && out.ProtocolID < 0 && !out.DeliverAt.After(now) {
		b.op = smpp.OpData
		b.timeToLive(out)
	}
	return nil
}

// replacement judges whether a replace_sm can carry the text (SMPP v3.4 §4.10.1): it has neither an esm_class nor a data_coding, so the
// text is read in the coding of the message that it replaces, which only the record can know.
func (b *body) replacement(out *record.Outbound) error {
	if len(b.parts.UD) != 1 || b.parts.UDHI {
		return &record.FieldError{Field: "text", Value: "one of " + strconv.Itoa(len(b.parts.UD)) + " parts",
			Remedy: "must fit into one message without a header: a replace_sm replaces one part, by its own message_id"}
	}
	if !out.HasPayload && (out.Encoding == "" || out.Encoding == "auto") && b.parts.Encoding != sms.GSM7 {
		return &record.FieldError{Field: "encoding", Value: strconv.Quote("auto"),
			Remedy: "must be the encoding of the message's result where the text is not in the GSM alphabet: a replace_sm has no data_coding of its own"}
	}
	return nil
}

// timeToLive is validity as data_sm has it (SMPP v3.4 §5.3.2.8), unless the record has its own.
func (b *body) timeToLive(out *record.Outbound) {
	if _, given := wire.FindTLV(b.sm.TLVs, wire.TagQOSTimeToLive); given || out.Validity <= 0 {
		return
	}
	seconds := min(int64(math.Ceil(out.Validity.Seconds())), math.MaxUint32)
	b.sm.TLVs = append(b.sm.TLVs, wire.TLV{Tag: wire.TagQOSTimeToLive, Value: binary.BigEndian.AppendUint32(nil, uint32(seconds))})
}

// intoPayload moves the message of a data_sm to where that has it.
func intoPayload(sm *wire.SM) {
	if _, there := wire.FindTLV(sm.TLVs, wire.TagMessagePayload); there {
		return // by LONG_MESSAGES=payload
	}
	sm.TLVs = append(sm.TLVs[:len(sm.TLVs):len(sm.TLVs)], wire.TLV{Tag: wire.TagMessagePayload, Value: sm.ShortMessage})
	sm.ShortMessage = nil
}

// afterDoubt is what a refusal of a cancel or replace leaves open.
func afterDoubt(m *message) string {
	if m.out.Action == record.Submit || !m.inDoubt {
		return ""
	}
	return "; an earlier attempt got no answer, and may have been carried out"
}
