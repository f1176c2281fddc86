package examples

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// limit is that of one example's run: most end within ten seconds.
const limit = 3 * time.Minute

// command is the one on the page whose text has all of the words: the first block of shell in it that has.
func command(t *testing.T, page string, words ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(page, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
blocks:
	for _, block := range strings.Split(string(b), "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		for _, w := range words {
			if !strings.Contains(block, w) {
				continue blocks
			}
		}
		if strings.Contains(block, "\n") {
			t.Fatalf("%s: not one command:\n%s", page, block)
		}
		return block
	}
	t.Fatalf("%s has no command with %q", page, words)
	return ""
}

// run runs the command of an example and returns what it printed. Its first part, which installs, is done by the cache instead, from the
// same list of packages; the rest is run as it stands, in a folder that looks like the project's.
func run(t *testing.T, example, command string) string {
	t.Helper()
	parts := strings.Split(command, " && ")
	root := filepath.Join("..") // go run needs the module
	if len(parts) > 1 {
		root = projectWith(t, example, parts[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+parts[len(parts)-1])
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "KAFKA_BROKERS="+demo(t))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go run passes it on
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	t.Logf("%s\n%s", command, out)
	return string(out)
}

// projectWith is a folder with the example, its packages where its command looks for them, and the schemas.
func projectWith(t *testing.T, example, install string) string {
	t.Helper()
	root := t.TempDir()
	there := filepath.Join(root, "examples", example)
	if err := os.CopyFS(there, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	schemas, err := filepath.Abs("../schemas")
	if err != nil {
		t.Fatal(err)
	}
	link(t, schemas, filepath.Join(root, "schemas"))
	name := "example-" + strings.ReplaceAll(example, "/", "-")
	switch program, _, _ := strings.Cut(install, " "); program {
	case "npm":
		link(t, filepath.Join(packages(t, "node", name, example, []string{"package.json", "package-lock.json"},
			"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"), "node_modules"), filepath.Join(there, "node_modules"))
	case "mvn":
		link(t, filepath.Join(packages(t, "java", name, example, []string{"pom.xml"}, "mvn", "-B", "-U", "-f", "pom.xml",
			"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=dependency"), "dependency"),
			filepath.Join(there, "target", "dependency"))
	case "python3":
		site := filepath.Join(packages(t, "python", name, example, []string{"requirements.txt"}, "python3", "-m", "pip", "install",
			"--quiet", "--disable-pip-version-check", "--target", "site", "-r", "requirements.txt"), "site")
		bin := filepath.Join(root, ".venv", "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\nPYTHONPATH='%s' exec python3 \"$@\"\n", site)
		if err := os.WriteFile(filepath.Join(bin, "python"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("nobody knows how to do %q", install)
	}
	return root
}

func packages(t *testing.T, what, name, example string, lists []string, install ...string) string {
	t.Helper()
	files := foreign.Files{}
	for _, list := range lists {
		b, err := os.ReadFile(filepath.Join(example, list))
		if err != nil {
			t.Fatal(err)
		}
		files[list] = b
	}
	for _, tool := range map[string][]string{"java": {"java"}, "node": {"node"}}[what] {
		if _, err := exec.LookPath(tool); err != nil {
			kafkatest.SkipOrFail(t, what, fmt.Sprintf("there is no %s program in PATH; install it", tool))
		}
	}
	dir, err := foreign.Folder(name, files, install...)
	if err != nil {
		kafkatest.SkipOrFail(t, what, err.Error())
	}
	return dir
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(at); err != nil { // what a user has installed there and CopyFS has taken along
		t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}
