package profile

import (
	"fmt"
	"strings"
)

// Fault is what is wrong with one field of a profile.
type Fault struct {
	File   string // as given
	Line   int    // 0: not known
	Field  string // such as statuses.ESME_RTHROTTLED.class; empty: the whole file
	Value  string // as written, shortened; empty: none
	Remedy string
}

func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Field != "" {
		fmt.Fprintf(&b, "field %s: ", f.Field)
	}
	if f.Value != "" {
		fmt.Fprintf(&b, "%q: ", f.Value)
	}
	b.WriteString(f.Remedy)
	return b.String()
}

// Faults is all that is wrong with a file. It is the error of Load and Parse.
type Faults []*Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// maxShown bounds what an error shows of a value.
const maxShown = 60

func shown(s string) string {
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}
