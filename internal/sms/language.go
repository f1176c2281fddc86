package sms

import (
	"fmt"
	"strings"
)

// Language is a national language identifier of 3GPP TS 23.038 §6.2.1.2.4. 0
// stands for the default alphabet or its extension table.
type Language uint8

// The languages that have tables in Annex A.
const (
	Turkish Language = iota + 1
	Spanish
	Portuguese
	Bengali
	Gujarati
	Hindi
	Kannada
	Malayalam
	Oriya
	Punjabi
	Tamil
	Telugu
	Urdu

	languages = iota + 1
)

var languageNames = [languages]string{
	"default", Turkish: "turkish", Spanish: "spanish", Portuguese: "portuguese", Bengali: "bengali", Gujarati: "gujarati", Hindi: "hindi",
	Kannada: "kannada", Malayalam: "malayalam", Oriya: "oriya", Punjabi: "punjabi", Tamil: "tamil", Telugu: "telugu", Urdu: "urdu",
}

// String gives the name that the configuration uses.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return fmt.Sprintf("language(%d)", uint8(l))
}

// Languages is a set of languages whose tables may be used for a message. The
// zero value is none: not every handset and SMSC takes them.
type Languages uint16

// AllLanguages are those of Annex A.
const AllLanguages Languages = 1<<languages - 2

// ParseLanguages reads names as String writes them, or "all".
func ParseLanguages(names []string) (set Languages, err error) {
next:
	for _, name := range names {
		if strings.EqualFold(name, "all") {
			set = AllLanguages
			continue
		}
		for l := Turkish; l < languages; l++ {
			if strings.EqualFold(name, languageNames[l]) {
				set |= 1 << l
				continue next
			}
		}
		return 0, fmt.Errorf("%q is no language with tables in 3GPP TS 23.038: use all, or any of %s", name, strings.Join(languageNames[1:], ", "))
	}
	return set, nil
}

// Has tells whether a language is in the set.
func (s Languages) Has(l Language) bool { return s>>l&1 == 1 }

// shiftTable is a locking or a single shift table, in both directions.
type shiftTable struct {
	runes [128]rune // 0: a cell without a character
	codes map[rune]byte
}

func (t *shiftTable) set(septet byte, r rune) {
	t.runes[septet] = r
	if first, taken := t.codes[r]; !taken || septet < first {
		t.codes[r] = septet
	}
}

// Those of the languages; nil where there is none, as for 0. Made once.
var lockingTables, singleTables [languages]*shiftTable

func init() {
	for l := Turkish; l < languages; l++ {
		if row := []rune(lockingShift[l]); len(row) > 0 {
			t := &shiftTable{codes: make(map[rune]byte, len(row))}
			for septet, r := range row {
				if r != 0 {
					t.set(byte(septet), r)
				}
			}
			lockingTables[l] = t
		}
		base := latinSingleShift
		if l >= Bengali {
			base = indianSingleShift
		}
		t := &shiftTable{codes: make(map[rune]byte, 96)}
		for _, runs := range [][]run{base, singleShift[l]} {
			for _, run := range runs {
				for i, r := range []rune(run.chars) {
					t.set(run.at+byte(i), r)
				}
			}
		}
		singleTables[l] = t
	}
}

// lockingTable and singleTable are the tables of an identifier as it came in a
// header. An identifier without one is passed over (3GPP TS 23.040
// §9.2.3.24.15 and 16), which is to say that it means the default.
func lockingTable(l Language) *shiftTable {
	if l < languages {
		return lockingTables[l]
	}
	return nil
}

func singleTable(l Language) *shiftTable {
	if l < languages {
		return singleTables[l]
	}
	return nil
}

// codeIn is the code of a rune in the alphabet that a pair of tables makes: its
// septet, extension|septet after an escape, or noCode.
func codeIn(r rune, locking, single Language) uint16 {
	plain := gsmCodeOf(r)
	if t := lockingTable(locking); t != nil {
		if septet, ok := t.codes[r]; ok {
			return uint16(septet)
		}
	} else if plain < extension {
		return plain
	}
	if t := singleTable(single); t != nil {
		if septet, ok := t.codes[r]; ok {
			return extension | uint16(septet)
		}
	} else if plain != noCode && plain >= extension {
		return plain
	}
	return noCode
}

// appendNational appends the septets of text in that alphabet, one per octet.
// Every character of it must be there.
func appendNational(dst []byte, text string, locking, single Language) []byte {
	for _, r := range text {
		code := codeIn(r, locking, single)
		if code >= extension {
			dst = append(dst, esc)
		}
		dst = append(dst, byte(code))
	}
	return dst
}

// decodeNational reads unpacked septets by a pair of tables, of which at least
// one is there. ok is false where an octet is no septet, and where a septet has
// no character in the locking table.
//
// What the single shift table does not have after an escape is read as that
// septet without it, a second escape or one at the end as a space (§6.2.1.2.1,
// Annex A.1).
func decodeNational(ud []byte, locking, single *shiftTable) (text string, ok bool) {
	base := &gsmRunes
	if locking != nil {
		base = &locking.runes
	}
	after := &gsmExtended
	if single != nil {
		after = &single.runes
	}
	var b strings.Builder
	b.Grow(3 * len(ud)) // what most of these scripts take in UTF-8
	for i := 0; i < len(ud); i++ {
		c := ud[i]
		if c == esc {
			switch {
			case i+1 == len(ud):
				b.WriteByte(' ')
			case ud[i+1] == esc:
				b.WriteByte(' ')
				i++
			case ud[i+1] < 0x80 && after[ud[i+1]] != 0:
				i++
				b.WriteRune(after[ud[i]])
			}
			continue
		}
		if c >= 0x80 || base[c] == 0 {
			return "", false
		}
		b.WriteRune(base[c])
	}
	return b.String(), true
}
