package breaks

import (
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's, seen from here.
const root = "../../.."

// broken is one way to break the code.
type broken struct {
	name    string // what the code does then
	promise string // which promise that would break, by its number in the README, or the page that gives it
	changes []change
	caught  scenario
	says    string // a regular expression for what the scenario must say
	quick   bool   // run it in CI too
}

// change replaces a piece of a file that is there exactly once.
type change struct {
	file     string // from the module's root
	old, new string
}

// scenario is a test that must catch a break.
type scenario struct {
	in   string // package, from the module's root
	test string // as -run takes it
	args []string
}

// overlay writes the broken files into a folder of the test's and returns the path of the list that the go command reads.
func (b *broken) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	texts := map[string]string{}
	for _, c := range b.changes {
		path, err := filepath.Abs(filepath.Join(root, c.file))
		if err != nil {
			t.Fatal(err)
		}
		text, ok := texts[path]
		if !ok {
			read, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = string(read)
		}
		if n := strings.Count(text, c.old); n != 1 {
			t.Fatalf("%s has %d times, and should have once:\n%s\nThe code has changed: change the break with it, and see that it is still caught (-all -run).", c.file, n, c.old)
		}
		texts[path] = strings.Replace(text, c.old, c.new, 1)
	}
	replace := map[string]string{}
	for path, text := range texts {
		if _, err := format.Source([]byte(text)); err != nil {
			t.Fatalf("%s: what the break makes of it is no Go: %v", path, err)
		}
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[path] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// packages are those that the break changes.
func (b *broken) packages() []string {
	var all []string
	for _, c := range b.changes {
		if p := "./" + filepath.ToSlash(filepath.Dir(c.file)); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}
