package config

import (
	"errors"
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/profile"
)

// profiles are those that are part of the program and those of CONNECTOR_PROFILES_DIR.
func (l *loader) profiles() *profile.Set {
	const variable = "CONNECTOR_PROFILES_DIR"
	set, err := profile.Load(l.given[variable])
	if err == nil {
		return set
	}
	var faults profile.Faults
	if !errors.As(err, &faults) {
		l.fault(variable, err.Error())
	}
	for _, f := range faults {
		l.fault(variable, f.Error())
	}
	return profile.BuiltInSet()
}

// habits is the profile that an SMSC's PROFILE names; with a wrong name the standard one, so that the rest is looked at too.
func (l *loader) habits(set *profile.Set, prefix string) *profile.Profile {
	name := prefix + "PROFILE"
	if !l.set(name) {
		return profile.Default()
	}
	p, err := set.Get(strings.ToLower(strings.TrimSpace(l.given[name])))
	if err == nil {
		return p
	}
	if l.fine("CONNECTOR_PROFILES_DIR") { // else it may be the one that could not be read
		l.fault(name, err.Error()+"; smpp-connector profile list shows all")
	}
	return profile.Default()
}

// withDefault is the variable with the default of an SMSC's profile, if that has one.
func (v *variable) withDefault(defaults map[string]string) *variable {
	value := defaults[v.name]
	if value == "" {
		return v
	}
	changed := *v
	changed.byDefault = value
	return &changed
}
