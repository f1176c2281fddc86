package config

import (
	"maps"
	"slices"
)

// Variable is one row of what `smpp-connector config` prints.
type Variable struct {
	Name    string
	Type    string
	Default string // "required" where there is none to fall back on
	Meaning string
	Value   string // the value in force; a secret that is set is "********"
	Set     bool   // Value was given and is not the default
}

// Variables lists every variable of this release in the order of the documentation, those of an SMSC for each n that is set, and for SMSC_0_
// where there is none. It works on a configuration with faults as well: somebody may be looking for them.
func Variables(environ []string) []Variable {
	l := newLoader(environ)
	var rows []Variable
	for i := range connectorVariables {
		rows = l.describe(rows, "", &connectorVariables[i])
	}
	found := map[int]bool{}
	for name, value := range l.given {
		if n, _, ok := smscVariable(name); ok && value != "" {
			found[n] = true
		}
	}
	if len(found) == 0 {
		found[0] = true
	}
	profiles := l.profiles()
	for _, n := range slices.Sorted(maps.Keys(found)) {
		defaults := l.habits(profiles, smscPrefix(n)).Defaults
		for i := range smscVariables {
			rows = l.describe(rows, smscPrefix(n), smscVariables[i].withDefault(defaults))
		}
	}
	return rows
}

func (l *loader) describe(rows []Variable, prefix string, v *variable) []Variable {
	name := prefix + v.name
	value, present := l.given[name]
	row := Variable{
		Name: name, Type: v.kind(), Default: v.byDefault, Meaning: v.meaning,
		Value: value, Set: value != "" || present && v.keepEmpty,
	}
	switch {
	case row.Set && v.mustHide(value):
		row.Value = hidden
	case row.Set:
	case name == "SINK_TOPICS" && l.set("SINK_TOPICS_REGEX"): // the one default that another variable puts out of force
	default:
		row.Value = v.byDefault
	}
	if v.required {
		row.Default = "required"
	}
	if !v.secret {
		return append(rows, row)
	}
	file := name + fileSuffix
	if l.set(file) {
		row.Value, row.Set = hidden, true
	}
	return append(rows, row, Variable{
		Name: file, Type: "path", Meaning: "file that holds " + name + ", in its place; a newline at its end is dropped",
		Value: l.given[file], Set: l.set(file),
	})
}
