// Package delivery reads what an SMSC sends: whether a deliver_sm or data_sm is a
// receipt or a message, of which message, and in which part.
//
// The source chooses a partition by it and the resolver joins by it. They must see
// the same in the same bytes, or a receipt would wait where its submission never
// comes: so there is one reading.
//
// It is pure, and may import sms and smpp/wire only.
package delivery

import (
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Delivery is a deliver_sm or data_sm that was read. UserData, UDH and SM alias the
// body.
type Delivery struct {
	SM         *wire.SM // the reader's own: valid until its next Read
	From, To   string   // source and destination address, as written
	DataCoding byte
	UserData   []byte // without its header
	UDH        sms.UDH
	Concat     Concat
	IsReceipt  bool
	Receipt    sms.Receipt
	ReceiptID  string // its normal form
}

// Concat says of which long message this is a part.
type Concat struct {
	Kind       byte // '8' or 'w' for a reference of 8 or 16 bits in the UDH, 's' for the SAR TLVs; 0: of none
	Ref        uint16
	Total, Seq byte
}

// Reader reads one after another, reusing its memory. Not for concurrent use.
type Reader struct {
	sm   wire.SM
	data wire.DataSM
}

const (
	udhIndicator = 0x40 // of esm_class, SMPP v3.4 §5.2.12
	lengthSAR    = 2    // octets of sar_msg_ref_num, SMPP v3.4 §5.3.2.22
)

// Read reads the body of a deliver_sm or data_sm, as the command id says. grammar is that of the SMSC's receipts; nil: the standard
// one. Source and resolver must pass the same: a receipt that the one reads otherwise than the other waits where nothing comes.
func (r *Reader) Read(commandID uint32, body []byte, received time.Time, grammar *sms.Grammar) (Delivery, error) {
	if commandID == wire.DataSMID {
		if err := r.data.Decode(body); err != nil {
			return Delivery{}, err
		}
		r.sm = r.data.SM()
	} else if err := r.sm.Decode(body); err != nil {
		return Delivery{}, err
	}
	sm := &r.sm
	d := Delivery{SM: sm, From: string(sm.Source.Addr), To: string(sm.Dest.Addr), DataCoding: sm.DataCoding, UserData: sm.UserData()}
	d.readHeader(sm)
	d.readReceipt(sm, received, grammar)
	return d, nil
}

// readHeader finds the user data header and the reference of a long message. A header
// that lies about its length is left in the user data: it is not text then either, but
// nothing is lost.
func (d *Delivery) readHeader(sm *wire.SM) {
	if sm.ESMClass&udhIndicator != 0 {
		if udh, rest, err := sms.ParseUDH(d.UserData); err == nil {
			d.UDH, d.UserData = udh, rest
		}
	}
	if d.UDH.Found {
		kind := byte('8')
		if d.UDH.Wide {
			kind = 'w'
		}
		d.Concat = Concat{kind, d.UDH.Ref, d.UDH.Total, d.UDH.Seq}
	} else if ref, ok := sm.TLV(wire.TagSARMsgRefNum); ok && len(ref) == lengthSAR {
		total, ok1 := sm.TLV(wire.TagSARTotalSegments)
		seq, ok2 := sm.TLV(wire.TagSARSegmentSeqnum)
		if ok1 && ok2 && len(total) == 1 && len(seq) == 1 && 1 <= seq[0] && seq[0] <= total[0] {
			d.Concat = Concat{'s', uint16(ref[0])<<8 | uint16(ref[1]), total[0], seq[0]}
		}
	}
	if d.Concat.Total < 2 {
		d.Concat = Concat{}
	}
}

func (d *Delivery) readReceipt(sm *wire.SM, received time.Time, grammar *sms.Grammar) {
	in := sms.ReceiptInput{ESMClass: sm.ESMClass, DataCoding: sm.DataCoding, Text: d.UserData, MessageState: -1, Received: received}
	if v, ok := sm.TLV(wire.TagReceiptedMessageID); ok {
		in.ReceiptedID = string(wire.CString(v))
	}
	if v, ok := sm.TLV(wire.TagMessageState); ok {
		in.MessageState = stateIn(v)
	}
	if v, ok := sm.TLV(wire.TagNetworkErrorCode); ok {
		in.NetworkError = v
	}
	if grammar == nil {
		grammar = sms.StandardGrammar()
	}
	d.Receipt, d.IsReceipt = grammar.ReadReceipt(in)
	d.ReceiptID = sms.NormalID(d.Receipt.MessageID)
}

// stateIn is the value of message_state: one octet (SMPP v3.4 §5.3.2.35), which some fill up to two or four, and others write as
// a digit. -1: none of these.
func stateIn(v []byte) int {
	if len(v) == 0 || len(v) > 4 {
		return -1
	}
	for _, c := range v[:len(v)-1] {
		if c != 0 {
			return -1
		}
	}
	state := int(v[len(v)-1])
	if '0' <= state && state <= '9' {
		state -= '0' // 48 to 57 are no states
	}
	return state
}
