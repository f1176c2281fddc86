package pcap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Check has deploy/tshark/check.sh judge the chunks as a conversation with an SMSC at port, and returns what it prints: a count and the
// command_id of each kind of PDU. The error is what tshark finds fault with. Where there is no tshark the test is skipped, or fails if
// the environment's SMPP_TEST_REQUIRE lists "tshark".
func Check(tb testing.TB, port uint16, chunks []Chunk) (string, error) {
	tb.Helper()
	needTshark(tb)
	name := filepath.Join(tb.TempDir(), "smpp.pcap")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	if err := errors.Join(Write(f, port, chunks), f.Close()); err != nil {
		return "", err
	}
	return CheckFile(tb, name, fmt.Sprint(port))
}

// CheckFile is Check of a file that is there already.
func CheckFile(tb testing.TB, name, port string) (string, error) {
	tb.Helper()
	needTshark(tb)
	script, err := scriptPath()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(tb.Context(), script, name, port).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

func needTshark(tb testing.TB) {
	tb.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), "tshark") {
			tb.Fatalf("SMPP_TEST_REQUIRE asks for tshark: %v", err)
		}
		tb.Skipf("left out: %v (Debian: apt-get install tshark)", err)
	}
}

// scriptPath looks for the script in the folders above the one that go test runs in, which is the package's.
func scriptPath() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "deploy", "tshark", "check.sh")
		if _, statErr := os.Stat(path); statErr == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("deploy/tshark/check.sh is in no folder above the test's")
		}
	}
	return "", err
}
