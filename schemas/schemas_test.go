package schemas_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas"
)

// field is a field as one of the forms describes it.
type field struct{ name, doc string }

func avroFields(t *testing.T, text string) (all []field) {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Root().Fields {
		all = append(all, field{f.Name, f.Doc})
	}
	return all
}

func protobufFields(t *testing.T, text string) (all []field) {
	t.Helper()
	c := protocompile.Compiler{SourceInfoMode: protocompile.SourceInfoStandard, Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"record.proto": text})})}
	files, err := c.Compile(context.Background(), "record.proto")
	if err != nil {
		t.Fatal(err)
	}
	if n := files[0].Messages().Len(); n != 1 {
		t.Fatalf("%d messages at the top: the wire format's path names the first", n)
	}
	fields := files[0].Messages().Get(0).Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		doc := files[0].SourceLocations().ByDescriptor(f).LeadingComments
		all = append(all, field{string(f.Name()), strings.Join(strings.Fields(doc), " ")})
		if f.Number() != protoreflect.FieldNumber(i+1) {
			t.Errorf("field %s has number %d and is number %d: numbers are given once and in order", f.Name(), f.Number(), i+1)
		}
	}
	return all
}

func jsonFields(t *testing.T, name, text string) (all []field) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compile(name); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]struct{ Description string }
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = append(all, field{name, s.Properties[name].Description})
	}
	return all
}

// TestTheThreeFormsOfARecordHaveTheSameFields compares names and documentation.
func TestTheThreeFormsOfARecordHaveTheSameFields(t *testing.T) {
	t.Parallel()
	byName := func(a, b field) int { return strings.Compare(a.name, b.name) }
	for _, name := range schemas.Records {
		t.Run(name, func(t *testing.T) {
			a, p, j := avroFields(t, schemas.Avro(name)), protobufFields(t, schemas.Protobuf(name)), jsonFields(t, name, schemas.JSON(name))
			slices.SortFunc(a, byName)
			slices.SortFunc(p, byName)
			if !slices.Equal(a, p) {
				t.Errorf("Avro %v\nProtobuf %v", a, p)
			}
			if !slices.Equal(a, j) {
				t.Errorf("Avro %v\nJSON Schema %v", a, j)
			}
			for _, f := range a {
				if f.doc == "" {
					t.Errorf("%s has no documentation", f.name)
				}
			}
		})
	}
}

// TestEveryFieldOfAnOutboundRecordIsInItsSchemas and no other.
func TestEveryFieldOfAnOutboundRecordIsInItsSchemas(t *testing.T) {
	t.Parallel()
	var got []string
	for _, f := range avroFields(t, schemas.Avro(schemas.Outbound)) {
		got = append(got, f.name)
	}
	want := record.OutboundFields()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has %v, the record %v: add the field to schemas/avro, protobuf (at the end, with the next number) and jsonschema, and go generate ./schemas", got, want)
	}
}

// TestNewFieldsKeepTheSchemasBackwardCompatible: a reader with today's schema reads what was written without any one field, as a
// release before that field wrote it.
func TestNewFieldsKeepTheSchemasBackwardCompatible(t *testing.T) {
	t.Parallel()
	for _, name := range schemas.Records {
		today := avro.MustParse(schemas.Avro(name))
		var s map[string]any
		if err := json.Unmarshal([]byte(schemas.Avro(name)), &s); err != nil {
			t.Fatal(err)
		}
		fields := s["fields"].([]any)
		for i := range fields {
			without := maps.Clone(s)
			without["fields"] = append(slices.Clone(fields[:i]), fields[i+1:]...)
			b, err := json.Marshal(without)
			if err != nil {
				t.Fatal(err)
			}
			before, err := avro.Parse(string(b))
			if err != nil {
				t.Fatal(err)
			}
			if err := avro.CheckCompatibility(before, today); err != nil && fields[i].(map[string]any)["name"] != "source" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
