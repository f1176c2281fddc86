package sink

import (
	"testing"
	"time"
)

func TestAStandstillIsToldOfByEachReasonOnce(t *testing.T) {
	t.Parallel()
	var w standstill
	now := time.Now()
	due := func(after time.Duration, waits, want bool) {
		t.Helper()
		now = now.Add(after)
		if got := w.due(waits, now); got != want {
			t.Fatalf("due %v, should be %v", got, want)
		}
	}
	due(time.Hour, false, false) // at rest
	due(time.Hour, true, false)
	due(standstillAfter-1, true, false)
	if w.moved() {
		t.Fatal("over, and nothing was told of")
	}
	due(1, true, false) // counts anew
	due(standstillAfter, true, true)
	if !w.tell(noMember) {
		t.Fatal("the first reason is not told of")
	}
	due(1, true, false)
	due(standstillAfter, true, true)
	if w.tell(noMember) || !w.tell(noPartition) {
		t.Fatal("the same reason twice, or another one not")
	}
	due(1, false, false)
	if !w.moved() || w.moved() {
		t.Fatal("its end is not told of once")
	}
}
