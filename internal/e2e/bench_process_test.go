package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// roleVariable starts this test binary again as one of the parts that a benchmark
// needs beside the connector. A part in a process of its own takes no CPU time of
// the connector's and none of the measuring process's, and its own can be told.
const roleVariable = "SMPP_E2E_ROLE"

const (
	roleSMSC  = "smsc"  // answers every submit_sm at once
	roleCopy  = "copy"  // the bare copy
	roleStorm = "storm" // delivers as fast as it is let
)

// play is the whole life of such a process; it returns the exit code.
func play(role string) int {
	go func() { // the parent holds our standard input open, and so ends us however it ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	err := fmt.Errorf("%s=%s is not a role", roleVariable, role)
	switch role {
	case roleSMSC:
		err = serveSMSC(os.Stdout)
	case roleStorm:
		err = serveStorm(os.Stdout, os.Getenv)
	case roleCopy:
		err = copyRecords(os.Getenv)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a part that runs beside the connector. It ends with the test.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	line  string        // the first that it printed
	done  chan struct{} // closed when it has ended
	err   error         // why; read after done
}

// launch starts cmd; with greets it returns when the first line is printed.
func launch(tb testing.TB, cmd *exec.Cmd, greets bool) *process {
	tb.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	first := make(chan string, 1)
	go func() { // ends with the process, which the cleanup waits for
		defer close(p.done)
		r := bufio.NewReader(stdout)
		line, _ := r.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, r)
		if p.err = cmd.Wait(); p.err != nil {
			p.err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), p.err, tail(complaints.Bytes(), 2000))
		}
	}()
	tb.Cleanup(p.end)
	if !greets {
		return p
	}
	select {
	case p.line = <-first:
	case <-time.After(time.Minute):
		tb.Fatalf("%s printed nothing for a minute", filepath.Base(cmd.Path))
	}
	if p.line == "" {
		<-p.done
		tb.Fatalf("it ended before it was ready: %v", p.err)
	}
	return p
}

// launchRole starts this binary in a role.
func launchRole(tb testing.TB, role string, greets bool, env ...string) *process {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	return launch(tb, cmd, greets)
}

// address is the host:port in the line that an SMSC greets with.
func (p *process) address(tb testing.TB) string {
	tb.Helper()
	for field := range strings.FieldsSeq(p.line) {
		if field = strings.TrimRight(field, ",;."); strings.HasPrefix(field, "127.0.0.1:") {
			return field
		}
	}
	tb.Fatalf("no address in %q", p.line)
	return ""
}

// end ends it; it may be called again.
func (p *process) end() {
	_ = p.stdin.Close()
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// cpuTime is what a living process has used so far, user and system. Linux only: 0
// elsewhere, and the figures made of it are left out.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	// The second field is the program's name in brackets, with whatever in it.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100) // USER_HZ is 100 on every Linux that Go runs on
}

// cpuTimes is the sum of several.
func cpuTimes(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		sum += cpuTime(pid)
	}
	return sum
}

// memory is a field of /proc/<pid>/status in bytes: VmRSS, what is resident now, or
// VmHWM, the most that ever was.
func memory(pid int, field string) (int64, error) {
	return sizeIn(filepath.Join("/proc", strconv.Itoa(pid), "status"), field)
}

// sizeIn is a field of a file of proc(5) that has a size in kB on a line, in bytes.
func sizeIn(path, field string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if name != field {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kb << 10, err
	}
	return 0, errors.New(field + " is not in " + path)
}

// openFiles is how many file descriptors the process holds.
func openFiles(pid int) (int, error) {
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	return len(entries), err
}

// scrape reads /metrics: the value of each series, by its name with labels as written.
func (c *connector) scrape() (map[string]float64, error) {
	hc := http.Client{Timeout: 10 * time.Second}
	resp, err := hc.Get("http://" + c.http + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	series := make(map[string]float64)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			series[line[:at]] = v
		}
	}
	return series, lines.Err()
}
