package foreign

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// atOnce is three tries without a pause.
var atOnce = make([]time.Duration, 3)

// succeedsAt is a command that fails until it is run for the nth time, and a count
// of its runs.
func succeedsAt(t *testing.T, n int) (command []string, runs func() int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "runs")
	const body = `echo run >>"$1"; if [ "$(wc -l <"$1")" -lt "$2" ]; then echo "503 try later" >&2; exit 7; fi; cp given fetched`
	return []string{"sh", "-c", body, "sh", log, strconv.Itoa(n)}, func() int {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "run")
	}
}

func TestAFolderIsFilledOnceAndAgainOnlyForOtherFiles(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	command, runs := succeedsAt(t, 1)
	first, err := folder(parent, "part", Files{"given": []byte("one")}, atOnce, command)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(first, "fetched")); err != nil || string(b) != "one" {
		t.Errorf("fetched is %q, %v", b, err)
	}
	if again, err := folder(parent, "part", Files{"given": []byte("one")}, atOnce, command); again != first || err != nil || runs() != 1 {
		t.Errorf("the second time: %s after %s, %v, %d runs", again, first, err, runs())
	}
	if other, err := folder(parent, "part", Files{"given": []byte("two")}, atOnce, command); other == first || err != nil || runs() != 2 {
		t.Errorf("other files: %s after %s, %v, %d runs", other, first, err, runs())
	}
}

func TestARegistryThatFailsTwiceIsAskedAThirdTime(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	command, runs := succeedsAt(t, 3)
	if _, err := folder(parent, "part", Files{"given": nil}, atOnce, command); err != nil || runs() != 3 {
		t.Errorf("%v after %d runs", err, runs())
	}
	command, runs = succeedsAt(t, 4)
	_, err := folder(parent, "part", Files{"given": nil}, atOnce, command)
	if err == nil || !strings.Contains(err.Error(), "503 try later") || runs() != 3 {
		t.Errorf("%v after %d runs", err, runs())
	}
	left, err := filepath.Glob(filepath.Join(parent, "installing-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	t.Parallel()
	_, err := folder(t.TempDir(), "part", nil, atOnce, []string{"no-such-program"})
	if err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("the error is %v", err)
	}
}
