package leaks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// program is the path of the built binary.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "smpp-connector-leaks-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "smpp-connector")
		if out, err := exec.Command("go", "build", "-o", program, "../../../connector").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the connector: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

const patience = 2 * time.Minute

// process is the running binary and all that it has written.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	http string
	done chan struct{}
	mu   sync.Mutex // guards out
	out  bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, env []string, command string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, command), http: freeAddress(t), done: make(chan struct{})}
	dir := t.TempDir()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "HTTP_ADDRESS=" + p.http}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			s := p.text()
			t.Logf("output of the connector:\n%s", s[:min(len(s), 20_000)])
		}
	})
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("the connector does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// dump ends the process as a crash does, with the stacks of all goroutines, and returns what it wrote.
func (p *process) dump() string {
	p.t.Helper()
	before := len(p.text())
	p.signal(syscall.SIGQUIT)
	p.wait()
	return p.text()[before:]
}

// ask sends a request and returns all that comes back, headers too; empty: nobody answered.
func (p *process) ask(method, path, body string, credentials bool) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.http+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if credentials {
		req.SetBasicAuth("ops", secret+"1http")
	} else {
		req.SetBasicAuth(marker, marker)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %v\n%s", resp.StatusCode, resp.Header, b)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit, tick := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("after %s there is still no %s", patience, what)
		case <-tick.C:
		}
	}
}

// freeAddress is one that no system gives to whoever asks for any port.
func freeAddress(t *testing.T) string { return kafkatest.NewListener(t, "", "").Address }
