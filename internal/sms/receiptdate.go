package sms

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DateForm is one form of dates in receipts, made by ParseDateForm.
type DateForm struct{ pattern string }

// String is the pattern that the form was made from.
func (f DateForm) String() string { return f.pattern }

// dateEpoch are seconds since 1970.
const dateEpoch = "epoch"

// ParseDateForm reads a pattern: yy or yyyy, MM, dd, HH, mm and ss are the digits of year, month, day, hour, minute and second, each at
// most once; every other character stands for itself, and is no letter or digit but T and Z. "epoch" alone is seconds since 1970.
func ParseDateForm(pattern string) (DateForm, error) {
	if pattern == dateEpoch {
		return DateForm{pattern}, nil
	}
	seen := map[byte]bool{}
	for at := 0; at < len(pattern); {
		c := pattern[at]
		n := datePart(pattern, at)
		switch {
		case n > 0 && seen[c]:
			return DateForm{}, fmt.Errorf("date form %q has %s twice", pattern, pattern[at:at+n])
		case n > 0:
			seen[c] = true
			at += n
		case c == 'T' || c == 'Z' || c >= ' ' && c <= '~' && !isWordByte(c):
			at++
		default:
			return DateForm{}, fmt.Errorf("date form %q: want yy or yyyy, MM, dd, HH, mm and ss, and what stands between them, or epoch", pattern)
		}
	}
	for _, c := range []byte("yMdHm") {
		if !seen[c] {
			return DateForm{}, fmt.Errorf("date form %q: want year, month, day, hour and minute at least, such as yyMMddHHmm", pattern)
		}
	}
	return DateForm{pattern}, nil
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// datePart is how many letters of the pattern are a part of the date there; 0: none.
func datePart(pattern string, at int) int {
	for _, p := range [...]string{"yyyy", "yy", "MM", "dd", "HH", "mm", "ss"} {
		if strings.HasPrefix(pattern[at:], p) {
			return len(p)
		}
	}
	return 0
}

func (f DateForm) read(s string, zone *time.Location) time.Time {
	if f.pattern == dateEpoch {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 631152000 || n > 253402300799 { // 1990 to 9999
			return time.Time{}
		}
		return time.Unix(n, 0).UTC()
	}
	var year, month, day, hour, minute, second int
	from := 0
	for at := 0; at < len(f.pattern); {
		n := max(datePart(f.pattern, at), 1)
		if from+n > len(s) {
			return time.Time{}
		}
		part := s[from : from+n]
		if datePart(f.pattern, at) == 0 {
			if part != f.pattern[at:at+1] {
				return time.Time{}
			}
			from, at = from+1, at+1
			continue
		}
		if strings.Trim(part, "0123456789") != "" {
			return time.Time{}
		}
		value, _ := strconv.Atoi(part)
		switch f.pattern[at] {
		case 'y':
			year = value
			if n == 2 {
				year += 2000
			}
		case 'M':
			month = value
		case 'd':
			day = value
		case 'H':
			hour = value
		case 'm':
			minute = value
		case 's':
			second = value
		}
		from, at = from+n, at+n
	}
	if from != len(s) || year < 1990 {
		return time.Time{}
	}
	t, _ := dateIn(zone, year, month, day, hour, minute, second)
	return t
}

// date reads a date of a receipt's text, in one of the carrier's forms if those are known. Else: ten digits (yyMMddHHmm),
// twelve (yyMMddHHmmss or yyyyMMddHHmm: the valid reading nearest to received),
// fourteen (yyyyMMddHHmmss), an absolute SMPP time, or one of these with signs
// between its digits; behind it a fraction of a second after a dot, and Z or the distance to UTC as ±hhmm or ±hh:mm.
// Zero: none, or no date.
func (g *Grammar) date(s string, received time.Time) time.Time {
	if s == "" {
		return time.Time{}
	}
	zone := g.rules.Zone
	if zone == nil {
		zone = time.UTC
	}
	if len(g.rules.Dates) > 0 {
		for _, f := range g.rules.Dates {
			if t := f.read(s, zone); !t.IsZero() {
				return t
			}
		}
		return time.Time{}
	}
	if len(s) == timeLen && (s[15] == '+' || s[15] == '-') {
		t, err := ParseTime(s, received)
		if err != nil {
			return time.Time{}
		}
		return t
	}
	return readDate(s, received, zone)
}

func readDate(s string, received time.Time, zone *time.Location) time.Time {
	if n := len(s); s[n-1] == 'Z' {
		s, zone = s[:n-1], time.UTC
	} else if rest, offset, ok := cutOffset(s); ok {
		s, zone = rest, time.FixedZone("", offset)
	}
	var buf [14]byte
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			if n == len(buf) {
				return time.Time{}
			}
			buf[n] = c
			n++
		case c == '.' && n == len(buf) && i+1 < len(s) && strings.Trim(s[i+1:], "0123456789") == "":
			i = len(s) // a fraction of a second, that no record shows
		case strings.IndexByte(" -/:.T", c) >= 0:
		default:
			return time.Time{}
		}
	}
	digits := string(buf[:n])
	switch n {
	case 10:
		t, _ := date2(digits, 0, zone)
		return t
	case 12:
		short, okShort := date2(digits, pair(digits, 10), zone)
		long, okLong := date4(digits, 0, zone)
		if !okShort || okLong && long.Sub(received).Abs() < short.Sub(received).Abs() {
			return long
		}
		return short
	case 14:
		t, _ := date4(digits, pair(digits, 12), zone)
		return t
	}
	return time.Time{}
}

// cutOffset takes ±hhmm or ±hh:mm, in seconds, from the end of a date with as many digits as a date has before it: a dash
// stands between year, month and day as well.
func cutOffset(s string) (rest string, seconds int, ok bool) {
	at := strings.LastIndexAny(s, "+-")
	if at < 0 {
		return s, 0, false
	}
	tail := s[at+1:]
	if len(tail) == 5 && tail[2] == ':' {
		tail = tail[:2] + tail[3:]
	}
	if len(tail) != 4 || strings.Trim(tail, "0123456789") != "" || pair(tail, 0) > 14 || pair(tail, 2) > 59 {
		return s, 0, false
	}
	digits := 0
	for i := range at {
		if '0' <= s[i] && s[i] <= '9' {
			digits++
		}
	}
	if digits < 10 {
		return s, 0, false
	}
	seconds = (pair(tail, 0)*60 + pair(tail, 2)) * 60
	if s[at] == '-' {
		seconds = -seconds
	}
	return s[:at], seconds, true
}

// date2 reads yyMMddHHmm, date4 yyyyMMddHHmm. What is no date is the zero time,
// and so is a year before there were short messages.
func date2(s string, second int, zone *time.Location) (time.Time, bool) {
	return validDate(2000+pair(s, 0), s[2:], second, zone)
}

func date4(s string, second int, zone *time.Location) (time.Time, bool) {
	year := 100*pair(s, 0) + pair(s, 2)
	if year < 1990 {
		return time.Time{}, false
	}
	return validDate(year, s[4:], second, zone)
}

func validDate(year int, s string, second int, zone *time.Location) (time.Time, bool) {
	return dateIn(zone, year, pair(s, 0), pair(s, 2), pair(s, 4), pair(s, 6), second)
}

// dateIn is the time in UTC of a date and time of day in a zone, if there is such a date; else the zero time.
func dateIn(zone *time.Location, year, month, day, hour, minute, second int) (time.Time, bool) {
	if _, ok := dateOf(year, month, day, hour, minute, second); !ok {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, zone).UTC(), true
}
