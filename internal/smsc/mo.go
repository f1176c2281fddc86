package smsc

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// SendMO sends a message from a subscriber to an address of the ESME: the
// GSM alphabet where it holds the text, else UCS-2; more than one part, with
// an 8-bit reference in the user data header (3GPP TS 23.040 §9.2.3.24.1), when
// the text needs it; shuffled and spread as Behaviour.MO says. It waits in a
// queue while no bind can receive. ErrQueueFull means that nothing was sent.
func (s *SMSC) SendMO(from, to, text string) error {
	pdus, err := s.MessagePDUs(from, to, text)
	if err != nil {
		return err
	}
	return s.send(s.pack(pdus), "")
}

// SendPDU sends deliver_sm PDUs as they are, in order, to binds with the given
// system_id (any, when it is empty). It is for receipts of odd forms, parts
// that never come and the like. They are marshalled before it returns.
func (s *SMSC) SendPDU(systemID string, pdus ...*pdu.DeliverSM) error {
	parcels := make([]*parcel, len(pdus))
	for i, d := range pdus {
		parcels[i] = newParcel(d)
		parcels[i].kind = KindMO
		if d.EsmClass&0x3c == esmReceipt {
			parcels[i].kind = KindReceipt
		}
	}
	return s.send(parcels, systemID)
}

func (s *SMSC) send(parcels []*parcel, account string) error {
	if !s.office.reserve(len(parcels)) {
		return ErrQueueFull
	}
	now := s.now()
	for _, p := range parcels {
		p.account, p.due = account, now
	}
	s.office.post(parcels, now)
	return nil
}

// MessagePDUs makes the deliver_sm of a message, one for each part.
func (s *SMSC) MessagePDUs(from, to, text string) ([]*pdu.DeliverSM, error) {
	source, err := subscriberAddress(from)
	if err != nil {
		return nil, err
	}
	destination, err := subscriberAddress(to)
	if err != nil {
		return nil, err
	}
	segments, coding, err := segment(text)
	if err != nil {
		return nil, err
	}
	ref := byte(s.refs.Add(1))
	pdus := make([]*pdu.DeliverSM, len(segments))
	for i, part := range segments {
		d := pdu.NewDeliverSM().(*pdu.DeliverSM)
		d.SourceAddr, d.DestAddr = source, destination
		if err := d.Message.SetMessageDataWithEncoding(part, coding); err != nil {
			return nil, fmt.Errorf("smsc: part %d of a message: %w", i+1, err)
		}
		if len(segments) > 1 {
			d.EsmClass |= data.SM_UDH_GSM
			d.Message.SetUDH(pdu.UDH{pdu.NewIEConcatMessage(byte(len(segments)), byte(i+1), ref)})
		}
		pdus[i] = d
	}
	return pdus, nil
}

// subscriberAddress guesses type and plan: letters are alphanumeric, short
// digits a short code, anything else international.
func subscriberAddress(s string) (pdu.Address, error) {
	ton, npi := data.GSM_TON_INTERNATIONAL, data.GSM_NPI_E164
	digits := strings.TrimPrefix(s, "+")
	switch {
	case strings.Trim(digits, "0123456789") != "":
		ton, npi, digits = data.GSM_TON_ALPHANUMERIC, data.GSM_NPI_UNKNOWN, s
	case len(digits) <= 6:
		ton, npi = data.GSM_TON_NETWORK, data.GSM_NPI_UNKNOWN
	}
	if len(digits) > 20 {
		return pdu.Address{}, fmt.Errorf("smsc: an address of %d characters; 20 are the most (SMPP v3.4 §5.2.8)", len(digits))
	}
	return pdu.NewAddressWithTonNpiAddr(ton, npi, digits)
}

// Octets of a short message, and of a part beside the six octets of its header.
const (
	gsmSingle, gsmPart   = 160, 153
	ucs2Single, ucs2Part = 140, 134
	maxParts             = 255
)

// segment encodes a text and cuts it, never inside a character.
func segment(text string) (parts [][]byte, coding data.Encoding, err error) {
	coding = data.GSM7BIT
	single, most := gsmSingle, gsmPart
	encoded, err := coding.Encode(text)
	if err != nil || !utf8.ValidString(text) {
		coding, single, most = data.UCS2, ucs2Single, ucs2Part
		if encoded, err = coding.Encode(text); err != nil {
			return nil, nil, fmt.Errorf("smsc: encode a text: %w", err)
		}
	}
	if len(encoded) <= single {
		return [][]byte{encoded}, coding, nil
	}
	for len(encoded) > most {
		end := most
		if coding == data.GSM7BIT && encoded[end-1] == 0x1b { // an escape and what it escapes
			end--
		}
		if coding == data.UCS2 && encoded[end-2]&0xfc == 0xd8 { // the first half of a surrogate pair
			end -= 2
		}
		parts = append(parts, encoded[:end])
		encoded = encoded[end:]
	}
	if parts = append(parts, encoded); len(parts) > maxParts {
		return nil, nil, fmt.Errorf("smsc: the text needs %d parts; %d are the most", len(parts), maxParts)
	}
	return parts, coding, nil
}

// pack makes parcels of the parts of one message, in the order and for the
// binds that Behaviour.MO wants.
func (s *SMSC) pack(pdus []*pdu.DeliverSM) []*parcel {
	mo := &s.behaviour.Load().MO
	parcels := make([]*parcel, len(pdus))
	together := new(group)
	for i, d := range pdus {
		p := newParcel(d)
		p.kind, p.part, p.total = KindMO, byte(i+1), byte(len(pdus))
		if len(pdus) > 1 && !mo.Spread {
			p.together = together
		}
		parcels[i] = p
	}
	if mo.Shuffle && len(parcels) > 1 {
		r := newRandom(s.seed^0x6d6f, uint64(s.refs.Load()))
		for i := len(parcels) - 1; i > 0; i-- {
			j := r.below(i + 1)
			parcels[i], parcels[j] = parcels[j], parcels[i]
		}
	}
	return parcels
}

// moParcels makes a reply. A text that cannot be sent is no reply: texts are
// given by the user, and their addresses by an ESME.
func (s *SMSC) moParcels(from, to, text string) []*parcel {
	pdus, err := s.MessagePDUs(from, to, text)
	if err != nil {
		return nil
	}
	return s.pack(pdus)
}

// reply is the text that the recipient of m sends back, empty for none. A long
// message is answered once, by its first part.
func (beh *Behaviour) reply(m *message, r *random) string {
	if m.part > 1 {
		return ""
	}
	text := m.text
	if m.dataCoding == data.UCS2Coding {
		text = asciiOfUCS2(text)
	}
	text = bytes.ToUpper(text)
	for i := range beh.Replies {
		reply := &beh.Replies[i]
		if !bytes.Contains(text, []byte(strings.ToUpper(reply.Keyword))) {
			continue
		}
		if reply.Rate > 0 && !r.chance(reply.Rate) {
			return ""
		}
		return reply.Texts[r.below(len(reply.Texts))]
	}
	return ""
}

// asciiOfUCS2 keeps the characters that a keyword can have.
func asciiOfUCS2(b []byte) []byte {
	out := make([]byte, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		c := byte('?')
		if b[i] == 0 && b[i+1] < 0x80 {
			c = b[i+1]
		}
		out = append(out, c)
	}
	return out
}

var moTexts = []string{
	"STOP",
	"Hello, is anybody there?",
	"Yes please",
	"Wann kommt meine Bestellung? Grüße, Jürgen",
	"Спасибо, всё пришло",
	"ありがとうございます",
	"A",
	"Thanks 👍",
}

const moLongText = "This message is longer than one part holds, so that the phone sends it in several and somebody has to put them together again. "

// sendUnsolicited is the goroutine that plays Behaviour.MO.Rate.
func (s *SMSC) sendUnsolicited() {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	owed, last := 0.0, s.now()
	for {
		mo := &s.behaviour.Load().MO
		if mo.Rate <= 0 {
			select {
			case <-s.quit:
				return
			case <-s.moWake:
				owed, last = 0, s.now()
				continue
			}
		}
		select {
		case <-s.quit:
			return
		case <-s.moWake:
		case <-tick.C:
			// Of a full queue no debt is kept: subscribers do not catch up.
			now := s.now()
			owed += mo.Rate * (now - last).Seconds()
			for last = now; owed >= 1; owed-- {
				if s.office.crowded() || s.sendOneUnsolicited(mo) != nil {
					owed = 0
					break
				}
			}
		}
	}
}

func (s *SMSC) sendOneUnsolicited(mo *MO) error {
	n := s.moSent.Add(1)
	r := newRandom(s.seed^0x4d4f, n)
	text := moTexts[r.below(len(moTexts))]
	if r.chance(mo.Long) {
		text = strings.Repeat(moLongText, 2+r.below(3)) + fmt.Sprint(n)
		if r.chance(0.3) {
			text += " Ж"
		}
	}
	return s.SendMO(fmt.Sprintf("49170%08d", r.next()%100_000_000), mo.To, text)
}
