package leaks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// marker stands in everything that must not be told: texts, ids, names, metadata, whatever an SMSC writes.
const marker = "Qzmark"

// digits end every number, and stand in nothing else.
const digits = "7654321"

// secret begins every password.
const secret = "hunter"

// control is what would do something to a terminal or begin a line of its own.
const control = "\x1b[31m\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\u009b2J\u202e\x00"

var (
	// told finds a marker as it is, in hexadecimal, and in base64 wherever in a group of three octets it begins.
	told = regexp.MustCompile(`(?i)` + marker + `|` + hex.EncodeToString([]byte(marker)) + `|` + digits + `|` + secret + `\d|(?-i:` + strings.Join(base64s(marker), "|") + `)`)
	// debugged is what told is, but that a number must be whole: at debug the Kafka client writes so many figures that seven of them meet by chance.
	debugged = regexp.MustCompile(strings.Replace(told.String(), `|`+digits, `|(?:49151|4930|3315)`+digits, 1))
	secrets  = regexp.MustCompile(`(?i)` + secret + `\d`)
)

func base64s(s string) (all []string) {
	for shift := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + s))
		all = append(all, regexp.QuoteMeta(strings.TrimRight(e, "=")[(8*shift+5)/6:][:6]))
	}
	return all
}

func TestAMarkerIsFoundInWhateverForm(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a" + marker, "517A6D61726b", "+49151" + digits, secret + "2",
		base64.StdEncoding.EncodeToString([]byte("x" + marker + "yz")), base64.StdEncoding.EncodeToString([]byte("xy" + marker)), base64.RawURLEncoding.EncodeToString([]byte(marker))} {
		if !told.MatchString(s) {
			t.Errorf("%q passes", s)
		}
		if !debugged.MatchString(s) {
			t.Errorf("at debug %q passes", s)
		}
	}
}

// checkTold looks for what must not be told in something that the process has put out.
func checkTold(t *testing.T, where, text string, forbidden *regexp.Regexp) {
	t.Helper()
	if text == "" {
		t.Errorf("%s is empty", where)
	}
	faults := 0
	for line := range strings.Lines(text) {
		if at := forbidden.FindStringIndex(line); at != nil {
			if faults++; faults <= 5 {
				t.Errorf("%s tells %q: %.400s", where, line[at[0]:at[1]], line[max(0, at[0]-200):])
			}
		}
	}
}

// checkLines holds for a log, whatever is logged: each line is one that we wrote, and can be seen as it is.
func checkLines(t *testing.T, log, format string) {
	t.Helper()
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(line) {
			t.Errorf("the log has a character that cannot be seen: %.300q", line)
		}
		if format == "text" {
			if !strings.HasPrefix(line, "time=") {
				t.Errorf("not a line of ours: %.300q", line)
			}
			continue
		}
		var l struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" || l.Level == "" || l.Msg == "" || l.Msg == "forged" {
			t.Errorf("not a line of ours: %.300q (%v)", line, err)
		}
	}
}
