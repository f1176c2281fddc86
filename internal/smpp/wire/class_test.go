package wire

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheLaterRuleCountsWhereTwoOverlap(t *testing.T) {
	t.Parallel()
	s := NewStatuses([]StatusRule{
		{First: 0x400, Last: 0x4FF, Class: Temporary},
		{First: 0x410, Last: 0x41F, Class: Throttle, Backoff: Backoff{time.Second, time.Minute}},
		{First: 0x058, Last: 0x058, Class: Throttle},
		{First: 0x000, Last: 0x000, Class: Permanent},
		{First: 0x4F0, Last: 0x5FF, Class: Permanent},
		{First: 0x500, Last: 0x500, Class: Accepted},
	}, Backoff{time.Millisecond, time.Second}, Backoff{2 * time.Second, time.Hour})
	for status, want := range map[uint32]struct {
		class Class
		first time.Duration
	}{
		0: {Accepted, 0}, 0x57: {Permanent, 0}, 0x58: {Throttle, time.Millisecond}, 0x3FF: {Permanent, 0}, 0x400: {Temporary, 2 * time.Second},
		0x40F: {Temporary, 2 * time.Second}, 0x410: {Throttle, time.Second}, 0x41F: {Throttle, time.Second}, 0x420: {Temporary, 2 * time.Second},
		0x4EF: {Temporary, 2 * time.Second}, 0x4F0: {Permanent, 0}, 0x500: {Permanent, 0}, 0x600: {Permanent, 0}, 0xFFFFFFFF: {Permanent, 0},
	} {
		if got := s.Of(status); got != want.class || s.Backoff(status).First != want.first {
			t.Errorf("0x%x: %s after %s, want %s after %s", status, got, s.Backoff(status).First, want.class, want.first)
		}
	}
}

func TestATableMeansWhatItsRulesSayOneByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) StatusRule {
			first := rapid.Uint32Range(0, 40).Draw(t, "first")
			return StatusRule{First: first, Last: first + rapid.Uint32Range(0, 20).Draw(t, "more"), Class: Class(rapid.IntRange(1, 3).Draw(t, "class"))}
		}), 0, 8).Draw(t, "rules")
		s := NewStatuses(rules, Backoff{}, Backoff{})
		for status := range uint32(70) {
			want := Permanent
			for _, r := range rules {
				if r.First <= status && status <= r.Last {
					want = r.Class
				}
			}
			if status == 0 {
				want = Accepted
			}
			if got := s.Of(status); got != want {
				t.Fatalf("%d: %s, want %s", status, got, want)
			}
		}
	})
}

func TestEveryStatusIsReadByItsName(t *testing.T) {
	t.Parallel()
	names := StatusNames()
	if len(names) != len(statuses) || names[0] != "ESME_ROK" {
		t.Fatalf("%d names, %v", len(names), names[:1])
	}
	for _, status := range []uint32{0, StatusThrottled, 0x400, 0xFFFFFFFF, StatusInvDCS} {
		if got, ok := ParseStatus(StatusName(status)); !ok || got != status {
			t.Errorf("%s: %x, %v", StatusName(status), got, ok)
		}
	}
	for _, s := range []string{"", "ESME_NONE", "0x1FFFFFFFF", "-1"} {
		if got, ok := ParseStatus(s); ok {
			t.Errorf("%q is read as %x", s, got)
		}
	}
}
