package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

func TestWhatIsPrintedIsOneVisibleLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "",
		"plain, grüße, 世界 😀":                "plain, grüße, 世界 😀",
		"a\nb":                              "a; b",
		"\x1b[31mred\r\x00\t":               `\x1b[31mred\r\x00\t`,
		"\u009b31m\u202e\u200b\u2028\ufeff": `\u009b31m\u202e\u200b\u2028\ufeff`,
		"a\xffb":                            "a\ufffdb",
		"\x7f":                              `\x7f`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q is printed as %q, want %q", in, got, want)
		}
	}
}

// stranger is a value of a type that the log knows nothing of.
type stranger struct{ Name string }

func logged(t testing.TB, format, value string) string {
	t.Helper()
	var b bytes.Buffer
	cfg := &config.Config{}
	cfg.Log.Format = format
	log := newLogger(cfg, &b)
	log.Info("message", "string", value, "error", errors.New(value), "list", []string{value}, "map", map[string]string{value: value},
		"struct", stranger{value}, slog.Group("group", "inner", value))
	log.Warn(value)
	log.With("bound", value).WithGroup(value).Info("named", value, 1)
	return b.String()
}

// checkLogged holds for every log whatever is logged.
func checkLogged(t testing.TB, format, value string) {
	t.Helper()
	out := logged(t, format, value)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("%s: %q makes %d lines of three", format, value, len(lines))
	}
	for _, line := range lines[:2] {
		if !utf8.ValidString(line) {
			t.Fatalf("%s: %q is not UTF-8", format, line)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("%s: %q at %d of %q", format, line[i:min(i+8, len(line))], i, line)
		}
		if len(line) > 6*2*(mostPrinted+100) { // six values, their backslashes doubled
			t.Fatalf("%s: a line of %d bytes", format, len(line))
		}
		if format == "json" && !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %s", line)
		}
	}
}

func TestNothingFromOutsideLeavesItsLineInTheLog(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		for _, value := range []string{"plain", "a\nlevel=ERROR msg=forged", "\x1b]0;title\x07", "\u009b2J", "\u202etxet", "\xc2", "a\u2028b", strings.Repeat("x", 1<<20), strings.Repeat("\x01", 1<<20)} {
			checkLogged(t, format, value)
		}
	}
}

func FuzzLog(f *testing.F) {
	for _, s := range []string{"plain", "a\nb", "\x1b[0m", "\u009b", "\u202e", "\xff", "\"quoted\" \\", "=", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		checkLogged(t, "json", value)
		checkLogged(t, "text", value)
	})
}
