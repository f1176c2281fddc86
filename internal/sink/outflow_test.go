package sink

import (
	"testing"
	"time"
)

func TestHowFastResultsAreWrittenIsKnownFromTheSecondTimeOn(t *testing.T) {
	t.Parallel()
	var f outflow
	at := time.Now().Add(-time.Hour) // of the last message before, an hour ago
	f.holds(0, at)
	at = at.Add(time.Hour)
	f.holds(30_000, at)
	if f.slow(30_000, at.Add(100*time.Millisecond)) {
		t.Error("slow after 100 ms without a result: that says nothing yet")
	}
	if !f.slow(30_000, at.Add(300*time.Millisecond)) {
		t.Error("not slow after 300 ms without a result")
	}
	at = at.Add(100 * time.Millisecond)
	f.wrote(10, at) // the first, after the SMSC's 100 ms
	if f.slow(30_000, at) {
		t.Error("slow with the first results: how long they took says nothing of how many come")
	}
	at = at.Add(20 * time.Millisecond)
	f.wrote(3000, at) // 150,000 a second
	if f.slow(30_000, at) || !f.slow(40_000, at) {
		t.Errorf("%.0f a second; 30,000 slow: %v, 40,000: %v", f.speed, f.slow(30_000, at), f.slow(40_000, at))
	}
	for range 20 {
		at = at.Add(20 * time.Millisecond)
		f.wrote(200, at)
	}
	if !f.slow(5000, at) || f.slow(2000, at) {
		t.Errorf("%.0f a second", f.speed)
	}
	f.holds(0, at)
	f.holds(1, at.Add(time.Hour))
	if f.slow(30_000, at.Add(time.Hour)) {
		t.Error("slow when something comes after an hour of nothing")
	}
}

// TestSpareRoomAloneDoesNotCrowd: where an SMSC has room because records are not read as fast as it takes them, there is nothing to pause.
func TestSpareRoomAloneDoesNotCrowd(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	p.queued = 20_000 // sent, or with a result that is being written
	if s.left(true); s.spare {
		t.Error("nothing waits")
	}
	p.stalled = make([]*message, 10_000)
	if s.left(true); !s.spare {
		t.Error("half of it waits, and there is room")
	}
	if s.left(false); s.spare {
		t.Error("there is no room")
	}
}

func TestAFetchBringsNoMoreOfAPartitionThanIsHeldOfIt(t *testing.T) {
	t.Parallel()
	for held, want := range map[int]int32{0: 512 << 10, 1: 512 << 10, 6: 512 << 10, 24: 349525, 96: 128 << 10, 1000: 128 << 10} {
		if got := fetchOf(held); got != want {
			t.Errorf("of %d partitions %d bytes each, want %d", held, got, want)
		}
	}
}
