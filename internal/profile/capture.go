package profile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Sent is what one end of a session sent, and when.
type Sent struct {
	Data []byte
	At   func(place int) time.Time // of an octet
}

// capture is what a capture tells about an SMSC.
type capture struct {
	p         *Profile
	responses map[string]string // message ids of submit_sm_resp, by each key that their receipts may have
	ids       int
	statuses  map[uint32]int
	receipts  []sms.Receipt
	bad       map[string]int // what is wrong with deliveries, and how often
	delivered int
}

// maxPDU is longer than any PDU of SMPP with one message_payload.
const maxPDU = 1 << 17

// TestCapture reads what both ends of sessions sent as the connector would with this profile, and tells what does not fit. Nothing of
// texts and numbers is shown.
func (p *Profile) TestCapture(sent []Sent) ([]Outcome, error) {
	c := &capture{p: p, responses: map[string]string{}, statuses: map[uint32]int{}, bad: map[string]int{}}
	form, _ := sms.ParseIDForm(p.Defaults["MESSAGE_ID"]) // the zero value is auto
	var reader delivery.Reader
	pdus := 0
	for _, s := range sent {
		eachPDU(s.Data, func(place int, h wire.Header, body []byte) {
			pdus++
			switch h.ID {
			case wire.SubmitSMResp, wire.DataSMResp:
				c.response(h, body, form)
			case wire.DeliverSM, wire.DataSMID:
				c.delivery(&reader, h.ID, body, s.At(place))
			}
		})
	}
	if pdus == 0 {
		return nil, errors.New("the capture has no SMPP: it must be the TCP connection to the SMSC, and not TLS")
	}
	return c.outcomes(form), nil
}

// eachPDU finds the PDUs in a stream. A capture may begin within one: what is no header of SMPP is passed over.
func eachPDU(data []byte, fn func(place int, h wire.Header, body []byte)) {
	for at := 0; at+wire.HeaderLen <= len(data); {
		h, err := wire.ParseHeader(data[at:])
		n := int(h.Length)
		if err != nil || n < wire.HeaderLen || n > maxPDU || !isCommand(h.ID) {
			at++
			continue
		}
		if at+n > len(data) {
			return
		}
		fn(at, h, data[at+wire.HeaderLen:at+n])
		at += n
	}
}

func isCommand(id uint32) bool {
	id &^= 0x80000000
	return id <= 0x0B || id == 0x15 || id == 0x21 || id == 0x102 || id == 0x103
}

func (c *capture) response(h wire.Header, body []byte, form sms.IDForm) {
	c.statuses[h.Status]++
	id := string(wire.CString(body))
	if h.Status != wire.StatusOK || id == "" {
		return
	}
	c.ids++
	for _, key := range sms.FilingKeys(nil, id, form) {
		c.responses[key] = id
	}
}

func (c *capture) delivery(reader *delivery.Reader, id uint32, body []byte, at time.Time) {
	d, err := reader.Read(id, body, at, c.p.Receipts)
	switch {
	case err != nil:
		c.bad["a "+wire.CommandName(id)+" whose body cannot be read: "+err.Error()]++
	case !d.IsReceipt && isFlagged(d.SM.ESMClass) && id == wire.DeliverSM:
		c.bad[fmt.Sprintf("a deliver_sm of esm_class 0x%02x that reads as no receipt: see receipt.fields and receipt.columns", d.SM.ESMClass)]++
	case d.IsReceipt:
		r := d.Receipt
		c.receipts = append(c.receipts, r)
		if _, known := c.p.Receipts.State(r.Stat); r.Stat != "" && !known {
			c.bad[fmt.Sprintf("a receipt with stat %q, which is not known: add it to receipt.states", shown(r.Stat))]++
		}
		if r.MessageID == "" {
			c.bad["a receipt without a message id"]++
		}
		if r.DoneAt.IsZero() {
			c.bad["a receipt without a date that can be read: see receipt.dates"]++
		}
	default:
		c.delivered++
	}
}

func isFlagged(esmClass byte) bool { return esmClass&0x3C == 0x04 || esmClass&0x3C == 0x20 }

func (c *capture) outcomes(form sms.IDForm) []Outcome {
	var out []Outcome
	matched, forms := 0, map[sms.IDForm]int{}
	for i := range c.receipts {
		if response, ok := c.responses[sms.NormalID(c.receipts[i].MessageID)]; ok {
			matched++
			forms[sms.FormOf(response, c.receipts[i].MessageID)]++
		}
	}
	out = append(out, Outcome{What: fmt.Sprintf("%d receipts, %d messages from subscribers", len(c.receipts), c.delivered)})
	if c.ids > 0 && len(c.receipts) > 0 {
		o := Outcome{What: fmt.Sprintf("%d of %d receipts belong to one of %d messages in the capture, message_id %s%s", matched, len(c.receipts), c.ids, form, seenForms(forms))}
		if matched == 0 {
			o.Err = errors.New("no receipt finds its message: see defaults.message_id and receipt.id")
		}
		out = append(out, o)
	}
	for _, status := range slices.Sorted(maps.Keys(c.statuses)) {
		out = append(out, Outcome{What: fmt.Sprintf("%d answers %s: %s", c.statuses[status], wire.StatusName(status), c.p.Statuses.Of(status))})
	}
	for _, what := range slices.SortedFunc(maps.Keys(c.bad), func(a, b string) int { return cmp.Or(c.bad[b]-c.bad[a], cmp.Compare(a, b)) }) {
		out = append(out, Outcome{What: fmt.Sprintf("%d times", c.bad[what]), Err: errors.New(what)})
	}
	return out
}

func seenForms(forms map[sms.IDForm]int) string {
	s := ""
	for _, f := range slices.Sorted(maps.Keys(forms)) {
		if f != sms.FormUnknown {
			s += fmt.Sprintf(", %d as %s", forms[f], f)
		}
	}
	return s
}
