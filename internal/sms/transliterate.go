package sms

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxChanges bounds what Transliterate tells: it goes into the message's result.
const maxChanges = 16

// lookalikes are what characters become that people do not mind, or do not see, to be
// another. What is not here is taken apart by Unicode: accents go, ligatures and
// full-width letters become their plain letters.
var lookalikes = map[rune]string{
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", '‵': "'", '`': "'", '´': "'", 'ʼ': "'", 'ʻ': "'", 'ʹ': "'", 'ˈ': "'", '‹': "'", '›': "'",
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '″': `"`, '«': `"`, '»': `"`, 'ʺ': `"`,
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-", '⁃': "-", '﹘': "-",
	'…': "...", '•': "*", '‣': "*", '◦': "*", '●': "*", '·': ".", '†': "+", '⁄': "/", '∕': "/", '÷': "/", '×': "x", '±': "+/-", '¦': "|",
	'°': "deg", '¢': "c", 'µ': "u", '©': "(C)", '®': "(R)", '™': "(TM)", '₹': "Rs", '≤': "<=", '≥': ">=", '←': "<-", '→': "->",
	'Œ': "OE", 'œ': "oe", 'Ł': "L", 'ł': "l", 'Đ': "D", 'đ': "d", 'Ð': "D", 'ð': "d", 'Þ': "Th", 'þ': "th", 'Ħ': "H", 'ħ': "h", 'ı': "i", 'ẞ': "SS",
	'Ŧ': "T", 'ŧ': "t", 'Ŋ': "N", 'ŋ': "n",
	'Æ': "AE", 'æ': "ae", 'Ø': "O", 'ø': "o", 'ß': "ss", '€': "EUR", '£': "GBP", '¥': "JPY", '¡': "!", '¿': "?", // where ASCII is asked for
	'\t': " ", '\v': "\n", '\u0085': "\n", '\u2028': "\n", '\u2029': "\n", '\u00a0': " ", '\u2007': " ", '\u202f': " ",
	// Not seen at all.
	'\u00ad': "", '\u200b': "", '\u200c': "", '\u200d': "", '\u200e': "", '\u200f': "", '\u2060': "", '\ufeff': "",
	'\u202a': "", '\u202b': "", '\u202c': "", '\u202d': "", '\u202e': "", '\u2066': "", '\u2067': "", '\u2068': "", '\u2069': "",
	// Greek as the GSM alphabet means it: capitals, those that look like Latin ones being Latin.
	'α': "A", 'β': "B", 'γ': "Γ", 'δ': "Δ", 'ε': "E", 'ζ': "Z", 'η': "H", 'θ': "Θ", 'ι': "I", 'κ': "K", 'λ': "Λ", 'μ': "M", 'ν': "N", 'ξ': "Ξ",
	'ο': "O", 'π': "Π", 'ρ': "P", 'σ': "Σ", 'ς': "Σ", 'τ': "T", 'υ': "Y", 'φ': "Φ", 'χ': "X", 'ψ': "Ψ", 'ω': "Ω",
	'Α': "A", 'Β': "B", 'Ε': "E", 'Ζ': "Z", 'Η': "H", 'Ι': "I", 'Κ': "K", 'Μ': "M", 'Ν': "N", 'Ο': "O", 'Ρ': "P", 'Τ': "T", 'Υ': "Y", 'Χ': "X",
}

// Transliterate puts what the asked encoding lacks into what looks like it: in
// GSM7 if Auto is asked for. It does so only if then every character is held;
// otherwise, or if nothing is lacking, the text is given back as it is and changes
// is nil. Languages whose tables hold the text leave nothing lacking.
//
// changes tells each character once, as `’→'`, those that are not seen as
// `U+00A0→ `; at most sixteen, and "…" if there are more. Canonically equivalent
// sequences (a letter with its accent apart) are put together without being told.
func (o *Options) Transliterate(text string) (plain string, changes []string) {
	f := form{enc: o.Encoding}
	switch o.Encoding {
	case Auto, GSM7, Packed:
		f = form{enc: GSM7, link: o.Codings.onLink()}
	case UCS2, Binary:
		return text, nil
	}
	if !utf8.ValidString(text) {
		return text, nil
	}
	bad := f.firstBad(text)
	if bad < 0 {
		return text, nil
	}
	if f.enc == GSM7 {
		if n, _ := o.national(text, &measured{gsmBad: bad}); n.national() {
			return text, nil
		}
	}
	t := transliteration{form: f}
	t.out.Grow(len(text))
	for _, r := range norm.NFC.String(text) {
		if !t.put(r) {
			return text, nil
		}
	}
	return t.out.String(), t.changes
}

type transliteration struct {
	form    form
	out     strings.Builder
	changes []string
}

// put writes a character, or what it becomes; false if there is nothing for it.
func (t *transliteration) put(r rune) bool {
	if t.holds(r) {
		t.out.WriteRune(r)
		return true
	}
	start := t.out.Len()
	if !t.replace(r, 0) {
		return false
	}
	t.tell(r, t.out.String()[start:])
	return true
}

func (t *transliteration) holds(r rune) bool { return t.form.units(r) > 0 && t.form.links(r) }

// replace writes what r becomes. That may have to be taken apart itself: ά is α
// with an accent, which is A.
func (t *transliteration) replace(r rune, depth int) bool {
	if s, ok := lookalikes[r]; ok {
		return t.each(s, depth)
	}
	if unicode.Is(unicode.Mn, r) && r < 0x0370 { // an accent that no letter with it is there for
		return true
	}
	apart := norm.NFKD.String(string(r))
	if apart == string(r) {
		return false
	}
	return t.each(apart, depth)
}

func (t *transliteration) each(s string, depth int) bool {
	for _, r := range s {
		if t.holds(r) {
			t.out.WriteRune(r)
		} else if depth > 2 || !t.replace(r, depth+1) {
			return false
		}
	}
	return true
}

func (t *transliteration) tell(r rune, became string) {
	if len(t.changes) > maxChanges {
		return
	}
	shown := string(r)
	if !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.IsMark(r) {
		shown = fmt.Sprintf("%U", r)
	}
	change := shown + "→" + became
	if slices.Contains(t.changes, change) {
		return
	}
	if len(t.changes) == maxChanges {
		change = "…"
	}
	t.changes = append(t.changes, change)
}
