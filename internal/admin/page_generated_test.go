package admin

import (
	"bytes"
	"go/format"
	"os"
	"regexp"
	"testing"

	"github.com/a-h/templ"
	"github.com/a-h/templ/generator"
	"github.com/a-h/templ/parser/v2"
)

func TestTheCompiledPageIsThatOfItsTemplate(t *testing.T) {
	t.Parallel()
	template, err := parser.Parse("page.templ")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := generator.Generate(template, &b, generator.WithVersion(templ.Version()), generator.WithFileName("page.templ")); err != nil {
		t.Fatal(err)
	}
	want, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("page_templ.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("page_templ.go is not what page.templ compiles to: go generate ./internal/admin")
	}
	// The command that go generate runs is of no module here, so its version is written twice.
	source, err := os.ReadFile("page.go")
	if err != nil {
		t.Fatal(err)
	}
	if command := regexp.MustCompile(`cmd/templ@(\S+) `).FindSubmatch(source); command == nil || string(command[1]) != templ.Version() {
		t.Errorf("page.go generates with %q, go.mod has templ %s", command, templ.Version())
	}
}
