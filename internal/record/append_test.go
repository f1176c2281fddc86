package record

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

func TestStringsReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                            `""`,
		"plain ASCII <&>' /":          `"plain ASCII <&>' /"`,
		"\"\\\n\r\t\b\f\x00\x1f\x7f":  `"\"\\\n\r\t\u0008\u000c\u0000\u001f` + "\x7f\"",
		"Grüße, 世界 😀":                 `"Grüße, 世界 😀"`,
		"\u2028\u2029\ufffd":          "\"\u2028\u2029\ufffd\"",
		"a\xffb\xc3":                  "\"a\ufffdb\ufffd\"",
		"\xed\xa0\x80":                "\"\ufffd\ufffd\ufffd\"",
		"1234567\"1234567\\123456789": `"1234567\"1234567\\123456789"`,
	} {
		if got := string(appendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\n\x00 Grüße 😀 \xff\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		out := appendString(nil, s)
		if !utf8.Valid(out) {
			t.Fatalf("%q: %q is not UTF-8", s, out)
		}
		var got, want string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, out, err)
		}
		// encoding/json replaces invalid bytes on its way out in the same way.
		theirs, _ := json.Marshal(s)
		if err := json.Unmarshal(theirs, &want); err != nil || got != want {
			t.Fatalf("%q: got %q, want %q", s, got, want)
		}
		var shown string
		if err := json.Unmarshal(appendShown(nil, []byte(s)), &shown); err != nil {
			t.Fatal(err)
		}
		if again, ok := parseShown(shown); !ok || string(again) != s {
			t.Fatalf("%q shown as %q reads as %q", s, shown, again)
		}
	})
}

func TestTimesAreWrittenInUTCToTheMillisecond(t *testing.T) {
	t.Parallel()
	const layout = `"2006-01-02T15:04:05.000Z"`
	for _, at := range []time.Time{
		time.Date(2026, 1, 2, 15, 4, 5, 999_999_999, time.FixedZone("", 5400)), // cut, not rounded
		time.Date(2024, 2, 29, 23, 59, 59, 1e6, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, want := string(appendTime(nil, at)), at.UTC().Format(layout); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for at, want := range map[int64]string{1 << 60: `"9999-12-31T23:59:59.999Z"`, -1 << 60: `"0000-01-01T00:00:00.000Z"`} {
		if got := string(appendTime(nil, time.UnixMilli(at))); got != want {
			t.Errorf("%d ms: got %s, want %s", at, got, want)
		}
	}
}

func TestARecordWithoutATimestampHasNoneInItsSource(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.UnixMilli(-1)} {
		s := Source{Topic: "t", Partition: 1, Offset: 2, Timestamp: at}
		if got := string(appendSource(nil, &s)); got != `{"topic":"t","partition":1,"offset":2}` {
			t.Errorf("got %s", got)
		}
	}
}
