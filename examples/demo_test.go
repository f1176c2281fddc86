package examples

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The programs wait for answers more than they compute: as many at once as there are processors would take three times as long.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stopDemo()
	os.Exit(code)
}

// running is the one demo of all tests, started by the first that needs it.
var running struct {
	demo   *os.Process
	ended  chan struct{}
	folder string
}

// demo returns the address of the demo's broker.
func demo(t *testing.T) string {
	t.Helper()
	address, err := startDemo()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

var brokerAt = regexp.MustCompile(`^broker (127\.0\.0\.1:\d+)`)

var startDemo = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "smpp-connector-examples-")
	if err != nil {
		return "", err
	}
	running.folder = folder
	program := filepath.Join(folder, "smpp-connector")
	if out, err := exec.Command("go", "build", "-o", program, "../connector").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the connector: %w\n%s", err, out)
	}
	in, out := io.Pipe()
	cmd := exec.Command(program, "demo", "--messages", "10", "--kafka-port", "0")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder, "HTTP_ADDRESS="}
	cmd.Stdout, cmd.Stderr = out, out
	kafkatest.DieWithParent(cmd)
	started, ended := make(chan error), make(chan error, 1)
	running.ended = make(chan struct{})
	go func() { // ends with the demo
		runtime.LockOSThread()
		defer close(running.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
			out.Close()
			ended <- err
		}
	}()
	if err := <-started; err != nil {
		return "", err
	}
	running.demo = cmd.Process
	ready, log := make(chan string, 1), make(chan string, 1)
	go func() { // ends with the demo, whose output it takes off
		var address string
		var all strings.Builder
		for lines := bufio.NewScanner(in); lines.Scan(); {
			line := lines.Text()
			if m := brokerAt.FindStringSubmatch(line); m != nil {
				address = m[1]
			}
			if strings.HasPrefix(line, "The connector keeps running") {
				ready <- address // it says so once
			}
			if all.Len() < 1<<16 {
				all.WriteString(line + "\n")
			}
		}
		log <- all.String()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case address := <-ready:
		return address, nil
	case err := <-ended:
		return "", fmt.Errorf("the demo ended, %v:\n%s", err, <-log)
	case <-ctx.Done():
		return "", fmt.Errorf("the demo has not come up within %s", limit)
	}
})

// stopDemo ends the demo of a process whose tests are done.
func stopDemo() {
	if running.demo != nil {
		_ = running.demo.Signal(os.Interrupt)
		kill := time.AfterFunc(30*time.Second, func() { _ = running.demo.Kill() })
		<-running.ended
		kill.Stop()
	}
	if running.folder != "" {
		_ = os.RemoveAll(running.folder)
	}
}
