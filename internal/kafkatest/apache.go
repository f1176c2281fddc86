package kafkatest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	fetchLimit = 5 * time.Minute
	startLimit = 4 * time.Minute // on a machine that is busy with other things many times over; 2 to 4 s on an idle one
)

// Apache starts an Apache Kafka node in a folder of the test's, through deploy/kafka/kafka.sh. Settings are broker
// properties ("key=value") over the script's. Where Java or Maven is missing the test is skipped, or fails if SMPP_TEST_REQUIRE
// names apache.
//
// The JVM gets SIGKILL when the test process dies in any way (Linux), so that none is left behind.
func Apache(tb testing.TB, settings ...string) *Broker {
	tb.Helper()
	return ApacheWith(tb, nil, settings...)
}

// Listener is one more listener of an Apache Kafka node, beside the plain one that Broker.Addrs names.
type Listener struct{ Name, Protocol, Address string }

// NewListener takes a free port for a listener.
func NewListener(tb testing.TB, name, protocol string) Listener {
	tb.Helper()
	port, err := freePort(1)
	if err != nil {
		tb.Fatal(err)
	}
	return Listener{name, protocol, fmt.Sprintf("127.0.0.1:%d", port)}
}

// ApacheWith is Apache with more listeners.
func ApacheWith(tb testing.TB, listeners []Listener, settings ...string) *Broker {
	tb.Helper()
	script, err := apacheReady()
	if err != nil {
		SkipOrFail(tb, KindApache, err.Error())
	}
	n := &apacheNode{script: script, settings: settings, listeners: listeners}
	tb.Cleanup(func() {
		n.kill()
		for _, dir := range n.dirs {
			_ = os.RemoveAll(dir) // what stays is in the system's temporary folder
		}
	})
	for try := 1; ; try++ {
		if err := n.makeDir(); err != nil { // what a failed start has left behind may be half of a node's data
			tb.Fatalf("broker: apache: %v", err)
		}
		if n.port, err = freePort(2); err != nil {
			tb.Fatalf("broker: apache: %v", err)
		}
		if err = n.start(); err == nil {
			break
		}
		// Another process may have taken the port since it was found free; with all else the second try fails too.
		if try == 2 {
			tb.Fatalf("broker: apache did not start: %v", err)
		}
		tb.Logf("broker: apache did not start, trying again: %v", err)
	}
	b := &Broker{Kind: KindApache, Addrs: []string{fmt.Sprintf("127.0.0.1:%d", n.port)}, tb: tb, node: n}
	tb.Logf("broker: apache at %s", b.Addrs[0])
	return b
}

// apacheReady looks once a process whether Apache Kafka can be had here, and fetches its jars if they are not in the cache.
// It returns the path of the script, or an error that says what is missing.
var apacheReady = sync.OnceValues(func() (string, error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("kafka.sh needs bash and POSIX signals")
	}
	script, err := scriptPath()
	if err != nil {
		return "", err
	}
	if err := javaReady(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "fetch")
	// Maven's JVM holds the output open for as long as it lives, which must not outlast the limit by much. The delay counts from the script's end, too: a second was too
	// little for whoever reads the output, where the machine stood still.
	cmd.WaitDelay = time.Minute
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("kafka.sh fetch: %w: %s", err, lastLines(string(out), 5))
	}
	return script, nil
})

var javaVersion = regexp.MustCompile(`version "(\d+)`)

func javaReady() error {
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("no Java runtime (%w); Apache Kafka needs 17 or later", err)
	}
	found := javaVersion.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("java -version says %q, which names no version", lastLines(string(out), 1))
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < 17 {
		return fmt.Errorf("java is version %s; Apache Kafka needs 17 or later", found[1])
	}
	return nil
}

// scriptPath finds deploy/kafka/kafka.sh from the module's root, which go test runs below. The path of this source file
// would not do: -trimpath takes it away.
func scriptPath() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "deploy", "kafka", "kafka.sh")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("deploy/kafka/kafka.sh is in no folder above the test's")
		}
		dir = parent
	}
}

type apacheNode struct {
	script    string
	dir       string
	dirs      []string // of all tries
	port      int
	settings  []string
	listeners []Listener

	cmd  *exec.Cmd     // nil while killed
	done chan struct{} // closed when cmd has ended and its output is read
}

// makeDir does not use the test's own folder: the name of the test is in its path, and a comma there would make two of log.dirs.
func (n *apacheNode) makeDir() error {
	dir, err := os.MkdirTemp("", "smpp-connector-kafka-")
	if err != nil {
		return err
	}
	n.dir, n.dirs = dir, append(n.dirs, dir)
	return nil
}

// start runs the node and returns when it serves. The script replaces itself by the JVM, so the process is the JVM's.
func (n *apacheNode) start() error {
	args := []string{"run", "--dir", n.dir, "--port", strconv.Itoa(n.port)}
	for _, s := range n.settings {
		args = append(args, "--set", s)
	}
	for _, l := range n.listeners {
		_, port, _ := net.SplitHostPort(l.Address)
		args = append(args, "--listener", l.Name+":"+l.Protocol+":"+port)
	}
	log, err := os.OpenFile(filepath.Join(n.dir, "kafka.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	cmd := exec.Command(n.script, args...)
	DieWithParent(cmd)
	started, serves, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() { // owned by n: ends when the JVM does, which kill waits for
		defer close(done)
		defer log.Close()
		// The kernel ties the death signal to the thread that started the child, not to the process: were this thread
		// given back, Go could end it some day and the broker with it. So it is held until the JVM has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		out, w, err := os.Pipe()
		if err != nil {
			started <- err
			return
		}
		defer out.Close()
		cmd.Stdout, cmd.Stderr = w, w
		err = cmd.Start()
		w.Close()
		started <- err
		if err != nil {
			return
		}
		watch(out, log, serves)
		_ = cmd.Wait() // how it ended is in the log
	}()
	if err := <-started; err != nil {
		<-done
		return err
	}
	n.cmd, n.done = cmd, done
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case <-serves:
		return nil
	case <-done:
		n.cmd = nil
		return fmt.Errorf("the node ended while it started: %s", n.logTail())
	case <-limit.C:
		n.kill()
		return fmt.Errorf("the node did not serve within %v: %s", startLimit, n.logTail())
	}
}

func (n *apacheNode) kill() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // the only error is that it has ended already
	<-n.done
	n.cmd = nil
}

func (n *apacheNode) logTail() string {
	b, err := os.ReadFile(filepath.Join(n.dir, "kafka.log"))
	if err != nil {
		return err.Error()
	}
	return lastLines(string(b), 20)
}

// trouble is what the node has complained of last.
func (n *apacheNode) trouble() string {
	b, err := os.ReadFile(filepath.Join(n.dir, "kafka.log"))
	if err != nil {
		return err.Error()
	}
	var complaints []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "] WARN ") || strings.Contains(line, "] ERROR ") {
			complaints = append(complaints, line)
		}
	}
	return strings.Join(complaints[max(0, len(complaints)-10):], "")
}

// watch copies the node's output to its log until it ends and closes serves at the line that tells that the node serves.
func watch(out io.Reader, log io.Writer, serves chan<- struct{}) {
	r := bufio.NewReader(out)
	for told := false; ; {
		line, err := r.ReadString('\n')
		_, _ = io.WriteString(log, line) // a full disk must not stop the reading, which would stop the node
		if !told && strings.Contains(line, "Kafka Server started") {
			told = true
			close(serves)
		}
		if err != nil {
			return
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// ApacheJars returns the folder of Apache Kafka's jars, for what a test runs of them itself. It skips and fails as Apache does.
func ApacheJars(tb testing.TB) string {
	tb.Helper()
	script, err := apacheReady()
	if err != nil {
		SkipOrFail(tb, KindApache, err.Error())
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, script, "jars").Output()
	if err != nil {
		tb.Fatalf("broker: apache: kafka.sh jars: %v", err)
	}
	return strings.TrimSpace(string(out))
}
