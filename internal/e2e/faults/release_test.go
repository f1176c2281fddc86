package faults

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// release is a build of the connector.
type release struct {
	name   string // as rows call it
	binary func() (string, error)
}

// present is the tree as it is.
var present = release{"the present one", program}

//go:embed testdata/predecessors
var pinned string

var from = flag.String("from", "", "a commit or tag that TestUpgradeAndRollback takes in the place of its predecessors")

// errNoHistory says that this tree cannot show what it was before.
var errNoHistory = errors.New("no such commit here, as in a shallow clone or an exported tree")

// predecessors are the releases that an upgrade begins with: the newest tag behind HEAD where there is one, then the pinned ones.
func predecessors() []release {
	if *from != "" {
		return []release{releaseOf(*from)}
	}
	var all []release
	if tag, err := git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^"); err == nil {
		all = append(all, releaseOf(strings.TrimSpace(string(tag))))
	}
	for line := range strings.Lines(pinned) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(line, "#") {
			all = append(all, releaseOf(f[0]))
		}
	}
	return all
}

func releaseOf(commit string) release {
	return release{commit, sync.OnceValues(func() (string, error) { return buildCommit(commit) })}
}

// buildCommit builds the connector as it was, of its own go.mod, in a folder beside the present one's.
func buildCommit(commit string) (string, error) {
	if _, err := git("cat-file", "-e", commit+"^{commit}"); err != nil {
		return "", fmt.Errorf("%s: %w: %w", commit, errNoHistory, err)
	}
	tree, err := git("archive", "--format=tar", commit)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(scratch, "predecessor-")
	if err != nil {
		return "", err
	}
	if err := unpack(tree, dir); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	path := filepath.Join(dir, "smpp-connector")
	// -trimpath has the go command find in its cache what an earlier run has compiled in another folder.
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "faultpoint", "-o", path, "./connector")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", commit, err, out)
	}
	return path, nil
}

func git(args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = "../../.." // an archive has what lies below the folder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// unpack writes the folders and files of an archive; git's has links, too, which no build needs.
func unpack(archive []byte, dir string) error {
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			continue
		}
		path := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeReg:
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, b, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
}

// built leaves the test out where history ends before the release.
func (r release) built(t *testing.T) {
	t.Helper()
	switch _, err := r.binary(); {
	case errors.Is(err, errNoHistory):
		kafkatest.SkipOrFail(t, "predecessor", err.Error())
	case err != nil:
		t.Fatal(err)
	}
}
