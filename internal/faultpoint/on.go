//go:build faultpoint

package faultpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Variable is the environment variable that says what happens where. FromVariable names a file; passes count from when it exists.
const (
	Variable     = "SMPP_FAULTPOINT"
	FromVariable = "SMPP_FAULTPOINT_FROM"
)

type point struct {
	at     int64
	action func()
	name   string
	passed atomic.Int64
}

var from = os.Getenv(FromVariable)

// armed tells whether passes count yet.
func armed() bool {
	if from == "" {
		return true
	}
	_, err := os.Stat(from)
	return err == nil
}

// points is written before main begins, and read only after.
var points = func() map[string]*point {
	ps, err := parse(os.Getenv(Variable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return ps
}()

func parse(s string) (map[string]*point, error) {
	ps := map[string]*point{}
	for f := range strings.SplitSeq(s, ",") {
		if f == "" {
			continue
		}
		parts := strings.Split(f, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s: %q is not name:n:action", Variable, f)
		}
		n, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q: %q is no number from 1", Variable, f, parts[1])
		}
		action, ok := actions[parts[2]]
		if !ok {
			return nil, fmt.Errorf("%s: %q: the action %q is none of kill, stop, exit", Variable, f, parts[2])
		}
		ps[parts[0]] = &point{at: n, action: action, name: f}
	}
	return ps, nil
}

// In is At with a name that begins with a scope, for code that several parts run. Without the tag nothing is joined.
func In(scope, name string) { At(scope + name) }

// At counts a pass of the point, and acts when it is the one that was asked for.
func At(name string) {
	p := points[name]
	if p == nil || p.passed.Load() == 0 && !armed() || p.passed.Add(1) != p.at {
		return
	}
	fmt.Fprintf(os.Stderr, "fault point %s\n", p.name)
	p.action()
}
