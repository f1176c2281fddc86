package resolve

import (
	"testing"
	"time"
)

func TestAClockPutForwardIsFollowedAtTwiceItsPaceAndOnePutBackAtOnce(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	var f followed
	for _, step := range []struct{ now, wall, want time.Duration }{
		{0, 0, 0},
		{time.Second, time.Second, time.Second},       // as usual
		{2 * time.Second, time.Hour, 3 * time.Second}, // put forward by an hour
		{10 * time.Minute, time.Hour + 10*time.Minute, 20*time.Minute - time.Second}, // it comes nearer
		{11 * time.Minute, 11 * time.Minute, 11 * time.Minute},                       // put right again
		{12 * time.Minute, -time.Hour, -time.Hour},                                   // put back
	} {
		if got := f.look(after(step.now), after(step.wall)); !got.Equal(after(step.want)) {
			t.Errorf("%s after the start the clock shows %s, and %s is taken, want %s", step.now, step.wall, got.Sub(begin), step.want)
		}
	}
}
