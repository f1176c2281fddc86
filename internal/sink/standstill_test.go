package sink

import (
	"testing"
	"time"
)

func TestAStandstillIsToldOfOnceAndSoIsItsEnd(t *testing.T) {
	t.Parallel()
	var w standstill
	now := time.Now()
	after := func(d time.Duration, waits, wantTell, wantOver bool) {
		t.Helper()
		now = now.Add(d)
		if _, tell, over := w.look(waits, now); tell != wantTell || over != wantOver {
			t.Fatalf("told %v and over %v, should be %v and %v", tell, over, wantTell, wantOver)
		}
	}
	after(0, true, false, false)
	after(standstillAfter-1, true, false, false)
	if w.moved() {
		t.Fatal("over, and nothing was told of")
	}
	after(1, true, false, false) // counts anew
	after(standstillAfter, true, true, false)
	after(standstillAfter, true, false, false)
	if !w.moved() {
		t.Fatal("its end is not told of")
	}
	after(time.Hour, false, false, false) // at rest
	after(time.Hour, true, false, false)
	after(standstillAfter, true, true, false)
	after(1, false, false, true)
	after(1, false, false, false)
}
