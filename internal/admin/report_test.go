package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestThePageAsDataSaysWhatThePageShows(t *testing.T) {
	t.Parallel()
	o := Options{Name: "smpp", Version: "1.2.3",
		Health: func() Health { return Health{State: Healthy, Message: "It is draining."} },
		Ready:  func() Readiness { return Readiness{Missing: []Missing{{"smsc", "none is bound"}}} },
		Status: func() Status {
			return Status{Sections: []Section{{Name: "Binds", Columns: []string{"SMSC", "State"}, Rows: [][]string{{"acme", "bound"}}}, {Name: "Empty", Columns: []string{"A"}}}}
		}}
	w := ask(o, "GET", "/ui.json")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	var r Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Name != "smpp" || r.Title != "smpp" || r.Version != "1.2.3" || r.Health != Healthy || r.Ready || r.At.IsZero() ||
		!slices.Equal(r.Reasons, []string{"It is draining.", "smsc: none is bound"}) || len(r.Sections) != 2 || r.Sections[0].Rows[0][1] != "bound" {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(w.Body.String(), `{"name":"Empty","columns":["A"],"rows":[]}`) {
		t.Errorf("an empty table is not an empty list: %s", w.Body)
	}
}

func TestThePageAsDataIsGuardedAsThePageIs(t *testing.T) {
	t.Parallel()
	if w := ask(Options{Username: "ops", Password: "s3cret"}, "GET", "/ui.json"); w.Code != 401 {
		t.Errorf("without credentials: %d", w.Code)
	}
	for name, edit := range map[string]func(h map[string][]string){
		"another origin": func(h map[string][]string) { h["Origin"] = []string{"https://evil.example"} },
		"a script's fetch": func(h map[string][]string) {
			h["Sec-Fetch-Site"], h["Sec-Fetch-Mode"] = []string{"cross-site"}, []string{"no-cors"}
		},
		"a cors fetch": func(h map[string][]string) {
			h["Sec-Fetch-Site"], h["Sec-Fetch-Mode"] = []string{"same-site"}, []string{"cors"}
		},
	} {
		w := ask(Options{}, "GET", "/ui.json", func(r *http.Request) { edit(r.Header) })
		if w.Code != 403 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
