package record

import (
	"strconv"
	"unicode/utf8"
)

// FieldError says what is wrong with a record, for the person who writes such
// records: it becomes the error of the result and of the dead letter.
type FieldError struct {
	// Field is the field's name in the contract ("to", "tlvs"); empty if the record
	// as a whole is wrong. It is one of a fixed set, fit for a metric's label.
	Field string
	// Value shows what was given; empty if nothing was. It never holds the message,
	// a recipient's or sender's number, or a value of tlvs or metadata: of these it
	// tells the type and the length.
	Value string
	// Remedy is what would be right, beginning with "must".
	Remedy string
}

// Error is one sentence: `field "class": value 7: must be …`,
// `field "to" is missing: must be …` or `record: value …: must be …`.
func (e *FieldError) Error() string {
	switch {
	case e.Field == "" && e.Value == "":
		return "record: " + e.Remedy
	case e.Field == "":
		return "record: value " + e.Value + ": " + e.Remedy
	case e.Value == "":
		return "field " + strconv.Quote(e.Field) + " is missing: " + e.Remedy
	}
	return "field " + strconv.Quote(e.Field) + ": value " + e.Value + ": " + e.Remedy
}

// maxShown bounds what an error quotes of a value, in bytes.
const maxShown = 64

// shown is how an error names the value of a token. Objects and lists are never
// quoted: what is in them is not known.
func (t token) shown(b []byte, secret bool) string {
	raw := b[t.start:t.end]
	switch t.kind {
	case kindObject:
		return "an object"
	case kindList:
		return "a list"
	case kindBool:
		return string(raw)
	case kindNumber:
		if secret {
			return "a number of " + count(len(raw), "character")
		}
	case kindString:
		if secret {
			return "a string of " + count(utf8.RuneCount(raw)-2, "character")
		}
	}
	return clip(string(raw))
}

func count(n int, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// clip shortens s to maxShown bytes, at the boundary of a character.
func clip(s string) string {
	if len(s) <= maxShown {
		return s
	}
	n := maxShown
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
