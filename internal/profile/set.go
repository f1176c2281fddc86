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

// Set is the profiles known by name. Those that are part of the program are read when they are first asked for: a sidecar needs one
// or two of them. It is safe for concurrent use.
type Set struct {
	mu       sync.Mutex
	profiles map[string]*Profile
	trees    map[string]*tree
	origins  map[string]string // of the trees that a folder had
}

func newSet() *Set {
	return &Set{profiles: map[string]*Profile{}, trees: map[string]*tree{}, origins: map[string]string{}}
}

var builtIn = newSet()

// BuiltInSet is the profiles that are part of the program.
func BuiltInSet() *Set { return builtIn }

// builtInNames are the names of the files that are part of the program, which are those of the profiles in them.
var builtInNames = sync.OnceValue(func() []string {
	entries, err := embedded.ReadDir("profiles")
	if err != nil {
		panic(fmt.Sprintf("profile: its own files cannot be read: %v", err))
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), path.Ext(e.Name()))
	}
	return names
})

// Load is the profiles that are part of the program and those in a folder, files called *.yaml or *.yml; empty: no folder. One of the
// folder replaces one of the program that has its name, but not standard. The error is Faults, or that the folder cannot be read.
func Load(dir string) (*Set, error) {
	if dir == "" {
		return builtIn, nil
	}
	s := newSet()
	if err := s.add(os.DirFS(dir), func(file string) string { return filepath.Join(dir, file) }); err != nil {
		return nil, err
	}
	return s, nil
}

// tree is the file of a name; nil: there is none. The caller holds mu.
func (s *Set) tree(name string) *tree {
	if t := s.trees[name]; t != nil {
		return t
	}
	if !slices.Contains(builtInNames(), name) {
		return nil
	}
	file := name + ".yaml"
	data, err := embedded.ReadFile("profiles/" + file)
	if err != nil {
		panic(fmt.Sprintf("profile: its own files cannot be read: %v", err))
	}
	t, faults := readTree(file, data) // its tests have run the schema over it: no start has to wait for that
	if faults != nil {
		panic(fmt.Sprintf("profile: one of its own is wrong, which its tests must not let pass: %v", faults))
	}
	s.trees[name] = t
	return t
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
	s.mu.Lock()
	defer s.mu.Unlock()
	p, faults := s.compile(t, file)
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
func (s *Set) add(from fs.FS, origin func(file string) string) error {
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return fmt.Errorf("profiles cannot be read: %w", err)
	}
	var faults Faults
	for _, e := range entries {
		file := e.Name()
		ext := path.Ext(file)
		if e.IsDir() || strings.HasPrefix(file, ".") || ext != ".yaml" && ext != ".yml" {
			continue // a folder mounted by Kubernetes has links and hidden folders besides
		}
		at := origin(file)
		if len(s.origins) >= maxFiles {
			return Faults{{File: at, Remedy: fmt.Sprintf("is one of more than %d profiles: take some away", maxFiles)}}
		}
		data, err := readFile(from, file, at)
		if err != nil {
			return err
		}
		t, wrong := readTree(at, data)
		if wrong == nil {
			wrong = t.check()
		}
		if wrong == nil {
			wrong = s.named(t, strings.TrimSuffix(file, ext), ext)
		}
		faults = append(faults, wrong...)
	}
	if len(faults) > 0 {
		return faults
	}
	// After all are read, since one may extend another.
	for _, name := range slices.Sorted(maps.Keys(s.origins)) {
		p, wrong := s.compile(s.trees[name], s.origins[name])
		faults = append(faults, wrong...)
		s.profiles[name] = p
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// named takes a file in under its name.
func (s *Set) named(t *tree, base, ext string) Faults {
	name := t.text("name")
	fault := &Fault{File: t.file, Line: t.lineOf([]string{"name"}), Field: "name", Value: name}
	switch other, twice := s.origins[name]; {
	case name != base:
		fault.Remedy = "must be the file's name without " + ext
	case twice:
		fault.Remedy = "is the name of " + other + " too: take one away"
	case name == Standard:
		fault.Remedy = "is the profile that all others extend, and cannot be replaced: give yours another name"
	default:
		s.trees[name], s.origins[name] = t, t.file
		return nil
	}
	return Faults{fault}
}

// own are the fields that a profile does not have from the one that it extends.
var own = []string{"name", "title", "about", "extends", "sources", "vectors"}

// compile makes the profile out of what its file and those that it extends say. The caller holds mu, or has the set alone.
func (s *Set) compile(t *tree, origin string) (*Profile, Faults) {
	root := t.root
	parent := ""
	seen := []string{t.text("name")}
	for at := t; at.text("name") != Standard; {
		next := at.text("extends")
		if next == "" {
			next = Standard
		}
		if parent == "" {
			parent = next
		}
		fault := &Fault{File: t.file, Line: t.lineOf([]string{"extends"}), Field: "extends", Value: next}
		if slices.Contains(seen, next) || len(seen) > maxExtend {
			fault.Remedy = "goes round in a circle or too far: extend standard in the end"
			return nil, Faults{fault}
		}
		base := s.tree(next)
		if base == nil {
			fault.Remedy = "is no profile; the nearest name is " + spell.Nearest(next, s.Names())
			return nil, Faults{fault}
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.profiles[name]; p != nil {
		return p, nil
	}
	t := s.tree(name)
	if t == nil {
		return nil, fmt.Errorf("there is no profile %q; the nearest name is %s", shown(name), spell.Nearest(name, s.Names()))
	}
	p, faults := s.compile(t, BuiltIn)
	if faults != nil {
		return nil, faults
	}
	s.profiles[name] = p
	return p, nil
}

// Names are the names of all, sorted.
func (s *Set) Names() []string {
	names := slices.Concat(builtInNames(), slices.Collect(maps.Keys(s.origins)))
	slices.Sort(names)
	return slices.Compact(names)
}

// All are the profiles, by name.
func (s *Set) All() []*Profile {
	var all []*Profile
	for _, name := range s.Names() {
		if p, err := s.Get(name); err == nil { // what is wrong Load has said
			all = append(all, p)
		}
	}
	return all
}

// Default is the standard profile.
func Default() *Profile {
	p, err := builtIn.Get(Standard)
	if err != nil {
		panic(fmt.Sprintf("profile: standard is wrong, which its tests must not let pass: %v", err))
	}
	return p
}
