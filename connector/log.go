package main

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// newLogger makes the log. cfg.Log.Now is its level from then on, which /admin/loggers may change.
func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	if cfg.Log.Now == nil { // a configuration that was not loaded
		cfg.Log.Now = new(slog.LevelVar)
		cfg.Log.Now.Set(cfg.Log.Level)
	}
	opts := logOptions(cfg.Log.Now)
	if cfg.Log.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// logOptions are those of every log of the program. Much of what is logged came from outside: a certificate's names, a
// broker's words, the value of a record. The handlers of log/slog keep it on its line, but JSON leaves U+009B, which some
// terminals take for the beginning of an escape sequence, and the marks that turn the direction of text as they are, and nothing bounds a length.
func logOptions(level slog.Leveler) *slog.HandlerOptions {
	return &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Value.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue(printable(a.Value.String()))
		case slog.KindAny:
			if err, ok := a.Value.Any().(error); ok {
				a.Value = slog.StringValue(printable(err.Error()))
			} else if shown := fmt.Sprint(a.Value.Any()); printable(shown) != shown {
				a.Value = slog.StringValue(printable(shown))
			}
		}
		return a
	}}
}

// mostPrinted is how many bytes of one value are logged or printed.
const mostPrinted = 4096

// printable is text of unknown origin for a terminal or a log: on one line, without control characters or marks that
// cannot be seen, and not long.
func printable(s string) string {
	cut := len(s) > mostPrinted
	if cut {
		n := mostPrinted
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if !cut && !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if b.Len() > mostPrinted { // an escape takes more room than what it stands for
			cut = true
			break
		}
		switch {
		case r == '\n': // as errors that were joined have between them
			b.WriteString("; ")
		case unprintable(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
