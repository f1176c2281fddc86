//go:build faultpoint

package faultpoint

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAPointActsAtTheNthPassAndAtNoOther(t *testing.T) {
	var acted int
	actions["count"] = func() { acted++ }
	ps, err := parse("a:3:count,b:1:count")
	if err != nil {
		t.Fatal(err)
	}
	was := points
	points = ps
	defer func() { points = was }()
	for i := 1; i <= 5; i++ {
		At("a")
		At("unnamed")
		if want := i / 3; acted != min(want, 1) {
			t.Fatalf("after %d passes it has acted %d times", i, acted)
		}
	}
	if At("b"); acted != 2 {
		t.Fatalf("the second point has not acted: %d", acted)
	}
}

func TestWhatIsNoFaultPointIsRefused(t *testing.T) {
	for _, s := range []string{"a", "a:1", "a:0:kill", "a:x:kill", "a:1:fly", "a:1:kill:more"} {
		if _, err := parse(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	if ps, err := parse(""); err != nil || len(ps) != 0 {
		t.Errorf("nothing is not taken for nothing: %v, %v", ps, err)
	}
}

func TestPassesCountFromWhenTheFileIsThere(t *testing.T) {
	var acted int
	actions["count"] = func() { acted++ }
	ps, err := parse("a:2:count")
	if err != nil {
		t.Fatal(err)
	}
	wasPoints, wasFrom := points, from
	points, from = ps, filepath.Join(t.TempDir(), "now")
	defer func() { points, from = wasPoints, wasFrom }()
	for range 3 {
		At("a")
	}
	if err := os.WriteFile(from, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if At("a"); acted != 0 {
		t.Fatal("passes before counted")
	}
	if At("a"); acted != 1 {
		t.Fatal("it has not acted at the second pass")
	}
}
