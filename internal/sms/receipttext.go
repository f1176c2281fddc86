package sms

import "strings"

// The text of a receipt (SMPP v3.4, appendix B) is fields of name:value. The
// specification gives an example and says that it is the vendor's own: the order,
// the lengths and the very set of fields vary.

type field uint8

const (
	fieldID field = iota
	fieldSub
	fieldDlvrd
	fieldSubmit
	fieldDone
	fieldStat
	fieldErr
	fieldText
	fieldNone // and the number of those above
)

// fieldNames is in lower case; a longer name stands before what it begins with.
var fieldNames = [...]struct {
	name  string
	field field
}{
	{"id:", fieldID}, {"sub:", fieldSub}, {"dlvrd:", fieldDlvrd}, {"stat:", fieldStat}, {"err:", fieldErr}, {"text:", fieldText},
	{"submit date:", fieldSubmit}, {"submitdate:", fieldSubmit}, {"submit_date:", fieldSubmit},
	{"done date:", fieldDone}, {"donedate:", fieldDone}, {"done_date:", fieldDone},
}

// fields is the fields of one text; of a name that comes twice the first counts.
type fields struct {
	seen  [fieldNone]bool
	value [fieldNone]string
	stray bool // there are words that belong to no field
}

// has tells whether the field is there with a value.
func (f *fields) has(x field) bool { return f.value[x] != "" }

// readFields reads the fields up to text:, after which stands what the user
// wrote, who may write id: and stat: as well.
//
// Some carriers write stat, err and the dates after text:. So if there was no
// stat before it, and wantStat says that nothing else tells the state, those
// are read from there: all of them where the user's text is empty, else from
// the last stat: on, since the carrier writes after the user. An id is never
// taken from there.
func readFields(s string, wantStat bool) fields {
	var f fields
	name, at, from := findField(s, 0)
	f.stray = trimField(s[:at]) != ""
	for name != fieldNone {
		if name == fieldText {
			if !f.seen[fieldStat] && wantStat {
				f.readAfterText(s[from:])
			}
			break
		}
		next, end, start := findField(s, from)
		f.set(name, s[from:end])
		name, from = next, start
	}
	return f
}

func (f *fields) readAfterText(s string) {
	first, at, start := findField(s, 0)
	empty := trimField(s[:at]) == "" && first != fieldID && first != fieldText
	stats, last := 0, len(s)
	for name, from := first, start; name != fieldNone; {
		if name == fieldStat {
			stats, last = stats+1, from
		}
		name, _, from = findField(s, from)
	}
	if stats == 0 {
		return
	}
	if empty && stats == 1 {
		f.readState(s, first, start)
		return
	}
	f.stray = true
	f.readState(s, fieldStat, last)
}

// readState reads the fields from name, whose value is at from, but no id.
func (f *fields) readState(s string, name field, from int) {
	for name != fieldNone && name != fieldText {
		next, end, start := findField(s, from)
		if name != fieldID {
			f.set(name, s[from:end])
		}
		name, from = next, start
	}
}

func (f *fields) set(name field, value string) {
	value = trimField(value)
	if name != fieldSubmit && name != fieldDone { // dates may hold a blank
		if i := strings.IndexFunc(value, func(r rune) bool { return r <= ' ' }); i >= 0 {
			value = value[:i]
			f.stray = true
		}
	}
	if f.seen[name] {
		return
	}
	f.seen[name], f.value[name] = true, value
}

// findField finds the next field at or after from: its name, where the name
// begins and where its value does. fieldNone, at the end, if there is none.
func findField(s string, from int) (name field, at, value int) {
	for at = from; at < len(s); at++ {
		switch s[at] | 0x20 {
		case 'i', 's', 'd', 'e', 't':
		default:
			continue
		}
		if at > 0 && !separates(s[at-1]) {
			continue
		}
		if i := fieldAt(s, at); i >= 0 {
			return fieldNames[i].field, at, at + len(fieldNames[i].name)
		}
	}
	return fieldNone, len(s), len(s)
}

func beginsWithField(s string) bool {
	return fieldAt(trimField(s), 0) >= 0
}

// fieldAt is the index in fieldNames of the name that stands there; -1: none.
func fieldAt(s string, at int) int {
	for i := range fieldNames {
		if n := fieldNames[i].name; len(s)-at >= len(n) && strings.EqualFold(s[at:at+len(n)], n) {
			return i
		}
	}
	return -1
}

// separates tells whether a field may begin after c.
func separates(c byte) bool { return c <= ' ' || c == ',' || c == ';' || c == '|' }

// trimField takes off what separates fields, and the NULs that C leaves.
func trimField(s string) string {
	for len(s) > 0 && separates(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && separates(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
