package kafkatest

import (
	"os/exec"
	"syscall"
)

// DieWithParent has the kernel kill the child when the thread that started it ends, also when this process is killed itself. So whoever starts
// it does so on a thread of its own (runtime.LockOSThread), and stays on it for as long as the child is to live.
func DieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
