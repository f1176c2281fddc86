package compose

import (
	"bytes"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// limit is that of what must happen, on a machine that is busy with other things.
const limit = 4 * time.Minute

// machine runs services without containers. What a container would have for itself, a port or a place in the file system, it has at another address of
// 127.0.0.1 or below a folder; all else is as the file says.
type machine struct {
	t         *testing.T
	project   *types.Project
	addresses map[string]string // "kafka:19092" to "127.0.0.1:23456"
	jars      string
}

// address is where a service's port is.
func (m *machine) address(service, port string) string {
	m.t.Helper()
	at := service + ":" + port
	if m.addresses[at] == "" {
		m.addresses[at] = kafkatest.NewListener(m.t, at, "").Address
	}
	return m.addresses[at]
}

func (m *machine) port(service, port string) string {
	m.t.Helper()
	_, p, err := net.SplitHostPort(m.address(service, port))
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

var (
	ownPort  = regexp.MustCompile(`(//|\b0\.0\.0\.0):(\d{4,5})\b`) // of all interfaces
	hostPort = regexp.MustCompile(`\b127\.0\.0\.1:(\d{4,5})\b`)    // of this machine: what is published
)

// moved is a text of a service with each address in it moved. In one pass: what was moved must not be moved again.
func (m *machine) moved(service, text string) string {
	m.t.Helper()
	published := map[string]string{}
	for _, p := range m.project.Services[service].Ports {
		published[p.Published] = targetOf(p)
	}
	var b strings.Builder
	for text != "" {
		first, with := []int(nil), ""
		take := func(at []int, to string) {
			if at != nil && (first == nil || at[0] < first[0]) {
				first, with = at, to
			}
		}
		if at := hostAndPort.FindStringSubmatchIndex(text); at != nil {
			if host, port := text[at[2]:at[3]], text[at[4]:at[5]]; slices.Contains(listens[host], port) {
				take(at, m.address(host, port))
			}
		}
		if at := ownPort.FindStringSubmatchIndex(text); at != nil {
			before := strings.TrimSuffix(text[at[2]:at[3]], "0.0.0.0")
			take(at, before+m.address(service, text[at[4]:at[5]]))
		}
		if at := hostPort.FindStringSubmatchIndex(text); at != nil {
			if port := published[text[at[2]:at[3]]]; port != "" {
				take(at, m.address(service, port))
			}
		}
		if first == nil {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:first[0]] + with)
		text = text[first[1]:]
	}
	return b.String()
}

func (m *machine) environment(service string) []string {
	m.t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + m.t.TempDir()}
	for _, e := range environment(m.project.Services[service]) {
		env = append(env, m.moved(service, e))
	}
	return env
}

// files puts what the service mounts below a folder, each in its place, with the addresses moved and what is in change replaced.
func (m *machine) files(service string, change map[string]string) (root string) {
	m.t.Helper()
	root = m.t.TempDir()
	for _, v := range m.project.Services[service].Volumes {
		b, err := os.ReadFile(v.Source)
		if err != nil {
			m.t.Fatal(err)
		}
		text := m.moved(service, string(b))
		for _, from := range slices.Sorted(maps.Keys(change)) {
			text = strings.ReplaceAll(text, from, change[from])
		}
		to := filepath.Join(root, v.Target)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	return root
}

// until waits for what no signal tells of.
func (m *machine) until(what string, ok func() bool) {
	m.t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			m.t.Fatalf("after %s there is still no: %s", limit, what)
		}
		select {
		case <-m.t.Context().Done():
			m.t.Fatal(m.t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// output is what a program has written so far.
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

// run starts a service's program, again when it fails where the file says so, until the test ends.
func (m *machine) run(service string, env []string, program string, args ...string) {
	m.t.Helper()
	again := m.project.Services[service].Restart == types.RestartPolicyOnFailure
	var (
		said   output
		mu     sync.Mutex // guards running and over
		proc   *os.Process
		over   bool
		ended  = make(chan struct{})
		failed = make(chan error, 1)
	)
	go func() { // ends with the test, whose cleanup kills the program
		defer close(ended)
		// The kernel ties DieWithParent to the thread that started the child: were it given back, Go could end it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			cmd := exec.Command(program, args...)
			cmd.Env, cmd.Stdout, cmd.Stderr = env, &said, &said
			kafkatest.DieWithParent(cmd)
			mu.Lock()
			if over {
				mu.Unlock()
				return
			}
			err := cmd.Start()
			proc = cmd.Process
			mu.Unlock()
			if err == nil {
				err = cmd.Wait()
			}
			if !again {
				failed <- err
				return
			}
			select { // as an engine pauses
			case <-m.t.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	m.t.Cleanup(func() {
		mu.Lock()
		over = true
		if proc != nil {
			_ = proc.Kill()
		}
		mu.Unlock()
		<-ended
		if m.t.Failed() {
			text := said.String()
			m.t.Logf("%s:\n%s", service, text[max(0, len(text)-4000):])
			select {
			case err := <-failed:
				m.t.Logf("%s ended: %v", service, err)
			default:
			}
		}
	})
}

func targetOf(p types.ServicePortConfig) string {
	return strconv.FormatUint(uint64(p.Target), 10)
}
