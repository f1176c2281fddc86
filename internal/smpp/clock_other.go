//go:build !linux

package smpp

import "time"

// Clock is the time since the process began. It runs on while the process is
// stopped; where the monotonic clock stands still while the machine sleeps, the
// wall clock fills in.
func Clock() time.Duration { return elapsed() }
