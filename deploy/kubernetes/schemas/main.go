// Command schemas writes JSON Schemas for kubeconform, one a kind, strict: a field that the API does not know is an error.
//
//	schemas OUT swagger.json [CRD.yaml ...]
//
// swagger.json is api/openapi-spec/swagger.json of the module k8s.io/kubernetes. kubeconform's own schemas lie in a Git repository, which
// registries do not serve.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas OUT swagger.json [CRD.yaml ...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out, swagger string, crds []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := builtIn(out, swagger); err != nil {
		return fmt.Errorf("%s: %w", swagger, err)
	}
	for _, file := range crds {
		if err := custom(out, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// node is any object of a schema.
type node = map[string]any

func builtIn(out, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec struct {
		Definitions map[string]node `json:"definitions"`
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		return err
	}
	for _, definition := range spec.Definitions {
		closed(definition)
	}
	// A quantity is a string to the API, and a number to people: cpu: 1.
	if quantity := spec.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]; quantity != nil {
		quantity["type"] = []string{"string", "number"}
	}
	for name, definition := range spec.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // those of many groups are options of requests
			continue
		}
		kind, _ := kinds[0].(node)
		used := map[string]node{}
		need(name, spec.Definitions, used)
		err := write(out, text(kind["kind"]), text(kind["group"]), text(kind["version"]), node{"$ref": "#/definitions/" + name, "definitions": used})
		if err != nil {
			return err
		}
	}
	return nil
}

// need collects a definition and all that it refers to.
func need(name string, all, used map[string]node) {
	if used[name] != nil || all[name] == nil {
		return
	}
	used[name] = all[name]
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case node:
			if ref, ok := v["$ref"].(string); ok {
				need(strings.TrimPrefix(ref, "#/definitions/"), all, used)
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(all[name])
}

func custom(out, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for d := yaml.NewDecoder(f); ; {
		var crd struct {
			Kind string
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema node `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		switch err := d.Decode(&crd); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case crd.Kind != "CustomResourceDefinition":
			continue
		}
		for _, v := range crd.Spec.Versions {
			closed(v.Schema.OpenAPIV3Schema)
			if err := write(out, crd.Spec.Names.Kind, crd.Spec.Group, v.Name, v.Schema.OpenAPIV3Schema); err != nil {
				return err
			}
		}
	}
}

// closed lets an object have the properties that it names and no others, unless it says itself what others are.
func closed(v any) {
	if v, ok := v.(node); ok {
		if properties, ok := v["properties"].(node); ok {
			if _, open := v["additionalProperties"]; !open && v["x-kubernetes-preserve-unknown-fields"] != true {
				v["additionalProperties"] = false
			}
			for _, p := range properties { // whose names are no keywords
				closed(p)
			}
		}
		if v["format"] == "int-or-string" {
			v["type"] = []string{"string", "integer"}
		}
		for _, keyword := range []string{"items", "additionalProperties", "definitions"} {
			closed(v[keyword])
		}
	}
}

// write names the file as kubeconform's template {{.ResourceKind}}{{.KindSuffix}}.json does: service-v1, deployment-apps-v1,
// poddisruptionbudget-policy-v1, scaledobject-keda-v1alpha1.
func write(out, kind, group, version string, schema node) error {
	name := strings.ToLower(kind)
	if first, _, _ := strings.Cut(group, "."); first != "" {
		name += "-" + first
	}
	b, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name+"-"+version+".json"), b, 0o644)
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
