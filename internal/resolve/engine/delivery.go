package engine

import (
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

var (
	errKey   = errors.New("its key is not one of ours")
	errValue = errors.New("its value is not one of ours")
)

// received is what an envelope of `deliver` holds.
type received struct {
	delivery.Delivery
	smsc       string
	receivedAt time.Time
	asked      bool         // an answer to query_sm: see asked
	tlvs       []record.TLV // without message_payload, if that is the user data
}

// readDelivery reads an envelope, which what is returned aliases. ok is false where even the envelope or the PDU's body cannot be read.
func (e *Engine) readDelivery(envelope []byte) (in *received, ok bool) {
	var d record.Deliver
	if d.Decode(envelope) != nil {
		return nil, false
	}
	var grammar *sms.Grammar
	if e.cfg.Grammar != nil {
		grammar = e.cfg.Grammar(d.SMSC)
	}
	read, err := e.scratch.reader.Read(d.CommandID, d.Body, d.ReceivedAt, grammar)
	if err != nil {
		return nil, false
	}
	in = &received{Delivery: read, smsc: d.SMSC, receivedAt: d.ReceivedAt, asked: asked(&d)}
	in.readTLVs()
	return in, true
}

func (in *received) readTLVs() {
	sm := in.SM
	in.SM = nil // the reader's, and read again by the next
	for _, t := range sm.TLVs {
		if t.Tag == wire.TagMessagePayload && len(sm.ShortMessage) == 0 {
			continue
		}
		in.tlvs = append(in.tlvs, record.TLV{Tag: t.Tag, Value: t.Value})
	}
}

// receiptHash is the same for receipts that say the same word for word: the SMSC, the id,
// the addresses, the state, the error and the text, which holds the dates. It is never 0.
// Two of one subscriber with neither an id nor a date are one for it.
func (in *received) receiptHash() uint64 {
	var d xxhash.Digest
	d.Reset()
	final := "\x00"
	if in.Receipt.Final {
		final = "\x01"
	}
	for _, s := range [...]string{in.smsc, in.ReceiptID, in.Receipt.Stat, string(in.Receipt.State), final, in.Receipt.Error, in.From, in.To} {
		_, _ = d.WriteString(s)
		_, _ = d.WriteString("\x00")
	}
	_, _ = d.Write(in.UserData)
	return max(d.Sum64(), 1)
}

// raw is what records show of the PDU. It is a copy.
func (in *received) raw(withText bool) record.Raw {
	var r record.Raw
	if withText && in.UserData != nil {
		r.ShortMessage = append([]byte{}, in.UserData...)
	}
	for _, t := range in.tlvs {
		r.TLVs = append(r.TLVs, record.TLV{Tag: t.Tag, Value: append([]byte{}, t.Value...)})
	}
	if in.UDH.Raw != nil {
		r.UDH = append([]byte{}, in.UDH.Raw...)
	}
	return r
}
