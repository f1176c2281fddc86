package npmpeer

import (
	_ "embed" // the server and its lock file
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
)

var (
	//go:embed server/server.js
	serverJS []byte
	//go:embed server/package.json
	packageJSON []byte
	//go:embed server/package-lock.json
	packageLock []byte
)

// installed returns the node program and the folder of its modules, or ends the
// test with the reason why there is none.
func installed(t testing.TB) (node, modules string) {
	t.Helper()
	found, err := install()
	if err == nil {
		return found.node, found.modules
	}
	if slices.Contains(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), "node") {
		t.Fatalf("SMPP_TEST_REQUIRE wants the foreign SMSC on Node: %v", err)
	}
	t.Skipf("no foreign SMSC on Node here: %v", err)
	return "", ""
}

// Node is a command that runs a script with the package at hand; without Node it ends the test as Start does.
func Node(t testing.TB, script string, arguments ...string) *exec.Cmd {
	t.Helper()
	node, modules := installed(t)
	cmd := exec.Command(node, append([]string{script}, arguments...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd
}

type installation struct{ node, modules string }

// install runs npm ci once a machine and lock file, and looks once a process.
var install = sync.OnceValues(func() (installation, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return installation{}, errors.New("there is no node program in PATH; install Node")
	}
	dir, err := foreign.Folder("npmpeer", foreign.Files{"package.json": packageJSON, "package-lock.json": packageLock},
		"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return installation{node, filepath.Join(dir, "node_modules")}, err
})
