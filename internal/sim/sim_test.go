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
	firstSeed = flag.Uint64("first", evictions, "the first seed")
	manySeeds = flag.Int("seeds", 0, "simulate so many seeds, in processes of their own; 0: 100, or as many as a minute has room for")
	workers   = flag.Int("workers", 2, "with -seeds: how many processes at a time")
	within    = flag.Duration("within", 0, "with -seeds: begin nothing more after so long, and say where to go on")
	worker    = flag.Bool("worker", false, "be one of those")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !synctests {
		os.Exit(runTagged())
	}
	if *manySeeds > 0 && !*worker {
		os.Exit(runMany())
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
	mod, err := mendKfake(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		return 1
	}
	bin := filepath.Join(dir, "sim.test")
	args := []string{"test", "-c", "-modfile", mod, "-tags", "synctests", "-o", bin}
	if raced {
		args = append(args, "-race")
	}
	simulation := exec.Command(bin, os.Args[1:]...)
	simulation.Env = grownStacks()
	for _, cmd := range []*exec.Cmd{exec.Command("go", append(args, ".")...), simulation} {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "simulation:", err)
			return 1
		}
	}
	return 0
}

// grownStacks is an environment in which a goroutine's stack begins as large as most have
// become: worlds live so short that a quarter of their time went into growing them.
func grownStacks() []string {
	set := "adaptivestackstart=1"
	if g := os.Getenv("GODEBUG"); g != "" {
		set = g + "," + set
	}
	return append(os.Environ(), "GODEBUG="+set)
}

// stuckAfter is how long one seed may take of real time. A seed is some ten
// milliseconds; one that never ends holds a mutex that the bubble's time waits for.
const stuckAfter = 3 * time.Minute

// give says that a world cannot be ended, and ends the process in its place.
func (w *world) give(up string) {
	w.violated("%s", up)
	fmt.Println(w.report())
	buf := make([]byte, 16<<20)
	fmt.Printf("%s\n", buf[:runtime.Stack(buf, true)])
	tally.failed++
	tally.done(w.seed)
	os.Exit(1)
}

func (w *world) report() string {
	p := w.plan
	return fmt.Sprintf("seed %d failed (replay: go test ./internal/sim -v -count 20 -seed %d)\n%d replicas, %d SMSCs, %d brokers, %d partitions, session %s, window %d, tps %d, hold %v, resolver %v, commits %s, faults %+v\n%s\nviolations:\n%s", w.seed, w.seed,
		p.replicas, p.smscs, p.brokers, p.partitions, p.session, p.window, p.tps, p.hold, p.resolver, p.commits, p.families, strings.Join(w.story, "\n"), strings.Join(w.violations, "\n"))
}

func simulate(t *testing.T, seed uint64) {
	stuck := time.AfterFunc(stuckAfter, func() {
		buf := make([]byte, 16<<20)
		fmt.Printf("seed %d does not end\n%s\n", seed, buf[:runtime.Stack(buf, true)])
		tally.failed++
		tally.done(seed)
		os.Exit(1)
	})
	defer stuck.Stop()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		w.play()
		if len(w.violations) > 0 {
			fmt.Println(w.report()) // now, and not at the end of the run
			t.Fail()
			return
		}
		t.Log(strings.Join(w.story, "\n"))
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
	began := time.Now()
	for seed := *firstSeed; tally.ran < n && (end.IsZero() || time.Now().Before(end)); seed++ {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, seed) }) {
			tally.failed++
		}
		tally.done(seed)
	}
	t.Logf("%d seeds from %d on, %d failed, %s", tally.ran, *firstSeed, tally.failed, time.Since(began).Round(time.Millisecond))
}
