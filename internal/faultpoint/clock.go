//go:build faultpoint

package faultpoint

import (
	"os"
	"strings"
	"sync"
	"time"
)

// ClockVariable is the environment variable that names the file with the clock's step.
const ClockVariable = "SMPP_FAULTPOINT_CLOCK"

// rereadAfter bounds how often the file is looked at.
const rereadAfter = 20 * time.Millisecond

var clock struct {
	sync.Mutex
	read time.Time
	step time.Duration
}

var clockFile = os.Getenv(ClockVariable)

// Wall is t on the clock that was stepped. It has no reading of the other clock: what is compared with it is compared as times of day.
func Wall(t time.Time) time.Time {
	if clockFile == "" || t.IsZero() {
		return t
	}
	clock.Lock()
	defer clock.Unlock()
	if now := time.Now(); now.Sub(clock.read) >= rereadAfter {
		clock.read = now
		if b, err := os.ReadFile(clockFile); err == nil {
			if d, err := time.ParseDuration(strings.TrimSpace(string(b))); err == nil {
				clock.step = d
			}
		}
	}
	return t.Round(0).Add(clock.step)
}
