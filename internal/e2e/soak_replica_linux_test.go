package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// replica is one process of the connector, which keeps its STATE_DIR from life to life.
type replica struct {
	s    *soak
	name string
	env  []string
	http string // the measured one's; the others listen to nobody, since their ports could not be kept while they are dead
	log  string
	dir  string

	cmd  *exec.Cmd
	done chan struct{} // closed when this life has ended
}

func (s *soak) newReplica(name string, measured bool) *replica {
	s.t.Helper()
	dir := s.t.TempDir()
	r := &replica{s: s, name: name, dir: filepath.Join(dir, "state"), log: filepath.Join(soakLogs(s.t), name+".log")}
	if measured {
		r.http = freeAddress(s.t)
	}
	r.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "STATE_DIR=" + r.dir, "HTTP_ADDRESS=" + r.http, "LOG_FORMAT=text",
		"KAFKA_BROKERS=" + s.proxy.Addrs[0], "KAFKA_SESSION_TIMEOUT=6s", "KAFKA_TOPICS_REPLICATION=1", "DELIVERY_COMMIT_INTERVAL=5ms",
		"SOURCE_MATCH_WAIT=1m", "SOURCE_PARTS_WAIT=1m", "SOURCE_RECEIPT_WAIT=" + soakRemember.String(),
		"SMSC_0_NAME=soak", "SMSC_0_ADDRESS=" + s.smsc.Addr(), "SMSC_0_SYSTEM_ID=soak", "SMSC_0_SOURCE_ADDRESS=32323", "SMSC_0_WINDOW=200",
	}
	s.t.Cleanup(func() {
		if r.cmd != nil {
			r.kill()
		}
		if s.t.Failed() {
			if b, err := os.ReadFile(r.log); err == nil {
				s.t.Logf("log of %s:\n%s", name, tail(b, 8000))
			}
		}
	})
	return r
}

func (r *replica) start() {
	r.s.t.Helper()
	f, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		r.s.t.Fatal(err)
	}
	cmd := exec.Command(program, "run")
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // so that none stays behind, however the test ends
	started, done := make(chan error, 1), make(chan struct{})
	go func() { // ends with the process, which kill and terminate wait for
		defer close(done)
		defer f.Close()
		// The kernel ties the death signal to the thread that started the child, not to the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
	}()
	if err := <-started; err != nil {
		r.s.t.Fatal(err)
	}
	r.cmd, r.done = cmd, done
}

// alive fails the test if the process has ended by itself, and starts it again.
func (r *replica) alive() {
	select {
	case <-r.done:
		r.s.audit.fault("replica %s ended by itself: %v", r.name, r.cmd.ProcessState)
		r.start()
	default:
	}
}

// kill is kill -9.
func (r *replica) kill() {
	r.s.t.Helper()
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.s.t.Fatal(err)
	}
	<-r.done
}

// terminate is SIGTERM; it returns the exit code.
func (r *replica) terminate() int {
	r.s.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.s.t.Fatal(err)
	}
	select {
	case <-r.done:
	case <-time.After(2 * time.Minute):
		r.s.t.Fatalf("replica %s did not end after SIGTERM", r.name)
	}
	return r.cmd.ProcessState.ExitCode()
}

// size is what a folder takes on disk. Files that go while it is read are nothing.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// metrics are those of the replica that is measured.
func (r *replica) metrics() (map[string]float64, error) {
	if r.http == "" {
		return nil, fmt.Errorf("replica %s has no metrics", r.name)
	}
	return (&connector{http: r.http}).scrape()
}
