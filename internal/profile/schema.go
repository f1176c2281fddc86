package profile

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/smpp-connector/smpp-connector/internal/spell"
)

// Schema is the JSON Schema (draft 2020-12) of a profile.
//
//go:embed schema.json
var Schema []byte

const schemaURL = "https://smpp-connector.github.io/profile-1.json"

// compiled is made when the first profile is read, and not by commands that read none.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, map[string]any) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		panic(fmt.Sprintf("profile: schema.json is no JSON: %v", err))
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaURL, doc); err != nil {
		panic(fmt.Sprintf("profile: schema.json: %v", err))
	}
	root, _ := doc.(map[string]any)
	return c.MustCompile(schemaURL), root
})

// check says all that the schema has against a tree. null counts as left out.
func (t *tree) check() Faults {
	schema, doc := compiled()
	err := schema.Validate(withoutNulls(t.root))
	var wrong *jsonschema.ValidationError
	if !errors.As(err, &wrong) {
		return nil
	}
	var faults Faults
	t.collect(doc, wrong, &faults)
	slices.SortStableFunc(faults, func(a, b *Fault) int { return a.Line - b.Line })
	return slices.CompactFunc(faults, func(a, b *Fault) bool { return *a == *b })
}

// collect turns the leaves of a validation error into faults. The remedy is the description of the field in the schema.
func (t *tree) collect(doc map[string]any, e *jsonschema.ValidationError, faults *Faults) {
	_, either := e.ErrorKind.(*kind.OneOf)
	_, key := e.ErrorKind.(*kind.PropertyNames) // its cause has a key for instance, and knows not where it stands
	if len(e.Causes) > 0 && !either && !key {
		for _, cause := range e.Causes {
			t.collect(doc, cause, faults)
		}
		return
	}
	path := e.InstanceLocation
	add := func(path []string, value, remedy string) {
		*faults = append(*faults, &Fault{File: t.file, Line: t.lineOf(path), Field: fieldOf(path), Value: shown(value), Remedy: remedy})
	}
	want := "must be " + description(doc, e.SchemaURL)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := propertiesOf(doc, e.SchemaURL)
		for _, name := range k.Properties {
			add(append(slices.Clone(path), name), "", "is not known; the nearest name is "+spell.Nearest(name, known))
		}
	case *kind.Required:
		for _, name := range k.Missing {
			add(append(slices.Clone(path), name), "", "is missing: it "+"must be "+describe(doc, append(pointer(e.SchemaURL), "properties", name)))
		}
	case *kind.PropertyNames:
		add(append(propertyPath(e.SchemaURL), k.Property), "", "is a wrong key: must be "+describe(doc, append(pointer(e.SchemaURL), "propertyNames")))
	default:
		add(path, scalarAt(t.root, path), want)
	}
}

func pointer(url string) []string {
	_, fragment, _ := strings.Cut(url, "#")
	var path []string
	for p := range strings.SplitSeq(fragment, "/") {
		if p != "" {
			path = append(path, strings.NewReplacer("~1", "/", "~0", "~", "%22", `"`).Replace(p))
		}
	}
	return path
}

// propertyPath is the field that a place of the schema is about. It stands in for the InstanceLocation of a wrong key, which jsonschema
// v6.0.3 does not copy and overwrites.
func propertyPath(url string) (path []string) {
	p := pointer(url)
	for i := 0; i+1 < len(p); i += 2 {
		if p[i] != "properties" {
			break
		}
		path = append(path, p[i+1])
	}
	return path
}

func description(doc map[string]any, url string) string { return describe(doc, pointer(url)) }

// at is the part of the schema at a path.
func at(doc any, path []string) map[string]any {
	for _, p := range path {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(v) {
				return nil
			}
			doc = v[i]
		default:
			return nil
		}
	}
	m, _ := doc.(map[string]any)
	return m
}

func describe(doc map[string]any, path []string) string {
	for i := len(path); i >= 0; i-- {
		m := at(doc, path[:i])
		if ref, ok := m["$ref"].(string); ok {
			return describe(doc, pointer(ref))
		}
		if d, ok := m["description"].(string); ok {
			return d
		}
	}
	return "as the schema has it"
}

func propertiesOf(doc map[string]any, url string) []string {
	properties, _ := at(doc, pointer(url))["properties"].(map[string]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// scalarAt is the value at a path as text, if it is one value.
func scalarAt(v any, path []string) string {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(x) {
				return ""
			}
			v = x[i]
		}
	}
	switch v.(type) {
	case map[string]any, []any, nil:
		return ""
	}
	return fmt.Sprint(v)
}

func withoutNulls(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			if item != nil {
				out[k] = withoutNulls(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = withoutNulls(item)
		}
		return out
	}
	return v
}
