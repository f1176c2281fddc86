//go:build faultpoint && unix

package faultpoint

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

var actions = map[string]func(){
	"kill": func() { send(syscall.SIGKILL); select {} },
	"stop": stop,
	"exit": func() { os.Exit(3) },
}

func send(s syscall.Signal) { _ = syscall.Kill(os.Getpid(), s) } // to ourselves: it cannot be refused

// stop returns when the process goes on. The signal stops it at some moment after kill(2) has returned, and who passed the point
// would go on for a millisecond until then, which is a hundred submits. So it is waited for, awake: who wakes up must be at its next step
// as soon as all others are, and not behind the handling of a signal.
func stop() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	send(syscall.SIGSTOP)
	for last := time.Now(); len(goesOn) == 0; {
		now := time.Now()
		if now.Sub(last) > time.Second { // nobody else makes it stand for so long
			return
		}
		last = now
	}
}
