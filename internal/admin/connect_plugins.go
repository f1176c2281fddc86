package admin

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// kinds are the types of the two connectors, which are all the plugins that there are.
var kinds = []string{"sink", "source"}

func (c connect) plugins(r *http.Request) (int, any, error) {
	type plugin struct {
		Class   string `json:"class"`
		Type    string `json:"type"`
		Version string `json:"version"`
	}
	version, _, _ := c.Root()
	list := []plugin{}
	for _, kind := range kinds {
		class, _ := c.Plugin(kind)
		list = append(list, plugin{class, kind, version})
	}
	return http.StatusOK, list, nil
}

// kindOf finds a plugin by its class, or by the short names that Connect allows: without the package, and without Connector.
func (c connect) kindOf(name string) (string, bool) {
	for _, kind := range kinds {
		class, _ := c.Plugin(kind)
		short := class[strings.LastIndex(class, ".")+1:]
		if name == class || name == short || name == strings.TrimSuffix(short, "Connector") {
			return kind, true
		}
	}
	return "", false
}

// configKey is Connect's ConfigKeyInfo.
type configKey struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	Default       *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         string   `json:"group"`
	Order         int      `json:"order_in_group"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
}

func keysOf(defs []ConfigDef) []configKey {
	keys, order := []configKey{}, map[string]int{}
	for _, d := range defs {
		order[d.Group]++
		k := configKey{d.Name, d.Type, d.Required, d.Default, "MEDIUM", d.Documentation, d.Group, order[d.Group], "MEDIUM", d.Name, []string{}}
		if d.Required {
			k.Importance = "HIGH"
		}
		keys = append(keys, k)
	}
	return keys
}

func (c connect) pluginConfig(r *http.Request) (int, any, error) {
	kind, ok := c.kindOf(r.PathValue("class"))
	if !ok {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("Unknown plugin %s.", r.PathValue("class"))}
	}
	_, defs := c.Plugin(kind)
	return http.StatusOK, keysOf(defs), nil
}

// validate answers what Connect answers of a configuration, which for ours is what `run` would say of it.
func (c connect) validate(r *http.Request) (int, any, error) {
	kind, ok := c.kindOf(r.PathValue("class"))
	if !ok {
		return 0, nil, &Error{http.StatusNotFound, fmt.Sprintf("Unknown plugin %s.", r.PathValue("class"))}
	}
	given := map[string]string{}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		return 0, nil, &Error{http.StatusInternalServerError, "The body must be a JSON object of strings."}
	}
	type value struct {
		Name        string   `json:"name"`
		Value       *string  `json:"value"`
		Recommended []string `json:"recommended_values"`
		Errors      []string `json:"errors"`
		Visible     bool     `json:"visible"`
	}
	type config struct {
		Definition configKey `json:"definition"`
		Value      value     `json:"value"`
	}
	faults := c.Validate(kind, given)
	_, defs := c.Plugin(kind)
	configs, wrong, groups := []config{}, 0, []string{}
	for _, k := range keysOf(defs) {
		v := value{Name: k.Name, Value: k.Default, Recommended: []string{}, Errors: append([]string{}, faults[k.Name]...), Visible: true}
		delete(faults, k.Name)
		if g, ok := given[k.Name]; ok && k.Type != "PASSWORD" {
			v.Value = &g
		}
		if len(v.Errors) > 0 {
			wrong++
		}
		if !slices.Contains(groups, k.Group) {
			groups = append(groups, k.Group)
		}
		configs = append(configs, config{k, v})
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) { // of names that no setting has
		wrong++
		configs = append(configs, config{configKey{Name: name, Type: "STRING", DisplayName: name, Dependents: []string{}, Importance: "LOW", Width: "NONE"},
			value{Name: name, Recommended: []string{}, Errors: faults[name], Visible: true}})
	}
	class, _ := c.Plugin(kind)
	return http.StatusOK, struct {
		Name    string   `json:"name"`
		Errors  int      `json:"error_count"`
		Groups  []string `json:"groups"`
		Configs []config `json:"configs"`
	}{class, wrong, groups, configs}, nil
}

//go:embed openapi.json
var openAPIDocument []byte

func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument)
}
