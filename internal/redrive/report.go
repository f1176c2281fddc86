package redrive

import (
	"cmp"
	"maps"
	"slices"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// Report is what was found, and what became of it.
type Report struct {
	Groups   map[Group]int64 // dead letters that are asked for
	Left     [reasons]int64  // all dead letters, by Reason
	Examples []string
	Done     int64 // put back for certain
}

// Group is a kind of dead letters.
type Group struct{ Topic, Status, SMSC, Command string }

const maxExamples = 5

// count holds places and reasons alone: what is in a record may be somebody's number.
func (r *Report) count(l *letter) {
	g := Group{Topic: l.topic, Status: l.status, SMSC: l.smsc}
	if l.command >= 0 {
		g.Command = record.StatusName(uint32(l.command))
	}
	// What is not ours has any number of words; of these one is enough.
	if _, known := r.Groups[g]; !known && len(r.Groups) >= maxGroups {
		g = Group{Status: "others"}
	}
	r.Groups[g]++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, place(l.rec.Topic, l.rec.Partition, l.rec.Offset)+" was "+l.from())
	}
}

const maxGroups = 200

// Sorted are the groups in the order of their names.
func (r *Report) Sorted() []Group {
	return slices.SortedFunc(maps.Keys(r.Groups), func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Status, b.Status), cmp.Compare(a.SMSC, b.SMSC), cmp.Compare(a.Command, b.Command))
	})
}
