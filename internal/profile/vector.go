package profile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Vectors are examples of a profile, which must come out as they say.
type Vectors struct {
	Receipts   []ReceiptVector   `json:"receipts"`
	MessageIDs []IDVector        `json:"message_ids"`
	Statuses   map[string]string `json:"statuses"`
	Addresses  []AddressVector   `json:"addresses"`
	TLVs       []TLVVector       `json:"tlvs"`
}

// Count is how many there are.
func (v *Vectors) Count() int {
	return len(v.Receipts) + len(v.MessageIDs) + len(v.Statuses) + len(v.Addresses) + len(v.TLVs)
}

// ReceiptVector is a deliver_sm and what it says.
type ReceiptVector struct {
	Name         string      `json:"name"`
	Text         string      `json:"text"`
	ESMClass     *byte       `json:"esm_class"`
	DataCoding   byte        `json:"data_coding"`
	ReceiptedID  string      `json:"receipted_message_id"`
	State        *int        `json:"message_state"`
	NetworkError string      `json:"network_error_code"`
	Received     string      `json:"received"`
	Want         WantReceipt `json:"want"`
}

// WantReceipt is what a receipt says; None: it is none.
type WantReceipt struct {
	None                       bool
	MessageID, Stat, State     string
	Final                      bool
	Error, SubmittedAt, DoneAt string
}

// UnmarshalJSON reads false or the fields.
func (w *WantReceipt) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("false")) {
		w.None = true
		return nil
	}
	var fields struct {
		MessageID   string `json:"message_id"`
		Stat        string `json:"stat"`
		State       string `json:"state"`
		Final       bool   `json:"final"`
		Error       string `json:"error"`
		SubmittedAt string `json:"submitted_at"`
		DoneAt      string `json:"done_at"`
	}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	*w = WantReceipt{MessageID: fields.MessageID, Stat: fields.Stat, State: fields.State, Final: fields.Final, Error: fields.Error, SubmittedAt: fields.SubmittedAt, DoneAt: fields.DoneAt}
	return nil
}

// IDVector is the ids of one message.
type IDVector struct {
	Response string `json:"response"`
	Receipt  string `json:"receipt"`
	Form     string `json:"form"`
}

// AddressVector is an address as a record has it and as the PDU has it.
type AddressVector struct {
	From  string `json:"from"`
	To    string `json:"to"`
	TON   byte   `json:"ton"`
	NPI   byte   `json:"npi"`
	Addr  string `json:"addr"`
	Error bool   `json:"error"`
}

// TLVVector is TLVs as a record names them and as the PDU has them.
type TLVVector struct {
	Given map[string]string `json:"given"`
	Want  string            `json:"want"`
	Error bool              `json:"error"`
}

// Outcome is what came of one vector.
type Outcome struct {
	What string // such as receipts[2] "ends at stat"
	Err  error  // nil: as it must
}

// Test runs the profile's vectors.
func (p *Profile) Test() []Outcome {
	var out []Outcome
	add := func(what string, err error) { out = append(out, Outcome{what, err}) }
	for i := range p.Vectors.Receipts {
		v := &p.Vectors.Receipts[i]
		what := fmt.Sprintf("receipts[%d]", i)
		if v.Name != "" {
			what += fmt.Sprintf(" %q", v.Name)
		}
		add(what, p.testReceipt(v))
	}
	for i, v := range p.Vectors.MessageIDs {
		add(fmt.Sprintf("message_ids[%d] %s and %s", i, v.Response, v.Receipt), p.testIDs(v))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Vectors.Statuses)) {
		add("statuses "+key, p.testStatus(key, p.Vectors.Statuses[key]))
	}
	for i, v := range p.Vectors.Addresses {
		add(fmt.Sprintf("addresses[%d]", i), p.testAddress(v))
	}
	for i, v := range p.Vectors.TLVs {
		add(fmt.Sprintf("tlvs[%d]", i), p.testTLVs(v))
	}
	return out
}

func (p *Profile) testReceipt(v *ReceiptVector) error {
	in := sms.ReceiptInput{ESMClass: 4, DataCoding: v.DataCoding, Text: []byte(v.Text), ReceiptedID: v.ReceiptedID, MessageState: -1}
	if v.ESMClass != nil {
		in.ESMClass = *v.ESMClass
	}
	if v.State != nil {
		in.MessageState = *v.State
	}
	if v.NetworkError != "" {
		in.NetworkError, _ = hex.DecodeString(v.NetworkError) // the schema has looked
	}
	if v.Received != "" {
		at, err := time.Parse(time.RFC3339, v.Received)
		if err != nil {
			return fmt.Errorf("received %q is no time in RFC 3339", v.Received)
		}
		in.Received = at
	}
	r, ok := p.Receipts.ReadReceipt(in)
	switch {
	case ok == v.Want.None && ok:
		return fmt.Errorf("is read as a receipt of state %s, and must be none", r.State)
	case !ok && !v.Want.None:
		return fmt.Errorf("is read as no receipt")
	case !ok:
		return nil
	}
	got := WantReceipt{MessageID: r.MessageID, Stat: r.Stat, State: string(r.State), Final: r.Final, Error: r.Error, SubmittedAt: stamp(r.SubmittedAt), DoneAt: stamp(r.DoneAt)}
	want := v.Want
	for _, s := range []*string{&want.SubmittedAt, &want.DoneAt} {
		if *s == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, *s)
		if err != nil {
			return fmt.Errorf("%q is no time in RFC 3339", *s)
		}
		*s = stamp(at)
	}
	if got != want {
		return fmt.Errorf("is read as %+v, and must be %+v", got, want)
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (p *Profile) testIDs(v IDVector) error {
	form, _ := sms.ParseIDForm(v.Form)
	if got := sms.FormOf(v.Response, v.Receipt); got != form {
		return fmt.Errorf("are of the form %s, not %s", got, form)
	}
	for _, f := range []sms.IDForm{form, sms.FormUnknown} {
		if !slices.Contains(sms.FilingKeys(nil, v.Response, f), sms.NormalID(v.Receipt)) {
			return fmt.Errorf("do not meet with message_id %s", f)
		}
	}
	if named, ok := sms.ParseIDForm(p.Defaults["MESSAGE_ID"]); ok && named != sms.FormUnknown && named != form {
		return fmt.Errorf("are of the form %s, and the profile's default is %s", form, named)
	}
	return nil
}

func (p *Profile) testStatus(key, class string) error {
	status, ok := wire.ParseStatus(key)
	if !ok {
		return fmt.Errorf("%q is no command_status", key)
	}
	if got := p.Statuses.Of(status).String(); got != class {
		return fmt.Errorf("is %s, and must be %s", got, class)
	}
	return nil
}

func (p *Profile) testAddress(v AddressVector) error {
	s, sender := v.To, false
	if v.From != "" {
		s, sender = v.From, true
	}
	a, err := p.Addresses.Parse(s, sender)
	switch {
	case (err != nil) != v.Error:
		return fmt.Errorf("error %v", err)
	case err == nil && a != sms.Address{TON: v.TON, NPI: v.NPI, Addr: v.Addr}:
		return fmt.Errorf("is TON %d, NPI %d, %q, and must be TON %d, NPI %d, %q", a.TON, a.NPI, a.Addr, v.TON, v.NPI, v.Addr)
	}
	return nil
}

func (p *Profile) testTLVs(v TLVVector) error {
	var tlvs []wire.TLV
	err := error(nil)
	for _, name := range slices.Sorted(maps.Keys(v.Given)) {
		t, e := p.TLVs.Named(name, []byte(v.Given[name]), false)
		if e != nil {
			err = e
			break
		}
		tlvs = append(tlvs, t)
	}
	if err == nil {
		err = p.TLVs.Check(tlvs)
	}
	if (err != nil) != v.Error {
		return fmt.Errorf("error %v", err)
	}
	var got []byte
	for _, t := range tlvs {
		got = append(got, byte(t.Tag>>8), byte(t.Tag), byte(len(t.Value)>>8), byte(len(t.Value)))
		got = append(got, t.Value...)
	}
	want, _ := hex.DecodeString(v.Want)
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Errorf("are %x, and must be %x", got, want)
	}
	return nil
}
