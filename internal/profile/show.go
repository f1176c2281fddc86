package profile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// order is that of the fields of a profile as Show writes it; what is below them is in the order of its names.
var order = []string{"version", "name", "title", "about", "extends", "sources", "data_coding", "receipt", "statuses", "backoffs", "retry_status",
	"addresses", "tlvs", "defaults", "quirks", "vectors"}

// Show is the profile as YAML, with all that it has from those that it extends.
func (p *Profile) Show() ([]byte, error) {
	root := maps.Clone(p.tree.root)
	if p.Extends != "" {
		root["extends"] = p.Extends
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range order {
		if v, ok := root[key]; ok {
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, nodeOf(v, key))
		}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

func nodeOf(v any, key string) *yaml.Node {
	switch x := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			n.Content = append(n.Content, text(k), nodeOf(x[k], k))
		}
		if len(n.Content) <= 16 && !nested(x) {
			n.Style = yaml.FlowStyle
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range x {
			n.Content = append(n.Content, nodeOf(item, ""))
		}
		return n
	case string:
		return text(x)
	case int64:
		if key == "tag" {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprintf("0x%04X", x)}
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(x, 10)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(x)}
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}
}

// text is a string that reads as one again: 0x58 in quotes, for example.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func nested(m map[string]any) bool {
	for _, v := range m {
		switch v.(type) {
		case map[string]any, []any:
			return true
		}
	}
	return false
}
