package sms

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDataCodingGroupsAreRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dc   byte
		want Coding
	}{
		{0x00, Coding{Encoding: GSM7, Known: true, Class: -1}},
		{0x04, Coding{Encoding: Binary, Known: true, Class: -1}},
		{0x05, Coding{Encoding: Binary, Class: -1}},
		{0x10, Coding{Encoding: GSM7, Known: true, Class: 0}},
		{0x16, Coding{Encoding: Binary, Known: true, Class: 2}},
		{0x19, Coding{Encoding: UCS2, Known: true, Class: 1}},
		{0x24, Coding{Encoding: Binary, Compressed: true, Class: -1}},
		{0x31, Coding{Encoding: Binary, Compressed: true, Class: 1}},
		{0x48, Coding{Encoding: UCS2, Known: true, Class: -1, AutoDelete: true}},
		{0x5A, Coding{Encoding: UCS2, Known: true, Class: 2, AutoDelete: true}},
		{0x61, Coding{Encoding: Binary, Compressed: true, Class: -1, AutoDelete: true}},
		{0x9F, Coding{Encoding: GSM7, Known: true, Class: -1}},
		{0xC0, Coding{Encoding: GSM7, Known: true, Class: -1, Waiting: WaitingVoice, Discard: true}},
		{0xC9, Coding{Encoding: GSM7, Known: true, Class: -1, Waiting: WaitingFax, Active: true, Discard: true}},
		{0xD8, Coding{Encoding: GSM7, Known: true, Class: -1, Waiting: WaitingVoice, Active: true}},
		{0xE3, Coding{Encoding: UCS2, Known: true, Class: -1, Waiting: WaitingOther}},
		{0xEA, Coding{Encoding: UCS2, Known: true, Class: -1, Waiting: WaitingEmail, Active: true}},
		{0xF0, Coding{Encoding: GSM7, Known: true, Class: 0}},
		{0xF5, Coding{Encoding: Binary, Known: true, Class: 1}},
	} {
		if got := ParseDataCoding(tt.dc); got != tt.want {
			t.Errorf("%02x is %+v, want %+v", tt.dc, got, tt.want)
		}
	}
}

// Every data_coding that we write is read back as the encoding that it was
// written for.
func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	t.Parallel()
	for enc := GSM7; enc < Packed; enc++ {
		if c := ParseDataCoding(enc.DataCoding()); c.Encoding != enc || !c.Known || c.Class >= 0 {
			t.Errorf("%s is written as %02x and read as %+v", enc, enc.DataCoding(), c)
		}
		for class := range 4 {
			dc, ok := enc.WithClass(class)
			if c := ParseDataCoding(dc); ok && (c.Encoding != enc || c.Class != class) {
				t.Errorf("%s with class %d is written as %02x and read as %+v", enc, class, dc, c)
			}
		}
	}
}

func codings(t testing.TB, read map[byte]Encoding, write map[Encoding]byte, refused ...Encoding) *Codings {
	t.Helper()
	c, err := NewCodings(read, write, refused)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnSMSCMayMeanSomethingElse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		codings *Codings
		text    string
		asked   Encoding
		enc     Encoding
		dc      byte
		ud      string
	}{
		{"the standard", nil, "@é€", Auto, GSM7, 0, "\x00\x05\x1b\x65"},
		{"packed", codings(t, map[byte]Encoding{0: Packed}, nil), "hello", Auto, GSM7, 0, "\xe8\x32\x9b\xfd\x06"},
		{"Latin-1 for the default alphabet", codings(t, map[byte]Encoding{0: Latin1}, nil), "@é[", Auto, GSM7, 0, "@\xe9["},
		{"what that does not have", codings(t, map[byte]Encoding{0: Latin1}, nil), "5 €", Auto, UCS2, 8, "\x005\x00 \x20\xac"},
		{"what the air does not have", codings(t, map[byte]Encoding{0: Latin1}, nil), "ç", Auto, Latin1, 3, "\xe7"},
		{"and no Latin-1", codings(t, map[byte]Encoding{0: Latin1}, nil, Latin1), "ç", Auto, UCS2, 8, "\x00\xe7"},
		{"ASCII for the default alphabet", codings(t, map[byte]Encoding{0: ASCII}, nil), "a_b", Auto, GSM7, 0, "a_b"},
		{"and what that does not have", codings(t, map[byte]Encoding{0: ASCII}, nil), "é", Auto, Latin1, 3, "\xe9"},
		{"UCS-2 by another number", codings(t, map[byte]Encoding{0x18: UCS2}, nil), "П", Auto, UCS2, 0x18, "\x04\x1f"},
		{"written otherwise than read", codings(t, nil, map[Encoding]byte{GSM7: 0xF1}), "a", Auto, GSM7, 0xF1, "a"},
		{"the lowest of two", codings(t, map[byte]Encoding{0x30: UCS2, 0x20: UCS2}, nil), "П", UCS2, UCS2, 0x20, "\x04\x1f"},
	} {
		o := Options{Encoding: tt.asked, Codings: tt.codings}
		p, err := o.Split(tt.text)
		if err != nil || p.Encoding != tt.enc || p.DataCoding != tt.dc || string(p.UD[0]) != tt.ud {
			t.Errorf("%s: %q is %s, data_coding %d, % x (%v); want %s, %d, % x", tt.name, tt.text, p.Encoding, p.DataCoding, p.UD, err, tt.enc, tt.dc, tt.ud)
			continue
		}
		units := tt.codings.AppendUnits(nil, p.DataCoding, 0, p.UD[0])
		if got, _, ok := tt.codings.Read(p.DataCoding, 0, 0, units); !ok || got != tt.text {
			t.Errorf("%s: %q comes back as %q", tt.name, tt.text, got)
		}
	}
}

// The SMSC turns Latin-1 under data_coding 0 into septets: so many may be sent.
func TestTheDefaultAlphabetIsCountedInSeptetsInWhateverItIsWritten(t *testing.T) {
	t.Parallel()
	c := codings(t, map[byte]Encoding{0: Latin1}, nil)
	for text, parts := range map[string]int{
		strings.Repeat("a", 160): 1, strings.Repeat("a", 161): 2, strings.Repeat("[", 80): 1, strings.Repeat("[", 141): 2,
	} {
		o := Options{Encoding: GSM7, Codings: c}
		p, err := o.Split(text)
		if err != nil || len(p.UD) != parts {
			t.Errorf("%d characters are %d parts (%v), want %d", len(text), len(p.UD), err, parts)
		}
	}
}

func TestCodingsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func() (*Codings, error){
		"auto is read":       func() (*Codings, error) { return NewCodings(map[byte]Encoding{5: Auto}, nil, nil) },
		"no such encoding":   func() (*Codings, error) { return NewCodings(map[byte]Encoding{5: 77}, nil, nil) },
		"UCS-2 as default":   func() (*Codings, error) { return NewCodings(map[byte]Encoding{0: UCS2}, nil, nil) },
		"auto is written":    func() (*Codings, error) { return NewCodings(nil, map[Encoding]byte{Auto: 1}, nil) },
		"UCS-2 is refused":   func() (*Codings, error) { return NewCodings(nil, nil, []Encoding{UCS2}) },
		"GSM 7-bit, too":     func() (*Codings, error) { return NewCodings(nil, nil, []Encoding{GSM7}) },
		"unknown is refused": func() (*Codings, error) { return NewCodings(nil, nil, []Encoding{200}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSeptetsArePackedAsOnTheAir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		header int
		want   string
	}{
		{"hellohello", 0, "\xe8\x32\x9b\xfd\x46\x97\xd9\xec\x37"}, // the example that every description has
		{"1234567", 0, "\x31\xd9\x8c\x56\xb3\xdd\x00"},
		{"12345678", 0, "\x31\xd9\x8c\x56\xb3\xdd\x70"},
		{"a", 6, "\xc2"},     // one fill bit after a header of 6 octets
		{"a", 7, "\x61"},     // none after one of 7
		{"a", 4, "\x08\x03"}, // three after one of 4
		{"", 6, ""},
	} {
		got := string(appendPacked(nil, []byte(tt.text), tt.header))
		if tt.text == "" {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%q after %d octets is % x, want % x", tt.text, tt.header, got, tt.want)
		}
		if back := appendUnpacked(nil, []byte(tt.want), tt.header); string(back) != tt.text {
			t.Errorf("% x after %d octets is %q, want %q", tt.want, tt.header, back, tt.text)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		septets := rapid.SliceOfN(rapid.ByteMax(0x7F), 0, 200).Draw(rt, "septets")
		header := rapid.IntRange(0, 20).Draw(rt, "header")
		packed := appendPacked(nil, septets, header)
		if len(septets) > 0 && len(packed) != (fillBits(header)+7*len(septets)+7)/8 {
			rt.Fatalf("%d septets after %d octets take %d octets", len(septets), header, len(packed))
		}
		back := appendUnpacked([]byte("before"), packed, header)[len("before"):]
		lost := len(septets) > 0 && septets[len(septets)-1] == 0 && (fillBits(header)+7*len(septets))%8 == 0
		if lost {
			septets = septets[:len(septets)-1]
		}
		if string(back) != string(septets) {
			rt.Fatalf("% x after %d octets came back as % x", septets, header, back)
		}
	})
}

// Long packed texts: each part is aligned to its own header, and fits the air.
func TestPackedPartsAreJoinedBySeptets(t *testing.T) {
	t.Parallel()
	c := codings(t, map[byte]Encoding{0: Packed}, nil)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc€[Ñş")), 0, 600, -1).Draw(rt, "text") + "."
		o := Options{Encoding: GSM7, Codings: c, Languages: 1 << Turkish, Concat: rapid.SampledFrom([]Concat{UDH8, UDH16, SAR, Payload}).Draw(rt, "mode")}
		p, err := o.Split(text)
		if err != nil {
			rt.Fatal(err)
		}
		var units []byte
		for _, ud := range p.UD {
			if p.Concat != Payload && len(ud) > onAir {
				rt.Fatalf("a part of %d octets", len(ud))
			}
			header := 0
			if p.UDHI {
				h, rest, err := ParseUDH(ud)
				if err != nil || h.Locking != p.Locking || h.Single != p.Single {
					rt.Fatalf("%+v, %v", h, err)
				}
				header, ud = len(h.Raw), rest
			}
			units = c.AppendUnits(units, p.DataCoding, header, ud)
		}
		if got, enc, ok := c.Read(p.DataCoding, p.Locking, p.Single, units); !ok || got != text || enc != GSM7 {
			rt.Fatalf("%q came back as %q", text, got)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\xe8\x32\x9b\xfd\x06"), uint8(0))
	f.Add([]byte("\xc2"), uint8(6))
	f.Fuzz(func(t *testing.T, packed []byte, header uint8) {
		for _, c := range appendUnpacked(nil, packed, int(header)) {
			if c > 0x7F {
				t.Fatalf("% x after %d octets holds %02x", packed, header, c)
			}
		}
	})
}
