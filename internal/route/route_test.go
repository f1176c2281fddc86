package route

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func always(int) bool { return true }

func TestTheLongestPrefixWins(t *testing.T) {
	t.Parallel()
	table := New([]Target{
		{Name: "world"},
		{Name: "germany", Prefixes: []string{"+49"}},
		{Name: "mobile", Prefixes: []string{"0049 170", "49(171)"}},
	})
	for dest, want := range map[string]string{
		"491701234567":  "mobile",
		"491711234567":  "mobile",
		"491721234567":  "germany",
		"+491721234567": "germany",
		"4":             "world",
		"":              "world",
		"33612345678":   "world",
		"49SHOP":        "world",
	} {
		set, ok := table.Lookup(dest)
		if !ok {
			t.Errorf("%q has no route, want %s", dest, want)
			continue
		}
		target, ok := table.Pick(set, always)
		if !ok || target != mustFind(t, table, want) {
			t.Errorf("%q goes to target %d, want %s", dest, target, want)
		}
	}
}

func TestADestinationThatNoPrefixMatchesHasNoRoute(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "germany", Prefixes: []string{"49"}}})
	for _, dest := range []string{"", "4", "33612345678", "49SHOP", "\x00", "4\xff9"} {
		if set, ok := table.Lookup(dest); ok {
			t.Errorf("%q has set %d", dest, set)
		}
	}
	if _, ok := New(nil).Lookup("49"); ok {
		t.Error("an empty table has a route")
	}
}

func TestAPrefixThatIsNoNumberNeverBecomesARouteForEverything(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "+", "00", "+00", "abc", "4+9", "+ ", "٤٩"} {
		table := New([]Target{{Name: "odd", Prefixes: []string{prefix}}})
		for _, dest := range []string{"", "491701234567", "00", "shop"} {
			if _, ok := table.Lookup(dest); ok {
				t.Errorf("prefix %q matches %q", prefix, dest)
			}
		}
	}
}

func TestAPrefixGivenTwiceDoesNotDoubleTheShare(t *testing.T) {
	t.Parallel()
	table := New([]Target{
		{Name: "a", Prefixes: []string{"49", "+49", "0049"}, Weight: 1},
		{Name: "b", Prefixes: []string{"49"}, Weight: 1},
	})
	set, _ := table.Lookup("49")
	if got := table.Sets()[set].Targets; !slices.Equal(got, []int{0, 1}) {
		t.Fatalf("the set is %v", got)
	}
}

func TestTargetsAreFoundByName(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "a"}, {Name: "b"}})
	if i, ok := table.ByName("b"); !ok || i != 1 {
		t.Errorf("b is %d, %v", i, ok)
	}
	if _, ok := table.ByName("c"); ok {
		t.Error("c was found")
	}
}

func TestASetListsTargetsByPriorityThenInTheirOrder(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "backup", Priority: 2}, {Name: "b", Priority: 1}, {Name: "a", Priority: 1}, {Name: "first"}})
	set, _ := table.Lookup("1")
	if got := table.Sets()[set].Targets; !slices.Equal(got, []int{3, 1, 2, 0}) {
		t.Errorf("the set is %v", got)
	}
}

func TestTheNextTierIsUsedOnlyWhileTheFirstIsDown(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "backup", Priority: 1}, {Name: "first", Priority: 0}})
	set, _ := table.Lookup("1")
	down := false
	usable := func(target int) bool { return target != 1 || !down }
	for range 3 {
		if target, _ := table.Pick(set, usable); target != 1 {
			t.Fatal("the backup was used while the first was up")
		}
	}
	down = true
	if target, _ := table.Pick(set, usable); target != 0 {
		t.Fatal("the backup was not used")
	}
	down = false
	if target, _ := table.Pick(set, usable); target != 1 {
		t.Fatal("the first was not used when it came back")
	}
}

func TestSharesAreSmoothAndNotInBursts(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "a", Weight: 5}, {Name: "b", Weight: 1}, {Name: "c", Weight: 1}})
	set, _ := table.Lookup("1")
	var order strings.Builder
	for range 7 {
		target, _ := table.Pick(set, always)
		order.WriteByte("abc"[target])
	}
	if order.String() != "aabacaa" {
		t.Errorf("the order is %s", &order)
	}
}

func TestPickWithNobodyUsableChangesNothing(t *testing.T) {
	t.Parallel()
	table := New([]Target{{Name: "a", Weight: 2}, {Name: "b", Weight: 1}})
	set, _ := table.Lookup("1")
	var with, without []int
	other := New([]Target{{Name: "a", Weight: 2}, {Name: "b", Weight: 1}})
	for range 6 {
		if _, ok := table.Pick(set, func(int) bool { return false }); ok {
			t.Fatal("picked one that is not usable")
		}
		a, _ := table.Pick(set, always)
		b, _ := other.Pick(set, always)
		with, without = append(with, a), append(without, b)
	}
	if !slices.Equal(with, without) {
		t.Errorf("%v with refusals between, %v without", with, without)
	}
	for _, outside := range []int{-1, len(table.Sets())} {
		if _, ok := table.Pick(outside, always); ok {
			t.Errorf("set %d, which is not there, has a target", outside)
		}
	}
}

func TestTheLongestPrefixIsTheOneThatASearchOfAllFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		targets := drawTargets(t)
		table := New(targets)
		dest := rapid.StringMatching(`[0-3]{0,6}|[0-3]{1,3}[a-z]`).Draw(t, "dest")

		want, found := oracle(targets, dest)
		set, ok := table.Lookup(dest)
		if ok != found {
			t.Fatalf("Lookup(%q) is %v, a search of all says %v", dest, ok, found)
		}
		if !ok {
			return
		}
		got := slices.Sorted(slices.Values(table.Sets()[set].Targets))
		if !slices.Equal(got, want) {
			t.Fatalf("Lookup(%q) is %v, a search of all says %v", dest, got, want)
		}
	})
}

// oracle finds the targets of the longest matching prefix by trying them all.
func oracle(targets []Target, dest string) (set []int, ok bool) {
	longest := -1
	number := strings.Trim(dest, "0123456789") == ""
	for i, target := range targets {
		prefixes := target.Prefixes
		if len(prefixes) == 0 {
			prefixes = []string{""}
		}
		for _, prefix := range prefixes {
			digits := strings.TrimPrefix(strings.TrimPrefix(prefix, "+"), "00")
			if (digits == "" && prefix != "") || !strings.HasPrefix(dest, digits) || (digits != "" && !number) {
				continue
			}
			if len(digits) > longest {
				longest, set = len(digits), nil
			}
			if len(digits) == longest && !slices.Contains(set, i) {
				set = append(set, i)
			}
		}
	}
	return set, longest >= 0
}

func TestOverAFullCycleEveryShareIsExactlyItsWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 6).Draw(t, "weights")
		var targets []Target
		cycle := 0
		for _, weight := range weights {
			targets = append(targets, Target{Weight: weight})
			cycle += weight
		}
		table := New(targets)
		for range 3 {
			got := make([]int, len(targets))
			for range cycle {
				target, ok := table.Pick(0, always)
				if !ok {
					t.Fatal("nobody was picked")
				}
				got[target]++
			}
			if !slices.Equal(got, weights) {
				t.Fatalf("weights %v had shares %v", weights, got)
			}
		}
	})
}

func TestAnUnusableTargetIsNeverPickedAndALowerTierNeverWhileAHigherIsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		targets := drawTargets(t)
		table := New(targets)
		if len(table.Sets()) == 0 {
			return
		}
		up := make([]bool, len(targets))
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			i := rapid.IntRange(0, len(targets)-1).Draw(t, "flips")
			up[i] = !up[i]
			set := rapid.IntRange(0, len(table.Sets())-1).Draw(t, "set")
			asked := map[int]int{}
			target, ok := table.Pick(set, func(target int) bool { asked[target]++; return up[target] })
			someone := slices.ContainsFunc(table.Sets()[set].Targets, func(i int) bool { return up[i] })
			if ok != someone {
				t.Fatalf("Pick is %v, usable targets in the set: %v", ok, someone)
			}
			for i, n := range asked {
				if n > 1 {
					t.Fatalf("target %d was asked about %d times", i, n)
				}
			}
			if !ok {
				continue
			}
			if !up[target] {
				t.Fatalf("target %d is not usable", target)
			}
			for _, i := range table.Sets()[set].Targets {
				if up[i] && targets[i].Priority < targets[target].Priority {
					t.Fatalf("target %d of priority %d was picked while %d of priority %d is usable", target, targets[target].Priority, i, targets[i].Priority)
				}
			}
		}
	})
}

func TestCreditStaysBoundedHoweverTargetsComeAndGo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 9), 2, 6).Draw(t, "weights")
		var targets []Target
		var total int64
		for _, weight := range weights {
			targets = append(targets, Target{Weight: weight})
			total += int64(weight)
		}
		table := New(targets)
		masks := rapid.SliceOfN(rapid.IntRange(0, 1<<len(targets)-1), 1, 20).Draw(t, "masks")
		bound := total * int64(len(targets))
		for range 50 {
			for _, mask := range masks {
				table.Pick(0, func(target int) bool { return mask&(1<<target) != 0 })
				var sum int64
				for _, m := range table.shares[0].members {
					sum += m.credit
					if m.credit > bound || m.credit < -bound {
						t.Fatalf("credit %d is over %d", m.credit, bound)
					}
				}
				if sum != 0 {
					t.Fatalf("credits sum to %d", sum)
				}
			}
		}
	})
}

func TestLookupAndPickAllocateNothing(t *testing.T) {
	table := benchTable()
	if n := testing.AllocsPerRun(100, func() {
		set, _ := table.Lookup("491701234567")
		table.Pick(set, always)
	}); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func drawTargets(t *rapid.T) []Target {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Target {
		return Target{
			Prefixes: rapid.SliceOfN(rapid.StringMatching(`(\+|00)?[0-3]{1,4}`), 0, 4).Draw(t, "prefixes"),
			Weight:   rapid.IntRange(0, 5).Draw(t, "weight"),
			Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
		}
	}), 1, 6).Draw(t, "targets")
}

func mustFind(t *testing.T, table *Table, name string) int {
	t.Helper()
	i, ok := table.ByName(name)
	if !ok {
		t.Fatalf("no target %s", name)
	}
	return i
}

func benchTable() *Table {
	return New([]Target{
		{Name: "a", Weight: 3},
		{Name: "b", Prefixes: []string{"49", "43", "41"}, Weight: 2},
		{Name: "c", Prefixes: []string{"49", "4917", "4916", "4915"}, Weight: 1},
		{Name: "d", Prefixes: []string{"4917"}, Weight: 5},
		{Name: "e", Prefixes: []string{"4917"}, Priority: 1},
	})
}

func BenchmarkLookup(b *testing.B) {
	table := benchTable()
	b.ReportAllocs()
	for b.Loop() {
		table.Lookup("491701234567")
	}
}

func BenchmarkPick(b *testing.B) {
	table := benchTable()
	set, _ := table.Lookup("491701234567")
	b.ReportAllocs()
	for b.Loop() {
		table.Pick(set, always)
	}
}
