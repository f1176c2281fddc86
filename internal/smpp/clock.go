package smpp

import "time"

var started = time.Now()

// elapsed is the time since the process began by whichever of the monotonic and
// the wall clock says more: the former may stand still while the machine sleeps,
// the latter may be set back. Too much only ends a lease early.
func elapsed() time.Duration {
	now := time.Now()
	return max(now.Sub(started), now.Round(0).Sub(started.Round(0))) + time.Second
}
