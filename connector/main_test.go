package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestMain makes the test binary answer to the program's name too, so that scripts
// and tests start real processes of it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"smpp-connector": main})
}

// process is a running smpp-connector.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  output // both streams
	done chan struct{}
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startProcess starts the program with this environment alone; it ends with the test.
func startProcess(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := exec.LookPath("smpp-connector")
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, env, exec.Command(path, args...))
}

// startCommand is startProcess for a command that becomes the program in the end.
func startCommand(t *testing.T, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("output of %s:\n%s", strings.Join(cmd.Args, " "), p.out.String())
		}
	})
	return p
}

// signal sends sig.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code, -1 after a signal.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("the process does not end within %s", patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// await waits until the output has text.
func (p *process) await(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%q in the output", text), func() bool { return strings.Contains(p.out.String(), text) })
}

// eventually polls a condition that no signal tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !inTime(ok) {
		t.Fatalf("after %s there is still no %s", patience, what)
	}
}

// patience bounds every wait of these tests, and is what the connectors and SMSCs in them wait for each other where a test is not about that: no test
// depends on its length, and a machine may have much else to do.
const patience = 2 * time.Minute

func inTime(ok func() bool) bool {
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			return false
		case <-tick.C:
		}
	}
	return true
}

// freeAddress is an address of loopback that nothing listens on now, and that no system gives to whoever asks for any port.
func freeAddress(tb testing.TB) string { return kafkatest.NewListener(tb, "", "").Address }
