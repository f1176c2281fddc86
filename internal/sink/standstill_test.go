package sink

import (
	"testing"
	"time"
)

func TestAStandstillIsToldOfByEachReasonOnce(t *testing.T) {
	t.Parallel()
	var w standstill
	now := time.Now()
	due := func(after time.Duration, want bool) {
		t.Helper()
		now = now.Add(after)
		if got := w.due(now); got != want {
			t.Fatalf("due %v, should be %v", got, want)
		}
	}
	due(time.Hour, false)
	due(standstillAfter-1, false)
	if w.moved() {
		t.Fatal("over, and nothing was told of")
	}
	due(1, false) // counts anew
	due(standstillAfter, true)
	if !w.tell(noMember) {
		t.Fatal("the first reason is not told of")
	}
	due(1, false)
	due(standstillAfter, true)
	if w.tell(noMember) || !w.tell(noPartition) {
		t.Fatal("the same reason twice, or another one not")
	}
	if !w.moved() || w.moved() {
		t.Fatal("its end is not told of once")
	}
}
