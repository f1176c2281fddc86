package config

import (
	"slices"
	"strconv"
	"strings"
)

// hidden is shown in the place of every secret.
const hidden = "********"

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Variable string // its name, quoted where it could not be a name
	Value    string // quoted and shortened for showing; "" when not set, or when it may be a secret that was put under a wrong name
	Remedy   string // what would be right
}

func (f Fault) Error() string {
	if f.Value == "" {
		return f.Variable + ": " + f.Remedy
	}
	return f.Variable + "=" + f.Value + ": " + f.Remedy
}

// Faults is the error of Load: everything that is wrong, in the order of the variables' names.
type Faults struct {
	List []Fault
}

// Error writes one line a fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each fault to errors.As.
func (f *Faults) Unwrap() []error {
	all := make([]error, len(f.List))
	for i, fault := range f.List {
		all[i] = fault
	}
	return all
}

// sorted puts the faults in order and drops those said before.
func (f *Faults) sorted() *Faults {
	slices.SortStableFunc(f.List, func(a, b Fault) int { return strings.Compare(a.Variable, b.Variable) })
	f.List = slices.Compact(f.List)
	return f
}

// maxShown is as much of a value as a fault repeats, in bytes.
const maxShown = 120

// quote makes a value fit for one line of a terminal.
func quote(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(s[:maxShown]) + "…"
	}
	return strconv.Quote(s)
}

// quoteName leaves what could be a variable's name as it is.
func quoteName(s string) string {
	if len(s) <= maxShown && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
		return s
	}
	return quote(s)
}
