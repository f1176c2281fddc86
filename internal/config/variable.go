package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// variable is what a field's tags say of the variable that fills it.
type variable struct {
	name                        string // without SMSC_<n>_
	of                          reflect.Type
	index                       []int // of the field in Config or SMSC, for FieldByIndex
	field                       reflect.Type
	byDefault, meaning, shape   string
	oneof                       []string
	min, max                    string
	secret, required, keepEmpty bool
}

var (
	connectorVariables = variablesOf(reflect.TypeFor[Config]())
	smscVariables      = variablesOf(reflect.TypeFor[SMSC]())
	listType           = reflect.TypeFor[[]string]()
	durationType       = reflect.TypeFor[time.Duration]()
	secretType         = reflect.TypeFor[Secret]()
)

// variablesOf reads the tags of a struct and of the structs in it, in their order.
func variablesOf(of reflect.Type) []variable {
	var all []variable
	var walk func(t reflect.Type, prefix string, index []int)
	walk = func(t reflect.Type, prefix string, index []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(slices.Clone(index), i)
			switch name := f.Tag.Get("env"); {
			case name == "-":
			case name != "":
				all = append(all, variable{
					name: prefix + name, of: of, index: at, field: f.Type,
					byDefault: f.Tag.Get("envDefault"), meaning: f.Tag.Get("desc"), shape: f.Tag.Get("type"),
					oneof: strings.Fields(f.Tag.Get("oneof")), min: f.Tag.Get("min"), max: f.Tag.Get("max"),
					secret: f.Tag.Get("secret") != "", required: f.Tag.Get("required") != "", keepEmpty: f.Tag.Get("keepempty") != "",
				})
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, prefix+f.Tag.Get("envPrefix"), at)
			}
		}
	}
	walk(of, "", nil)
	return all
}

// parseOptions makes env read what it is given and nothing of the process.
func parseOptions(given map[string]string) env.Options {
	return env.Options{
		Environment: given,
		FuncMap:     map[reflect.Type]env.ParserFunc{listType: func(v string) (any, error) { return list(v), nil }},
	}
}

// list splits at commas, and forgives spaces and a comma at the end.
func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// check says what would be right, or "" when the value is.
func (v *variable) check(value string) (remedy string) {
	if len(v.oneof) > 0 && !slices.Contains(v.oneof, v.fold(value)) {
		return "must be " + v.wants()
	}
	into := reflect.New(v.of)
	if err := env.ParseWithOptions(into.Interface(), parseOptions(map[string]string{v.name: v.fold(value)})); err != nil {
		return "must be " + v.wants()
	}
	if !v.within(into.Elem().FieldByIndex(v.index)) {
		return "must be " + v.wants()
	}
	return ""
}

// fold writes a value of a fixed choice as the program knows it: INFO is info, and plain is PLAIN.
func (v *variable) fold(value string) string {
	for _, choice := range v.oneof {
		if strings.EqualFold(choice, strings.TrimSpace(value)) {
			return choice
		}
	}
	return value
}

// within tells whether a value lies in the limits of its tags. NaN lies in none.
func (v *variable) within(value reflect.Value) bool {
	if v.min == "" {
		return true
	}
	switch {
	case v.field == durationType:
		low, _ := time.ParseDuration(v.min)
		high, _ := time.ParseDuration(v.max)
		d := time.Duration(value.Int())
		return d >= low && d <= high
	case value.CanInt():
		low, _ := strconv.ParseInt(v.min, 10, 64)
		high, _ := strconv.ParseInt(v.max, 10, 64)
		return value.Int() >= low && value.Int() <= high
	case value.CanFloat():
		low, _ := strconv.ParseFloat(v.min, 64)
		high, _ := strconv.ParseFloat(v.max, 64)
		return value.Float() >= low && value.Float() <= high
	}
	return false
}

// wants completes "must be …".
func (v *variable) wants() string {
	limits := " from " + v.min + " to " + v.max
	switch {
	case len(v.oneof) == 1:
		return v.oneof[0] + ", the only one in this release"
	case len(v.oneof) > 1:
		return "one of " + strings.Join(v.oneof, ", ")
	case v.field == durationType:
		return "a duration" + limits + ", such as 500ms, 10s or 1h30m"
	case v.field.Kind() == reflect.Bool:
		return "true or false"
	case v.field.Kind() == reflect.Float64:
		return "a number" + limits
	case v.min != "":
		return "a whole number" + limits
	case v.shape != "":
		return v.shape
	}
	return "set"
}

// kind is the type as `smpp-connector config` shows it.
func (v *variable) kind() string {
	switch {
	case v.secret:
		return "secret"
	case v.shape != "":
		return v.shape
	case len(v.oneof) > 0:
		return strings.Join(v.oneof, "|")
	case v.field == durationType:
		return "duration"
	case v.field == listType:
		return "list"
	case v.field.Kind() == reflect.Bool:
		return "true|false"
	case v.field.Kind() == reflect.Float64:
		return "number, " + v.min + " to " + v.max
	case v.min != "":
		return "whole number, " + v.min + " to " + v.max
	}
	return "text"
}

// mustHide is also true of addresses and URLs with an "@": people write user:password before it.
func (v *variable) mustHide(value string) bool {
	return v.secret || (strings.HasPrefix(v.shape, "url") || strings.Contains(v.shape, "host:port")) && strings.Contains(value, "@")
}
