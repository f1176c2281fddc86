package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var (
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	// Of everything that is served no script may run, and nothing is fetched from anywhere; the hash lets the page's style sheet in and no other.
	contentSecurityPolicy = "default-src 'none'; style-src 'sha256-" + hash(pageCSS) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// The page itself has one script, let in by its hash, which asks this server alone and makes no text into markup.
	pagePolicy = contentSecurityPolicy + "; script-src 'sha256-" + hash(pageJS) + "'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// tones are the words that are coloured. The colour only repeats what the word says.
var tones = map[string]string{
	"healthy": "good", "ready": "good", "running": "good", "bound": "good", "up": "good", "connected": "good", "ok": "good",
	"accepted": "good", "delivered": "good", "reading": "good",
	"rejected": "bad", "undeliverable": "bad", "invalid": "bad", "unroutable": "bad", "closed": "bad",
	"expired": "warn", "in_doubt": "warn", "avoided": "warn", "holding back": "warn", "waiting": "warn", "not found": "warn", "deleted": "warn",
	"starting": "warn", "connecting": "warn", "reconnecting": "warn", "binding": "warn", "unbinding": "warn", "draining": "warn", "paused": "warn", "throttled": "warn",
	"unhealthy": "bad", "not ready": "bad", "failed": "bad", "down": "bad", "refused": "bad", "unreachable": "bad", "stopped": "bad",
}

// The page is compiled: a library that looks fields and methods up by name while it runs, as html/template does, has the linker keep every method of
// every type of the program, which is 7 MB of it.
//
//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1100 generate -f page.templ

// view is what page.templ shows.
type view struct {
	Title, Name, Version, Now string
	Refresh                   bool
	Health                    cell
	Ready                     cell
	Reasons                   []string
	Sections                  []sectionView
}

type sectionView struct {
	Name, Note string
	Columns    []cell
	Rows       [][]cell
	Drawing    *drawing
	Wide       bool // too many columns for a small screen, where each row becomes a list
}

type cell struct {
	Text, Label, Tone string
	Number            bool
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	v := newView(s.report(time.Now()))
	v.Refresh = r.URL.Query().Get("refresh") != "off"
	// Rendered whole before the first byte goes out, so that a fault is an error and not half a page.
	var b bytes.Buffer
	if err := pageOf(v).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		s.opts.Log.Error("status page could not be rendered", "error", err)
		writeError(w, http.StatusInternalServerError, "The status page could not be rendered; the log says why.")
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the client has gone; nobody is left to be told
}

func newView(r Report) view {
	v := view{
		Title:   r.Title,
		Name:    r.Name,
		Version: r.Version,
		Now:     r.At.Format("2006-01-02 15:04:05 UTC"),
		Health:  newCell(string(r.Health), ""),
		Ready:   newCell("ready", ""),
		Reasons: r.Reasons,
	}
	if !r.Ready {
		v.Ready = newCell("not ready", "")
	}
	for _, section := range r.Sections {
		v.Sections = append(v.Sections, newSectionView(section))
	}
	return v
}

func newSectionView(s Section) sectionView {
	v := sectionView{Name: s.Name, Note: s.Note, Wide: len(s.Columns) > 3, Drawing: draw(s.Curve)}
	for i, name := range s.Columns {
		v.Columns = append(v.Columns, cell{Text: name, Number: numberColumn(s.Rows, i)})
	}
	for _, row := range s.Rows {
		cells := make([]cell, 0, len(s.Columns))
		for i, column := range v.Columns {
			c := cell{Text: "", Label: column.Text}
			if i < len(row) {
				c = newCell(row[i], column.Text)
			}
			c.Number = column.Number
			cells = append(cells, c)
		}
		v.Rows = append(v.Rows, cells)
	}
	return v
}

func newCell(text, label string) cell {
	return cell{Text: text, Label: label, Tone: tones[strings.ToLower(text)]}
}

// number is one with grouping, a fraction, a bound ("17/50") or a unit ("498/s", "12 ms", "98.1 %").
var number = regexp.MustCompile(`^[+-]?\d[\d.,]*(/\d+)?(/s| ?%| ?[a-zA-Zµ]{1,3})?$`)

// numberColumn tells that column i holds numbers and blanks.
func numberColumn(rows [][]string, i int) bool {
	found := false
	for _, row := range rows {
		if i >= len(row) || row[i] == "" || row[i] == "–" || row[i] == "none" || row[i] == "-" {
			continue
		}
		if !number.MatchString(row[i]) {
			return false
		}
		found = true
	}
	return found
}
