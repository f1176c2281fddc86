package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/linxGnu/gosmpp/data"
)

// form is how a PDU says that it is a part of a long message.
type form struct {
	kind             string // udh8, udh16, sar, payload; empty: it is not
	ref, total, part int
}

// submit is a submit_sm as the other side saw it.
type submit struct {
	account, from, to, messageID string
	dataCoding, registered       byte
	form                         form
	octets                       []byte // without a user data header
	text                         string // empty of binary messages
	tlvs                         []byte // of a carrier's alone
}

// cutHeader takes the user data header off (3GPP TS 23.040 §9.2.3.24).
func cutHeader(t *testing.T, esmClass byte, b []byte) (form, []byte) {
	t.Helper()
	if esmClass&0x40 == 0 {
		return form{}, b
	}
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		t.Fatalf("a user data header that is longer than the message: %x", b)
	}
	header, rest := b[1:1+int(b[0])], b[1+int(b[0]):]
	switch {
	case len(header) == 5 && header[0] == 0 && header[1] == 3:
		return form{"udh8", int(header[2]), int(header[3]), int(header[4])}, rest
	case len(header) == 6 && header[0] == 8 && header[1] == 4:
		return form{"udh16", int(header[2])<<8 | int(header[3]), int(header[4]), int(header[5])}, rest
	}
	t.Fatalf("a user data header of another kind: %x", header)
	return form{}, nil
}

// decode reads a text with gosmpp's alphabets.
func decode(t *testing.T, dataCoding byte, b []byte) string {
	t.Helper()
	var coding data.Encoding
	switch dataCoding {
	case 0:
		coding = data.GSM7BIT
	case 1:
		coding = data.ASCII
	case 3:
		coding = data.LATIN1
	case 8:
		coding = data.UCS2
	default:
		return ""
	}
	text, err := coding.Decode(b)
	if err != nil {
		t.Fatalf("data_coding %d: %v: %x", dataCoding, err, b)
	}
	return text
}

// joined is a message as its recipient reads it.
type joined struct {
	dataCoding byte
	kinds      []string
	ids        []string // by part
	text       string
	octets     []byte
}

// join puts the parts of each destination's one message together.
func join(t *testing.T, submits []submit) map[string]joined {
	t.Helper()
	byDestination := map[string][]submit{}
	for _, s := range submits {
		byDestination[s.to] = append(byDestination[s.to], s)
	}
	all := map[string]joined{}
	for to, parts := range byDestination {
		slices.SortFunc(parts, func(a, b submit) int { return a.form.part - b.form.part })
		var j joined
		for i, s := range parts {
			if f := s.form; f.total > 0 && (f.total != len(parts) || f.part != i+1 || f.ref != parts[0].form.ref) || f.total == 0 && len(parts) > 1 {
				t.Fatalf("to %s: part %d of %d parts is %+v", to, i+1, len(parts), f)
			}
			j.kinds = append(j.kinds, s.form.kind)
			j.ids = append(j.ids, s.messageID)
			j.text += s.text
			j.octets = append(j.octets, s.octets...)
			j.dataCoding = s.dataCoding
		}
		all[to] = j
	}
	return all
}

// deliver is a deliver_sm to be sent.
type deliver struct {
	esmClass, dataCoding byte
	body, payload        []byte
	sar                  string // reference, parts, part; or -
}

// mobileOriginated is a message from a subscriber in one of its forms.
type mobileOriginated struct {
	name, from string
	coding     data.Encoding
	text       string
	form       string
}

const subscriber = "49160000000" // and a digit

var mobileOriginatedMessages = []mobileOriginated{
	{"short in the GSM alphabet", subscriber + "1", data.GSM7BIT, "Ja, gerne! [5 €]", ""},
	{"short in UCS-2", subscriber + "2", data.UCS2, "Спасибо 🙏", ""},
	{"long with an 8-bit reference", subscriber + "3", data.GSM7BIT, longText, "udh8"},
	{"long with a 16-bit reference", subscriber + "4", data.GSM7BIT, longText, "udh16"},
	{"long with sar TLVs", subscriber + "5", data.UCS2, wideText, "sar"},
	{"long in message_payload", subscriber + "6", data.GSM7BIT, longText, "payload"},
	{"short in Latin-1", subscriber + "7", data.LATIN1, "Ça va très bien, señor", ""},
}

// pdus cuts a message into its deliver_sm, the last part first.
func (m mobileOriginated) pdus(t *testing.T, ref int) []deliver {
	t.Helper()
	b, err := m.coding.Encode(m.text)
	if err != nil {
		t.Fatal(err)
	}
	whole := deliver{dataCoding: m.coding.DataCoding(), sar: "-"}
	switch m.form {
	case "":
		whole.body = b
		return []deliver{whole}
	case "payload":
		whole.payload = b
		return []deliver{whole}
	}
	const octets = 132 // even, for UCS-2, and with room for either header
	var all []deliver
	total := (len(b) + octets - 1) / octets
	for part := total; part > 0; part-- {
		d := whole
		piece := b[(part-1)*octets : min(part*octets, len(b))]
		switch m.form {
		case "udh8":
			d.esmClass, d.body = 0x40, append([]byte{5, 0, 3, byte(ref), byte(total), byte(part)}, piece...)
		case "udh16":
			d.esmClass, d.body = 0x40, append([]byte{6, 8, 4, byte(ref >> 8), byte(ref), byte(total), byte(part)}, piece...)
		case "sar":
			d.sar, d.body = fmt.Sprintf("%d,%d,%d", ref, total, part), piece
		}
		all = append(all, d)
	}
	return all
}
