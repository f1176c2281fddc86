package profile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on a file, which a person writes: what is beyond them is another kind of file.
const (
	maxFile  = 1 << 20
	maxDepth = 12
	maxNodes = 20_000
)

// tree is a YAML file as JSON knows values, with the line of each.
type tree struct {
	file  string
	root  map[string]any
	lines map[string]int // by the path of the field, joined with \x00
	nodes int
}

// readTree reads the one document of a file. Keys are texts as they are written; a key given twice, an anchor or an alias is a fault.
func readTree(file string, data []byte) (*tree, Faults) {
	t := &tree{file: file, lines: map[string]int{}}
	one := func(line int, field, value, remedy string) Faults {
		return Faults{{File: file, Line: line, Field: field, Value: value, Remedy: remedy}}
	}
	if len(data) > maxFile {
		return nil, one(0, "", "", fmt.Sprintf("has %d bytes, more than %d: a profile is a page or two of YAML", len(data), maxFile))
	}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, one(0, "", "", "is not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(&more); err == nil {
		return nil, one(more.Line, "", "", "has a second document: write one profile a file")
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, one(0, "", "", "is not a mapping: write fields such as version: 1")
	}
	value, err := t.value(doc.Content[0], nil)
	if err != nil {
		var f *Fault
		if errors.As(err, &f) {
			return nil, Faults{f}
		}
		return nil, one(0, "", "", err.Error())
	}
	t.root, _ = value.(map[string]any)
	return t, nil
}

func (t *tree) fault(n *yaml.Node, path []string, remedy string) error {
	return &Fault{File: t.file, Line: n.Line, Field: fieldOf(path), Value: shown(n.Value), Remedy: remedy}
}

func (t *tree) value(n *yaml.Node, path []string) (any, error) {
	if t.nodes++; t.nodes > maxNodes || len(path) > maxDepth {
		return nil, t.fault(n, nil, "is too large or too deep for a profile")
	}
	t.lines[strings.Join(path, "\x00")] = n.Line
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return nil, t.fault(n, path, "write the value out: a profile has no anchors and aliases")
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return nil, t.fault(key, path, "write a name as the key")
			}
			at := append(path[:len(path):len(path)], key.Value)
			if _, twice := m[key.Value]; twice {
				return nil, t.fault(key, at, "is given twice: keep one")
			}
			v, err := t.value(n.Content[i+1], at)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			v, err := t.value(item, append(path[:len(path):len(path)], strconv.Itoa(i)))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return t.scalar(n, path)
}

func (t *tree) scalar(n *yaml.Node, path []string) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return nil, t.fault(n, path, "write true or false")
		}
		return v, nil
	case "!!int":
		var v int64
		if err := n.Decode(&v); err != nil {
			return nil, t.fault(n, path, "is too large a number; write it in quotes if it is a text")
		}
		return v, nil
	case "!!float":
		var v float64
		if err := n.Decode(&v); err != nil || v != v || v > 1e15 || v < -1e15 {
			return nil, t.fault(n, path, "is no number to use; write it in quotes if it is a text")
		}
		return v, nil
	}
	return nil, t.fault(n, path, "has a tag that a profile knows nothing of: leave "+n.Tag+" out")
}

// lineOf is the line of a field, or of what holds it.
func (t *tree) lineOf(path []string) int {
	for i := len(path); i >= 0; i-- {
		if line := t.lines[strings.Join(path[:i], "\x00")]; line > 0 {
			return line
		}
	}
	return 0
}

// fieldOf writes a path as people do: vectors.receipts[2].text.
func fieldOf(path []string) string {
	var b strings.Builder
	for _, p := range path {
		if _, err := strconv.Atoi(p); err == nil && b.Len() > 0 {
			fmt.Fprintf(&b, "[%s]", p)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(shown(p))
	}
	return b.String()
}

// merge is the fields of over on top of those of base: mappings are joined, everything else is replaced. null takes a field away.
func merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		if v == nil {
			delete(out, k)
			continue
		}
		if m, ok := v.(map[string]any); ok {
			if b, ok := out[k].(map[string]any); ok {
				out[k] = merge(b, m)
				continue
			}
		}
		out[k] = v
	}
	return out
}
