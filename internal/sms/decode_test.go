package sms

import (
	"bytes"
	"strings"
	"testing"

	"github.com/linxGnu/gosmpp/data"
)

// The alphabet as 3GPP TS 23.038 §6.2.1 prints it, by columns, beside the table
// that the code has by rows: a slip in one shows against the other.
func TestTheAlphabetIsThatOfTheSpecification(t *testing.T) {
	t.Parallel()
	columns := []string{
		"@£$¥èéùìòÇ\nØø\rÅå", "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ", " !\"#¤%&'()*+,-./", "0123456789:;<=>?",
		"¡ABCDEFGHIJKLMNO", "PQRSTUVWXYZÄÖÑÜ§", "¿abcdefghijklmno", "pqrstuvwxyzäöñüà",
	}
	for c, column := range columns {
		for r, want := range []rune(column) {
			septet := byte(c<<4 | r)
			if septet == esc {
				continue
			}
			p, err := Split(string(want), GSM7, UDH8, 0)
			if err != nil || !bytes.Equal(p.UD[0], []byte{septet}) {
				t.Errorf("%q is %x (%v), want %02x", want, p.UD, err, septet)
			}
			if text, _, ok := Decode(0, []byte{septet}); !ok || text != string(want) {
				t.Errorf("%02x is %q, want %q", septet, text, want)
			}
		}
	}
	for septet, want := range map[byte]string{
		0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
	} {
		p, err := Split(want, GSM7, UDH8, 0)
		if err != nil || !bytes.Equal(p.UD[0], []byte{esc, septet}) {
			t.Errorf("%q is %x (%v), want 1b%02x", want, p.UD, err, septet)
		}
		if text, _, ok := Decode(0, []byte{esc, septet}); !ok || text != want {
			t.Errorf("1b%02x is %q, want %q", septet, text, want)
		}
	}
	held := 0
	for r := rune(0); r < 0x20000; r++ {
		if gsmWidthOf(r) > 0 {
			held++
		}
	}
	if held != 127+10 {
		t.Errorf("the alphabet holds %d characters, want 137", held)
	}
}

func TestInboundTextIsReadByItsDataCoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dc   byte
		ud   string
		want string
		enc  Encoding
		ok   bool
	}{
		{0x00, "hello", "hello", GSM7, true},
		{0x00, "\x00\x1b\x65", "@€", GSM7, true},
		{0x00, "\x80abc", "", GSM7, false},
		{0x00, "a\x1bb", "ab", GSM7, true},
		{0x00, "a\x1b\x1bb", "a b", GSM7, true},
		{0x00, "a\x1b", "a ", GSM7, true},
		{0x01, "a$_@", "a$_@", ASCII, true},
		{0x01, "gar\xe7on", "garçon", Latin1, true}, // announced as what it is not, and readable
		{0x03, "gar\xe7on", "garçon", Latin1, true},
		{0x08, "\x04\x1f\xd8\x3d\xde\x00", "П😀", UCS2, true},
		{0x08, "\x04\x1f\x04", "", UCS2, false},
		{0x08, "\xd8\x3d\x00a", "", UCS2, false},
		{0x08, "\xde\x00\xd8\x3d", "", UCS2, false},
		{0x08, "\x00a\xd8\x3d", "", UCS2, false},
		{0x08, "\xff\xfd", "\uFFFD", UCS2, true},
		{0x08, "", "", UCS2, true},
		{0x08, "hello", "hello", ASCII, true}, // of odd length, so not UCS-2
		{0x08, "hell", "桥汬", UCS2, true},      // as it says
		{0x06, "\xbf\xe0\xd8\xd2\xd5\xe2 1", "Привет 1", Cyrillic, true},
		{0x07, "\xf9\xec\xe5\xed 1", "שלום 1", Hebrew, true},
		{0x07, "\xa1", "", Hebrew, false}, // not assigned
		{0x02, "x", "", Binary, false}, {0x04, "x", "", Binary, false},
		{0x05, "x", "", Binary, false}, {0x09, "x", "", Binary, false}, {0x0A, "x", "", Binary, false}, {0x0D, "x", "", Binary, false},
		{0x0E, "x", "", Binary, false}, {0x0F, "x", "", Binary, false},
		{0x10, "\x00", "@", GSM7, true}, {0x13, "\x00", "@", GSM7, true},
		{0x14, "x", "", Binary, false}, {0x18, "\x00a", "a", UCS2, true}, {0x1C, "x", "x", GSM7, true},
		{0x20, "x", "", Binary, false}, {0x3F, "x", "", Binary, false}, {0x60, "x", "", Binary, false}, // compressed
		{0x40, "x", "x", GSM7, true}, {0x48, "\x00a", "a", UCS2, true}, {0x54, "x", "", Binary, false},
		{0x80, "x", "x", GSM7, true}, {0xB7, "\x80", "", GSM7, false},
		{0xC0, "a", "a", GSM7, true}, {0xD8, "a", "a", GSM7, true}, {0xE0, "\x00a", "a", UCS2, true},
		{0xF0, "\x11", "_", GSM7, true}, {0xF3, "a", "a", GSM7, true}, {0xF4, "x", "", Binary, false},
	} {
		got, enc, ok := Decode(tt.dc, []byte(tt.ud))
		if got != tt.want || enc != tt.enc || ok != tt.ok {
			t.Errorf("%02x % x: %q, %s, %v; want %q, %s, %v", tt.dc, tt.ud, got, enc, ok, tt.want, tt.enc, tt.ok)
		}
	}
}

func TestAClassIsReadBackAsItsEncoding(t *testing.T) {
	t.Parallel()
	for _, enc := range []Encoding{GSM7, UCS2, Binary} {
		for class := range 4 {
			dc, ok := enc.WithClass(class)
			if got, known := EncodingOf(dc); !ok || !known || got != enc || int(dc&3) != class {
				t.Errorf("%s with class %d: %02x, read as %s", enc, class, dc, got)
			}
		}
	}
	for _, class := range []int{-1, 4} {
		if _, ok := GSM7.WithClass(class); ok {
			t.Errorf("class %d is taken", class)
		}
	}
	if _, ok := Latin1.WithClass(0); ok {
		t.Error("latin1 has no form with a class")
	}
}

func TestTheHeaderIsFoundAmongOtherElements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sm   string
		ref        uint16
		total, seq byte
		wide       bool
		found      bool
		rest       string
	}{
		{"8 bits", "\x05\x00\x03\x2a\x02\x01hi", 0x2a, 2, 1, false, true, "hi"},
		{"16 bits", "\x06\x08\x04\x12\x34\x03\x03hi", 0x1234, 3, 3, true, true, "hi"},
		{"after ports", "\x0b\x05\x04\x15\x8a\x00\x00\x00\x03\x07\x02\x02x", 7, 2, 2, false, true, "x"},
		{"before an unknown one", "\x08\x00\x03\x07\x02\x02\x70\x01\xffx", 7, 2, 2, false, true, "x"},
		{"the last counts", "\x0a\x00\x03\x01\x02\x01\x00\x03\x02\x02\x02x", 2, 2, 2, false, true, "x"},
		{"part 0 is passed over", "\x05\x00\x03\x01\x02\x00x", 0, 0, 0, false, false, "x"},
		{"part 3 of 2 is passed over", "\x05\x00\x03\x01\x02\x03x", 0, 0, 0, false, false, "x"},
		{"no parts at all", "\x05\x00\x03\x01\x00\x00x", 0, 0, 0, false, false, "x"},
		{"wrong length", "\x04\x00\x02\x01\x02x", 0, 0, 0, false, false, "x"},
		{"element beyond the header", "\x05\x00\x09\x01\x02\x01x", 0, 0, 0, false, false, "x"},
		{"empty header", "\x00x", 0, 0, 0, false, false, "x"},
		{"half an element", "\x01\x00x", 0, 0, 0, false, false, "x"},
	} {
		h, rest, err := ParseUDH([]byte(tt.sm))
		if err != nil || h.Ref != tt.ref || h.Total != tt.total || h.Seq != tt.seq || h.Wide != tt.wide || h.Found != tt.found || string(rest) != tt.rest {
			t.Errorf("%s: %+v, rest %q, %v", tt.name, h, rest, err)
		}
		if string(h.Raw)+string(rest) != tt.sm {
			t.Errorf("%s: header % x and rest are not the whole", tt.name, h.Raw)
		}
	}
	for _, sm := range []string{"", "\x05\x00\x03\x01", "\xff"} {
		if _, _, err := ParseUDH([]byte(sm)); err == nil {
			t.Errorf("% x is a header", sm)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0), []byte("a\x1be\x1b"))
	f.Add(byte(8), []byte("\xd8\x3d\xde\x00"))
	f.Add(byte(3), []byte("\xe7"))
	f.Add(byte(0), []byte("\x00\x02\x10\x24\x40\x5f\x60\x7f"))
	f.Add(byte(0xf1), []byte("flash"))
	f.Fuzz(func(t *testing.T, dc byte, ud []byte) {
		text, enc, ok := Decode(dc, ud)
		if !ok {
			return
		}
		if enc == ASCII && dc == 0x08 {
			return // what no one may write
		}
		if enc == GSM7 && bytes.IndexByte(ud, esc) >= 0 {
			return // a handset's reading of a wrong escape is not written so again
		}
		if got := (form{enc: enc}).append(nil, text, 0); !bytes.Equal(got, ud) {
			t.Fatalf("%02x % x is read as %q, written % x", dc, ud, text, got)
		}
		// What gosmpp reads of the same octets is the same.
		oracle := map[Encoding]data.Encoding{GSM7: data.GSM7BIT, Latin1: data.LATIN1, UCS2: data.UCS2}[enc]
		if oracle == nil {
			return
		}
		if theirs, err := oracle.Decode(ud); err == nil && theirs != text {
			t.Fatalf("%02x % x is read as %q, by gosmpp as %q", dc, ud, text, theirs)
		}
	})
}

func FuzzParseUDH(f *testing.F) {
	f.Add([]byte("\x05\x00\x03\x2a\x02\x01hi"))
	f.Add([]byte("\x0b\x05\x04\x15\x8a\x00\x00\x08\x04\x07\x02\x02\x02"))
	f.Fuzz(func(t *testing.T, sm []byte) {
		h, rest, err := ParseUDH(sm)
		if err == nil && !bytes.Equal(append(bytes.Clone(h.Raw), rest...), sm) {
			t.Fatal("octets were lost")
		}
		if h.Found && (h.Seq == 0 || h.Seq > h.Total) {
			t.Fatalf("part %d of %d", h.Seq, h.Total)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct {
		name string
		dc   byte
		ud   []byte
	}{
		{"gsm7/plain", 0, []byte(strings.Repeat("a b c d ", 20))},
		{"gsm7/mixed", 0, bytes.Repeat([]byte{0x1B, 0x65, 'a', 0x00}, 40)},
		{"ucs2", 8, bytes.Repeat([]byte{0x04, 0x1F}, 70)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = Decode(bb.dc, bb.ud)
			}
		})
	}
}
