package record

import (
	"strconv"
	"time"
)

// Inbound is a message that a subscriber sent. JSON fields, in this order: id,
// from, to, text or payload, encoding, data_coding, parts, complete, missing, smsc,
// received_at, in_reply_to, raw. text or payload (base64), data_coding and complete
// are always there.
type Inbound struct {
	ID         string
	From       string
	To         string
	Text       string
	Payload    []byte
	IsPayload  bool // the message is Payload, else Text
	Encoding   string
	DataCoding byte
	Parts      int // 0 absent
	Complete   bool
	Missing    []int // part numbers, from 1
	SMSC       string
	ReceivedAt time.Time
	InReplyTo  *InReplyTo // nil absent
	Raw        Raw
}

// InReplyTo names the last message sent to the subscriber from that address.
type InReplyTo struct {
	ID       string
	Metadata []byte // a compact JSON object; nil absent
}

// AppendJSON appends the message as one JSON object.
func (m *Inbound) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, `"id":`, m.ID)
	dst = appendText(dst, `"from":`, m.From)
	dst = appendText(dst, `"to":`, m.To)
	if m.IsPayload {
		dst = appendBase64(appendKey(dst, `"payload":`), m.Payload)
	} else {
		dst = appendString(appendKey(dst, `"text":`), m.Text)
	}
	dst = appendText(dst, `"encoding":`, m.Encoding)
	dst = strconv.AppendInt(append(dst, `,"data_coding":`...), int64(m.DataCoding), 10)
	dst = appendCount(dst, `"parts":`, m.Parts)
	dst = appendFlag(dst, `"complete":`, m.Complete)
	if len(m.Missing) > 0 {
		dst = append(dst, `,"missing":[`...)
		for i, n := range m.Missing {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(dst, int64(n), 10)
		}
		dst = append(dst, ']')
	}
	dst = appendText(dst, `"smsc":`, m.SMSC)
	dst = appendInstant(dst, `"received_at":`, m.ReceivedAt)
	if m.InReplyTo != nil {
		dst = append(dst, `,"in_reply_to":{`...)
		dst = appendText(dst, `"id":`, m.InReplyTo.ID)
		dst = appendRaw(dst, `"metadata":`, m.InReplyTo.Metadata)
		dst = append(dst, '}')
	}
	dst = m.Raw.append(dst)
	return append(dst, '}')
}
