package breaks

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	page     = "../../PROMISES.md"
	listTop  = "<!-- breaks: begin; written by the command above, not by hand -->"
	listEnd  = "<!-- breaks: end -->"
	listHead = "| broken on purpose | promise | must be caught by | which says |\n|---|---|---|---|\n"
)

func TestThePageListsEveryBreak(t *testing.T) {
	var list strings.Builder
	list.WriteString("\n" + listHead)
	for i := range breaks {
		b := &breaks[i]
		fmt.Fprintf(&list, "| %s | %s | `%s` | `%s` |\n", b.name, b.promise, cell(b.caught.String()), cell(b.says))
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), listTop)
	was, after, ok2 := strings.Cut(rest, listEnd)
	if !ok || !ok2 {
		t.Fatalf("%s: the markers %q and %q are not there", page, listTop, listEnd)
	}
	if was == list.String() {
		return
	}
	if !*write {
		t.Fatalf("%s does not list the breaks as they are; this writes it: go test ./internal/e2e/breaks -run Page -write", page)
	}
	if err := os.WriteFile(page, []byte(before+listTop+list.String()+listEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cell keeps a table's separator out of a cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
