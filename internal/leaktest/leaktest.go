// Package leaktest is goleak with patience: it gives goroutines that are about to end half a second, which one that is not run for a moment
// misses on a machine that has much else to do. Tests alone import it.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = time.Minute

// Find is goleak.Find.
func Find(options ...goleak.Option) (err error) {
	for limit := time.Now().Add(patience); ; {
		if err = goleak.Find(options...); err == nil || time.Now().After(limit) {
			return err
		}
	}
}

// Main is goleak.VerifyTestMain.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := Find(); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines outlive the tests: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}
