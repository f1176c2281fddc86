package sms

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWhatIsLackingIsTransliterated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, want string
		changes    []string
		enc        Encoding
	}{
		{"plain, é and € too", "plain, é and € too", nil, Auto},
		{"It’s “here” – now…", `It's "here" - now...`, []string{"’→'", "“→\"", "”→\"", "–→-", "…→..."}, Auto},
		{"it’s ’s", "it's 's", []string{"’→'"}, Auto},
		{"garçon, façade", "garcon, facade", []string{"ç→c"}, Auto},
		{"e\u0301te\u0301", "été", nil, Auto}, // the same, put together
		{"x\u030c!", "x!", []string{"U+030C→"}, Auto},
		{"Łódź, Dvořák, Þór, œuvre, ﬁn", "Lodz, Dvorak, Thor, oeuvre, fin", []string{"Ł→L", "ó→o", "ź→z", "ř→r", "á→a", "Þ→Th", "œ→oe", "ﬁ→fi"}, Auto},
		{"a\u00a0b\u200bc\td", "a bc d", []string{"U+00A0→ ", "U+200B→", "U+0009→ "}, Auto},
		{"Καλημέρα", "KAΛHMEPA", []string{"Κ→K", "α→A", "λ→Λ", "η→H", "μ→M", "έ→E", "ρ→P"}, Auto},
		{"½ ²", "1/2 2", []string{"½→1/2", "²→2"}, Auto},
		{"Ａ１", "A1", []string{"Ａ→A", "１→1"}, Auto},
		{"“Привет”", "“Привет”", nil, Auto}, // it would be UCS-2 all the same
		{"it’s 👍", "it’s 👍", nil, Auto},
		{"“ç”", `"ç"`, []string{"“→\"", "”→\""}, Latin1},
		{"“é€”", `"eEUR"`, []string{"“→\"", "é→e", "€→EUR", "”→\""}, ASCII},
		{"“Привет”", `"Привет"`, []string{"“→\"", "”→\""}, Cyrillic},
		{"it’s", "it’s", nil, UCS2},
		{"a\xff’", "a\xff’", nil, Auto},
	} {
		o := Options{Encoding: tt.enc}
		got, changes := o.Transliterate(tt.text)
		if got != tt.want || !slices.Equal(changes, tt.changes) {
			t.Errorf("%q as %s: %q %q, want %q %q", tt.text, tt.enc, got, changes, tt.want, tt.changes)
		}
	}
}

func TestWhatNationalTablesHoldIsNotTransliterated(t *testing.T) {
	t.Parallel()
	o := Options{Languages: 1 << Turkish}
	if got, changes := o.Transliterate("ışık"); got != "ışık" || changes != nil {
		t.Errorf("%q %q", got, changes)
	}
	if got, _ := o.Transliterate("“ışık”"); got != `"isik"` {
		t.Errorf("%q: with the quotes no table holds it", got)
	}
}

func TestWhatIsToldOfATransliterationIsBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for r := 'Ａ'; r <= 'Ｚ'; r++ {
		text.WriteRune(r)
	}
	o := Options{}
	got, changes := o.Transliterate(strings.Repeat(text.String(), 3))
	if got != strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3) || len(changes) != maxChanges+1 || changes[maxChanges] != "…" {
		t.Errorf("%q %q", got, changes)
	}
}

// What comes out is held whole, or nothing was changed; and what is in the alphabet stays.
func TestATransliterationIsWholeOrNone(t *testing.T) {
	t.Parallel()
	var some []rune
	for r := range lookalikes {
		some = append(some, r)
	}
	slices.Sort(some)
	some = append(some, []rune("abcé€ñ çżźÅ\u0301\u0327한中😀ǆ㎏№")...)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom(some)).Draw(rt, "text")
		o := Options{Encoding: rapid.SampledFrom([]Encoding{Auto, GSM7, ASCII, Latin1, Hebrew}).Draw(rt, "enc")}
		got, changes := o.Transliterate(text)
		f := form{enc: o.Encoding}
		if o.Encoding == Auto {
			f.enc = GSM7
		}
		switch {
		case !utf8.ValidString(got):
			rt.Fatalf("%q", got)
		case len(changes) > 0 && f.firstBad(got) >= 0:
			rt.Fatalf("%q became %q, which %s does not hold", text, got, f.enc)
		case f.firstBad(text) < 0 && (got != text || changes != nil):
			rt.Fatalf("%q was held and became %q", text, got)
		}
	})
}

func TestATextThatIsHeldIsLookedAtWithoutAnAllocation(t *testing.T) {
	o := Options{}
	if n := testing.AllocsPerRun(100, func() { _, _ = o.Transliterate("hello, é and €") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
