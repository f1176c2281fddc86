package interop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"go.uber.org/goleak"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// patience is the limit of what must happen, on a machine that is busy with other things.
const patience = 2 * time.Minute

var scratch string // a folder for the whole run

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "smpp-connector-interop-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "smpp-connector")
	build := exec.Command("go", "build", "-o", path, "github.com/smpp-connector/smpp-connector/connector")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the connector: %w\n%s", err, out)
	}
	return path, nil
})

// process is a program that runs until it is told to end, at the latest with its test.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// launch starts a command, its output going to a file, but for stdout where that is wanted.
func launch(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: cmd, log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	f, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Stdout == nil {
		cmd.Stdout = f
	}
	cmd.Stderr = f
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() { // ends with the process, which the cleanup kills
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		_ = f.Close()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if b, err := os.ReadFile(p.log); err == nil && t.Failed() {
			t.Logf("log of %s:\n%s", name, b[max(0, len(b)-6000):])
		}
	})
	return p
}

// terminate is SIGTERM; the program must end well.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	p.ended()
}

// ended waits until it has ended, with exit code 0.
func (p *process) ended() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s ended with exit code %d", p.name, code)
	}
}

// environment is that of a program under test, with nothing of the caller's but PATH.
func environment(t *testing.T, more ...string) []string {
	dir := t.TempDir()
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LOG_FORMAT=text"}, more...)
}

// connect runs the connector between a broker and an SMSC, with one account for
// each way of long messages, named for it, and returns when all are bound.
func connect(t *testing.T, b *kafkatest.Broker, smsc string) *process {
	t.Helper()
	var accounts []string
	for i, mode := range longMessages {
		n := fmt.Sprintf("SMSC_%d_", i)
		accounts = append(accounts, n+"NAME="+mode, n+"ADDRESS="+smsc, n+"SYSTEM_ID="+mode, n+"PASSWORD=secret", n+"SOURCE_ADDRESS="+shortCode, n+"LONG_MESSAGES="+mode,
			n+"RESPONSE_TIMEOUT=60s", n+"BIND_TIMEOUT=60s")
	}
	return runConnector(t, b, append(accounts, "READY_REQUIRES=kafka,smsc")...)
}

// runConnector returns when it is ready.
func runConnector(t *testing.T, b *kafkatest.Broker, env ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	http := freeAddress(t)
	cmd := exec.Command(path, "run")
	// Nothing here is about timeouts, and a machine that is busy with other things must not meet one.
	cmd.Env = environment(t, append([]string{"KAFKA_BROKERS=" + strings.Join(b.Addrs, ","), "KAFKA_TOPICS_REPLICATION=1", "KAFKA_TOPICS_PARTITIONS=2",
		"KAFKA_SESSION_TIMEOUT=60s", "HTTP_ADDRESS=" + http}, env...)...)
	p := launch(t, "connector", cmd)
	ready(t, p, http)
	return p
}

// ready waits until /ready answers 200.
func ready(t *testing.T, p *process, address string) {
	t.Helper()
	hc := retryablehttp.NewClient()
	hc.Logger, hc.RetryMax = nil, 1000
	hc.RetryWaitMin, hc.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	defer hc.HTTPClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { // ends with ctx
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ready", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatalf("the connector did not become ready: %v", err)
	}
	_ = resp.Body.Close()
}

// simulate runs the simulator and returns its address and its audit file.
func simulate(t *testing.T, flags ...string) (p *process, address, audit string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	audit = filepath.Join(t.TempDir(), "audit.ndjson")
	cmd := exec.Command(path, append([]string{"simulate", "--listen", "127.0.0.1:0", "--status", "0", "--log", audit, "--log-bodies"}, flags...)...)
	cmd.Env = environment(t)
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = w
	p = launch(t, "simulator", cmd)
	_ = w.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the simulator said nothing: %v", err)
	}
	// SMSC simulator on 127.0.0.1:36451, seed 8; …
	words := strings.Fields(line)
	if len(words) < 4 {
		t.Fatalf("the simulator said %q", line)
	}
	return p, strings.TrimSuffix(words[3], ","), audit
}

// freeAddress lies below the range from which systems take ports for outgoing connections: until the program that it is
// for listens, any client in the machine could be given one from there.
func freeAddress(t *testing.T) string {
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
