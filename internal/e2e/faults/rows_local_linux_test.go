package faults

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// disk is a small file system of its own for a replica's STATE_DIR.
type disk struct {
	t   *testing.T
	dir string
}

// mounted makes the replica's STATE_DIR a disk of that size, or leaves the row out where a test may not mount.
func (p *process) mounted(t *testing.T, size string) *disk {
	t.Helper()
	d := &disk{t: t, dir: p.state()}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("smpp-connector-test", d.dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("left out: no file system can be mounted here:", err)
	}
	t.Cleanup(func() { // before the folder is deleted, and whoever still uses it
		_ = syscall.Unmount(d.dir, syscall.MNT_DETACH)
	})
	return d
}

func (d *disk) remount(flags uintptr) {
	d.t.Helper()
	if err := syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
		d.t.Fatal(err)
	}
}

// fill takes all that is left of the disk; free gives it back.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "filler")); err != nil {
		d.t.Fatal(err)
	}
}

// bulky makes a record of which the local state keeps much, so that it writes soon.
func bulky(i int) []byte {
	return fmt.Appendf(nil, `{"id":"m%d","to":"+%s","text":"number %d","metadata":{"n":"%d","bulk":"%s"}}`, i, number(i), i, i, bytes.Repeat([]byte{'x'}, 4000))
}

func TestTheDiskOfTheLocalState(t *testing.T) {
	run(t, []row{
		{
			name: "STATE_DIR read-only", breaks: "kill -9, and a start with the folder read-only, which must say so; then writable again",
			records: 3000, rate: 400, inbound: 200, replicas: -1, smsc: lateReceipts(),
			play: func(w *world) {
				p := w.add()
				d := p.mounted(w.t, "64m")
				p.start()
				w.share(0.3)
				p.kill()
				d.remount(syscall.MS_RDONLY)
				p.start()
				if code := p.wait(patience); code != 1 || !strings.Contains(p.logText(), "STATE_DIR") {
					w.t.Errorf("with a folder that is read-only the exit code is %d, and the log: %s", code, tail(p.logText(), 500))
				}
				d.remount(0)
				p.start()
			},
		},
		{
			name: "STATE_DIR full", breaks: "at a third of the way; space again 15 s later",
			records: 4000, rate: 300, inbound: 200, replicas: -1, smsc: lateReceipts(), value: bulky,
			play: func(w *world) {
				p := w.add()
				d := p.mounted(w.t, "48m")
				p.start()
				w.share(0.3)
				d.fill()
				end := time.Now().Add(15 * time.Second)
				w.supervise("end of the time without space", func() bool { return !time.Now().Before(end) })
				w.note("%d results meanwhile", w.results())
				d.free()
				w.faultOver()
				w.supervise("results of nine tenths", w.shared(0.9))
			},
		},
	})
}
