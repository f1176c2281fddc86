package main

import (
	"bufio"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Of a type that may be reached by reflection the linker keeps only the exported methods that somebody calls, until a single function that it keeps looks a
// method up by a name or number known only at run time. Then it keeps all of all types, and they were 7 MB of the released binary.
//
// Not parallel: a link takes a processor for seconds, which the scripts beside would miss.
func TestTheReleasedProgramHoldsNoMethodsThatNobodyCalls(t *testing.T) {
	tags := releasedTags(t)
	// The linker marks such functions in what it tells of its way through the program: from -> to, an edge a line.
	link := exec.CommandContext(t.Context(), "go", "build", "-tags", tags, "-ldflags=-dumpdep", "-o", filepath.Join(t.TempDir(), "connector"), ".")
	told, err := link.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := link.Start(); err != nil {
		t.Fatal(err)
	}
	const mark = " <ReflectMethod>"
	bare := strings.NewReplacer(mark, "", " <UsedInIface>", "")
	reachedBy := make(map[string]string)
	var looksUp, rest []string
	lines := bufio.NewScanner(told)
	lines.Buffer(nil, 1<<20) // a generic type's name holds the whole of its arguments
	for lines.Scan() {
		from, to, isEdge := strings.Cut(lines.Text(), " -> ")
		if !isEdge {
			rest = append(rest, lines.Text())
			continue
		}
		marked := strings.Contains(to, mark)
		from, to = bare.Replace(from), bare.Replace(to)
		if _, known := reachedBy[to]; known {
			continue
		}
		reachedBy[to] = from
		if marked {
			looksUp = append(looksUp, to)
		}
	}
	if err := cmp.Or(lines.Err(), link.Wait()); err != nil {
		t.Fatalf("%v: %v\n%s", link.Args, err, strings.Join(rest, "\n"))
	}
	if reachedBy["main.run"] == "" {
		t.Fatalf("the linker does not tell how it came to main.run: another form of -dumpdep? %d edges", len(reachedBy))
	}
	if len(looksUp) == 0 {
		return
	}
	way := looksUp[0] // the others may be there only because of the first
	for at, steps := way, 0; reachedBy[at] != "" && steps < 30; steps++ {
		at = reachedBy[at]
		way = at + "\n" + way
	}
	t.Errorf("%s looks methods up by a name that the linker does not know, so every method of every type stays in the program. What reaches it:\n%s", looksUp[0], way)
}

// releasedTags are the tags that the Dockerfile and the release give to go build: the same.
func releasedTags(t *testing.T) string {
	t.Helper()
	var tags []string
	for _, path := range []string{"../Dockerfile", "../deploy/release/build.sh"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`go build -tags (\S+) `).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s builds without tags", path)
		}
		tags = append(tags, string(found[1]))
	}
	if tags[0] != tags[1] {
		t.Fatalf("the image and the release are built with different tags: %q", tags)
	}
	return tags[0]
}
