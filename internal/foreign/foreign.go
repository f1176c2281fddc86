// Package foreign keeps what tests need of other makers, such as an npm package or
// the jars of a Java library, in the user's cache: fetched once a machine, from a
// registry that may be out of breath.
//
// It is imported by tests and by packages for tests alone.
package foreign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fetchWithin bounds all tries to fill a folder.
const fetchWithin = 4 * time.Minute

// pauses are those before each try: what a registry fails to serve now it mostly
// serves a little later.
var pauses = []time.Duration{0, 5 * time.Second, 20 * time.Second}

// Files are written into a folder before it is filled, by name: a lock file, a
// list of requirements. A change of theirs makes another folder.
type Files map[string][]byte

// Folder returns the folder of the cache that was made from these files by the
// command, which runs in it. A folder is there whole or not at all.
func Folder(name string, files Files, command ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home folder
	}
	return folder(filepath.Join(cache, "smpp-connector"), name, files, pauses, command)
}

func folder(parent, name string, files Files, pauses []time.Duration, command []string) (string, error) {
	final := filepath.Join(parent, fmt.Sprintf("%s-%x", name, digest(files, command)))
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return "", fmt.Errorf("there is no %s program in PATH; install it", command[0])
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
	defer cancel()
	for _, pause := range pauses {
		select {
		case <-ctx.Done():
			return "", errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
		if err = fill(ctx, parent, final, files, program, command[1:]); err == nil {
			return final, nil
		}
	}
	return "", err
}

// fill makes the folder beside the final place and renames it. Where two processes
// get here at once the first wins, nobody ever sees half a folder, and there is no
// lock that a killed test could leave behind.
func fill(ctx context.Context, parent, final string, files Files, program string, arguments []string) error {
	work, err := os.MkdirTemp(parent, "installing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Dir = work
	cmd.WaitDelay = time.Second // what the command started holds its output open, and must not outlast the limit
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	if err := os.Rename(work, final); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(final); there != nil {
			return err
		}
	}
	return nil
}

func digest(files Files, command []string) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", files, command) // maps are printed in the order of their keys
	return h.Sum(nil)[:8]
}
