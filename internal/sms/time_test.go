package sms

import (
	"testing"
	"time"
)

func TestAbsoluteTimesRoundTripToATenthOfASecond(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3*3600)
	for in, want := range map[time.Time]string{
		time.Date(2018, 7, 11, 7, 0, 3, 987_000_000, zone):         "180711040003900+",
		time.Date(2099, 12, 31, 23, 59, 59, 999_999_999, time.UTC): "991231235959900+",
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC):                "000101000000000+",
		time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC):                "991231235959900+",
		{}: "000101000000000+",
	} {
		got := FormatAbsolute(in)
		if got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
		back, err := ParseTime(got, time.Time{})
		if y := in.Year(); y >= 2000 && y < 2100 && (err != nil || !back.Equal(in.Truncate(100*time.Millisecond))) {
			t.Errorf("%s is read as %s, %v", got, back, err)
		}
	}
}

func TestRelativeTimesAreRoundedUpToSeconds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Second:              "000000000000000R",
		0:                         "000000000000000R",
		1:                         "000000000001000R",
		90 * time.Second:          "000000000130000R",
		24 * time.Hour:            "000001000000000R",
		30*day + 23*time.Hour:     "000030230000000R",
		31 * day:                  "000101000000000R",
		364 * day:                 "001204000000000R",
		2*year + 6*month + 10*day: "020610000000000R",
		1<<63 - 1:                 "990000000000000R",
	} {
		got := FormatRelative(d)
		if got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
		at, err := ParseTime(got, now)
		if d = min(max(d, 0), 99*year); err != nil || at.Sub(now) < d || at.Sub(now)-d >= time.Second {
			t.Errorf("%s is read as %s, %v; want %s", got, at.Sub(now), err, d)
		}
	}
}

func TestSMPPTimesOfOthersAreRead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		"":                 {},
		"180711070003912+": time.Date(2018, 7, 11, 4, 0, 3, 900_000_000, time.UTC),
		"180711070003012-": time.Date(2018, 7, 11, 10, 0, 3, 0, time.UTC),
		"180711070003048-": time.Date(2018, 7, 11, 19, 0, 3, 0, time.UTC),
		"000229000000000+": time.Date(2000, 2, 29, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(in, time.Time{}); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"1", "180711070003912", "180711070003912++", "180711070003912*", "180711070003949+", "181311070003912+", "180011070003912+",
		"180230070003912+", "180711240003912+", "180711076003912+", "180711070060912+", "18071107000391 +", "1807110700039x2+",
	} {
		if got, err := ParseTime(in, time.Time{}); err == nil {
			t.Errorf("%q is %s", in, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("180711070003912+")
	f.Add("020610233429000R")
	f.Add("999999999999999R")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseTime(s, now)
		if err != nil {
			_ = err.Error()
			return
		}
		if s == "" || s[15] == 'R' {
			return
		}
		if y := at.Year(); y < 2000 || y > 2099 {
			return // the offset carried it over the century
		}
		if back, err := ParseTime(FormatAbsolute(at), now); err != nil || !back.Equal(at) {
			t.Fatalf("%s is %s, and written and read again %s, %v", s, at, back, err)
		}
	})
}
