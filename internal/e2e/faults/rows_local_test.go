package faults

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// state is the replica's STATE_DIR.
func (p *process) state() string {
	for _, e := range p.env {
		if dir, ok := strings.CutPrefix(e, "STATE_DIR="); ok {
			return dir
		}
	}
	p.t.Fatal("the replica has no STATE_DIR")
	return ""
}

// supervise waits like until, and starts a replica again that ended by itself, as whatever runs containers does.
func (w *world) supervise(what string, ok func() bool) {
	w.t.Helper()
	restarts := 0
	w.until(what, patience, func() bool {
		for _, p := range w.replicas {
			if p.cmd != nil && !p.running() {
				if restarts++; restarts > 20 {
					w.t.Fatalf("%s ends again and again", p.name)
				}
				p.start()
			}
		}
		return ok()
	})
	if restarts > 0 {
		w.note("%d restarts", restarts)
	}
}

// shared is the condition of share.
func (w *world) shared(of float64) func() bool {
	n := int(of * float64(w.row.records))
	return func() bool { return w.results() >= n }
}

// damage does to the files of a folder what a machine may that loses its power in the middle of a write: it cuts some off, turns octets in
// some, and takes some away. It tells how many it met.
func damage(t *testing.T, dir string, rnd *rand.Rand) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || rnd.IntN(2) == 0 {
			return err
		}
		n++
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch rnd.IntN(3) {
		case 0:
			return os.Truncate(path, info.Size()/2)
		case 1:
			b, err := os.ReadFile(path)
			if err != nil || len(b) == 0 {
				return err
			}
			for range 1 + len(b)/1000 {
				b[rnd.IntN(len(b))] ^= 0x5a
			}
			return os.WriteFile(path, b, 0o600)
		default:
			return os.Remove(path)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lateReceipts come seconds after their submission: whatever is lost meanwhile, they are lost without it.
func lateReceipts() smsc.Options {
	return smsc.Options{Behaviour: smsc.Behaviour{
		Latency: smsc.Uniform(5*time.Millisecond, 30*time.Millisecond), Receipts: smsc.Receipts{Delay: smsc.Uniform(0, 8*time.Second)},
	}}
}

// TestTheLocalState is "losing it costs a rebuild from Kafka, never a message" (contract §2, STATE_DIR).
func TestTheLocalState(t *testing.T) {
	run(t, []row{
		{
			name: "STATE_DIR deleted while it is in use", breaks: "at a third of the way; then kill -9 and a start",
			records: 4000, rate: 400, inbound: 300, smsc: lateReceipts(),
			play: func(w *world) {
				w.share(0.3)
				p := w.replica(0)
				if err := os.RemoveAll(p.state()); err != nil {
					w.t.Fatal(err)
				}
				w.supervise("results of two thirds", w.shared(0.7))
				if p.running() {
					p.kill()
				}
				p.start()
			},
		},
		{
			name: "STATE_DIR lost with the process", breaks: "kill -9 and an empty folder, three times while receipts flow",
			records: 4000, rate: 400, inbound: 300, smsc: lateReceipts(),
			play: func(w *world) {
				p := w.replica(0)
				for _, at := range []float64{0.2, 0.4, 0.6} {
					w.share(at)
					p.kill()
					if err := os.RemoveAll(p.state()); err != nil {
						w.t.Fatal(err)
					}
					p.start()
				}
			},
		},
		{
			name: "STATE_DIR cut off in the middle of a write", breaks: "kill -9, half of the files cut off, with wrong octets or gone; four times", quick: true,
			records: 5000, rate: 400, inbound: 300, smsc: lateReceipts(),
			play: func(w *world) {
				seed := uint64(time.Now().UnixNano())
				w.t.Logf("seed %d", seed)
				rnd := rand.New(rand.NewPCG(seed, 1))
				p := w.replica(0)
				for _, at := range []float64{0.15, 0.3, 0.45, 0.6} {
					w.share(at)
					p.kill()
					w.t.Logf("%d files damaged", damage(w.t, p.state(), rnd))
					p.start()
					w.supervise("a connector on its feet", func() bool { return p.metric("smpp_connector_resolver_partitions") == partitions })
				}
			},
		},
	})
}
