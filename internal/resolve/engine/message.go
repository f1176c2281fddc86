package engine

import (
	"slices"
	"strconv"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// ApplyDeliver takes one record of `deliver`. What cannot be read is published raw; an
// error is a *StoreError.
func (e *Engine) ApplyDeliver(offset int64, envelope []byte, out *Output) error {
	out.join(e)
	out.applied++
	in, ok := e.readDelivery(envelope)
	switch {
	case !ok:
		e.publishUnreadable(out, offset, envelope)
	case in.IsReceipt:
		e.applyReceipt(offset, envelope, in, out)
	case in.Concat.Kind != 0:
		e.applyPart(offset, envelope, in, out)
	default:
		e.publishInbound(out, []piece{{in: in, offset: offset, seq: 1}}, 1)
	}
	return out.Err()
}

// inboundID names an inbound message by the place of its first part in `deliver`.
func (e *Engine) inboundID(offset int64) string {
	b := append([]byte(e.cfg.DeliverTopic), '-')
	b = append(strconv.AppendInt(b, int64(e.cfg.Partition), 10), '-')
	return string(strconv.AppendInt(b, offset, 10))
}

// piece is one part of an inbound message.
type piece struct {
	in     *received
	offset int64
	seq    byte
}

// publishInbound publishes a message of which these parts have come, in the order of
// their numbers. Addresses, SMSC and times are those of the part that came first, the raw
// fields those of the first by number.
func (e *Engine) publishInbound(out *Output, parts []piece, total int) {
	first := &parts[0]
	for i := range parts {
		if parts[i].offset < first.offset {
			first = &parts[i]
		}
	}
	in := first.in
	m := record.Inbound{
		ID: e.inboundID(first.offset), From: in.From, To: in.To, DataCoding: parts[0].in.DataCoding,
		Parts: total, Complete: len(parts) == total, SMSC: string([]byte(in.smsc)), ReceivedAt: in.receivedAt, Raw: parts[0].in.raw(false),
	}
	next := 0
	for n := 1; n <= total; n++ {
		if next < len(parts) && int(parts[next].seq) == n {
			next++
			continue
		}
		m.Missing = append(m.Missing, n)
	}
	e.decodeParts(&m, parts)
	var submit [24]byte
	m.InReplyTo, submit = e.inReplyTo(out.batch, in)
	out.Inbound = append(out.Inbound, Inbound{Key: []byte(m.From), Value: m, Submit: submit})
}

// decodeParts reads the text. Parts that follow one another in the same coding are read as
// one: a foreign sender may cut inside a surrogate pair or an escape sequence. Where
// anything is not text, all is payload: half a text would be wrong without saying so.
func (e *Engine) decodeParts(m *record.Inbound, parts []piece) {
	var text, units []byte
	isText := true
	for i := 0; i < len(parts); {
		in := parts[i].in
		codings := e.codingsOf(in.smsc)
		units = units[:0]
		j := i
		for ; j < len(parts); j++ {
			next := parts[j].in
			if j > i && (parts[j].seq != parts[j-1].seq+1 || !sameCoding(in, next) || e.codingsOf(next.smsc) != codings) {
				break
			}
			units = codings.AppendUnits(units, in.DataCoding, len(next.UDH.Raw), next.UserData)
		}
		s, enc, ok := codings.Read(in.DataCoding, in.UDH.Locking, in.UDH.Single, units)
		if i == 0 {
			m.Encoding = enc.String()
		}
		isText = isText && ok
		text = append(text, s...)
		i = j
	}
	if isText {
		m.Text = string(text)
		return
	}
	m.IsPayload, m.Payload, m.Encoding = true, []byte{}, sms.Binary.String()
	for i := range parts {
		m.Payload = append(m.Payload, parts[i].in.UserData...)
	}
}

// sameCoding tells whether two parts are of one alphabet. National language tables are each part's own (3GPP TS 23.040 §9.2.3.24.15).
func sameCoding(a, b *received) bool {
	return a.DataCoding == b.DataCoding && a.UDH.Locking == b.UDH.Locking && a.UDH.Single == b.UDH.Single
}

func (e *Engine) codingsOf(smsc string) *sms.Codings {
	if e.cfg.Codings == nil {
		return nil
	}
	return e.cfg.Codings(smsc)
}

// inReplyTo finds the last message that was sent to the subscriber from the address that
// he wrote to, and its span.
func (e *Engine) inReplyTo(b *store.Batch, in *received) (reply *record.InReplyTo, span [24]byte) {
	key := record.SubscriberKey(sms.NormalNumber(in.From), sms.NormalNumber(in.To))
	id := store.ID{Class: store.Last, Hash: hashOf(key)}
	entry, ok := b.Get(e.cfg.Partition, id)
	if !ok || entry.Due <= e.sweeper.now {
		return nil, span
	}
	var s record.Submission
	if !readLast(slices.Clone(entry.Row), &s) {
		return nil, span
	}
	return &record.InReplyTo{ID: s.ID, Metadata: s.Metadata}, s.Span
}
