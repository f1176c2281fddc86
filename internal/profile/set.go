package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/smpp-connector/smpp-connector/internal/spell"
)

//go:embed profiles/*.yaml
var embedded embed.FS

// Standard is the name of the profile that every other extends in the end.
const Standard = "standard"

// BuiltIn is the Origin of profiles that are part of the program.
const BuiltIn = "built in"

// Bounds of a folder of profiles.
const (
	maxFiles  = 1000
	maxExtend = 8 // profiles in a row that extend each other
)

// Set is the profiles known by name. It is read only.
type Set struct {
	profiles map[string]*Profile
	trees    map[string]*tree
}

// builtIn is read when it is first asked for.
var builtIn = sync.OnceValues(func() (*Set, error) {
	s := &Set{profiles: map[string]*Profile{}, trees: map[string]*tree{}}
	return s, s.add(embedded, "profiles", func(string) string { return BuiltIn })
})

// BuiltInSet is the profiles that are part of the program.
func BuiltInSet() *Set {
	s, err := builtIn()
	if err != nil {
		panic(fmt.Sprintf("profile: one that is part of the program is wrong, which its tests must not let pass: %v", err))
	}
	return s
}

// Load is the profiles that are part of the program and those in a folder, files called *.yaml or *.yml; empty: no folder. One of the
// folder replaces one of the program that has its name, but not standard. The error is Faults, or that the folder cannot be read.
func Load(dir string) (*Set, error) {
	base := BuiltInSet()
	if dir == "" {
		return base, nil
	}
	s := &Set{profiles: maps.Clone(base.profiles), trees: maps.Clone(base.trees)}
	if err := s.add(os.DirFS(dir), ".", func(file string) string { return filepath.Join(dir, file) }); err != nil {
		return nil, err
	}
	return s, nil
}

// LoadFile is the profile of one file, which may extend those of the set. The error is Faults, or that the file cannot be read.
func (s *Set) LoadFile(file string) (*Profile, error) {
	data, err := readFile(os.DirFS(filepath.Dir(file)), filepath.Base(file), file)
	if err != nil {
		return nil, err
	}
	return s.Parse(file, data)
}

// Parse is the profile in data. file stands in errors. The error is Faults.
func (s *Set) Parse(file string, data []byte) (*Profile, error) {
	t, faults := readTree(file, data)
	if faults == nil {
		faults = t.check()
	}
	if faults != nil {
		return nil, faults
	}
	trees := maps.Clone(s.trees)
	name := t.text("name")
	if trees == nil {
		trees = map[string]*tree{}
	}
	trees[name] = t
	if trees[Standard] == nil {
		return nil, Faults{{File: file, Remedy: "there is no standard profile to extend"}}
	}
	p, faults := compileOf(name, trees, file)
	if faults != nil {
		return nil, faults
	}
	return p, nil
}

func (t *tree) text(field string) string {
	s, _ := t.root[field].(string)
	return s
}

func readFile(from fs.FS, name, shown string) ([]byte, error) {
	info, err := fs.Stat(from, name)
	if err != nil {
		return nil, fmt.Errorf("profile %s cannot be read: %w", shown, err)
	}
	if info.Size() > maxFile {
		return nil, Faults{{File: shown, Remedy: fmt.Sprintf("has %d bytes, more than %d: a profile is a page or two of YAML", info.Size(), maxFile)}}
	}
	data, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, fmt.Errorf("profile %s cannot be read: %w", shown, err)
	}
	return data, nil
}

// add reads all profiles of a folder, and says all that is wrong with them at once.
func (s *Set) add(from fs.FS, dir string, origin func(file string) string) error {
	entries, err := fs.ReadDir(from, dir)
	if err != nil {
		return fmt.Errorf("profiles cannot be read: %w", err)
	}
	var faults Faults
	added := map[string]string{} // origin by name
	for _, e := range entries {
		file := e.Name()
		ext := path.Ext(file)
		if e.IsDir() || strings.HasPrefix(file, ".") || ext != ".yaml" && ext != ".yml" {
			continue // a folder mounted by Kubernetes has links and hidden folders besides
		}
		shown := origin(file)
		at := shown
		if at == BuiltIn {
			at = file
		}
		if len(added) >= maxFiles {
			return Faults{{File: at, Remedy: fmt.Sprintf("is one of more than %d profiles: take some away", maxFiles)}}
		}
		data, err := readFile(from, path.Join(dir, file), at)
		if err != nil {
			return err
		}
		t, wrong := readTree(at, data)
		if wrong == nil {
			wrong = t.check()
		}
		name := ""
		if wrong == nil {
			name = t.text("name")
			other, twice := added[name]
			switch {
			case name != strings.TrimSuffix(file, ext):
				wrong = Faults{{File: at, Line: t.lineOf([]string{"name"}), Field: "name", Value: name, Remedy: "must be the file's name without " + ext}}
			case twice:
				wrong = Faults{{File: at, Field: "name", Value: name, Remedy: "is the name of " + other + " too: take one away"}}
			case name == Standard && shown != BuiltIn:
				wrong = Faults{{File: at, Field: "name", Value: name, Remedy: "is the profile that all others extend, and cannot be replaced: give yours another name"}}
			}
		}
		if wrong != nil {
			faults = append(faults, wrong...)
			continue
		}
		added[name] = shown
		s.trees[name] = t
	}
	if len(faults) > 0 {
		return faults
	}
	// After all are read, since one may extend another; and those known before too, since they may extend a new one.
	for _, name := range slices.Sorted(maps.Keys(s.trees)) {
		where, fresh := added[name]
		if !fresh {
			where = s.profiles[name].Origin
		}
		p, wrong := compileOf(name, s.trees, where)
		faults = append(faults, wrong...)
		s.profiles[name] = p
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// own are the fields that a profile does not have from the one that it extends.
var own = []string{"name", "title", "about", "extends", "sources", "vectors"}

// compileOf makes the profile of a name out of what it and those that it extends say.
func compileOf(name string, trees map[string]*tree, origin string) (*Profile, Faults) {
	t := trees[name]
	root := t.root
	parent := ""
	seen := []string{name}
	for at := t; at.text("name") != Standard; {
		next := at.text("extends")
		if next == "" {
			next = Standard
		}
		if parent == "" {
			parent = next
		}
		base := trees[next]
		switch {
		case base == nil:
			return nil, Faults{{File: t.file, Line: t.lineOf([]string{"extends"}), Field: "extends", Value: next,
				Remedy: "is no profile; the nearest name is " + spell.Nearest(next, slices.Sorted(maps.Keys(trees)))}}
		case slices.Contains(seen, next) || len(seen) > maxExtend:
			return nil, Faults{{File: t.file, Line: t.lineOf([]string{"extends"}), Field: "extends", Value: next,
				Remedy: "goes round in a circle or too far: extend standard in the end"}}
		}
		seen = append(seen, next)
		inherited := maps.Clone(base.root)
		for _, field := range own {
			delete(inherited, field)
		}
		root = merge(inherited, root)
		at = base
	}
	f, err := decode(root)
	if err != nil {
		return nil, Faults{{File: t.file, Remedy: err.Error()}}
	}
	f.Extends = parent
	c := compiler{tree: &tree{file: t.file, root: root, lines: t.lines}}
	return c.compile(f, origin)
}

// Get is the profile of a name. The error suggests the nearest.
func (s *Set) Get(name string) (*Profile, error) {
	if p := s.profiles[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there is no profile %q; the nearest name is %s", shown(name), spell.Nearest(name, s.Names()))
}

// Names are the names of all, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.profiles)) }

// All are the profiles, by name.
func (s *Set) All() []*Profile {
	all := make([]*Profile, 0, len(s.profiles))
	for _, name := range s.Names() {
		all = append(all, s.profiles[name])
	}
	return all
}

// Default is the standard profile.
func Default() *Profile { return BuiltInSet().profiles[Standard] }
