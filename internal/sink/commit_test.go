package sink

import (
	"testing"
	"time"
)

func TestATimerThatFiresLateDoesNotPutOffAllTransactionsThatFollow(t *testing.T) {
	t.Parallel()
	const interval = 20 * time.Millisecond
	due := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name string
		late time.Duration
		want time.Duration // after due
	}{
		{"on time", 0, interval},
		{"by a timer's step", time.Millisecond, interval},
		{"by the transaction before", 7 * time.Millisecond, 7*time.Millisecond + interval},
		{"the first", time.Hour, time.Hour + interval},
		{"before it was due", -time.Millisecond, interval - time.Millisecond},
	} {
		if got := following(due, due.Add(c.late), interval).Sub(due); got != c.want {
			t.Errorf("%s: due again after %s, want %s", c.name, got, c.want)
		}
	}
}
