package smsc

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

func (e *Submit) appendJSON(dst []byte) []byte {
	j := object{dst}
	j.open("submit", e.At)
	j.number("bind", uint64(e.Bind))
	j.text("system_id", e.SystemID)
	j.number("sequence", uint64(e.Sequence))
	j.text("message_id", e.MessageID)
	j.text("from", e.From)
	j.text("to", e.To)
	j.number("esm_class", uint64(e.ESMClass))
	j.number("data_coding", uint64(e.DataCoding))
	j.number("registered_delivery", uint64(e.RegisteredDelivery))
	j.number("length", uint64(e.Length))
	j.text("hash", fmt.Sprintf("%016x", e.Hash))
	if e.Body != nil {
		j.text("body", hex.EncodeToString(e.Body))
	}
	if e.Total > 0 {
		j.number("ref", uint64(e.Ref))
		j.number("total", uint64(e.Total))
		j.number("part", uint64(e.Part))
	}
	j.number("status", uint64(e.Status))
	j.flag("answered", e.Answered)
	return j.end()
}

func (e *Delivery) appendJSON(dst []byte, event string, at time.Time) []byte {
	j := object{dst}
	j.open(event, at)
	j.number("id", e.ID)
	j.text("kind", e.Kind.String())
	if e.Kind == KindReceipt {
		j.text("message_id", e.MessageID)
		j.text("stat", e.Stat)
	}
	j.number("bind", uint64(e.Bind))
	j.number("sequence", uint64(e.Sequence))
	j.number("try", uint64(e.Try))
	if e.Total > 0 {
		j.number("total", uint64(e.Total))
		j.number("part", uint64(e.Part))
	}
	switch {
	case event != "end":
	case e.Reason != "":
		j.flag("acked", false)
		j.text("reason", e.Reason)
	default:
		j.flag("acked", e.Acked)
		j.number("status", uint64(e.Status))
	}
	return j.end()
}

// object appends one JSON object; encoding/json takes longer than all the rest
// of a submit.
type object struct{ b []byte }

func (j *object) open(event string, at time.Time) {
	j.b = append(append(append(j.b, `{"event":"`...), event...), `","at":"`...)
	j.b = append(at.UTC().AppendFormat(j.b, "2006-01-02T15:04:05.000000Z"), '"')
}

func (j *object) key(name string) {
	j.b = append(append(append(j.b, `,"`...), name...), `":`...)
}

func (j *object) number(name string, v uint64) {
	j.key(name)
	j.b = strconv.AppendUint(j.b, v, 10)
}

func (j *object) flag(name string, v bool) {
	j.key(name)
	j.b = strconv.AppendBool(j.b, v)
}

// text writes octets that nobody promises to be UTF-8: each one is taken as a
// character of ISO 8859-1.
func (j *object) text(name, v string) {
	const digits = "0123456789abcdef"
	j.key(name)
	j.b = append(j.b, '"')
	for i := range len(v) {
		switch c := v[i]; {
		case c == '"' || c == '\\':
			j.b = append(j.b, '\\', c)
		case c < ' ' || c > '~':
			j.b = append(j.b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			j.b = append(j.b, c)
		}
	}
	j.b = append(j.b, '"')
}

func (j *object) end() []byte { return append(j.b, '}', '\n') }
