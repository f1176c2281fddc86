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
	for _, not := range []string{"<script", `"onload="x`, "beyond the columns"} {
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

// What the policy lets in is the hash of the exact text between the tags; one blank more and a browser shows bare tables.
func TestThePolicyLetsThePagesStyleIn(t *testing.T) {
	t.Parallel()
	html := page(t, Options{}, "/ui")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(html)
	if style == nil || style[1] != pageCSS {
		t.Fatal("the style between the tags is not the one that the policy was made for")
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
