package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/spell"
)

// strictPrefixes are ours alone: what begins so and is not known is a mistake.
var strictPrefixes = []string{"CONNECTOR_", "SINK_", "SMSC_", "SOURCE_", "DELIVERY_"}

// injected matches what Kubernetes puts into every container for each Service of its namespace, after the Service's name in capitals:
// a Service "smsc-0" gives SMSC_0_SERVICE_HOST. The form without a number is told apart by its value, since a port that a person
// writes has no scheme.
var (
	injected     = regexp.MustCompile(`^[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	injectedPort = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func isInjected(name, value string) bool {
	return injected.MatchString(name) || strings.HasSuffix(name, "_PORT") && injectedPort.MatchString(value)
}

// refuseUnknown never shows a value: what stands under a name that we do not know may be a secret under a name written wrong.
func (l *loader) refuseUnknown() {
	for _, name := range slices.Sorted(maps.Keys(l.given)) {
		if l.isKnown(name) || isInjected(name, l.given[name]) {
			continue
		}
		if !slices.ContainsFunc(strictPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		l.refuse(name, "unknown; the nearest name is "+nearest(name))
	}
}

func (l *loader) refuse(name, remedy string) {
	l.faults.List = append(l.faults.List, Fault{Variable: quoteName(name), Remedy: remedy})
}

func (l *loader) isKnown(name string) bool {
	if _, _, ok := smscVariable(name); ok {
		return true
	}
	if l.known[name] != nil {
		return true
	}
	secret, ok := strings.CutSuffix(name, fileSuffix)
	v := l.known[secret]
	return ok && v != nil && v.secret
}

// maxSMSC is the highest n of SMSC_<n>_.
const maxSMSC = 999

func smscPrefix(n int) string { return "SMSC_" + strconv.Itoa(n) + "_" }

// smscNumber splits SMSC_<n>_REST. A number has one form only: not 00, not +1.
func smscNumber(name string) (n int, rest string, ok bool) {
	number, found := strings.CutPrefix(name, "SMSC_")
	if !found {
		return 0, "", false
	}
	number, rest, found = strings.Cut(number, "_")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 0 || n > maxSMSC || strconv.Itoa(n) != number {
		return 0, "", false
	}
	return n, rest, true
}

// smscVariable splits the name of a variable that an SMSC has, SMSC_<n>_PASSWORD_FILE included.
func smscVariable(name string) (n int, v *variable, ok bool) {
	n, rest, ok := smscNumber(name)
	if !ok {
		return 0, nil, false
	}
	for i := range smscVariables {
		v := &smscVariables[i]
		if rest == v.name || v.secret && rest == v.name+fileSuffix {
			return n, v, true
		}
	}
	return 0, nil, false
}

// nearest is the known name with the fewest letters to change.
func nearest(name string) string {
	n := 0
	if rest, ok := strings.CutPrefix(name, "SMSC_"); ok {
		number, _, _ := strings.Cut(rest, "_")
		if given, err := strconv.Atoi(number); err == nil {
			n = given // also of 01, so that the suggestion is 1
		}
		if n < 0 || n > maxSMSC {
			return fmt.Sprintf("SMSC_<n>_…, with n from 0 to %d", maxSMSC)
		}
	}
	var candidates []string
	for i := range connectorVariables {
		candidates = appendNames(candidates, "", &connectorVariables[i])
	}
	for i := range smscVariables {
		candidates = appendNames(candidates, smscPrefix(n), &smscVariables[i])
	}
	return spell.Nearest(name, candidates)
}

func appendNames(names []string, prefix string, v *variable) []string {
	names = append(names, prefix+v.name)
	if v.secret {
		names = append(names, prefix+v.name+fileSuffix)
	}
	return names
}
