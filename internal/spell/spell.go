// Package spell finds the name that somebody meant. It imports nothing but the standard library.
package spell

import "slices"

// maxName is how much of a name is looked at, in bytes: the work grows with its length, and no name of ours is longer.
const maxName = 200

// Nearest is the one of the names with the fewest letters to change; "" if there are none.
func Nearest(name string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	name = name[:min(len(name), maxName)]
	return slices.MinFunc(names, func(a, b string) int { return Distance(name, a) - Distance(name, b) })
}

// Distance counts the letters to insert, delete, change or swap with their neighbour to make a into b (optimal string alignment).
func Distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
