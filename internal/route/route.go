// Package route decides which SMSC a message goes to: the longest matching destination prefix names the candidates, their
// priority names the tier that is in use, and smooth weighted round robin shares the tier out.
//
// It imports the standard library alone. It knows neither Kafka nor SMPP: who is bound, and who has room in a window, is told to it by
// the caller's function at each Pick.
package route

import (
	"cmp"
	"slices"
)

// Target is one SMSC as routing sees it.
type Target struct {
	Name string
	// Prefixes are destination prefixes, such as "4917", "+4917" or "004917", which all mean the same. None: every destination, as a
	// prefix of length 0, so that any prefix of another target that matches wins over it.
	Prefixes []string
	// Weight is the target's share among equals, 1 or more (less counts as 1, over 1,048,576 as that).
	Weight int
	// Priority orders failover, 0 first: a target is used when no target of a lower number in its set is usable.
	Priority int
}

// Set is the targets that have one prefix.
type Set struct {
	// Targets are indexes into the targets that New was given, by priority, then in their order there.
	Targets []int
}

// Table is what New makes of the targets. Lookup, Sets and ByName only read and may be called from anywhere; Pick keeps the state of
// the round robin, and belongs to one goroutine at a time.
type Table struct {
	names  map[string]int
	nodes  []node // a trie over digits; nodes[0] is its root
	sets   []Set
	shares []share // beside sets
}

// New makes a table. The targets' names are distinct; of two that are not, ByName finds the first.
func New(targets []Target) *Table {
	t := &Table{names: make(map[string]int, len(targets)), nodes: []node{emptyNode}}
	for i, target := range targets {
		if _, taken := t.names[target.Name]; !taken {
			t.names[target.Name] = i
		}
		if len(target.Prefixes) == 0 {
			t.add("", i)
		}
		for _, prefix := range target.Prefixes {
			if digits, ok := normalPrefix(prefix); ok {
				t.add(digits, i)
			}
		}
	}
	t.shares = make([]share, len(t.sets))
	for i := range t.sets {
		slices.SortStableFunc(t.sets[i].Targets, func(a, b int) int { return cmp.Compare(targets[a].Priority, targets[b].Priority) })
		t.shares[i] = newShare(t.sets[i].Targets, targets)
	}
	return t
}

// Lookup finds the set of the longest prefix that matches. normalDest is a normal number: digits alone, without "+" or the international
// "00" (a leading "+" is forgiven). A destination that is no number is matched by targets without prefixes alone. ok is false
// when nothing matches: the message cannot be routed.
func (t *Table) Lookup(normalDest string) (set int, ok bool) {
	found := t.find(normalDest)
	return int(found), found != none
}

// Sets are all sets that Lookup can name. They are the table's own: not to be changed.
func (t *Table) Sets() []Set { return t.sets }

// ByName finds the target that a record asks for by name, as an index into the targets that New was given.
func (t *Table) ByName(name string) (target int, ok bool) {
	target, ok = t.names[name]
	return target, ok
}

// Pick chooses a target of the set: the first tier of priority in which any target is usable decides, and shares are kept inside it. usable
// is asked at most once about each target. ok is false when no target of the set is usable, and then nothing has changed.
func (t *Table) Pick(set int, usable func(target int) bool) (target int, ok bool) {
	if set < 0 || set >= len(t.shares) {
		return 0, false
	}
	return t.shares[set].pick(usable)
}

// add files a target under a prefix, once.
func (t *Table) add(digits string, target int) {
	n := t.reach(digits)
	if t.nodes[n].set == none {
		t.nodes[n].set = int32(len(t.sets))
		t.sets = append(t.sets, Set{})
	}
	s := &t.sets[t.nodes[n].set]
	if !slices.Contains(s.Targets, target) {
		s.Targets = append(s.Targets, target)
	}
}
