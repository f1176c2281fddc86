package sms

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// alphabets are all pairs of tables: the default's and each language's, alone
// and together.
func alphabets() (all []form) {
	for l := Language(0); l < languages; l++ {
		for s := Language(0); s < languages; s++ {
			if l == 0 || lockingTables[l] != nil {
				all = append(all, form{enc: GSM7, locking: l, single: s})
			}
		}
	}
	return all
}

// characters are all of an alphabet.
func (f form) characters() (chars []rune) {
	seen := map[rune]bool{}
	add := func(r rune) {
		if r != 0 && !seen[r] {
			seen[r] = true
			chars = append(chars, r)
		}
	}
	base, after := &gsmRunes, &gsmExtended
	if f.locking != 0 {
		base = &lockingTables[f.locking].runes
	}
	if f.single != 0 {
		after = &singleTables[f.single].runes
	}
	for septet := range 128 {
		if septet != esc {
			add(base[septet])
		}
		add(after[septet])
	}
	return chars
}

func TestEveryCharacterOfEveryGSMAlphabetRoundTrips(t *testing.T) {
	t.Parallel()
	for _, f := range alphabets() {
		chars := f.characters()
		for _, r := range chars {
			ud := f.append(nil, string(r), 0)
			if len(ud) != f.units(r) || len(ud) < 1 || len(ud) > 2 {
				t.Fatalf("%s, %s: %q is % x, said to be %d septets", f.locking, f.single, r, ud, f.units(r))
			}
			text, enc, ok := (*Codings)(nil).Read(0, f.locking, f.single, ud)
			if !ok || enc != GSM7 || text != string(r) {
				t.Fatalf("%s, %s: %q is % x, read as %q", f.locking, f.single, r, ud, text)
			}
		}
		all := string(chars)
		if text, _, ok := (*Codings)(nil).Read(0, f.locking, f.single, f.append(nil, all, 0)); !ok || text != all {
			t.Fatalf("%s, %s: all at once are read as %q", f.locking, f.single, text)
		}
		if f.firstBad(all) >= 0 || f.firstBad("a\u0300") < 0 {
			t.Fatalf("%s, %s: what is held is not told", f.locking, f.single)
		}
	}
}

// The number of characters in each table, so that none is lost or gained unseen.
func TestTheNationalTablesAreWhole(t *testing.T) {
	t.Parallel()
	for l, want := range map[Language][2]int{
		Turkish: {127, 17}, Spanish: {0, 19}, Portuguese: {127, 37}, Bengali: {114, 82}, Gujarati: {120, 70}, Hindi: {127, 88}, Kannada: {120, 73},
		Malayalam: {120, 82}, Oriya: {116, 75}, Punjabi: {110, 76}, Tamil: {102, 77}, Telugu: {120, 78}, Urdu: {127, 90},
	} {
		var got [2]int
		for i, table := range []*shiftTable{lockingTables[l], singleTables[l]} {
			if table == nil {
				continue
			}
			for septet, r := range table.runes {
				if r != 0 {
					got[i]++
				}
				if septet == esc && r != 0 {
					t.Errorf("%s: the escape has the character %q", l, r)
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d characters, want %d", l, got, want)
		}
		for _, r := range "^{}\\[~]|€\f" { // a single shift table takes the extension table's place
			if _, ok := singleTables[l].codes[r]; !ok {
				t.Errorf("%s: %q can no longer be written", l, r)
			}
		}
	}
}

// Cells that some copies of the tables have wrong, see national.go.
func TestCellsThatAreOftenCopiedWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		table  *shiftTable
		septet byte
		want   rune
	}{
		{lockingTables[Kannada], 0x24, 'ಡ'}, {lockingTables[Kannada], 0x3D, 'ಪ'}, {lockingTables[Hindi], 0x00, '\u0901'},
		{lockingTables[Bengali], 0x2C, ','}, {lockingTables[Urdu], 0x2C, ','}, {singleTables[Tamil], 0x24, '௮'}, {singleTables[Tamil], 0x25, '௯'},
		{singleTables[Oriya], 0x20, '୪'}, {singleTables[Telugu], 0x1C, '౦'}, {singleTables[Telugu], 0x65, '€'}, {singleTables[Hindi], 0x0D, 0},
		{lockingTables[Telugu], 0x11, 0}, {lockingTables[Turkish], 0x04, '€'}, {lockingTables[Portuguese], 0x60, '~'},
	} {
		if got := tt.table.runes[tt.septet]; got != tt.want {
			t.Errorf("%02x is %q, want %q", tt.septet, got, tt.want)
		}
	}
}

func TestSeptetsOutsideTheTablesAreReadAsTheSpecificationSays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		locking, single Language
		ud, want        string
		ok              bool
	}{
		{Turkish, 0, "\x04\x1b\x65", "€€", true},
		{0, Turkish, "\x1bs\x1bg", "şğ", true},
		{0, Turkish, "\x1bA", "A", true}, // not in the single shift table
		{Turkish, Turkish, "a\x1b", "a ", true},
		{Turkish, Turkish, "a\x1b\x1bb", "a b", true},
		{Turkish, Turkish, "a\x80", "", false},
		{Turkish, Turkish, "\x1b\x80", "", false},
		{Bengali, 0, "\x0c", "", false}, // an empty cell
		{0, Hindi, "\x1b\x0d", "\r", true},
		{14, 200, "\x04", "è", true},    // unknown languages are passed over
		{Spanish, 0, "\x04", "è", true}, // has no locking table
		{Turkish, 99, "\x07\x1b(", "ı{", true},
	} {
		got, enc, ok := (*Codings)(nil).Read(0, tt.locking, tt.single, []byte(tt.ud))
		if got != tt.want || ok != tt.ok || enc != GSM7 {
			t.Errorf("%s, %s, % x: %q, %v; want %q, %v", tt.locking, tt.single, tt.ud, got, ok, tt.want, tt.ok)
		}
	}
	if got, _, _ := (*Codings)(nil).Read(8, Turkish, Turkish, []byte("\x00\x07")); got != "\x07" {
		t.Errorf("tables were used on UCS-2: %q", got)
	}
}

func TestNationalTablesAreTakenOnlyWhereAllowedAndCheaper(t *testing.T) {
	t.Parallel()
	turkish := strings.Repeat("Şimdi dağa çıkıyoruz. ", 6) // 132 characters, 2 parts of UCS-2
	for _, tt := range []struct {
		name            string
		text            string
		allowed         []string
		enc             Encoding
		asked           Encoding
		locking, single Language
		parts           int
	}{
		{"not allowed", turkish, nil, UCS2, Auto, 0, 0, 2},
		{"another language is allowed", turkish, []string{"spanish", "urdu"}, UCS2, Auto, 0, 0, 2},
		{"one part of the locking table", turkish, []string{"turkish"}, GSM7, Auto, Turkish, 0, 1},
		{"UCS-2 does as well", "Şimdi", []string{"all"}, UCS2, Auto, 0, 0, 1},
		{"asked for", "Şimdi", []string{"all"}, GSM7, GSM7, 0, Turkish, 1},
		{"single shift is enough", strings.Repeat("a", 150) + "Ş", []string{"Turkish"}, GSM7, Auto, 0, Turkish, 1},
		{"the default alphabet does as well", strings.Repeat("é", 161), []string{"all"}, GSM7, Auto, 0, 0, 2},
		{"Latin-1 does as well", strings.Repeat("í", 140), []string{"all"}, Latin1, Auto, 0, 0, 1},
		{"Portuguese has more", strings.Repeat("í", 150), []string{"all"}, GSM7, Auto, Portuguese, 0, 1},
		{"both tables", strings.Repeat("ಕನ್ನಡ ", 15) + "೧೨೩", []string{"kannada"}, GSM7, Auto, Kannada, Kannada, 1},
		{"Spanish by single shift alone", strings.Repeat("más ", 34) + "Ω", []string{"spanish"}, GSM7, Auto, 0, Spanish, 2},
		{"both tables of Portuguese", strings.Repeat("más ", 34) + "Ω", []string{"all"}, GSM7, Auto, Portuguese, Portuguese, 1},
	} {
		languages, err := ParseLanguages(tt.allowed)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Encoding: tt.asked, Languages: languages}
		p, err := o.Split(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if p.Encoding != tt.enc || p.Locking != tt.locking || p.Single != tt.single || len(p.UD) != tt.parts {
			t.Errorf("%s: %d parts of %s with %s and %s; want %d of %s with %s and %s", tt.name, len(p.UD), p.Encoding, p.Locking, p.Single, tt.parts, tt.enc, tt.locking, tt.single)
		}
		checkParts(t, tt.text, UDH8, p)
	}
	if _, err := ParseLanguages([]string{"turkish", "klingon"}); err == nil {
		t.Error("klingon has no tables")
	}
	if AllLanguages.Has(0) || !AllLanguages.Has(Turkish) || !AllLanguages.Has(Urdu) || AllLanguages.Has(Urdu+1) {
		t.Errorf("all languages are %b", AllLanguages)
	}
}

// The sizes that 3GPP TS 23.040 leaves, by the elements in the header.
func TestElementsOfTheHeaderTakeTheirRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		locking, single Language
		mode            Concat
		alone, part     int
	}{
		{0, 0, UDH8, 160, 153}, {0, 0, UDH16, 160, 152},
		{0, Turkish, UDH8, 155, 149}, {Turkish, 0, UDH8, 155, 149}, {Turkish, Turkish, UDH8, 152, 146},
		{0, Turkish, UDH16, 155, 148}, {Turkish, Turkish, UDH16, 152, 145}, {Turkish, Turkish, SAR, 152, 146},
	} {
		f := form{enc: GSM7, locking: tt.locking, single: tt.single}
		if got := f.capacity(tt.mode); got != (capacity{tt.alone, tt.part}) {
			t.Errorf("%s, %s by %s: %v septets, want %d and %d", tt.locking, tt.single, tt.mode, got, tt.alone, tt.part)
		}
	}
	o := Options{Encoding: GSM7, Languages: AllLanguages, Ref: 0x2A}
	p, err := o.Split("ş")
	if want := "\x03\x24\x01\x01\x1bs"; err != nil || string(p.UD[0]) != want || !p.UDHI || p.Concat != Single {
		t.Errorf("ş is % x (%v), want % x", p.UD, err, want)
	}
	p, err = o.Split(strings.Repeat("şıŞ", 60))
	if want := "\x08\x00\x03\x2a\x02\x01\x25\x01\x01"; err != nil || len(p.UD) != 2 || !bytes.HasPrefix(p.UD[0], []byte(want)) {
		t.Errorf("%d parts, the first % x (%v), want the header % x", len(p.UD), p.UD[0], err, want)
	}
	o.Concat = Payload
	p, err = o.Split(strings.Repeat("şıŞ", 500))
	if want := "\x03\x25\x01\x01"; err != nil || len(p.UD) != 1 || !bytes.HasPrefix(p.UD[0], []byte(want)) || !p.UDHI {
		t.Errorf("message_payload is % x… (%v), want the header % x", p.UD[0][:9], err, want)
	}
}

// Texts of any alphabet, cut in any way, come back whole.
func TestTextsOfEveryAlphabetAreSplitAndJoined(t *testing.T) {
	t.Parallel()
	all := alphabets()
	for _, enc := range []Encoding{Latin1, UCS2, ASCII, Cyrillic, Hebrew} {
		all = append(all, form{enc: enc})
	}
	rapid.Check(t, func(rt *rapid.T) {
		f := rapid.SampledFrom(all).Draw(rt, "form")
		n := rapid.IntRange(0, 500).Draw(rt, "characters")
		var text string
		switch f.enc {
		case GSM7:
			text = rapid.StringOfN(rapid.SampledFrom(f.characters()), n, n, -1).Draw(rt, "text")
		case UCS2:
			text = rapid.StringN(n, n, -1).Draw(rt, "text")
		default:
			text = rapid.StringOfN(rapid.SampledFrom(octetCharacters(f.enc)), n, n, -1).Draw(rt, "text")
		}
		o := Options{
			Encoding: rapid.SampledFrom([]Encoding{Auto, f.enc}).Draw(rt, "asked"), Ref: rapid.Uint16().Draw(rt, "ref"),
			Concat: rapid.SampledFrom([]Concat{UDH8, UDH16, SAR, Payload}).Draw(rt, "mode"), Languages: Languages(1<<f.locking|1<<f.single) &^ 1,
		}
		if f.locking != f.single && f.locking != 0 && f.single != 0 {
			o.Encoding = Auto // tables of two languages are not mixed
		}
		p, err := o.Split(text)
		if err != nil {
			rt.Fatal(err)
		}
		checkParts(t, text, o.Concat, p)
	})
}

func octetCharacters(enc Encoding) (chars []rune) {
	for r := rune(0); r < 0x2200; r++ {
		if _, ok := octetOf(r, enc); ok {
			chars = append(chars, r)
		}
	}
	return chars
}

func TestEveryCharacterOfTheOctetAlphabetsRoundTrips(t *testing.T) {
	t.Parallel()
	for enc, want := range map[Encoding]int{ASCII: 128, Latin1: 256, Cyrillic: 224, Hebrew: 188} {
		chars := octetCharacters(enc)
		if len(chars) != want {
			t.Errorf("%s has %d characters, want %d", enc, len(chars), want)
		}
		text := string(chars)
		p, err := Split(text, enc, Payload, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, e, ok := Decode(enc.DataCoding(), p.UD[0]); !ok || got != text || e != enc || len(p.UD[0]) != want {
			t.Errorf("%s is read as %q", enc, got)
		}
	}
}

func ExampleOptions_Split() {
	o := Options{Languages: 1 << Turkish}
	p, _ := o.Split(strings.Repeat("Yağmur yağıyor. ", 5))
	fmt.Println(p.Encoding, p.Single, len(p.UD))
	// Output: gsm7 turkish 1
}

// What any tables make of any septets is a text that goes the same way again.
func FuzzReadNational(f *testing.F) {
	f.Add(uint8(Turkish), uint8(Turkish), []byte("\x07\x1bs\x1b"))
	f.Add(uint8(Hindi), uint8(0), []byte("\x15\x51\x1b\x65\x1b\x1b"))
	f.Add(uint8(0), uint8(Urdu), []byte("a\x1b\x1c\x1b\x0d"))
	f.Add(uint8(77), uint8(2), []byte("a\x1b\x41\x00"))
	f.Fuzz(func(t *testing.T, locking, single uint8, ud []byte) {
		l, s := Language(locking), Language(single)
		text, enc, ok := (*Codings)(nil).Read(0, l, s, ud)
		if !ok {
			return
		}
		if enc != GSM7 {
			t.Fatalf("septets are read as %s", enc)
		}
		again := form{enc: GSM7}
		if lockingTable(l) != nil {
			again.locking = l
		}
		if singleTable(s) != nil {
			again.single = s
		}
		if bad := again.firstBad(text); bad >= 0 {
			// A septet that the single shift table lacks is read as the locking one's; nothing else is outside.
			t.Fatalf("% x by %s and %s is %q, of which they lack what is at %d", ud, l, s, text, bad)
		}
		if back, _, ok := (*Codings)(nil).Read(0, l, s, again.append(nil, text, 0)); !ok || back != text {
			t.Fatalf("% x by %s and %s is %q, and then %q", ud, l, s, text, back)
		}
	})
}
