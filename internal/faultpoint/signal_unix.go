//go:build faultpoint && unix

package faultpoint

import (
	"os"
	"os/signal"
	"syscall"
)

var actions = map[string]func(){
	"kill": func() { send(syscall.SIGKILL); select {} },
	"stop": stop,
	"exit": func() { os.Exit(3) },
}

func send(s syscall.Signal) { _ = syscall.Kill(os.Getpid(), s) } // to ourselves: it cannot be refused

// stop returns after the SIGCONT. The signal stops the process at some moment after kill(2) has returned, and who passed the point
// would go on for a millisecond, which is a hundred submits.
func stop() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	send(syscall.SIGSTOP)
	<-goesOn
}
