package record

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// The append functions write JSON at the end of dst, without reflection and
// without allocating beyond dst's growth.

// appendKey begins a member of the object that dst ends in. key is written as it
// is, with its quotes and colon. No value ends in '{', so only the object's start
// does.
func appendKey(dst []byte, key string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, key...)
}

// appendText appends a string member, unless s is empty.
func appendText(dst []byte, key, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(appendKey(dst, key), s)
}

// appendCount appends a number member, unless n is zero.
func appendCount(dst []byte, key string, n int) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(appendKey(dst, key), int64(n), 10)
}

func appendFlag(dst []byte, key string, v bool) []byte {
	return strconv.AppendBool(appendKey(dst, key), v)
}

// appendInstant appends a time member, unless t is zero.
func appendInstant(dst []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	return appendTime(appendKey(dst, key), t)
}

// appendRaw appends a member whose value is JSON already, unless it is empty.
func appendRaw(dst []byte, key string, json []byte) []byte {
	if len(json) == 0 {
		return dst
	}
	return append(appendKey(dst, key), json...)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD: what comes from an SMSC must not make a record that no reader takes.
func appendString(dst []byte, s string) []byte {
	return appendQuoted(dst, unsafe.Slice(unsafe.StringData(s), len(s)))
}

func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		n := verbatim(s[i:])
		dst = append(dst, s[i:i+n]...)
		if i += n; i >= len(s) {
			break
		}
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
	}
	return append(dst, '"')
}

// verbatim is how many bytes at the start of s are ASCII that needs no escape.
func verbatim(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		if m := special(w) | w&highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// appendTime appends t as a JSON string, in UTC and cut to milliseconds. RFC 3339
// has years of four digits: what lies outside them becomes the nearest that fits.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	switch {
	case year < 0:
		return append(dst, `"0000-01-01T00:00:00.000Z"`...)
	case year > 9999:
		return append(dst, `"9999-12-31T23:59:59.999Z"`...)
	}
	hour, minute, second := t.Clock()
	ms := t.Nanosecond() / int(time.Millisecond)
	at := len(dst)
	dst = append(dst, `"0000-00-00T00:00:00.000Z"`...)
	text := dst[at : at+26]
	pair(text[1:], year/100)
	pair(text[3:], year%100)
	pair(text[6:], int(month))
	pair(text[9:], day)
	pair(text[12:], hour)
	pair(text[15:], minute)
	pair(text[18:], second)
	pair(text[21:], ms/10)
	text[23] = byte('0' + ms%10)
	return dst
}

// pair writes n, under 100, as two digits.
func pair(text []byte, n int) {
	tens := n / 10
	text[0], text[1] = byte('0'+tens), byte('0'+n-10*tens)
}

// appendSource appends the place of the outbound record. Kafka marks a record
// without a timestamp by -1 milliseconds.
func appendSource(dst []byte, s *Source) []byte {
	dst = appendString(append(dst, `{"topic":`...), s.Topic)
	dst = strconv.AppendInt(append(dst, `,"partition":`...), int64(s.Partition), 10)
	dst = strconv.AppendInt(append(dst, `,"offset":`...), s.Offset, 10)
	if s.Timestamp.UnixMilli() != -1 {
		dst = appendInstant(dst, `"timestamp":`, s.Timestamp)
	}
	return append(dst, '}')
}

const hexPrefix = "hex:"

// appendShown appends bytes as people can read them: as a string where they are
// printable UTF-8, else as "hex:" and digits. Text that itself begins with "hex:"
// is written as digits too, so that nothing has two readings.
func appendShown(dst, b []byte) []byte {
	if printable(b) {
		return appendQuoted(dst, b)
	}
	return appendHex(dst, b)
}

func printable(b []byte) bool {
	if len(b) >= len(hexPrefix) && string(b[:len(hexPrefix)]) == hexPrefix {
		return false
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += n
	}
	return true
}

// parseShown is the inverse of appendShown, for the decoded string.
func parseShown(s string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(s, hexPrefix)
	if !ok {
		return []byte(s), true
	}
	b, err := hex.DecodeString(digits)
	return b, err == nil
}

func appendBase64(dst, b []byte) []byte {
	dst = base64.StdEncoding.AppendEncode(append(dst, '"'), b)
	return append(dst, '"')
}

// appendTag appends a TLV's tag as "0x1400", without quotes.
func appendTag(dst []byte, tag uint16) []byte {
	return append(dst, '0', 'x', hexDigits[tag>>12], hexDigits[tag>>8&15], hexDigits[tag>>4&15], hexDigits[tag&15])
}

// appendTLVs appends TLVs as an object. A tag that an SMSC repeats gets "#2",
// "#3"… behind it, as an object has each key once and no value should be lost.
func appendTLVs(dst []byte, tlvs []TLV) []byte {
	dst = append(dst, '{')
	for i, t := range tlvs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTag(append(dst, '"'), t.Tag)
		nth := 1
		for _, earlier := range tlvs[:i] {
			if earlier.Tag == t.Tag {
				nth++
			}
		}
		if nth > 1 {
			dst = strconv.AppendInt(append(dst, '#'), int64(nth), 10)
		}
		dst = appendShown(append(dst, '"', ':'), t.Value)
	}
	return append(dst, '}')
}

// appendHex appends bytes as "hex:" and digits, whatever they are.
func appendHex(dst, b []byte) []byte {
	dst = append(append(dst, '"'), hexPrefix...)
	return append(hex.AppendEncode(dst, b), '"')
}
