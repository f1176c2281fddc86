package sim

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// perProcess is how many seeds a process simulates: what a world leaves behind in memory,
// or what ends a process, costs no more than that.
const perProcess = 100

// tally is what a worker has done.
var tally progress

type progress struct {
	ran, failed int
}

// done notes a seed, and tells the one that started us.
func (p *progress) done(seed uint64) {
	p.ran++
	if *worker {
		fmt.Printf("worker: seed %d failed %d\n", seed, p.failed)
	}
}

// runMany has processes of their own simulate the seeds that were asked for, a piece each,
// and prints what fails as it comes. A process that a seed ends is followed by another
// that goes on behind it.
func runMany() int {
	next, end, began := *firstSeed, *firstSeed+uint64(*manySeeds), time.Now()
	var mu sync.Mutex // of next, end, ran, failed and of what is printed
	ran, failed := 0, 0
	piece := func() (first, n uint64) {
		mu.Lock()
		defer mu.Unlock()
		if *within > 0 && time.Since(began) > *within {
			end = next
		}
		first = next
		n = min(perProcess, end-next)
		next += n
		return first, n
	}
	var running sync.WaitGroup
	for range *workers {
		running.Go(func() {
			for first, n := piece(); n > 0; first, n = piece() {
				for stop := first + n; first < stop; {
					last, bad := simulateIn(&mu, first, stop-first)
					mu.Lock()
					failed += bad
					ran += int(last - first)
					if last == first { // it did not even begin
						failed++
						last = stop
					}
					mu.Unlock()
					first = last
				}
				mu.Lock()
				if ran%1000 < int(n) {
					fmt.Printf("%d seeds from %d on, %d failed, %s\n", ran, *firstSeed, failed, time.Since(began).Round(time.Second))
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	fmt.Printf("%d seeds from %d on, %d failed, %s; go on with -first %d\n", ran, *firstSeed, failed, time.Since(began).Round(time.Second), next)
	if failed > 0 {
		return 1
	}
	return 0
}

// simulateIn runs one process. It returns the seed from which to go on, and how many failed.
func simulateIn(mu *sync.Mutex, first, n uint64) (next uint64, failed int) {
	next = first
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWhateverIsBrokenThePromisesHold$", "-test.timeout", "1h", "-worker",
		"-first", fmt.Sprint(first), "-seeds", fmt.Sprint(n))
	cmd.Stderr, cmd.Env = os.Stderr, grownStacks()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		return next, 1
	}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		var seed uint64
		var bad int
		switch _, err := fmt.Sscanf(line, "worker: seed %d failed %d\n", &seed, &bad); {
		case err == nil:
			next, failed = seed+1, bad
		case line == "PASS\n" || line == "FAIL\n" || len(line) > 8 && (line[:8] == "--- FAIL" || line[:8] == "    --- "):
		default:
			mu.Lock()
			fmt.Print(line)
			mu.Unlock()
		}
	}
	_ = cmd.Wait() // what failed has been said
	return next, failed
}
