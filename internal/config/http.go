package config

import (
	"slices"
	"strings"
)

// LoadHTTP reads HTTP_ADDRESS and its credentials alone, for a command that asks a connector which runs: what else that one needs may not
// be in the environment, and what is wrong there is not this command's.
func LoadHTTP(environ []string) (*HTTP, error) {
	l := newLoader(environ)
	c := new(Config)
	if err := l.fill(c, "", connectorVariables, nil); err != nil {
		return nil, err
	}
	l.checkHTTP(&c.HTTP)
	l.faults.List = slices.DeleteFunc(l.faults.List, func(f Fault) bool { return !strings.HasPrefix(f.Variable, "HTTP_") })
	if len(l.faults.List) > 0 {
		return nil, l.faults.sorted()
	}
	return &c.HTTP, nil
}
