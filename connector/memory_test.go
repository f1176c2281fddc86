package main

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// TestTheRuntimeGetsNineTenthsOfTheContainersMemory changes a setting of the process, and is not parallel.
func TestTheRuntimeGetsNineTenthsOfTheContainersMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	log := slog.New(slog.DiscardHandler)
	for name, c := range map[string]struct {
		given string
		limit memlimit.Provider
		want  int64
	}{
		"a limit":         {"", memlimit.Limit(1 << 30), 966367641},
		"no limit":        {"", func() (uint64, error) { return 0, memlimit.ErrNoLimit }, math.MaxInt64},
		"no cgroups":      {"", func() (uint64, error) { return 0, errors.New("none") }, 7 << 30},
		"GOMEMLIMIT wins": {"1GiB", memlimit.Limit(2 << 30), 7 << 30}, // the runtime has read it itself, before us
	} {
		t.Run(name, func(t *testing.T) {
			if c.given != "" {
				t.Setenv("GOMEMLIMIT", c.given)
			} else if old, ok := os.LookupEnv("GOMEMLIMIT"); ok {
				t.Setenv("GOMEMLIMIT", old) // puts it back in the end
				os.Unsetenv("GOMEMLIMIT")
			}
			debug.SetMemoryLimit(7 << 30)
			limitMemory(t.Context(), log, c.limit)
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("the limit is %d, want %d", got, c.want)
			}
		})
	}
}

// TestTheProgramReadsTheLimitOfItsCgroup runs the binary in a cgroup of its own, where the machine lets a test make one.
func TestTheProgramReadsTheLimitOfItsCgroup(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/sys/fs/cgroup/memory", "smpp-connector-test-") // cgroup v1
	file := "memory.limit_in_bytes"
	if err != nil {
		dir, err = os.MkdirTemp("/sys/fs/cgroup", "smpp-connector-test-") // cgroup v2
		file = "memory.max"
	}
	if err != nil {
		t.Skip("no cgroup can be made here:", err)
	}
	t.Cleanup(func() { // runs after the process has ended: cleanups go backwards
		_ = os.Remove(dir)
	})
	const limit = 500 << 20
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strconv.Itoa(limit)), 0o644); err != nil {
		t.Skip("no limit can be set here:", err)
	}
	// Nothing answers there: the limit is read before anything else is done.
	p := startCommand(t, []string{"CGROUP=" + dir, "KAFKA_BROKERS=127.0.0.1:1", "HTTP_ADDRESS=", "SMSC_0_NAME=a", "SMSC_0_ADDRESS=127.0.0.1:1", "SMSC_0_SYSTEM_ID=a"},
		exec.Command("sh", "-c", `echo $$ > "$CGROUP/cgroup.procs" && exec smpp-connector run`))
	p.await(`"msg":"memory limit of the Go runtime","bytes":` + strconv.Itoa(limit/10*9))
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
