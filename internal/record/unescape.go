package record

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape resolves the escapes of a JSON string whose syntax was checked. A \u
// escape that is half of a surrogate pair becomes U+FFFD and makes ok false.
func unescape(raw []byte) (out []byte, ok bool) {
	out, ok = make([]byte, 0, len(raw)), true
	for i := 0; i < len(raw); {
		j := plain(raw, i)
		out = append(out, raw[i:j]...)
		if i = j; i >= len(raw) {
			break
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, n := unescapeRune(raw[i-2:])
			i += n - 2
			ok = ok && r >= 0
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, c)
	}
	return out, ok
}

// unescapeRune reads the \uXXXX at the start of b, or the two of a surrogate
// pair, and how many bytes it took. A lone half is -1.
func unescapeRune(b []byte) (r rune, n int) {
	r, _ = hex4(b)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return -1, 6
}
