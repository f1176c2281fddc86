package sink

import (
	"testing"
	"time"
)

// A partition that was lost is kept for its return, which comes with the others of an assignment or a moment later. Beside others that the
// group has given for a while it is another replica's, and its messages only take memory.
func TestALostPartitionIsKeptUntilItMustBeAnothersByNow(t *testing.T) {
	t.Parallel()
	lostAt := time.Unix(1000, 0)
	for _, c := range []struct {
		name    string
		holds   bool          // another partition
		givenAt time.Duration // after the loss; negative: before it
		now     time.Duration // after the loss
		gone    bool
	}{
		{"given others a moment ago", true, time.Second, time.Second + limboBeside, false},
		{"given others for a while", true, time.Second, time.Second + limboBeside + 1, true},
		{"nothing given since", true, -time.Second, limboFor, false},
		{"given nothing", false, time.Second, limboFor, false},
		{"for too long in any case", false, -time.Second, limboFor + 1, true},
	} {
		s, p := idle(t)
		if !c.holds {
			delete(s.parts, p.tp)
		}
		lost := &partition{tp: tp{"in", 1}, limbo: true, limboAt: lostAt}
		s.limbo[lost.tp] = lost
		s.givenAt = lostAt.Add(c.givenAt)
		s.checkLimbo(lostAt.Add(c.now))
		if gone := s.limbo[lost.tp] == nil; gone != c.gone {
			t.Errorf("%s: gone %v, want %v", c.name, gone, c.gone)
		}
	}
}
