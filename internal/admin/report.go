package admin

import (
	"net/http"
	"time"
)

// Status is what the status page shows, in this order.
type Status struct {
	Title    string    `json:"title"` // empty: the connector's name
	Sections []Section `json:"sections"`
}

// Section is one table. Cells are shown as they are; a column whose cells are all numbers is aligned right, and a cell that is
// one of the words in tones is coloured as well.
type Section struct {
	Name    string     `json:"name"`
	Note    string     `json:"note,omitempty"` // a sentence under the name; may be empty
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"` // a row may be shorter than Columns
	Curve   *Curve     `json:"curve,omitempty"`
}

// Curve is a share that grows with time, drawn above the table: what part was delivered within how long.
type Curve struct {
	Label  string  `json:"label"`  // what it shows, in a sentence
	Points []Point `json:"points"` // by seconds, which are above 0
}

// Point is one of a Curve.
type Point struct {
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"` // 0 to 1
}

// Report is the whole of the status page as data, as GET /ui.json answers it. The page is rendered from it, so that whoever reads it sees what
// the page shows. Fields are only ever added.
type Report struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	At      time.Time `json:"at"` // UTC
	Health  State     `json:"health"`
	Ready   bool      `json:"ready"`
	Reasons []string  `json:"reasons"` // why it is not healthy or ready, in words
	Status
}

func (s *Server) report(now time.Time) Report {
	status, health, ready := s.opts.Status(), s.opts.Health(), s.opts.Ready()
	r := Report{
		Name: s.opts.Name, Version: s.opts.Version, At: now.UTC().Truncate(time.Millisecond),
		Health: health.State, Ready: len(ready.Missing) == 0, Reasons: []string{}, Status: status,
	}
	if r.Title == "" {
		r.Title = s.opts.Name
	}
	if health.Message != "" {
		r.Reasons = append(r.Reasons, health.Message)
	}
	for _, m := range ready.Missing {
		r.Reasons = append(r.Reasons, m.Name+": "+m.Reason)
	}
	// Lists are lists to every reader, also where there is nothing in them.
	if r.Sections == nil {
		r.Sections = []Section{}
	}
	for i := range r.Sections {
		if r.Sections[i].Rows == nil {
			r.Sections[i].Rows = [][]string{}
		}
	}
	return r
}

func (s *Server) reportJSON(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.report(time.Now()))
}
