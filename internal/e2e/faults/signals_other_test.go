//go:build !linux

package faults

import (
	"os/exec"
	"syscall"
)

// Numbers as on BSD and macOS; where there are no such signals, Process.Signal reports that.
const (
	sigstop = syscall.Signal(17)
	sigcont = syscall.Signal(19)
)

func dieWithParent(*exec.Cmd) {}
