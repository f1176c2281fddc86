package faults

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTheClock steps the connector's clock and nobody else's: what lies between the clock of the machine and the times of day that the
// connector takes down (faultpoint.Wall).
func TestTheClock(t *testing.T) {
	step := func(w *world, file, by string) {
		w.t.Helper()
		if err := os.WriteFile(file+".new", []byte(by), 0o600); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil { // whole, whenever it is read
			w.t.Fatal(err)
		}
	}
	run(t, []row{{
		name: "the clock stepped by an hour", breaks: "forward, back, and an hour behind; then kill -9 and a start with the right time",
		records: 4000, rate: 400, inbound: 300, replicas: -1, smsc: lateReceipts(),
		play: func(w *world) {
			p := w.add()
			file := filepath.Join(w.t.TempDir(), "clock")
			step(w, file, "0s")
			p.start("SMPP_FAULTPOINT_CLOCK=" + file)
			for i, by := range []string{"1h", "0s", "-1h"} {
				w.share(0.15 * float64(i+1))
				step(w, file, by)
			}
			w.share(0.6)
			p.kill()
			p.start()
		},
	}})
}
