package faults

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// outcome is one line of the table.
type outcome struct {
	scenario, breaks, broker              string
	records, lost, doubled, silent, doubt int
	first, last                           time.Duration // from the end of the fault to the first new result, and to the last
	notes                                 []string
	failed                                bool
	took                                  time.Duration
}

var outcomes struct {
	sync.Mutex
	list []outcome
}

func report(t *testing.T, o outcome) {
	t.Helper()
	t.Log(o.line())
	outcomes.Lock()
	defer outcomes.Unlock()
	outcomes.list = append(outcomes.list, o)
}

func (o *outcome) line() string {
	if o.failed {
		return fmt.Sprintf("| %s | %s | FAILED |", o.scenario, o.broker)
	}
	what := o.scenario
	if o.breaks != "" {
		what += ": " + o.breaks
	}
	after := "-"
	if o.last > 0 {
		after = fmt.Sprintf("%s / %s", round(o.first), round(o.last))
	}
	return fmt.Sprintf("| %s | %s | %d | %d | %d | %d | %d | %s | %s |", what, o.broker, o.records, o.lost, o.doubled, o.silent, o.doubt, after, strings.Join(o.notes, "; "))
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

const (
	page     = "../../PROMISES.md"
	tableTop = "<!-- table: begin; written by the command above, not by hand -->"
	tableEnd = "<!-- table: end -->"
	heading  = "| scenario | broker | records | lost | doubled results | silent doubles | in doubt | first / last new result after the fault | measured |\n" +
		"|---|---|---|---|---|---|---|---|---|"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "smpp-connector-faults-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		scratch = dir
		code := m.Run()
		if *all && *write {
			if err := writeTable(page); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return code
	}())
}

// writeTable puts the outcomes of this run between the markers of the page. A run that was narrowed down by -run replaces and adds its
// own lines only.
func writeTable(path string) error {
	outcomes.Lock()
	defer outcomes.Unlock()
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableTop)
	old, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the markers %q and %q are not there", path, tableTop, tableEnd)
	}
	var lines []string
	if flag.Lookup("test.run").Value.String() != "" {
		for line := range strings.SplitSeq(old, "\n") {
			if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| scenario ") {
				lines = append(lines, line)
			}
		}
	}
	for i := range outcomes.list {
		o := &outcomes.list[i]
		at := -1
		for j, line := range lines {
			cells := strings.SplitN(line, " | ", 3)
			name, _, _ := strings.Cut(strings.TrimPrefix(cells[0], "| "), ": ")
			if len(cells) == 3 && name == o.scenario && cells[1] == o.broker {
				at = j
			}
		}
		if at >= 0 {
			lines[at] = o.line()
		} else {
			lines = append(lines, o.line())
		}
	}
	table := "\n" + heading + "\n" + strings.Join(lines, "\n") + "\n"
	return os.WriteFile(path, []byte(before+tableTop+table+tableEnd+after), 0o644)
}
