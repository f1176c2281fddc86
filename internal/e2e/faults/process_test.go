package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// scratch is a folder for the whole run.
var scratch string

var logs = flag.String("logs", "", "folder to keep the replicas' logs in, at level debug")

var built = flag.String("program", "", "a connector that is built already, with -tags faultpoint: a broken one, to see the suite fail")

// program builds the connector once, with its fault points.
var program = sync.OnceValues(func() (string, error) {
	if *built != "" {
		return *built, nil
	}
	path := filepath.Join(scratch, "smpp-connector")
	build := exec.Command("go", "build", "-tags", "faultpoint", "-o", path, "github.com/smpp-connector/smpp-connector/connector")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the connector: %w\n%s", err, out)
	}
	return path, nil
})

// process is one replica: the built binary with an address and a STATE_DIR of its own, which it keeps when it is started again.
type process struct {
	t    testing.TB
	name string
	http string
	env  []string
	log  string // file, of all its lives
	of   release

	cmd    *exec.Cmd
	done   chan struct{} // closed when this life has ended
	ending bool          // kill or terminate was called, or a fault point is to end it
}

func newProcess(t testing.TB, name string, env []string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, name: name, http: freeAddress(t), log: filepath.Join(dir, "log"), of: present}
	p.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "STATE_DIR=" + filepath.Join(dir, "state"),
		"HTTP_ADDRESS=" + p.http, "LOG_FORMAT=text", "SMPP_FAULTPOINT_FROM=" + filepath.Join(dir, "armed"),
	}, env...)
	if *logs != "" {
		p.env = append(p.env, "LOG_LEVEL=debug")
	}
	t.Cleanup(func() {
		if t.Failed() && *logs != "" && p.running() { // what it stands at goes into the log that is kept
			p.ending = true
			p.signal(syscall.SIGQUIT)
			p.signal(sigcont)
			select {
			case <-p.done:
			case <-time.After(10 * time.Second):
			}
		}
		if p.running() {
			p.kill()
		}
		if *logs != "" {
			kept := filepath.Join(*logs, strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()+" "+name))
			if err := os.WriteFile(kept, []byte(p.logText()), 0o644); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, tail(p.logText(), 8000))
		}
	})
	return p
}

// start begins a life of the process. extra is added to the environment of this life only.
func (p *process) start(extra ...string) {
	p.t.Helper()
	if p.running() {
		p.t.Fatalf("%s runs already", p.name)
	}
	path, err := p.of.binary()
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(path, "run")
	cmd.Env = append(append([]string{}, p.env...), extra...)
	cmd.Stdout, cmd.Stderr = f, f
	dieWithParent(cmd)
	started, done := make(chan error, 1), make(chan struct{})
	go func() { // ends with the process, which the test's cleanup kills
		defer close(done)
		defer f.Close()
		// The kernel ties dieWithParent to the thread that started the child: were it given back, Go could end it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.done, p.ending = cmd, done, false
	for _, e := range extra {
		p.ending = p.ending || strings.HasPrefix(e, "SMPP_FAULTPOINT=") && strings.HasSuffix(e, ":kill")
	}
}

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// arm lets the fault point of this life count from now on.
func (p *process) arm() {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.log), "armed"), nil, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9; it returns when the process has ended.
func (p *process) kill() {
	p.t.Helper()
	p.ending = true
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stop freezes the process, cont wakes it up.
func (p *process) stop() { p.t.Helper(); p.signal(sigstop) }
func (p *process) cont() { p.t.Helper(); p.signal(sigcont) }

// terminating sends SIGTERM and does not wait.
func (p *process) terminating() {
	p.t.Helper()
	p.ending = true
	p.signal(syscall.SIGTERM)
}

// terminate is SIGTERM; it returns the exit code.
func (p *process) terminate() int {
	p.t.Helper()
	p.terminating()
	return p.wait(time.Minute)
}

// wait waits for the end of the process and returns its exit code, -1 if a signal ended it.
func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("%s has not ended within %s", p.name, limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

// frozen tells whether the process is stopped, by cont's opposite or by a fault point.
func (p *process) frozen() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(state, "T")
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("%s to %s: %v", s, p.name, err)
	}
}

// ready waits until /ready answers 200.
func (p *process) ready() {
	p.t.Helper()
	resp, err := p.get("/ready", 600)
	if err != nil {
		p.t.Fatalf("%s did not become ready: %v", p.name, err)
	}
	resp.Body.Close()
}

// get asks the process over HTTP, again while it refuses; it gives up when the process ends.
func (p *process) get(path string, tries int) (*http.Response, error) {
	hc := retryablehttp.NewClient()
	hc.Logger, hc.RetryMax = nil, tries
	// The status server takes a bounded number of connections: those of a poll must not add up.
	defer hc.HTTPClient.CloseIdleConnections()
	hc.RetryWaitMin, hc.RetryWaitMax = 20*time.Millisecond, 200*time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	done := p.done
	go func() { // ends with ctx
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp, nil
}

// metric sums the samples of /metrics whose line begins with prefix; 0 when there is none or the process does not answer.
func (p *process) metric(prefix string) float64 {
	resp, err := p.get("/metrics", 0)
	if err != nil {
		return 0
	}
	body, _ := io.ReadAll(resp.Body)
	sum := 0.0
	for line := range strings.SplitSeq(string(body), "\n") {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		f, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		sum += f
	}
	return sum
}

// logText is all that the process has written in all its lives.
func (p *process) logText() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// freeAddress lies below the range from which systems take ports for outgoing connections: while a replica is dead between
// kill and start, any client in the machine could be given one from there.
func freeAddress(t testing.TB) string {
	t.Helper()
	var last error
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(5000)))
		if last = err; err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatalf("no free port: %v", last)
	return ""
}
