package sms

import "strings"

// The text of a receipt (SMPP v3.4, appendix B) is fields of name:value. The
// specification gives an example and says that it is the vendor's own: the order,
// the lengths and the very set of fields vary.

// fields is the fields of one text; of a name that comes twice the first counts.
type fields struct {
	seen  [fieldNone]bool
	value [fieldNone]string
	stray bool // there are words that belong to no field
}

// has tells whether the field is there with a value.
func (f *fields) has(x Field) bool { return f.value[x] != "" }

// readFields reads the fields up to text:, after which stands what the user
// wrote, who may write id: and stat: as well.
//
// Some carriers write stat, err and the dates after text:. So if there was no
// stat before it, and wantStat says that nothing else tells the state, those
// are read from there: all of them where the user's text is empty, else from
// the last stat: on, since the carrier writes after the user. An id is never
// taken from there.
func (g *Grammar) readFields(s string, wantStat bool) fields {
	var f fields
	name, at, from := g.findField(s, 0)
	f.stray = trimField(s[:at]) != ""
	for name != fieldNone {
		if name == FieldText {
			if !f.seen[FieldStat] && wantStat {
				f.readAfterText(g, s[from:])
			}
			break
		}
		next, end, start := g.findField(s, from)
		f.set(name, s[from:end])
		name, from = next, start
	}
	return f
}

func (f *fields) readAfterText(g *Grammar, s string) {
	first, at, start := g.findField(s, 0)
	empty := trimField(s[:at]) == "" && first != FieldID && first != FieldText
	stats, last := 0, len(s)
	for name, from := first, start; name != fieldNone; {
		if name == FieldStat {
			stats, last = stats+1, from
		}
		name, _, from = g.findField(s, from)
	}
	if stats == 0 {
		return
	}
	if empty && stats == 1 {
		f.readState(g, s, first, start)
		return
	}
	f.stray = true
	f.readState(g, s, FieldStat, last)
}

// readState reads the fields from name, whose value is at from, but no id.
func (f *fields) readState(g *Grammar, s string, name Field, from int) {
	for name != fieldNone && name != FieldText {
		next, end, start := g.findField(s, from)
		if name != FieldID {
			f.set(name, s[from:end])
		}
		name, from = next, start
	}
}

func (f *fields) set(name Field, value string) {
	value = trimField(value)
	if name == FieldSubmit || name == FieldDone { // dates may hold a blank, but no word after it
		if i := strings.IndexFunc(value, func(r rune) bool { return r <= ' ' }); i >= 0 && i+1 < len(value) && !('0' <= value[i+1] && value[i+1] <= '9') {
			value = value[:i]
			f.stray = true
		}
	} else {
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
func (g *Grammar) findField(s string, from int) (name Field, at, value int) {
	for at = from; at < len(s); at++ {
		if !g.starts[s[at]] || at > 0 && !separates(s[at-1]) {
			continue
		}
		if i := g.fieldAt(s, at); i >= 0 {
			return g.names[i].field, at, at + len(g.names[i].name)
		}
	}
	return fieldNone, len(s), len(s)
}

func (g *Grammar) beginsWithField(s string) bool {
	return g.fieldAt(trimField(s), 0) >= 0
}

// fieldAt is the index in g.names of the name that stands there; -1: none.
func (g *Grammar) fieldAt(s string, at int) int {
	for i := range g.names {
		if n := g.names[i].name; len(s)-at >= len(n) && strings.EqualFold(s[at:at+len(n)], n) {
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

// readColumns reads a text that is values alone, in the carrier's order.
func (g *Grammar) readColumns(s string) fields {
	var f fields
	for _, name := range g.rules.Columns {
		if s == "" {
			break
		}
		value := s
		if i := strings.IndexByte(s, g.rules.Separator); i >= 0 && name != FieldText {
			value, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		if name != FieldOther && name != FieldText {
			f.set(name, strings.Trim(value, `"`))
		}
	}
	return f
}
