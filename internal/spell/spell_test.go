package spell

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDistanceIsAMeasure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"NAME", "NAME", 0}, {"NMAE", "NAME", 1}, {"kitten", "sitting", 3}, {"ABCD", "ACBD", 1}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) is %d, want %d", c.a, c.b, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching(`[AB_]{0,8}`).Draw(t, "a"), rapid.StringMatching(`[AB_]{0,8}`).Draw(t, "b")
		d := Distance(a, b)
		if d != Distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Fatalf("Distance(%q, %q) is %d", a, b, d)
		}
	})
}

func TestTheNearestNameIsTheOneThatWasMeant(t *testing.T) {
	t.Parallel()
	names := []string{"standard", "india-dlt", "sinch"}
	for given, want := range map[string]string{"standrad": "standard", "india": "india-dlt", "Sinch": "sinch", "sicnh": "sinch"} {
		if got := Nearest(given, names); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("of no names %q", got)
	}
}
