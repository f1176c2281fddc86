package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the table into the page")

const (
	page = "../../SPEED.md"
	file = "testdata/measured.txt"
	top  = "<!-- speed: begin; written by the command above, not by hand -->\n"
	end  = "<!-- speed: end -->"
)

// TestThePageHasTheTableThatWasMeasured: what the page says is what the benchmarks' output in testdata says.
func TestThePageHasTheTableThatWasMeasured(t *testing.T) {
	out, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	want := "\n" + table(parse(out)) + "\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), top)
	was, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: the markers %q and %q are not there", page, top, end)
	}
	if was == want {
		return
	}
	if !*write {
		t.Fatalf("%s has another table than %s; this writes it: go test ./internal/e2e/speed -write", page, file)
	}
	if err := os.WriteFile(page, []byte(before+top+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestARowSaysWhetherItWasReached(t *testing.T) {
	t.Parallel()
	m := parse(strings.NewReader(`goos: linux
BenchmarkRest/three-SMSCs-bound-2   1   13.6 anon-MB   1.13 cpu-%   48.9 rss-MB
BenchmarkRest/three-SMSCs-bound-2   1   13.6 anon-MB   0.81 cpu-%   48.9 rss-MB
BenchmarkRest/three-SMSCs-bound-2   1   13.6 anon-MB   0.75 cpu-%   48.9 rss-MB
BenchmarkEncode/submit_sm/wire-2    100 40.0 ns/op 0 allocs/op
BenchmarkEncode/submit_sm/gosmpp-2  100 800 ns/op 5 allocs/op
BenchmarkDecode/submit_sm/wire-2    100 40.0 ns/op 0 allocs/op
BenchmarkDecode/submit_sm/gosmpp-2  100 360 ns/op 5 allocs/op
PASS
`))
	got := table(m)
	for _, want := range []string{
		"| 1 % | 1.1 % | 0.81 % |  |\n", // the median
		"| 40 MB | 62 MB | 49 MB (14 MB) | **missed** |\n",
		"| 10; 0 |  | 9; 0 | **missed** |\n", // the least of all
		"| 2 s |  |  | not measured |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want a row with %q in\n%s", want, got)
		}
	}
	if s := thousands(1_330_322) + " " + thousands(182_083) + " " + thousands(999) + " " + thousands(0); s != "1,330,000 182,000 999 0" {
		t.Errorf("thousands: %s", s)
	}
}
