package sms

import (
	"fmt"
	"time"
)

// Times as SMPP writes them (SMPP v3.4 §7.1.1): sixteen characters,
// YYMMDDhhmmsstnnp, in which t is tenths of a second and nn quarter hours of
// local time ahead of (p is +) or behind (-) UTC; with p = R the six pairs are a
// time from now on, and t and nn are 0.

const timeLen = 16

// A relative time's months and years are no fixed spans: the SMSC adds calendar
// ones. They are used only for what days alone cannot say.
const (
	day   = 24 * time.Hour
	month = 30 * day
	year  = 365 * day
)

// TimeError says why a string is no SMPP time.
type TimeError struct {
	Value  string
	Reason string
}

func (e *TimeError) Error() string {
	return fmt.Sprintf("SMPP time %q: %s; want YYMMDDhhmmsstnnp, p one of + - R", e.Value, e.Reason)
}

// FormatAbsolute gives t in UTC, cut to tenths of a second. The form has two
// digits for the year: times before 2000 and after 2099 become the first and the
// last of that century.
func FormatAbsolute(t time.Time) string {
	t = t.UTC()
	switch y := t.Year(); {
	case y < 2000:
		t = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	case y > 2099:
		t = time.Date(2099, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	}
	var b [timeLen]byte
	putPairs(&b, t.Year()-2000, int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second())
	b[12] = '0' + byte(t.Nanosecond()/100_000_000)
	b[13], b[14], b[15] = '0', '0', '+'
	return string(b[:])
}

// FormatRelative gives d from now on, rounded up to seconds. Below 31 days it
// is exact; beyond, months count as 30 days and years as 365, so that a deadline
// may move by days: use FormatAbsolute where that matters. Negative durations
// become 0, those over 99 years 99 years.
func FormatRelative(d time.Duration) string {
	d = min(max(d, 0), 99*year)
	if part := d % time.Second; part > 0 {
		d += time.Second - part
	}
	var years, months int
	if d >= 31*day {
		years, d = int(d/year), d%year
		months, d = int(d/month), d%month
	}
	days, d := int(d/day), d%day
	var b [timeLen]byte
	putPairs(&b, years, months, days, int(d/time.Hour), int(d/time.Minute%60), int(d/time.Second%60))
	copy(b[12:], "000R")
	return string(b[:])
}

// ParseTime reads either form; a relative time counts from now, its months and
// years as in FormatRelative. The empty string is the zero time: the field is
// not set. The error is *TimeError.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if len(s) != timeLen {
		return time.Time{}, &TimeError{s, fmt.Sprintf("has %d characters, not 16", len(s))}
	}
	for i := range timeLen - 1 {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, &TimeError{s, "has a character that is no digit"}
		}
	}
	if s[15] == 'R' {
		d := time.Duration(pair(s, 0))*year + time.Duration(pair(s, 2))*month + time.Duration(pair(s, 4))*day +
			time.Duration(pair(s, 6))*time.Hour + time.Duration(pair(s, 8))*time.Minute + time.Duration(pair(s, 10))*time.Second
		return now.Add(d), nil
	}
	t, ok := dateOf(2000+pair(s, 0), pair(s, 2), pair(s, 4), pair(s, 6), pair(s, 8), pair(s, 10))
	if !ok {
		return time.Time{}, &TimeError{s, "is no date"}
	}
	t = t.Add(time.Duration(s[12]-'0') * 100 * time.Millisecond)
	ahead := time.Duration(pair(s, 13)) * 15 * time.Minute
	switch {
	case ahead > 12*time.Hour:
		return time.Time{}, &TimeError{s, "is more than 48 quarter hours from UTC"}
	case s[15] == '+':
		return t.Add(-ahead), nil
	case s[15] == '-':
		return t.Add(ahead), nil
	}
	return time.Time{}, &TimeError{s, "ends in none of + - R"}
}

func putPairs(b *[timeLen]byte, pairs ...int) {
	for i, n := range pairs {
		b[2*i], b[2*i+1] = '0'+byte(n/10), '0'+byte(n%10)
	}
}

// pair reads two digits; the caller knows that they are.
func pair(s string, at int) int { return int(s[at]-'0')*10 + int(s[at+1]-'0') }

// dateOf is the time in UTC, if there is such a date and time of day.
func dateOf(year, month, day, hour, minute, second int) (time.Time, bool) {
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day // time.Date makes 31 April the first of May
}
