package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	oneSeed   = flag.Int64("seed", -1, "simulate this seed alone")
	firstSeed = flag.Uint64("first", 1, "the first seed")
	manySeeds = flag.Int("seeds", 0, "simulate so many seeds; 0: 100, or as many as a minute has room for")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !synctests {
		os.Exit(runTagged())
	}
	// One thread runs goroutines in an order that repeats more often than not.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800) // a world lives for milliseconds
	os.Exit(m.Run())
}

// runTagged builds these tests once more, with the tag under which franz-go's mutexes are
// channels, and runs them. A goroutine that waits for a sync.Mutex does not let the
// bubble's time pass, and the client holds some while it waits for an answer.
func runTagged() int {
	dir, err := os.MkdirTemp("", "sim-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "sim.test")
	args := []string{"test", "-c", "-tags", "synctests", "-o", bin}
	if raced {
		args = append(args, "-race")
	}
	for _, cmd := range []*exec.Cmd{exec.Command("go", append(args, ".")...), exec.Command(bin, os.Args[1:]...)} {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "simulation:", err)
			return 1
		}
	}
	return 0
}

// stuckAfter is how long one seed may take of real time. A seed is some ten
// milliseconds; one that never ends holds a mutex that the bubble's time waits for.
const stuckAfter = 3 * time.Minute

func simulate(t *testing.T, seed uint64) {
	stuck := time.AfterFunc(stuckAfter, func() {
		buf := make([]byte, 16<<20)
		fmt.Fprintf(os.Stderr, "seed %d does not end\n%s\n", seed, buf[:runtime.Stack(buf, true)])
		os.Exit(1)
	})
	defer stuck.Stop()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		w.play()
		report := strings.Join(w.story, "\n")
		if len(w.violations) > 0 {
			p := *w.plan
			t.Errorf("seed %d (replay: go test ./internal/sim -seed %d)\n%d replicas, %d SMSCs, %d brokers, %d partitions, session %s, window %d, tps %d, hold %v, resolver %v, faults %+v\n%s\nviolations:\n%s", seed, seed,
				p.replicas, p.smscs, p.brokers, p.partitions, p.session, p.window, p.tps, p.hold, p.resolver, p.families, report, strings.Join(w.violations, "\n"))
		} else {
			t.Log(report)
		}
	})
}

func TestTheSeedsThatEverFailedHold(t *testing.T) {
	if *oneSeed >= 0 {
		t.Skip("one seed was asked for")
	}
	files, err := filepath.Glob("testdata/seeds/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			text, _, _ := strings.Cut(lines.Text(), "#")
			if text = strings.TrimSpace(text); text == "" {
				continue
			}
			seed, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, seed) })
		}
	}
}

func TestWhateverIsBrokenThePromisesHold(t *testing.T) {
	if *oneSeed >= 0 {
		simulate(t, uint64(*oneSeed))
		return
	}
	n, end := *manySeeds, time.Time{}
	if n == 0 {
		n, end = 100, time.Now().Add(time.Minute)
	}
	ran, failed, began := 0, 0, time.Now()
	for seed := *firstSeed; ran < n && (end.IsZero() || time.Now().Before(end)); seed++ {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, seed) }) {
			failed++
			fmt.Printf("seed %d failed\n", seed)
		}
		if ran++; ran%1000 == 0 {
			fmt.Printf("%d seeds from %d on, %d failed, %s\n", ran, *firstSeed, failed, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d seeds from %d on, %d failed, %s", ran, *firstSeed, failed, time.Since(began).Round(time.Millisecond))
}
