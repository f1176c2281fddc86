package config

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/caarlos0/env/v11"

	"github.com/smpp-connector/smpp-connector/internal/number"
)

// Load reads the configuration from lines of NAME=value, as os.Environ gives them. Of a name that comes twice the last counts. An empty value
// counts as not set, except where it means something (HTTP_ADDRESS).
//
// The error is a *Faults that holds all that is wrong at once.
func Load(environ []string) (*Config, error) {
	l := newLoader(environ)
	l.refuseUnknown()
	numbers := l.smscNumbers()

	c := &Config{SMSCs: make([]SMSC, len(numbers))}
	if err := l.fill(c, "", connectorVariables, nil); err != nil {
		return nil, err
	}
	profiles := l.profiles()
	for i, n := range numbers {
		habits := l.habits(profiles, smscPrefix(n))
		if err := l.fill(&c.SMSCs[i], smscPrefix(n), smscVariables, habits.Defaults); err != nil {
			return nil, err
		}
		c.SMSCs[i].Habits = habits // only now: env looks into what a pointer leads to, and profiles are shared
	}

	l.checkHTTP(&c.HTTP)
	l.checkReadyRequires(c)
	l.checkKafka(&c.Kafka)
	written := l.checkOutputs(c)
	l.checkTopics(c, written)
	l.checkPriorityTopics(c)
	l.checkQuiet(&c.Sink.Quiet)
	l.checkOptOuts(c, written)
	l.checkDelivery(c)
	l.checkCountry(c)
	l.checkRegistry(c)
	for i, n := range numbers {
		l.checkSMSC(smscPrefix(n), &c.SMSCs[i])
	}
	l.checkSMSCs(c, numbers)
	l.checkCaptures(c, numbers)

	if len(l.faults.List) > 0 {
		return nil, l.faults.sorted()
	}
	c.Shown = Variables(environ)
	c.Log.Now = new(slog.LevelVar)
	c.Log.Now.Set(c.Log.Level)
	return c, nil
}

// loader is one call of Load.
type loader struct {
	given  map[string]string    // what was given, with secrets fetched from their files
	known  map[string]*variable // every variable of this release, by its whole name
	wrong  map[string]bool      // variables with a fault: no check that rests on them says anything more
	faults Faults
}

func newLoader(environ []string) *loader {
	l := &loader{given: make(map[string]string, len(environ)), known: map[string]*variable{}, wrong: map[string]bool{}}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && name != "" {
			l.given[name] = value
		}
	}
	for i := range connectorVariables {
		l.known[connectorVariables[i].name] = &connectorVariables[i]
	}
	return l
}

func (l *loader) set(name string) bool { return l.given[name] != "" }

func (l *loader) fine(name string) bool { return !l.wrong[name] }

// fault notes what is wrong with a known variable.
func (l *loader) fault(name, remedy string) {
	l.wrong[name] = true
	f := Fault{Variable: quoteName(name), Remedy: oneLine(remedy)}
	if value := l.given[name]; value != "" {
		if v := l.known[name]; v != nil && v.mustHide(value) {
			f.Value = hidden
		} else {
			f.Value = quote(value)
		}
	}
	l.faults.List = append(l.faults.List, f)
}

// fill checks every variable that is set alone, and then lets env parse all that are fine at once. Alone, because an error of env names the field
// and not the variable, and fields of one name are in several structs; and because one wrong value must not keep the others from being
// looked at.
//
// defaults are those of the SMSC's profile, by the names without prefix: they come before the variables' own.
func (l *loader) fill(into any, prefix string, variables []variable, defaults map[string]string) error {
	good := make(map[string]string, len(variables))
	var empty []*variable
	for i := range variables {
		v := &variables[i]
		name := prefix + v.name
		l.known[name] = v
		if v.secret {
			l.readSecret(name)
		}
		value, present := l.given[name]
		switch {
		case value != "":
			if remedy := v.check(value); remedy != "" {
				l.fault(name, remedy)
				continue
			}
			good[v.name] = v.fold(value)
		case defaults[v.name] != "":
			if remedy := v.check(defaults[v.name]); remedy != "" {
				l.fault(prefix+"PROFILE", fmt.Sprintf("its default %s=%s cannot be used: it %s", v.name, quote(defaults[v.name]), remedy))
				continue
			}
			good[v.name] = v.fold(defaults[v.name])
		case v.required && l.fine(name):
			l.fault(name, "missing, but required: "+v.kind())
		case v.keepEmpty && present:
			empty = append(empty, v)
		}
	}
	if err := env.ParseWithOptions(into, parseOptions(good)); err != nil {
		return fmt.Errorf("config: values that were found right one by one are wrong together: %w", err)
	}
	for i := range variables {
		if v := &variables[i]; v.field == secretType {
			s := reflect.ValueOf(into).Elem().FieldByIndex(v.index).Addr().Interface().(*Secret)
			s.file = l.given[prefix+v.name+fileSuffix]
		}
	}
	for _, v := range empty {
		// env takes an empty value for none, and has put the default in its place.
		reflect.ValueOf(into).Elem().FieldByIndex(v.index).SetZero()
	}
	return nil
}

// smscNumbers are the n of all SMSC_<n>_ that are set, from 0 without a gap.
func (l *loader) smscNumbers() []int {
	found := map[int]bool{}
	for name, value := range l.given {
		if n, _, ok := smscVariable(name); ok && value != "" {
			found[n] = true
		}
	}
	numbers := slices.Sorted(maps.Keys(found))
	for i, n := range numbers {
		if n != i {
			l.fault(smscPrefix(i)+"NAME", fmt.Sprintf("missing: there is an %s…, and SMSCs are numbered from 0 without a gap", smscPrefix(n)))
			break
		}
	}
	if len(numbers) == 0 {
		l.fault("SMSC_0_NAME", "missing: at least one SMSC is needed, with SMSC_0_NAME and SMSC_0_ADDRESS")
	}
	return numbers
}

func (l *loader) checkReadyRequires(c *Config) {
	if !l.fine("READY_REQUIRES") {
		return
	}
	var names []string
	for _, name := range c.ReadyRequires {
		name = strings.ToLower(name)
		if name != "kafka" && name != "smsc" {
			l.fault("READY_REQUIRES", "must be kafka or kafka,smsc")
			return
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if !slices.Contains(names, "kafka") {
		l.fault("READY_REQUIRES", "must be kafka or kafka,smsc: without Kafka nothing can be done")
	}
	c.ReadyRequires = names
}

// checkDelivery keeps grants usable: a grant may be sent within half the session timeout of a commit, and none would come in time.
func (l *loader) checkDelivery(c *Config) {
	if l.fine("DELIVERY_COMMIT_INTERVAL") && l.fine("KAFKA_SESSION_TIMEOUT") && c.Delivery.CommitInterval >= c.Kafka.SessionTimeout/2 {
		l.fault("DELIVERY_COMMIT_INTERVAL", fmt.Sprintf("must be under half of KAFKA_SESSION_TIMEOUT, which is %s", c.Kafka.SessionTimeout))
	}
}

func (l *loader) checkCountry(c *Config) {
	const variable = "SINK_DEFAULT_COUNTRY"
	if c.Sink.DefaultCountry == "" {
		return
	}
	if _, err := number.ParseCountry(c.Sink.DefaultCountry); err != nil {
		l.fault(variable, "must be an ISO 3166-1 code of two letters, such as DE, GB or IN")
	}
}

// oneLine keeps a fault on its line, whatever is in the name of a file.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
