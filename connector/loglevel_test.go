package main

import (
	"bytes"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// The level is of the process, of each replica only with scope=cluster, and what a replica logs follows it at once.
func TestTheLogLevelChangesWhileTheConnectorRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	a, b := w.replica(anyPort), w.replica(anyPort)
	logs := func(x *app) bool {
		var out bytes.Buffer
		newLogger(x.cfg, &out).Debug("a line")
		return out.Len() > 0
	}
	if code, body := ask(t, a, "PUT", "/admin/loggers/root", `{"level":"DEBUG"}`); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	if !logs(a) || logs(b) {
		t.Errorf("debug lines at the one that was told: %v, at the other: %v", logs(a), logs(b))
	}
	for _, level := range []string{"DEBUG", "ERROR"} {
		if code, body := ask(t, a, "PUT", "/admin/loggers/root?scope=cluster", `{"level":"`+level+`"}`); code != 204 {
			t.Fatalf("%d %s", code, body)
		}
		eventually(t, level+" at both", func() bool { return logs(a) == (level == "DEBUG") && logs(b) == (level == "DEBUG") })
	}
}
