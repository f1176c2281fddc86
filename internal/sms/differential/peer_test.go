package differential

import (
	"bufio"
	"bytes"
	_ "embed" // the scripts
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

var (
	//go:embed python/requirements.txt
	requirements []byte
	//go:embed python/text.py
	textPY []byte
	//go:embed node/text.js
	textJS []byte
)

// python fetches the packages once a machine, and returns their folder.
var python = sync.OnceValues(func() (string, error) {
	dir, err := foreign.Folder("text-python", foreign.Files{"requirements.txt": requirements},
		"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes",
		"--target", "site", "-r", "requirements.txt")
	return filepath.Join(dir, "site"), err
})

// pythonPeer starts Python's side, or ends the test with the reason why there is none.
func pythonPeer(t *testing.T) *peer {
	t.Helper()
	site, err := python()
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), "python") {
			t.Fatalf("SMPP_TEST_REQUIRE wants Python's packages: %v", err)
		}
		t.Skipf("left out: no Python packages here: %v", err)
	}
	cmd := exec.Command("python3", script(t, "text.py", textPY))
	cmd.Env = append(cmd.Environ(), "PYTHONPATH="+site, "PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1")
	return start(t, cmd)
}

// nodePeer starts Node's side; without Node it ends the test as npmpeer does.
func nodePeer(t *testing.T) *peer {
	t.Helper()
	return start(t, npmpeer.Node(t, script(t, "text.js", textJS)))
}

func script(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// peer answers a line of JSON with another. It is for one goroutine.
type peer struct {
	t      *testing.T
	input  io.Writer
	output *bufio.Reader
}

func start(t *testing.T, cmd *exec.Cmd) *peer {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // the sign to end
		kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the peer ended badly: %v\n%s", err, stderr.Bytes())
		}
	})
	return &peer{t, stdin, bufio.NewReader(stdout)}
}

// ask fills reply. refused is the peer's error, such as that of a character that it does not know.
func (p *peer) ask(request map[string]any, reply any) (refused string) {
	p.t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		p.t.Fatal(err)
	}
	if line, err = p.output.ReadBytes('\n'); err != nil {
		p.t.Fatalf("the peer gave no answer: %v", err)
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(line, &failed); err != nil {
		p.t.Fatalf("the peer said %q: %v", line, err)
	}
	if failed.Error != "" {
		return failed.Error
	}
	if err := json.Unmarshal(line, reply); err != nil {
		p.t.Fatalf("the peer said %q: %v", line, err)
	}
	return ""
}
