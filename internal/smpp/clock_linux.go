package smpp

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is the time since boot. It runs on while the process is stopped and while
// the machine sleeps (CLOCK_BOOTTIME; Go's monotonic clock stands still in the
// latter), and no one can set it.
func Clock() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return elapsed() // a kernel before 2.6.39
	}
	return time.Duration(ts.Nano())
}
