package npmpeer

import (
	"context"
	"crypto/sha256"
	_ "embed" // the server and its lock file
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	//go:embed server/server.js
	serverJS []byte
	//go:embed server/package.json
	packageJSON []byte
	//go:embed server/package-lock.json
	packageLock []byte
)

const installWithin = 3 * time.Minute

// installed returns the node program and the folder of its modules, or ends the
// test with the reason why there is none.
func installed(t testing.TB) (node, modules string) {
	t.Helper()
	node, modules, err := install()
	if err == nil {
		return node, modules
	}
	if slices.Contains(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), "node") {
		t.Fatalf("SMPP_TEST_REQUIRE wants the foreign SMSC on Node: %v", err)
	}
	t.Skipf("no foreign SMSC on Node here: %v", err)
	return "", ""
}

var once struct {
	sync.Mutex
	done          bool
	node, modules string
	err           error
}

// install runs npm ci once a process, and, as what it makes is kept in the
// user's cache, once a machine and lock file.
func install() (node, modules string, err error) {
	once.Lock()
	defer once.Unlock()
	if !once.done {
		once.done = true
		once.node, once.modules, once.err = installNow()
	}
	return once.node, once.modules, once.err
}

func installNow() (node, modules string, err error) {
	if node, err = exec.LookPath("node"); err != nil {
		return "", "", errors.New("there is no node program in PATH; install Node")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home folder
	}
	parent := filepath.Join(cache, "smpp-connector")
	sum := sha256.Sum256(append(slices.Clone(packageJSON), packageLock...))
	final := filepath.Join(parent, fmt.Sprintf("npmpeer-%x", sum[:8]))
	modules = filepath.Join(final, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return node, modules, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", "", errors.New("there is no npm program in PATH; install it")
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", "", err
	}
	// Two processes may get here at once. Each installs beside the final place
	// and renames what it has: the first wins, nobody ever sees half a folder, and there is no
	// lock that a killed test could leave behind.
	work, err := os.MkdirTemp(parent, "installing-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(work)
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return "", "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), installWithin)
	defer cancel()
	if err := ci(ctx, npm, work); err != nil {
		return "", "", err
	}
	if err := os.Rename(work, final); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(modules); there != nil {
			return "", "", err
		}
	}
	return node, modules, nil
}

// pauses are those between the three tries to reach the registry.
var pauses = []time.Duration{0, 5 * time.Second, 20 * time.Second}

// ci is npm ci, again where it fails: what the registry fails to serve now it mostly
// serves a little later.
func ci(ctx context.Context, npm, dir string) (err error) {
	for _, pause := range pauses {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = dir
		out, failed := cmd.CombinedOutput()
		if failed == nil {
			return nil
		}
		err = fmt.Errorf("npm ci: %w\n%s", failed, out)
	}
	return err
}
