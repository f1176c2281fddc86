package route

import "strings"

// none marks the absence of a set, or of a child (the root is no one's child, but 0 would read like it).
const none int32 = -1

// node is a place in the trie of prefixes: one step a digit.
type node struct {
	next [10]int32 // indexes into Table.nodes
	set  int32     // index into Table.sets of the prefix that ends here
}

var emptyNode = node{next: [10]int32{none, none, none, none, none, none, none, none, none, none}, set: none}

// reach walks to the node of a prefix and makes what is missing on the way.
func (t *Table) reach(digits string) int32 {
	at := int32(0)
	for i := range len(digits) {
		d := digits[i] - '0'
		if t.nodes[at].next[d] == none {
			t.nodes[at].next[d] = int32(len(t.nodes))
			t.nodes = append(t.nodes, emptyNode)
		}
		at = t.nodes[at].next[d]
	}
	return at
}

// find returns the set of the longest prefix of dest, or none.
//
// It reads dest to its end although the trie mostly ends earlier: "49ABC" is an alphanumeric address and not a number in Germany.
func (t *Table) find(dest string) int32 {
	everything := t.nodes[0].set
	if len(dest) > 0 && dest[0] == '+' {
		dest = dest[1:]
	}
	best, at := everything, int32(0)
	for i := range len(dest) {
		d := dest[i] - '0'
		if d > 9 {
			return everything
		}
		if at == none {
			continue
		}
		at = t.nodes[at].next[d]
		if at != none && t.nodes[at].set != none {
			best = t.nodes[at].set
		}
	}
	return best
}

// normalPrefix writes a prefix as destinations are written: digits alone. Spaces, dashes, dots and brackets that people put into numbers are
// dropped as well. ok is false for what holds anything else; configuration refuses it before it comes here, and a route that nobody can
// have meant must not turn into one for everything.
func normalPrefix(prefix string) (digits string, ok bool) {
	var b strings.Builder
	for i, r := range strings.TrimSpace(prefix) {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0, strings.ContainsRune(" -.()", r):
		default:
			return "", false
		}
	}
	digits = strings.TrimPrefix(b.String(), "00") // after a "+" as well: no country's code begins with 0
	return digits, digits != ""
}
