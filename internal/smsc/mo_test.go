package smsc

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func TestAKeywordIsRepliedTo(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Replies: []Reply{
		{Keyword: "vote", Texts: []string{"A"}}, {Keyword: "STOP", Texts: []string{"STOP"}},
	}}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	ucs2 := submission("491703", "", 0)
	if err := ucs2.Message.SetMessageWithEncoding("Голосуйте: VOTE", data.UCS2); err != nil {
		t.Fatal(err)
	}
	second := submission("491704", "", 0)
	second.EsmClass = data.SM_UDH_GSM
	second.Message.SetUDH(pdu.UDH{pdu.NewIEConcatMessage(2, 2, 9)})
	_ = second.Message.SetMessageDataWithEncoding([]byte("... to VOTE"), data.GSM7BIT)
	for _, c := range []struct {
		p    *pdu.SubmitSM
		want string
	}{
		{submission("491701", "Please Vote now", 0), "A"},
		{submission("491702", "Reply STOP to end", 0), "STOP"},
		{ucs2, "A"},
		{submission("491705", "nothing to answer", 0), ""},
		{second, ""}, // of a long message only the first part is answered
	} {
		e.accepted(c.p)
		if c.want == "" {
			if st := s.Stats(); st.Queue+st.InFlight != 0 {
				t.Errorf("a reply that was not asked for: %+v", st)
			}
			continue
		}
		d := e.delivery()
		e.answer(d, 0)
		if d.EsmClass != 0 || textOf(d) != c.want || d.SourceAddr.Address() != c.p.DestAddr.Address() || d.DestAddr.Address() != "12345" {
			t.Errorf("%q from %s to %s, want %q", textOf(d), d.SourceAddr, d.DestAddr, c.want)
		}
		eventually(t, s, func(st Stats) bool { return st.InFlight == 0 })
	}
}

// joined puts the parts of messages together by reference.
type joined map[byte]map[byte][]byte

func (j joined) add(t *testing.T, d *pdu.DeliverSM) (text []byte, done bool) {
	t.Helper()
	body, _ := d.Message.GetMessageData()
	total, part, ref, found := d.Message.UDH().GetConcatInfo()
	if !found {
		t.Fatalf("a part without a header: %q", body)
	}
	if j[ref] == nil {
		j[ref] = make(map[byte][]byte)
	}
	j[ref][part] = body
	if len(j[ref]) < int(total) {
		return nil, false
	}
	for i := range total {
		text = append(text, j[ref][i+1]...)
	}
	return text, true
}

func TestALongMessageComesInPartsShuffledAndSpread(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Seed: 1, Behaviour: Behaviour{MO: MO{Shuffle: true, Spread: true}}})
	var binds []*esme
	for i := range 2 { // it takes its turns in the order in which they joined, which is a moment after they were answered
		binds = append(binds, bindAs(t, s, pdu.Receiver, "a"))
		eventually(t, s, func(st Stats) bool { return st.Receivers == i+1 })
	}
	text := strings.Repeat("All of it has to arrive. ", 30)
	if err := s.SendMO("491701", "12345", text); err != nil {
		t.Fatal(err)
	}
	parts := make(joined)
	var order []byte
	for i := range 5 {
		e := binds[i%2] // in turn
		d := e.delivery()
		e.answer(d, 0)
		_, part, _, _ := d.Message.UDH().GetConcatInfo()
		order = append(order, part)
		if got, done := parts.add(t, d); done != (i == 4) {
			t.Fatalf("part %d of 5 completes the message: %v", i+1, done)
		} else if done && string(got) != text {
			t.Errorf("the parts make %q", got)
		}
	}
	if bytes.Equal(order, []byte{1, 2, 3, 4, 5}) {
		t.Error("the parts came in order")
	}
}

func TestThePartsOfAMessageKeepToOneBindWhenNotSpread(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 100})
	binds := []*esme{bindAs(t, s, pdu.Receiver, "a"), bindAs(t, s, pdu.Receiver, "a")}
	eventually(t, s, func(st Stats) bool { return st.Receivers == 2 })
	for range 2 {
		if err := s.SendMO("491701", "12345", strings.Repeat("x", 400)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range binds {
		for want := range byte(3) {
			d := e.delivery()
			e.answer(d, 0)
			if _, part, _, _ := d.Message.UDH().GetConcatInfo(); part != want+1 {
				t.Errorf("part %d came, want %d", part, want+1)
			}
		}
	}
}

func TestUnsolicitedMessagesAreWhole(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Seed: 7, Behaviour: Behaviour{MO: MO{Rate: 5000, Long: 0.5, Shuffle: true}}})
	e := bindAs(t, s, pdu.Receiver, "a")
	parts, whole := make(joined), 0
	for whole < 50 {
		d := e.delivery()
		e.answer(d, 0)
		if d.DestAddr.Address() != "12345" || d.EsmClass&0x3c != 0 {
			t.Fatalf("%q to %s, esm_class %#x", textOf(d), d.DestAddr, d.EsmClass)
		}
		if d.EsmClass&data.SM_UDH_GSM == 0 {
			continue
		}
		if _, done := parts.add(t, d); done {
			whole++
			clear(parts)
		}
	}
}

func TestUnsolicitedMessagesBeginWhenTheRateIsSet(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Receiver, "a")
	if err := s.Change(func(b *Behaviour) { b.MO.Rate, b.MO.To = 1000, "777" }); err != nil {
		t.Fatal(err)
	}
	if d := e.delivery(); d.DestAddr.Address() != "777" {
		t.Errorf("a message to %s", d.DestAddr)
	}
}

func TestUnsolicitedMessagesLeaveRoomForReceipts(t *testing.T) {
	t.Parallel()
	s := start(t, Options{QueueLimit: 10, Behaviour: Behaviour{MO: MO{Rate: 10_000}}})
	e := bindAs(t, s, pdu.Transmitter, "a")
	eventually(t, s, func(st Stats) bool { return st.Queue == 6 })
	for range 4 {
		e.accepted(submission("491701", "x", 1))
	}
}

func TestNoPartCutsACharacter(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("€", 200), strings.Repeat("x", 152) + strings.Repeat("[]", 100),
		strings.Repeat("👍", 100), "a" + strings.Repeat("👍", 100), strings.Repeat("ж", 71), strings.Repeat("a", 161),
	} {
		parts, coding, err := segment(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, part := range parts {
			if len(part)+6 > 160 || coding == data.UCS2 && len(part) > ucs2Part {
				t.Errorf("a part of %d octets", len(part))
			}
			s, err := coding.Decode(part)
			if err != nil || !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
				t.Errorf("a part reads %q, %v", s, err)
			}
			got += s
		}
		if got != text || len(parts) < 2 {
			t.Errorf("%d parts make %q", len(parts), got)
		}
	}
	if parts, _, _ := segment(strings.Repeat("a", 160)); len(parts) != 1 {
		t.Errorf("160 characters make %d parts", len(parts))
	}
	if _, _, err := segment(strings.Repeat("a", 255*153+1)); err == nil {
		t.Error("256 parts were made")
	}
}

func TestAnyPDUCanBeSent(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 10})
	bindAs(t, s, pdu.Receiver, "other")
	e := bindAs(t, s, pdu.Receiver, "a")
	d := pdu.NewDeliverSM().(*pdu.DeliverSM)
	d.EsmClass = esmReceipt
	_ = d.Message.SetMessageDataWithEncoding([]byte("id:1 stat:BUFFRED\x00"), data.GSM7BIT)
	if err := s.SendPDU("a", d); err != nil {
		t.Fatal(err)
	}
	got := e.delivery()
	e.answer(got, 0)
	if body, _ := got.Message.GetMessageData(); string(body) != "id:1 stat:BUFFRED\x00" {
		t.Errorf("%q came", body)
	}
	eventually(t, s, func(st Stats) bool { return st.ReceiptsAcked == 1 })
}

func TestAnAddressThatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	if err := s.SendMO(strings.Repeat("1", 21), "12345", "x"); err == nil {
		t.Error("a number of 21 digits was accepted")
	}
}
