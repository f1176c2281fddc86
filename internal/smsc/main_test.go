package smsc

import (
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// start runs a simulator for the length of the test. What is not acknowledged comes again only where the test says when: an ESME of a busy machine
// is slow.
func start(tb testing.TB, o Options) *SMSC {
	tb.Helper()
	if o.Behaviour.Retry.Timeout == 0 {
		o.Behaviour.Retry.Timeout = time.Hour
	}
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return s
}
