package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// program is the path of the built binary.
var program string

// profiles makes the connector write its profiles, into a folder for each test or benchmark; connector/measured.go says which.
var profiles = flag.String("profiles", "", "folder, by its whole path, for the connector's profiles")

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "smpp-connector-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "smpp-connector")
		args, env := []string{"build", "-o", program}, os.Environ()
		tags := "grpcnotrace"
		if *profiles != "" {
			tags += ",profile"
		}
		if flag.Lookup("test.bench").Value.String() != "" && !testing.Short() {
			// What is measured is what is released (deploy/release/build.sh): with cgo and symbols more of it is mapped. Tests
			// take what the cache of builds has anyway.
			args, env = append(args, "-trimpath", "-ldflags", "-s -w"), append(env, "CGO_ENABLED=0")
		}
		build := exec.Command("go", append(args, "-tags", tags, "../../connector")...)
		build.Env = env
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the connector: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// connector is one process of the built binary.
type connector struct {
	t    testing.TB
	cmd  *exec.Cmd
	http string
	log  string
	done chan struct{}
	err  error
}

// start runs `smpp-connector run` against the broker and the SMSC.
func start(t testing.TB, b *kafkatest.Broker, smsc string, env ...string) *connector {
	t.Helper()
	c := &connector{t: t, http: freeAddress(t), done: make(chan struct{})}
	f, err := os.CreateTemp(t.TempDir(), "connector-*.log")
	if err != nil {
		t.Fatal(err)
	}
	c.log = f.Name()
	c.cmd = exec.Command(program, "run")
	c.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(),
		"KAFKA_BROKERS=" + strings.Join(b.Addrs, ","), "KAFKA_SESSION_TIMEOUT=6s", "KAFKA_TOPICS_REPLICATION=1",
		"HTTP_ADDRESS=" + c.http, "LOG_FORMAT=text",
		"SMSC_0_NAME=foreign", "SMSC_0_ADDRESS=" + smsc, "SMSC_0_SYSTEM_ID=e2e", "SMSC_0_PASSWORD=secret", "SMSC_0_SOURCE_ADDRESS=32323",
		"SMSC_0_WINDOW=100", "SMSC_0_ROUTES=49,44,33,7,86,90",
	}, env...)
	if *profiles != "" {
		c.cmd.Env = append(c.cmd.Env, "SMPP_PROFILE="+filepath.Join(*profiles, filepath.Base(t.Name())))
	}
	c.cmd.Stdout, c.cmd.Stderr = f, f
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		_ = f.Close()
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			if b, err := os.ReadFile(c.log); err == nil {
				t.Logf("log of the connector:\n%s", tail(b, 8000))
			}
		}
	})
	return c
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// ready waits until /ready answers 200.
func (c *connector) ready() {
	c.t.Helper()
	hc := retryablehttp.NewClient()
	hc.Logger, hc.RetryMax = nil, 300
	hc.RetryWaitMin, hc.RetryWaitMax = 50*time.Millisecond, 200*time.Millisecond
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	go func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.http+"/ready", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		c.t.Fatalf("the connector did not become ready: %v", err)
	}
	resp.Body.Close()
}

// kill is kill -9.
func (c *connector) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Fatal(err)
	}
	<-c.done
}

// terminate is SIGTERM; it returns the exit code.
func (c *connector) terminate() int {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		c.t.Fatal("the connector did not end after SIGTERM")
	}
	return c.cmd.ProcessState.ExitCode()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
