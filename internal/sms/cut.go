package sms

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// plan is where a text is cut: part i ends before the byte ends[i].
type plan struct {
	n    int // parts; beyond MaxParts they are only counted
	ends [MaxParts]int
}

// cut fills the plan: each part takes as much as it holds, and ends between
// grapheme clusters. Where that would take too many parts it ends between
// characters.
func (p *plan) cut(text string, f form, capacity int) {
	p.cutBy(text, f, capacity, true)
	if p.n > MaxParts {
		p.cutBy(text, f, capacity, false)
	}
}

func (p *plan) cutBy(text string, f form, capacity int, clusters bool) {
	p.n = 0
	used, state := 0, -1
	for i := 0; i < len(text); {
		r, size := decodeRune(text[i:])
		units := f.units(r)
		if clusters {
			var whole int
			if whole, state = cluster(text[i:], r, size, f.enc == UCS2 || f.national(), state); whole != size {
				size, units = whole, f.unitsOf(text[i:i+whole])
			}
		}
		switch {
		case used+units <= capacity:
			used += units
		case units <= capacity:
			p.end(i)
			used = units
		default: // larger than any part: its characters fill what there is
			for j, r := range text[i : i+size] {
				u := f.units(r)
				if used+u > capacity {
					p.end(i + j)
					used = 0
				}
				used += u
			}
		}
		i += size
	}
	p.end(len(text))
}

func (p *plan) end(at int) {
	if p.n < MaxParts {
		p.ends[p.n] = at
	}
	p.n++
}

// cluster is the length in bytes of the grapheme cluster that text begins with,
// of which r, size bytes long, is the first character. state is what the call
// for the cluster before it gave; -1 at the start.
//
// Where there are no marks the only cluster of more than one character is CR LF:
// in GSM7 of the default alphabet and in the 8-bit alphabets. Else, in UCS2 and in
// the scripts of national language tables, uniseg is asked, but not where two characters meet that join nothing:
// it takes a hundred times as long as this test.
func cluster(text string, r rune, size int, marks bool, state int) (length, next int) {
	if r == '\r' && len(text) > 1 && text[1] == '\n' {
		return 2, -1
	}
	if !marks || len(text) == size {
		return size, -1
	}
	if alone(r) {
		if after, _ := decodeRune(text[size:]); alone(after) {
			return size, -1
		}
	}
	first, _, _, next := uniseg.FirstGraphemeClusterInString(text, state)
	return len(first), next
}

// alone tells of characters in frequent use that between two of them there is
// always a boundary, CR LF excepted: their Grapheme_Cluster_Break is Other or
// Control and they are no pictographs (Unicode Standard Annex #29). It may say
// no of others that are so too.
func alone(r rune) bool {
	switch {
	case r < 0x80, // ASCII
		0xC0 <= r && r < 0x300,     // Latin
		0x380 <= r && r < 0x483,    // Greek, Cyrillic
		0x48A <= r && r < 0x530,    // Cyrillic
		0x5D0 <= r && r < 0x5EB,    // Hebrew letters, without points
		0x621 <= r && r < 0x64B,    // Arabic letters, without marks
		0x1E00 <= r && r < 0x2000,  // Latin, Greek
		0x3041 <= r && r < 0x3097,  // Hiragana
		0x30A1 <= r && r < 0x3100,  // Katakana
		0x4E00 <= r && r <= 0x9FFF: // CJK ideographs
		return true
	}
	return false
}

// decodeRune is utf8.DecodeRuneInString with ASCII inlined.
func decodeRune(text string) (rune, int) {
	if text[0] < utf8.RuneSelf {
		return rune(text[0]), 1
	}
	return utf8.DecodeRuneInString(text)
}
