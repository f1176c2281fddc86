package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// way is one of those in which an SMSC names the parts of a long message.
type way struct {
	name   string
	header func(ref uint16, total, seq byte) []byte // nil: the SAR TLVs
	wide   bool                                     // the reference has 16 bits
	tlv    bool                                     // the user data is in message_payload
}

var (
	concat8 = func(ref uint16, total, seq byte) []byte { return []byte{5, 0, 3, byte(ref), total, seq} }
	ways    = []way{
		{name: "8 bits", header: concat8},
		{name: "8 bits in message_payload", header: concat8, tlv: true},
		{name: "16 bits", wide: true, header: func(ref uint16, total, seq byte) []byte {
			return []byte{6, 8, 4, byte(ref >> 8), byte(ref), total, seq}
		}},
		{name: "16 bits, after ports and before another, in message_payload", wide: true, tlv: true, header: func(ref uint16, total, seq byte) []byte {
			return []byte{15, 5, 4, 0x15, 0x8A, 0, 0, 8, 4, byte(ref >> 8), byte(ref), total, seq, 0x70, 1, 0}
		}},
		{name: "8 bits, after a national table", header: func(ref uint16, total, seq byte) []byte {
			return []byte{8, 0x24, 1, byte(sms.Turkish), 0, 3, byte(ref), total, seq}
		}},
		{name: "SAR", wide: true},
		{name: "SAR and message_payload", wide: true, tlv: true},
	}
)

// part is that of a message by which the SMSC means this text.
func (y way) part(from string, ref uint16, total, seq byte, text string) *wire.SM {
	sm := &wire.SM{Source: wire.Address{Addr: []byte(from)}, Dest: wire.Address{Addr: []byte("12345")}}
	ud := []byte(text)
	if y.header != nil {
		sm.ESMClass = 0x40
		ud = append(y.header(ref, total, seq), text...)
	} else {
		sm.TLVs = []wire.TLV{{Tag: wire.TagSARMsgRefNum, Value: []byte{byte(ref >> 8), byte(ref)}},
			{Tag: wire.TagSARTotalSegments, Value: []byte{total}}, {Tag: wire.TagSARSegmentSeqnum, Value: []byte{seq}}}
	}
	if y.tlv {
		sm.TLVs = append(sm.TLVs, wire.TLV{Tag: wire.TagMessagePayload, Value: ud})
	} else {
		sm.ShortMessage = ud
	}
	return sm
}

func texts(w *world) (texts []string) {
	for _, m := range w.inbound {
		texts = append(texts, m.Value.Text)
	}
	return texts
}

func TestEveryWayOfNamingPartsIsJoined(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			w := setup(t)
			for _, seq := range []byte{3, 1, 3, 2} { // out of order, and one doubled, over two binds
				w.deliver([]string{"a", "b"}[seq%2], y.part("4917", 0x1207, 3, seq, fmt.Sprintf("part %d ", seq)))
				w.run()
			}
			w.pass(11 * time.Hour)
			if got := texts(w); !slices.Equal(got, []string{"part 1 part 2 part 3 "}) || !w.inbound[0].Value.Complete || w.inbound[0].Value.Parts != 3 {
				t.Fatalf("messages %q", got)
			}
		})
	}
}

// References of different kinds are different messages, though their numbers are equal.
func TestReferencesOfDifferentKindsAreNotMixed(t *testing.T) {
	w := setup(t)
	kinds := []way{ways[0], ways[2], ways[5]}
	for _, seq := range []byte{2, 1} {
		for i, y := range kinds {
			w.deliver("a", y.part("4917", 0x12, 2, seq, fmt.Sprintf("<%d.%d>", i, seq)))
		}
	}
	w.run()
	got := texts(w)
	slices.Sort(got)
	if want := []string{"<0.1><0.2>", "<1.1><1.2>", "<2.1><2.2>"}; !slices.Equal(got, want) {
		t.Fatalf("messages %q, want %q", got, want)
	}
}

// A phone counts its references up and begins anew, and what it sent with the same one before may still be incomplete.
func TestAReferenceThatComesAroundAgainBeginsAnotherMessage(t *testing.T) {
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			w := setup(t)
			around := 0x100
			if y.wide {
				around = 0x10000
			}
			w.deliver("a", y.part("4917", 7, 2, 1, "lost ")) // its second part never comes
			for n := range around + 8 {
				if ref := n % around; ref <= 7 || ref == around-1 { // those in between are other messages' and change nothing
					w.deliver("a", y.part("4917", uint16(ref), 2, 1, fmt.Sprintf("%d: ", n)))
					w.deliver("a", y.part("4917", uint16(ref), 2, 2, "whole"))
				}
			}
			w.run()
			got := texts(w)
			if len(got) != 18 || got[7] != "lost " || got[0] != "0: whole" || got[17] != fmt.Sprintf("%d: whole", around+7) {
				t.Fatalf("%d messages %q", len(got), got)
			}
		})
	}
}

func TestPartsWithNationalTablesAreReadByThem(t *testing.T) {
	w := setup(t)
	text := strings.Repeat("Şimdi dağa çıkıyoruz. ", 20)
	o := sms.Options{Encoding: sms.GSM7, Languages: 1 << sms.Turkish, Ref: 9}
	p, err := o.Split(text)
	if err != nil || len(p.UD) < 3 {
		t.Fatalf("%d parts, %v", len(p.UD), err)
	}
	for _, i := range []int{2, 0, 1, 3}[:len(p.UD)] {
		w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, ESMClass: 0x40, ShortMessage: p.UD[i]})
	}
	// The tables are each part's own: one without them is of the default alphabet.
	w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4918")}, Dest: wire.Address{Addr: []byte("1")}, ESMClass: 0x40,
		ShortMessage: []byte("\x08\x00\x03\x01\x02\x01\x25\x01\x01\x07\x0b")})
	w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4918")}, Dest: wire.Address{Addr: []byte("1")}, ESMClass: 0x40,
		ShortMessage: []byte("\x05\x00\x03\x01\x02\x02\x07\x0b")})
	w.run()
	if got, want := texts(w), []string{text, "ıĞìØ"}; len(got) != 2 || got[0] != want[0] && got[1] != want[0] || got[0] != want[1] && got[1] != want[1] {
		t.Fatalf("messages %q", got)
	}
}

func TestAnSMSCsOwnCodingsAreReadByItsName(t *testing.T) {
	packed, err := sms.NewCodings(map[byte]sms.Encoding{0: sms.Packed}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := newStore(t)
	w := newWorld(t, db, 1, nil)
	w.conf.Codings = func(smsc string) *sms.Codings {
		if smsc == "packs" {
			return packed
		}
		return nil
	}
	w.restart()
	o := sms.Options{Codings: packed, Ref: 1}
	text := strings.Repeat("Ten septets. ", 20) + "€"
	p, err := o.Split(text)
	if err != nil || len(p.UD) != 2 {
		t.Fatalf("%d parts, %v", len(p.UD), err)
	}
	for _, ud := range p.UD {
		w.deliver("packs", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, ESMClass: 0x40, ShortMessage: ud})
	}
	w.deliver("other", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, ShortMessage: []byte("hello")})
	w.run()
	if got := texts(w); !slices.Equal(got, []string{text, "hello"}) || w.inbound[0].Value.Encoding != "gsm7" {
		t.Fatalf("messages %q", got)
	}
}

// Messages of several subscribers, in all ways, their parts interleaved, out of order, doubled and over two SMSCs, while engines come and go.
func TestInterleavedLongMessagesAreJoinedEachToItsOwn(t *testing.T) {
	t.Parallel()
	db := newStore(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt2tb{t, rt}, db, rapid.IntRange(1, 3).Draw(rt, "partitions"), nil)
		var parts []*wire.SM
		want := map[string]bool{}
		for n := range rapid.IntRange(1, 8).Draw(rt, "messages") {
			y := rapid.SampledFrom(ways).Draw(rt, "way")
			total := rapid.IntRange(2, 5).Draw(rt, "total")
			from, ref := fmt.Sprint(4917+n/4), uint16(rapid.IntRange(0, 0x3FFF).Draw(rt, "ref")<<2|n%4)
			whole := ""
			for seq := 1; seq <= total; seq++ {
				text := fmt.Sprintf("<%d.%d>", n, seq)
				whole += text
				parts = append(parts, y.part(from, ref, byte(total), byte(seq), text))
			}
			want[whole] = true
		}
		for _, i := range rapid.Permutation(indices(len(parts))).Draw(rt, "order") {
			w.deliver(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "smsc"), parts[i])
			switch rapid.IntRange(0, 9).Draw(rt, "then") {
			case 0, 1:
				w.run()
			case 2:
				w.deliver("a", parts[i])
			case 3:
				w.run()
				w.restart()
			case 4:
				w.run()
				w.loseStore()
				w.restart()
			}
		}
		w.run()
		w.pass(21 * time.Hour)
		got := map[string]bool{}
		for _, text := range texts(w) {
			if got[text] || !want[text] {
				rt.Errorf("published %q", text)
			}
			got[text] = true
		}
		if len(got) != len(want) {
			rt.Errorf("published %v, want %v", got, want)
		}
	})
}

func indices(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
