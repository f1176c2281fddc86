package breaks

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	all   = flag.Bool("all", false, "run the scenario of every break, not only the quick ones")
	write = flag.Bool("write", false, "with -run Page: write the list into internal/PROMISES.md")
)

// breaks are all of them.
var breaks = slices.Concat(ofPromises, withCarriers)

// limit of one scenario. Some breaks make it wait in vain for what was lost.
const limit = 12 * time.Minute

func TestEveryBreakAppliesAndBuilds(t *testing.T) {
	for i := range breaks {
		b := &breaks[i]
		t.Run(b.name, func(t *testing.T) {
			if _, err := regexp.Compile(b.says); err != nil || b.says == "" {
				t.Fatalf("what must be said: %q: %v", b.says, err)
			}
			args := append([]string{"build", "-overlay", b.overlay(t)}, b.packages()...)
			if out, err := run(t, time.Minute*5, nil, args...); err != nil {
				t.Errorf("it does not build: %v\n%s", err, out)
			}
		})
	}
}

func TestEveryBreakIsCaught(t *testing.T) {
	for i := range breaks {
		b := &breaks[i]
		if !b.quick && !*all {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			if out := b.caught.unbroken(t); out != "" {
				t.Fatalf("it fails without any break, and so proves nothing:\n%s", last(out, 4000))
			}
			began := time.Now()
			// By the environment it reaches the go commands that the scenario itself runs, too.
			out, err := b.caught.run(t, "GOFLAGS=-overlay="+b.overlay(t))
			said := regexp.MustCompile(b.says).FindString(out)
			switch {
			case err == nil:
				t.Errorf("nobody has noticed, in %s:\n%s", time.Since(began).Round(time.Second), last(out, 4000))
			case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
				t.Errorf("it does not build:\n%s", last(out, 4000))
			case said == "":
				t.Errorf("it failed, but does not say %q:\n%s", b.says, last(out, 8000))
			default:
				t.Logf("caught in %s by %s: %s", time.Since(began).Round(time.Second), b.caught, strings.TrimSpace(said))
			}
		})
	}
}

// passed remembers which scenarios pass without a break: one may be there for several.
var passed struct {
	sync.Mutex
	by map[string]bool
}

// unbroken runs the scenario as the code is; it returns what it said if it fails.
func (s scenario) unbroken(t *testing.T) string {
	t.Helper()
	passed.Lock()
	defer passed.Unlock()
	if passed.by[s.String()] {
		return ""
	}
	out, err := s.run(t)
	if err != nil {
		return out
	}
	if !strings.Contains(out, "--- PASS") {
		return "there is no such test\n" + out
	}
	if passed.by == nil {
		passed.by = map[string]bool{}
	}
	passed.by[s.String()] = true
	return ""
}

func (s scenario) run(t *testing.T, env ...string) (string, error) {
	t.Helper()
	args := append([]string{"test", "./" + s.in, "-count=1", "-v", "-timeout", (limit - time.Minute).String(), "-run", s.test}, s.args...)
	return run(t, limit, env, args...)
}

// String is what a reader would type.
func (s scenario) String() string {
	return strings.Join(append([]string{"go test ./" + s.in, "-run", "'" + s.test + "'"}, s.args...), " ")
}

// run runs the go command in the module's root.
func run(t *testing.T, limit time.Duration, env []string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), last(string(out), 4000))
	}
	return string(out), err
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }
