package record

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth bounds the nesting of arrays and objects, ignored fields included: a
// value is walked by recursion, and a hostile one must not grow the stack. It is
// the limit that Jackson, the usual writer of such records, has too.
const maxDepth = 1000

type kind uint8

const (
	kindAbsent kind = iota
	kindString
	kindNumber
	kindBool
	kindNull
	kindObject
	kindList
)

// token is one value in a document: the bytes from start to end, quotes and
// brackets included.
type token struct {
	start, end int
	kind       kind
	escaped    bool // a string with at least one backslash
}

// scanner walks a JSON document once (RFC 8259) and checks its syntax, nothing
// else: it does not look at UTF-8, which is checked for the whole document at
// once, nor at what the values mean. The first fault ends it.
type scanner struct {
	b     []byte
	pos   int
	fault string // what was expected at pos; empty while all is well
}

func (s *scanner) fail(pos int, expected string) bool {
	s.pos, s.fault = pos, expected
	return false
}

func (s *scanner) space() {
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return
		}
	}
}

// open steps into the object that begins at the next byte that is not a space.
func (s *scanner) open() bool {
	s.space()
	if s.pos >= len(s.b) || s.b[s.pos] != '{' {
		return s.fail(s.pos, "an object")
	}
	s.pos++
	return true
}

// member reads the next member of the object that the scanner stands in, at the
// given depth of nesting. It returns false at the object's end, behind its
// bracket, and at a fault.
func (s *scanner) member(first bool, depth int) (key, value token, more bool) {
	s.space()
	var c byte // 0 at the end of the document
	if s.pos < len(s.b) {
		c = s.b[s.pos]
	}
	switch {
	case c == '}':
		s.pos++
		return key, value, false
	case first:
	case c == ',':
		s.pos++
		s.space()
	default:
		return key, value, s.fail(s.pos, "',' or '}'")
	}
	if s.pos >= len(s.b) || s.b[s.pos] != '"' {
		return key, value, s.fail(s.pos, "a key in quotes")
	}
	if !s.str(&key) {
		return key, value, false
	}
	s.space()
	if s.pos >= len(s.b) || s.b[s.pos] != ':' {
		return key, value, s.fail(s.pos, "':'")
	}
	s.pos++
	s.space()
	return key, value, s.value(&value, depth)
}

// value reads the value that begins at pos.
func (s *scanner) value(t *token, depth int) bool {
	if s.pos >= len(s.b) {
		return s.fail(s.pos, "a value")
	}
	switch c := s.b[s.pos]; c {
	case '"':
		return s.str(t)
	case '{':
		return s.object(t, depth+1)
	case '[':
		return s.list(t, depth+1)
	case 't':
		return s.literal(t, "true", kindBool)
	case 'f':
		return s.literal(t, "false", kindBool)
	case 'n':
		return s.literal(t, "null", kindNull)
	default:
		if c == '-' || isDigit(c) {
			return s.number(t)
		}
		return s.fail(s.pos, "a value")
	}
}

func (s *scanner) object(t *token, depth int) bool {
	if depth > maxDepth {
		return s.fail(s.pos, "less nesting")
	}
	t.start, t.kind = s.pos, kindObject
	s.pos++
	for first := true; ; first = false {
		if _, _, more := s.member(first, depth); !more {
			break
		}
	}
	t.end = s.pos
	return s.fault == ""
}

func (s *scanner) list(t *token, depth int) bool {
	if depth > maxDepth {
		return s.fail(s.pos, "less nesting")
	}
	t.start, t.kind = s.pos, kindList
	s.pos++
	for first := true; ; first = false {
		s.space()
		if s.pos >= len(s.b) {
			return s.fail(s.pos, "a value or ']'")
		}
		switch c := s.b[s.pos]; {
		case c == ']':
			s.pos++
			t.end = s.pos
			return true
		case first:
		case c == ',':
			s.pos++
			s.space()
		default:
			return s.fail(s.pos, "',' or ']'")
		}
		var item token
		if !s.value(&item, depth) {
			return false
		}
	}
}

func (s *scanner) literal(t *token, word string, k kind) bool {
	if len(s.b)-s.pos < len(word) || string(s.b[s.pos:s.pos+len(word)]) != word {
		return s.fail(s.pos, word)
	}
	*t = token{start: s.pos, end: s.pos + len(word), kind: k}
	s.pos = t.end
	return true
}

func (s *scanner) number(t *token) bool {
	b, i := s.b, s.pos
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && isDigit(b[i]):
		i = digits(b, i)
	default:
		return s.fail(i, "a digit")
	}
	if i < len(b) && b[i] == '.' {
		if i++; i >= len(b) || !isDigit(b[i]) {
			return s.fail(i, "a digit")
		}
		i = digits(b, i)
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i >= len(b) || !isDigit(b[i]) {
			return s.fail(i, "a digit")
		}
		i = digits(b, i)
	}
	*t = token{start: s.pos, end: i, kind: kindNumber}
	s.pos = i
	return true
}

func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// str reads the string whose opening quote is at pos.
func (s *scanner) str(t *token) bool {
	b, i, escaped := s.b, s.pos+1, false
	for {
		i = plain(b, i)
		if i >= len(b) {
			return s.fail(len(b), "the end of the string")
		}
		switch b[i] {
		case '"':
			*t = token{start: s.pos, end: i + 1, kind: kindString, escaped: escaped}
			s.pos = i + 1
			return true
		case '\\':
			escaped = true
			n := escapeLen(b[i:])
			if n == 0 {
				return s.fail(i, `an escape such as \n or \u00e9`)
			}
			i += n
		default:
			return s.fail(i, `control characters written as escapes, such as \n`)
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns the index of the first byte from i on that cannot stand as itself
// inside a JSON string: a quote, a backslash or a control character.
//
// Eight bytes are looked at together. The borrow of the subtractions can mark
// bytes above a true match, never below the first one, so the lowest mark is
// exact.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

func special(w uint64) uint64 {
	quote, slash := w^('"'*ones), w^('\\'*ones)
	return ((w-0x20*ones)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// escapeLen is the length of the escape sequence at the start of b, 0 if it is
// not one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the four digits of the \uXXXX at the start of b.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		v, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(v)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f': // either case
		return (c | 0x20) - 'a' + 10, true
	}
	return 0, false
}
