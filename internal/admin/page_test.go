package admin

import (
	"regexp"
	"strings"
	"testing"
)

func page(t *testing.T, o Options, path string) string {
	t.Helper()
	w := ask(o, "GET", path)
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return w.Body.String()
}

func TestThePageShowsWhatItIsGivenAsText(t *testing.T) {
	t.Parallel()
	html := page(t, Options{Name: "smpp", Version: "1.2.3", Status: func() Status {
		return Status{Title: "<b>demo", Sections: []Section{
			{Name: "Binds", Note: "All & everything.", Columns: []string{"SMSC", "State", "Queued"}, Rows: [][]string{
				{"<script>alert(1)</script>", "bound", "1,204"},
				{`"onload="x`, "Reconnecting", "7"},
				{"short"},
				{"long", "down", "1", "beyond the columns"},
			}},
			{Name: "In doubt", Columns: []string{"Topic"}},
		}}
	}, Ready: func() Readiness { return Readiness{Missing: []Missing{{"smsc", "none is bound"}}} }}, "/ui")
	for _, want := range []string{
		"<title>&lt;b&gt;demo</title>", "smpp 1.2.3", "All &amp; everything.", "smsc: none is bound", "not ready",
		"&lt;script&gt;alert(1)&lt;/script&gt;", `<span class="badge good">bound</span>`, `<span class="badge warn">Reconnecting</span>`, "None.",
		`class="number"><span>1,204</span>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(html, "<script"); n != 1 {
		t.Errorf("%d scripts, want the page's own alone", n)
	}
	for _, not := range []string{"<script>alert", `"onload="x`, "beyond the columns"} {
		if strings.Contains(html, not) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestThePageAsksForNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	html := page(t, Options{}, "/ui")
	if found := regexp.MustCompile(`(?i)https?://|src=|<link|@import|url\(`).FindString(html); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// What the policy lets in is the hash of the exact text between the tags; one blank more and a browser shows bare tables that stand still.
func TestThePolicyLetsThePagesStyleAndScriptIn(t *testing.T) {
	t.Parallel()
	w := ask(Options{}, "GET", "/ui")
	for tag, text := range map[string]string{"style": pageCSS, "script": pageJS} {
		between := regexp.MustCompile(`(?s)<` + tag + `>(.*)</` + tag + `>`).FindStringSubmatch(w.Body.String())
		if between == nil || between[1] != text {
			t.Errorf("the %s between the tags is not the one that the policy was made for", tag)
		}
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), tag+"-src 'sha256-"+hash(text)+"';") {
			t.Errorf("the policy does not let the %s in", tag)
		}
	}
}

func TestThePageRefreshesUnlessItIsAskedNotTo(t *testing.T) {
	t.Parallel()
	if !strings.Contains(page(t, Options{}, "/ui"), `http-equiv="refresh"`) {
		t.Error("it does not refresh")
	}
	if strings.Contains(page(t, Options{}, "/ui?refresh=off"), `http-equiv="refresh"`) {
		t.Error("it refreshes")
	}
}

func TestAColumnOfNumbersIsRecognised(t *testing.T) {
	t.Parallel()
	for _, cells := range [][]string{{"1", "", "1,204,553"}, {"17/50"}, {"498/s", "0/s"}, {"98.1 %"}, {"12 ms", "–"}, {"-3"}} {
		var rows [][]string
		for _, c := range cells {
			rows = append(rows, []string{c})
		}
		if !numberColumn(rows, 0) {
			t.Errorf("%q are numbers", cells)
		}
	}
	for _, cell := range []string{"", "12:03:11", "carrier-1", "1 2 3", "10.1.2.3:2775", "+", "3 partitions"} {
		if numberColumn([][]string{{cell}}, 0) {
			t.Errorf("%q is no number", cell)
		}
	}
}

func TestACurveIsDrawnWithinItsFrameAndNothingIsDrawnOfWhatIsNone(t *testing.T) {
	t.Parallel()
	html := page(t, Options{Status: func() Status {
		return Status{Sections: []Section{{Name: "Delivery", Columns: []string{"SMSC"}, Rows: [][]string{{"acme"}},
			Curve: &Curve{Label: "How <fast>", Points: []Point{{.1, 0}, {1, .5}, {10, .9}, {60, 1}}}}}}
	}}, "/ui")
	for _, want := range []string{`aria-label="How &lt;fast&gt;; the table below has the figures"`, `points="40.0,122.0 `, ` 334.0,10.0"`, ">50 %</text>", ">10 s</text>"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for name, c := range map[string]*Curve{
		"nothing": nil, "no points": {}, "one point": {Points: []Point{{1, 1}}}, "no time": {Points: []Point{{0, 0}, {0, 1}}},
		"a time twice": {Points: []Point{{1, 0}, {1, 1}}}, "no share": {Points: []Point{{1, -1}, {2, 7}}},
	} {
		if d := draw(c); d != nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestATimeIsWrittenAsPeopleSayIt(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0: "0 ms", .25: "250 ms", .9999: "1 s", 1: "1 s", 4.21: "4.2 s", 42.4: "42 s", 60: "60 s", 150: "2.5 min", 3600: "60 min", 6 * 3600: "6 h", 72 * 3600: "72 h"} {
		if got := Lasting(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}
