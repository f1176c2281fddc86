package sms

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// read reads what parts of the standard's codings hold.
func read(p Parts, ud []byte) (string, Encoding, bool) {
	return (*Codings)(nil).Read(p.DataCoding, p.Locking, p.Single, ud)
}

// join takes the parts apart again, as a receiver would, and gives their text.
func join(t testing.TB, p Parts) (all []byte, texts []string) {
	t.Helper()
	for i, ud := range p.UD {
		if p.UDHI {
			h, rest, err := ParseUDH(ud)
			if err != nil {
				t.Fatalf("part %d: %v", i+1, err)
			}
			if h.Found == (p.Concat != UDH8 && p.Concat != UDH16) || h.Locking != p.Locking || h.Single != p.Single ||
				h.Found && (int(h.Total) != len(p.UD) || int(h.Seq) != i+1 || h.Ref != p.Ref || h.Wide != (p.Concat == UDH16)) {
				t.Fatalf("part %d of %d, ref %d, has the header %+v", i+1, len(p.UD), p.Ref, h)
			}
			ud = rest
		}
		text, enc, ok := read(p, ud)
		if p.Encoding != Binary && (!ok || enc != p.Encoding) {
			t.Fatalf("part %d does not decode on its own: % x", i+1, ud)
		}
		all = append(all, ud...)
		texts = append(texts, text)
	}
	return all, texts
}

// checkParts fails unless the parts hold the text and keep every rule of Split.
func checkParts(t testing.TB, text string, mode Concat, p Parts) {
	t.Helper()
	all, texts := join(t, p)
	got, _, ok := read(p, all)
	if !ok || got != text || strings.Join(texts, "") != text {
		t.Fatalf("%s, %s: the parts decode to %q (%v), want %q", p.Encoding, mode, got, ok, text)
	}
	c := p.form.capacity(mode)
	limit := c.part
	if len(p.UD) == 1 {
		limit = c.single
	}
	if p.Encoding == UCS2 {
		limit *= 2
	}
	inside := map[int]string{}
	if len(p.UD) > 1 {
		inside = insideClusters(text, p.form, c.part)
	}
	at := 0
	for i, ud := range p.UD {
		if p.UDHI {
			_, ud, _ = ParseUDH(ud)
		}
		if p.Concat != Payload && len(ud) > limit {
			t.Fatalf("part %d has %d octets, more than %d", i+1, len(ud), limit)
		}
		if len(ud) == 0 && text != "" {
			t.Fatalf("part %d of %d is empty", i+1, len(p.UD))
		}
		at += len(texts[i])
		if cluster, ok := inside[at]; ok {
			t.Fatalf("cut at %d inside the cluster %q", at, cluster)
		}
	}
	if (p.Concat == Single) != (p.form.unitsOf(text) <= c.single) {
		t.Fatalf("a text of %d units is said to be %s", p.form.unitsOf(text), p.Concat)
	}
}

// insideClusters is the places in text at which a cut would fall inside a
// cluster that a part can hold.
func insideClusters(text string, f form, capacity int) map[int]string {
	inside := map[int]string{}
	at := 0
	for rest, state := text, -1; rest != ""; {
		var c string
		c, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if len(c) > 1 && f.unitsOf(c) <= capacity {
			for i := 1; i < len(c); i++ {
				inside[at+i] = c
			}
		}
		at += len(c)
	}
	return inside
}

func TestACutNeverFallsInsideWhatBelongsTogether(t *testing.T) {
	t.Parallel()
	for _, together := range []string{
		"€", "{", "\r\n", "😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u0301", "நி", "각", "ก็", "क्षि",
	} {
		for _, mode := range []Concat{UDH8, UDH16, SAR} {
			step := 1
			if mode != UDH8 {
				step = 9
			}
			for pad := 0; pad < 155; pad += step {
				text := strings.Repeat("a", pad) + strings.Repeat(together, 20) + strings.Repeat("b", 70)
				p, err := Split(text, Auto, mode, 0x1234)
				if err != nil {
					t.Fatal(err)
				}
				checkParts(t, text, mode, p)
			}
		}
	}
}

func TestCharactersCalledAloneJoinNothing(t *testing.T) {
	t.Parallel()
	n := 0
	for r := rune(0); r < 0x30000; r++ {
		if !alone(r) {
			continue
		}
		n++
		for _, other := range []rune{'a', 'ж', '中', 'ア', 'א', 'ب', 'ế', '\n', r} {
			for _, s := range []string{string(r) + string(other), string(other) + string(r), "🇩" + string(other) + string(r)} {
				if s == "\r\n" || s == "🇩\r\n" {
					continue
				}
				if c := uniseg.GraphemeClusterCount(s); c != utf8.RuneCountInString(s) {
					t.Fatalf("%U: %q has %d clusters", r, s, c)
				}
			}
		}
	}
	if n < 20_000 {
		t.Errorf("only %d characters", n)
	}
}

func TestAClusterLargerThanAPartIsCutBetweenItsCharacters(t *testing.T) {
	t.Parallel()
	zalgo := "a" + strings.Repeat("\u0301", 200)
	p, err := Split("hello "+zalgo+" 😀", UCS2, UDH8, 7)
	if err != nil {
		t.Fatal(err)
	}
	checkParts(t, "hello "+zalgo+" 😀", UDH8, p)
	if len(p.UD) != 4 {
		t.Errorf("%d parts, want 4: a large cluster fills what there is", len(p.UD))
	}
}

func TestClustersAreCutWhereKeepingThemWhollyWouldTakeTooManyParts(t *testing.T) {
	t.Parallel()
	cluster := "e" + strings.Repeat("\u0301", 33) // 34 units: one a part of 67, if whole
	text := strings.Repeat(cluster, 400)
	p, err := Split(text, UCS2, UDH8, 1)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := join(t, p)
	if got, _, _ := Decode(8, all); got != text {
		t.Error("the text is not whole")
	}
	if want := (400*34 + 66) / 67; len(p.UD) != want {
		t.Errorf("%d parts, want %d", len(p.UD), want)
	}
}

func TestPartsHoldAsMuchAsTheAirDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		char         string
		enc          Encoding
		mode         Concat
		single, part int
	}{
		{"a", GSM7, UDH8, 160, 153}, {"a", GSM7, UDH16, 160, 152}, {"a", GSM7, SAR, 160, 153},
		{"a", Latin1, UDH8, 140, 134}, {"a", Latin1, UDH16, 140, 133}, {"a", Latin1, SAR, 140, 134},
		{"a", UCS2, UDH8, 70, 67}, {"a", UCS2, UDH16, 70, 66}, {"a", UCS2, SAR, 70, 67},
		{"€", GSM7, UDH8, 80, 76}, {"😀", UCS2, UDH8, 35, 33},
	} {
		for n, want := range map[int]int{
			0: 1, 1: 1, tt.single: 1, tt.single + 1: 2, 2 * tt.part: 2, 2*tt.part + 1: 3, 255 * tt.part: 255,
		} {
			text := strings.Repeat(tt.char, n)
			p, err := Split(text, tt.enc, tt.mode, 0xABCD)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.UD) != want {
				t.Errorf("%d × %s as %s by %s: %d parts, want %d", n, tt.char, tt.enc, tt.mode, len(p.UD), want)
			}
			checkParts(t, text, tt.mode, p)
			ref := uint16(0xABCD)
			if tt.mode == UDH8 {
				ref = 0xCD
			}
			if want > 1 && p.Ref != ref {
				t.Errorf("%s: reference %#x, want %#x", tt.mode, p.Ref, ref)
			}
		}
		_, err := Split(strings.Repeat(tt.char, 255*tt.part+1), tt.enc, tt.mode, 0)
		var long *TooLong
		if !errors.As(err, &long) || long.Parts != 256 {
			t.Errorf("%s by %s: 256 parts give the error %v", tt.enc, tt.mode, err)
		}
	}
}

func TestAutoTakesTheCheapestThatHoldsEveryCharacter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		enc   Encoding
		parts int
	}{
		{"", GSM7, 1},
		{"hello", GSM7, 1},
		{"Ελλάδα is not all Greek capitals", UCS2, 1},
		{"ΔΦΓΛΩΠΨΣΘΞ €^{}\\[~]|\f\r\n", GSM7, 1},
		{"GARÇON", GSM7, 1},
		{"garçon", Latin1, 1},
		{"a\tb", Latin1, 1},
		{"Привет", UCS2, 1},
		{"ok 👍", UCS2, 1},
		{strings.Repeat("[", 80), GSM7, 1},
		{strings.Repeat("[", 81), Latin1, 1},                           // 162 septets would be two parts
		{strings.Repeat("[", 141), GSM7, 2},                            // two either way: the handset's first choice
		{strings.Repeat("[", 267), Latin1, 2},                          // 76 a part would be four
		{strings.Repeat("[", 80) + "€", GSM7, 2},                       // € is not Latin-1
		{strings.Repeat("a", 155) + "[[[[", GSM7, 2},                   // 163 septets, 159 octets
		{strings.Repeat("é", 141), GSM7, 1},                            // no extension
		{strings.Repeat("ç", 140), Latin1, 1}, {"☃" + "[[[[", UCS2, 1}, // a mixture
	} {
		p, err := Split(tt.text, Auto, UDH8, 1)
		if err != nil {
			t.Fatal(err)
		}
		if p.Encoding != tt.enc || len(p.UD) != tt.parts || p.DataCoding != tt.enc.DataCoding() {
			t.Errorf("%q: %d parts of %s, data_coding %d; want %d of %s", tt.text, len(p.UD), p.Encoding, p.DataCoding, tt.parts, tt.enc)
		}
		checkParts(t, tt.text, UDH8, p)
	}
}

func TestPayloadIsOnePartWithoutAHeader(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("hello 😀 ", 1000)
	p, err := Split(text, Auto, Payload, 9)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.UD) != 1 || p.UDHI || p.Concat != Payload || p.Ref != 0 {
		t.Errorf("%d parts, %s, UDHI %v, ref %d", len(p.UD), p.Concat, p.UDHI, p.Ref)
	}
	checkParts(t, text, Payload, p)

	if p, _ = Split("short", Auto, Payload, 9); p.Concat != Single {
		t.Errorf("a short text goes as %s", p.Concat)
	}
	var long *TooLong
	if _, err = Split(strings.Repeat("a", 65536), Auto, Payload, 9); !errors.As(err, &long) || long.Octets != 65536 {
		t.Errorf("65,536 octets: %v", err)
	}
}

func TestPartsShareABufferButCannotGrowIntoEachOther(t *testing.T) {
	t.Parallel()
	p, err := Split(strings.Repeat("a", 400), GSM7, UDH8, 1)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.Clone(p.UD[1])
	_ = append(p.UD[0], "overrun"...)
	if !bytes.Equal(p.UD[1], second) {
		t.Error("appending to the first part wrote into the second")
	}
	if q, _ := Split("hi", GSM7, UDH8, 1); cap(q.UD[0]) != 2 {
		t.Errorf("a single part has room for %d octets", cap(q.UD[0]))
	}
}

func TestACharacterThatCannotBeEncodedIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		enc  Encoding
		want CannotEncode
	}{
		{"5 € or ₽", GSM7, CannotEncode{Rune: '₽', Index: 9, Encoding: GSM7}},
		{"5 €", Latin1, CannotEncode{Rune: '€', Index: 2, Encoding: Latin1}},
		{"garçon", GSM7, CannotEncode{Rune: 'ç', Index: 3, Encoding: GSM7}},
		{"5 €", ASCII, CannotEncode{Rune: '€', Index: 2, Encoding: ASCII}},
		{"Ваш ключ: ½", Cyrillic, CannotEncode{Rune: '½', Index: 17, Encoding: Cyrillic}},
		{"שלום ä", Hebrew, CannotEncode{Rune: 'ä', Index: 9, Encoding: Hebrew}},
		{"a\xffb", Auto, CannotEncode{Rune: utf8.RuneError, Index: 1, Invalid: true}},
		{"a\xed\xa0\x80b", UCS2, CannotEncode{Rune: utf8.RuneError, Index: 1, Invalid: true}},
		{"text", Binary, CannotEncode{Rune: 't', Encoding: Binary}},
		{"", Binary, CannotEncode{Rune: utf8.RuneError, Encoding: Binary}},
	} {
		_, err := Split(tt.text, tt.enc, UDH8, 0)
		var got *CannotEncode
		if !errors.As(err, &got) || *got != tt.want {
			t.Errorf("%q as %s: %#v, want %#v", tt.text, tt.enc, err, tt.want)
		}
	}
	if p, err := Split("a\uFFFDb", Auto, UDH8, 0); err != nil || p.Encoding != UCS2 {
		t.Errorf("U+FFFD itself is a character: %v", err)
	}
}

func TestBinaryIsCutIntoOctets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode Concat
		n    int
		want int
	}{
		{UDH8, 0, 1}, {UDH8, 140, 1}, {UDH8, 141, 2}, {UDH8, 268, 2}, {UDH8, 269, 3}, {UDH16, 267, 3}, {SAR, 268, 2},
		{Payload, 140, 1}, {Payload, 65535, 1}, {UDH8, 255 * 134, 255},
	} {
		payload := make([]byte, tt.n)
		for i := range payload {
			payload[i] = byte(i * 7)
		}
		p, err := SplitBinary(payload, tt.mode, 300)
		if err != nil {
			t.Fatal(err)
		}
		all, _ := join(t, p)
		if len(p.UD) != tt.want || !bytes.Equal(all, payload) || p.DataCoding != 4 {
			t.Errorf("%d octets by %s: %d parts, want %d", tt.n, tt.mode, len(p.UD), tt.want)
		}
		if (p.Concat == Single) != (tt.n <= 140) {
			t.Errorf("%d octets by %s are said to be %s", tt.n, tt.mode, p.Concat)
		}
	}
	for mode, n := range map[Concat]int{UDH8: 255*134 + 1, Payload: 65536} {
		var long *TooLong
		if _, err := SplitBinary(make([]byte, n), mode, 0); !errors.As(err, &long) {
			t.Errorf("%d octets by %s: %v", n, mode, err)
		}
	}
}

func TestNamesOfEncodingsAndWaysRoundTrip(t *testing.T) {
	t.Parallel()
	for e := Auto; e <= Packed; e++ {
		if got, ok := ParseEncoding(e.String()); !ok || got != e {
			t.Errorf("%s is read as %s", e, got)
		}
	}
	for c := UDH8; c < Single; c++ {
		if got, ok := ParseConcat(c.String()); !ok || got != c {
			t.Errorf("%s is read as %s", c, got)
		}
	}
	for f := FormUnknown; f <= FormDecHex; f++ {
		if got, ok := ParseIDForm(f.String()); !ok || got != f {
			t.Errorf("%s is read as %s", f, got)
		}
	}
	for _, s := range []string{"", "GSM7", "single", "utf8"} {
		_, ok1 := ParseEncoding(s)
		_, ok2 := ParseConcat(s)
		_, ok3 := ParseIDForm(s)
		if ok1 || ok2 || ok3 {
			t.Errorf("%q is read", s)
		}
	}
}

func TestAShortMessageTakesOneAllocation(t *testing.T) {
	for _, text := range []string{"hello", strings.Repeat("€", 80), "Привет", "garçon"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = Split(text, Auto, UDH8, 1) }); n > 1 {
			t.Errorf("%q takes %v allocations", text, n)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"", "hello", "a\r\nb", "€{}", "ç", "👩‍👩‍👧‍👦🇩🇪", "\x1b", "e\u0301\u0302", "a\xff", "\u200d\u200d", "🇩🇩🇩", "şimdi ", "हिन्दी ", "اردو ", "não ",
	} {
		f.Add(s, uint8(0), uint8(0), uint8(60))
		f.Add(s, uint8(3), uint8(1), uint8(2))
		f.Add(s, uint8(135), uint8(1), uint8(30))
	}
	f.Fuzz(func(t *testing.T, s string, enc, mode, repeat uint8) {
		text := strings.Repeat(s, int(repeat))
		m, e := Concat(mode%4), Encoding(enc%9)
		o := Options{Encoding: e, Concat: m, Ref: 0x3FF}
		if enc >= 128 {
			o.Languages = AllLanguages
		}
		p, err := o.Split(text)
		if err != nil {
			var cannot *CannotEncode
			var long *TooLong
			if !errors.As(err, &cannot) && !errors.As(err, &long) {
				t.Fatalf("unknown error %v", err)
			}
			if e == Auto && utf8.ValidString(text) && long == nil {
				t.Fatalf("auto does not hold %q: %v", text, err)
			}
			_ = err.Error()
			return
		}
		if 2*len(text) > 200*66 { // clusters may be cut to keep within MaxParts
			return
		}
		checkParts(t, text, m, p)
	})
}

func FuzzSplitBinary(f *testing.F) {
	f.Add([]byte("hello"), uint8(0), uint16(300))
	f.Fuzz(func(t *testing.T, b []byte, mode uint8, repeat uint16) {
		payload := bytes.Repeat(b, int(repeat%512))
		p, err := SplitBinary(payload, Concat(mode%4), 5)
		if err != nil {
			return
		}
		if all, _ := join(t, p); !bytes.Equal(all, payload) {
			t.Fatal("the parts do not hold the payload")
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	for name, text := range map[string]string{
		"gsm7/60":        strings.Repeat("Your code is 1234. ", 3) + "abc",
		"gsm7/160":       strings.Repeat("a b c d ", 20),
		"gsm7/3parts":    strings.Repeat("a b c d ", 50),
		"ucs2/single":    strings.Repeat("Привет ", 10),
		"ucs2/cyrillic3": strings.Repeat("Привет ", 26),
		"ucs2/emoji3":    strings.Repeat("Привет 👍🏽", 16),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Split(text, Auto, UDH8, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleSplit() {
	p, _ := Split("Grüße aus Köln, 5 €", Auto, UDH8, 1)
	fmt.Println(p.Encoding, len(p.UD), len(p.UD[0]))
	// Output: gsm7 1 20
}
