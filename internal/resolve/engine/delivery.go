package engine

import (
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

var (
	errKey   = errors.New("its key is not one of ours")
	errValue = errors.New("its value is not one of ours")
)

// delivery is a deliver_sm or data_sm that was read.
type delivery struct {
	smsc       string
	receivedAt time.Time
	from, to   string // source and destination address, as written
	dataCoding byte
	userData   []byte // without its header
	udh        sms.UDH
	concat     concat
	tlvs       []record.TLV // without message_payload, if that is userData
	isReceipt  bool
	receipt    sms.Receipt
	receiptID  string // its normal form
}

// concat says of which long message this is a part.
type concat struct {
	kind       byte // '8' or 'w' for a reference of 8 or 16 bits in the UDH, 's' for the SAR TLVs; 0: of none
	ref        uint16
	total, seq byte
}

// readDelivery reads an envelope, which what is returned aliases. ok is false where even the envelope or the PDU's body cannot be read.
func (e *Engine) readDelivery(envelope []byte) (in *delivery, ok bool) {
	var d record.Deliver
	if d.Decode(envelope) != nil {
		return nil, false
	}
	sm := &e.scratch.sm
	if d.CommandID == wire.DataSMID {
		if e.scratch.data.Decode(d.Body) != nil {
			return nil, false
		}
		*sm = e.scratch.data.SM()
	} else if sm.Decode(d.Body) != nil {
		return nil, false
	}
	in = &delivery{
		smsc: d.SMSC, receivedAt: d.ReceivedAt, from: string(sm.Source.Addr), to: string(sm.Dest.Addr),
		dataCoding: sm.DataCoding, userData: sm.UserData(),
	}
	in.readHeader(sm)
	in.readTLVs(sm)
	in.readReceipt(sm)
	return in, true
}

const (
	udhIndicator = 0x40 // of esm_class, SMPP v3.4 §5.2.12
	lengthSAR    = 2    // octets of sar_msg_ref_num, SMPP v3.4 §5.3.2.22
)

// readHeader finds the user data header and the reference of a long message. A header
// that lies about its length is left in the user data: it is not text then either, but
// nothing is lost.
func (in *delivery) readHeader(sm *wire.SM) {
	if sm.ESMClass&udhIndicator != 0 {
		if udh, rest, err := sms.ParseUDH(in.userData); err == nil {
			in.udh, in.userData = udh, rest
		}
	}
	if in.udh.Found {
		kind := byte('8')
		if in.udh.Wide {
			kind = 'w'
		}
		in.concat = concat{kind, in.udh.Ref, in.udh.Total, in.udh.Seq}
	} else if ref, ok := sm.TLV(wire.TagSARMsgRefNum); ok && len(ref) == lengthSAR {
		total, ok1 := sm.TLV(wire.TagSARTotalSegments)
		seq, ok2 := sm.TLV(wire.TagSARSegmentSeqnum)
		if ok1 && ok2 && len(total) == 1 && len(seq) == 1 && 1 <= seq[0] && seq[0] <= total[0] {
			in.concat = concat{'s', uint16(ref[0])<<8 | uint16(ref[1]), total[0], seq[0]}
		}
	}
	if in.concat.total < 2 {
		in.concat = concat{}
	}
}

func (in *delivery) readTLVs(sm *wire.SM) {
	for _, t := range sm.TLVs {
		if t.Tag == wire.TagMessagePayload && len(sm.ShortMessage) == 0 {
			continue
		}
		in.tlvs = append(in.tlvs, record.TLV{Tag: t.Tag, Value: t.Value})
	}
}

func (in *delivery) readReceipt(sm *wire.SM) {
	ri := sms.ReceiptInput{ESMClass: sm.ESMClass, DataCoding: sm.DataCoding, Text: in.userData, MessageState: -1, Received: in.receivedAt}
	if v, ok := sm.TLV(wire.TagReceiptedMessageID); ok {
		ri.ReceiptedID = string(wire.CString(v))
	}
	if v, ok := sm.TLV(wire.TagMessageState); ok && len(v) == 1 {
		ri.MessageState = int(v[0])
	}
	if v, ok := sm.TLV(wire.TagNetworkErrorCode); ok {
		ri.NetworkError = v
	}
	in.receipt, in.isReceipt = sms.ReadReceipt(ri)
	in.receiptID = sms.NormalID(in.receipt.MessageID)
}

// receiptHash is the same for receipts that say the same word for word: the SMSC, the id,
// the state, the error and the text, which holds the dates. It is never 0.
func (in *delivery) receiptHash() uint64 {
	var d xxhash.Digest
	d.Reset()
	final := "\x00"
	if in.receipt.Final {
		final = "\x01"
	}
	for _, s := range [...]string{in.smsc, in.receiptID, in.receipt.Stat, string(in.receipt.State), final, in.receipt.Error} {
		_, _ = d.WriteString(s)
		_, _ = d.WriteString("\x00")
	}
	_, _ = d.Write(in.userData)
	return max(d.Sum64(), 1)
}

// raw is what records show of the PDU. It is a copy.
func (in *delivery) raw(withText bool) record.Raw {
	var r record.Raw
	if withText && in.userData != nil {
		r.ShortMessage = append([]byte{}, in.userData...)
	}
	for _, t := range in.tlvs {
		r.TLVs = append(r.TLVs, record.TLV{Tag: t.Tag, Value: append([]byte{}, t.Value...)})
	}
	if in.udh.Raw != nil {
		r.UDH = append([]byte{}, in.udh.Raw...)
	}
	return r
}
