package smsc

import (
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// outcome is a message state (SMPP v3.4 §5.2.28 and appendix B).
type outcome struct {
	stat  string
	state byte
	final bool
	err   string // network error code as the receipt's text has it
}

var outcomeByStat = map[string]outcome{
	"ENROUTE": {"ENROUTE", 1, false, "000"},
	"DELIVRD": {"DELIVRD", 2, true, "000"},
	"EXPIRED": {"EXPIRED", 3, true, "027"},
	"DELETED": {"DELETED", 4, true, "033"},
	"UNDELIV": {"UNDELIV", 5, true, "001"},
	"ACCEPTD": {"ACCEPTD", 6, true, "000"},
	"UNKNOWN": {"UNKNOWN", 7, true, "255"},
	"REJECTD": {"REJECTD", 8, true, "069"},
}

// outcome draws how a message ends.
func (beh *Behaviour) outcome(r *random) outcome {
	rates := beh.Receipts.Outcomes
	if len(rates) == 0 {
		return outcomeByStat["DELIVRD"]
	}
	x := r.float()
	for i := range rates {
		if x -= rates[i].Rate; x < 0 {
			return outcomeByStat[rates[i].State]
		}
	}
	return outcomeByStat[rates[len(rates)-1].State]
}

// wanted reads registered_delivery (SMPP v3.4 §5.2.17): bits 1 and 0 ask for a
// final receipt, always or on failure, bit 4 for intermediate ones.
func wanted(registered byte, end outcome) (final, intermediate bool) {
	switch registered & 0x03 {
	case 0:
	case 2:
		final = end.stat != "DELIVRD"
	default:
		final = true
	}
	return final, registered&0x10 != 0
}

const (
	esmReceipt      = 0x04 // SMPP v3.4 §5.2.12
	esmIntermediate = 0x20
	receiptTime     = "0601021504" // YYMMDDhhmm
)

// receipt makes the deliver_sm that tells how m ended, after the given delay.
func (b *bind) receipt(beh *Behaviour, m *message, f *fate, end outcome, delay time.Duration, r *random) *parcel {
	d := pdu.NewDeliverSM().(*pdu.DeliverSM)
	d.SourceAddr, d.DestAddr = m.to, m.from
	d.EsmClass = esmReceipt
	if !end.final {
		d.EsmClass = esmIntermediate
	}
	if beh.Receipts.Form != FormTLV {
		// Never too long: the text is bounded by the id's length.
		_ = d.Message.SetMessageDataWithEncoding(receiptText(m, f.receiptID, end, delay), data.GSM7BIT)
	}
	if beh.Receipts.Form != FormText {
		d.RegisterOptionalParam(pdu.Field{Tag: pdu.TagReceiptedMessageID, Data: append([]byte(f.receiptID), 0)})
		d.RegisterOptionalParam(pdu.Field{Tag: pdu.TagMessageStateOption, Data: []byte{end.state}})
		if end.err != "000" {
			// Network type GSM, then the code (SMPP v3.4 §5.3.2.31).
			d.RegisterOptionalParam(pdu.Field{Tag: pdu.TagNetworkErrorCode, Data: []byte{3, 0, end.errCode()}})
		}
	}
	p := newParcel(d)
	p.kind, p.messageID, p.stat = KindReceipt, f.id, end.stat
	p.account, p.origin, p.via = b.systemID, b, beh.Receipts.Via
	p.repeat = r.chance(beh.Receipts.Repeat)
	return p
}

func (o outcome) errCode() byte {
	var n int
	for _, c := range o.err {
		n = n*10 + int(c-'0')
	}
	return byte(n)
}

// receiptText writes the text of SMPP v3.4 appendix B.
func receiptText(m *message, id string, end outcome, delay time.Duration) []byte {
	now := time.Now().UTC()
	dlvrd := "000"
	if end.stat == "DELIVRD" {
		dlvrd = "001"
	}
	t := make([]byte, 0, 160)
	t = append(append(t, "id:"...), id...)
	t = append(append(t, " sub:001 dlvrd:"...), dlvrd...)
	t = now.AppendFormat(append(t, " submit date:"...), receiptTime)
	t = now.Add(delay).AppendFormat(append(t, " done date:"...), receiptTime)
	t = append(append(t, " stat:"...), end.stat...)
	t = append(append(t, " err:"...), end.err...)
	t = append(t, " text:"...)
	if m.dataCoding > 3 {
		return t // UCS-2 and binary do not fit a text of octets
	}
	for _, c := range m.text[:min(20, len(m.text))] {
		if c < ' ' || c > '~' {
			c = '.'
		}
		t = append(t, c)
	}
	return t
}
