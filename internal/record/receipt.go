package record

import "time"

// Receipt is a delivery receipt. JSON fields, in this order: id, message_id, part,
// parts, state, final, stat, error, submitted_at, done_at, smsc, to, from,
// correlated, source, received_at, metadata, raw. state, final and correlated are
// always there; id, part, parts, source and metadata only where correlated.
type Receipt struct {
	ID          string
	MessageID   string
	Part        int // from 1; 0 absent
	Parts       int // 0 absent
	State       string
	Final       bool
	Stat        string // as the SMSC wrote it
	Error       string // network error code as the SMSC wrote it
	SubmittedAt time.Time
	DoneAt      time.Time
	SMSC        string
	To          string
	From        string
	Correlated  bool
	Source      *Source // nil absent
	ReceivedAt  time.Time
	Metadata    []byte // a compact JSON object; nil absent
	Raw         Raw
}

// Raw is what an SMSC sent, for who must see it. JSON:
// {"short_message": "…", "tlvs": {"0x001e": "…"}, "udh": "hex:…"}, each left out
// where absent. Bytes that are printable UTF-8 are shown as text, others as "hex:"
// and digits; udh is always digits. A repeated TLV is "0x1400#2", "0x1400#3".
type Raw struct {
	ShortMessage []byte // nil absent
	TLVs         []TLV
	UDH          []byte
}

func (r *Raw) absent() bool { return r.ShortMessage == nil && len(r.TLVs) == 0 && len(r.UDH) == 0 }

// AppendJSON appends the receipt as one JSON object.
func (r *Receipt) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, `"id":`, r.ID)
	dst = appendText(dst, `"message_id":`, r.MessageID)
	dst = appendCount(dst, `"part":`, r.Part)
	dst = appendCount(dst, `"parts":`, r.Parts)
	dst = appendString(appendKey(dst, `"state":`), r.State)
	dst = appendFlag(dst, `"final":`, r.Final)
	dst = appendText(dst, `"stat":`, r.Stat)
	dst = appendText(dst, `"error":`, r.Error)
	dst = appendInstant(dst, `"submitted_at":`, r.SubmittedAt)
	dst = appendInstant(dst, `"done_at":`, r.DoneAt)
	dst = appendText(dst, `"smsc":`, r.SMSC)
	dst = appendText(dst, `"to":`, r.To)
	dst = appendText(dst, `"from":`, r.From)
	dst = appendFlag(dst, `"correlated":`, r.Correlated)
	if r.Source != nil {
		dst = appendSource(appendKey(dst, `"source":`), r.Source)
	}
	dst = appendInstant(dst, `"received_at":`, r.ReceivedAt)
	dst = appendRaw(dst, `"metadata":`, r.Metadata)
	dst = r.Raw.append(dst)
	return append(dst, '}')
}

// append appends the member raw, unless there is nothing in it.
func (r *Raw) append(dst []byte) []byte {
	if r.absent() {
		return dst
	}
	dst = append(appendKey(dst, `"raw":`), '{')
	if r.ShortMessage != nil {
		dst = appendShown(appendKey(dst, `"short_message":`), r.ShortMessage)
	}
	if len(r.TLVs) > 0 {
		dst = appendTLVs(appendKey(dst, `"tlvs":`), r.TLVs)
	}
	if len(r.UDH) > 0 {
		dst = appendHex(appendKey(dst, `"udh":`), r.UDH)
	}
	return append(dst, '}')
}
