package engine

// What rows hold are mostly digits: numbers, message ids, counters in ids and keys. Packed texts have runs of
// digits and of hexadecimal as binary numbers, which no compression of blocks finds out by itself. And what is the same in one text after
// another, such as customer-471147, where its numbers are and how long, is kept apart from the numbers: all of a
// row's is then one repetition of another row's, and the numbers follow it.
//
// A text is one or more segments. The first byte of each says: the last of the text (bit 7), its kind (bits 6 and 5) and how
// many characters it has (bits 4 to 0). It is among what repeats, as are the characters of literal segments; numbers are not.
type packer struct {
	same    []byte
	numbers []byte
}

const (
	lastSegment = 0x80
	kindShift   = 5
	countMask   = 1<<kindShift - 1

	literal  = 0 // as it is
	digits   = 1 // a big-endian number of as many bytes as that many digits need
	hexLower = 2 // two characters a byte, the last alone
	hexUpper = 3

	maxDigits = 19 // fewer than 1<<64
	maxHex    = 31
)

// digitBytes are how many bytes the largest number of that many digits takes.
var digitBytes = [maxDigits + 1]int{0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8, 8}

const (
	isDigit = 1 << iota
	isLower // of hexadecimal, digits included
	isUpper
)

var charClass = func() (t [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = isDigit | isLower | isUpper
	}
	for c := byte('a'); c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = isLower, isUpper
	}
	return t
}()

func (p *packer) text(s string) {
	if s == "" {
		p.same = append(p.same, lastSegment)
		return
	}
	plain, at, head := 0, 0, 0 // what is not written yet begins at plain; head is the last segment's first byte
	for at < len(s) {
		kind, n, skip := runAt(s[at:])
		if kind == literal {
			at += skip
			continue
		}
		p.same, _ = appendLiteral(p.same, s[plain:at], head)
		head = len(p.same)
		p.same = append(p.same, kind<<kindShift|byte(n))
		p.numbers = appendRun(p.numbers, s[at:at+n], kind)
		at += n
		plain = at
	}
	p.same, head = appendLiteral(p.same, s[plain:], head)
	p.same[head] |= lastSegment
}

// runAt tells which kind of segment begins here and how long it is; where that is literal, how far on the next may begin.
func runAt(s string) (kind byte, n, skip int) {
	common := charClass[s[0]]
	if common == 0 {
		return literal, 0, 1
	}
	var d, hex int
	for hex < len(s) && hex < maxHex {
		c := common & charClass[s[hex]]
		if c&(isLower|isUpper) == 0 {
			break
		}
		common = c
		hex++
		if c&isDigit != 0 && hex <= maxDigits {
			d = hex
		}
	}
	// What each would save, its first byte taken off.
	byDigits, byHex := d-digitBytes[d]-1, hex/2-1
	switch {
	case byDigits < 2 && byHex < 3:
		return literal, 0, hex
	case byDigits >= byHex:
		return digits, d, 0
	case common&isLower != 0:
		return hexLower, hex, 0
	default:
		return hexUpper, hex, 0
	}
}

func appendRun(dst []byte, s string, kind byte) []byte {
	if kind == digits {
		var v uint64
		for i := range len(s) {
			v = v*10 + uint64(s[i]-'0')
		}
		for i := digitBytes[len(s)] - 1; i >= 0; i-- {
			dst = append(dst, byte(v>>(8*i)))
		}
		return dst
	}
	for i := 0; i < len(s); i += 2 {
		b := nibble(s[i]) << 4
		if i+1 < len(s) {
			b |= nibble(s[i+1])
		}
		dst = append(dst, b)
	}
	return dst
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func appendLiteral(dst []byte, s string, head int) (_ []byte, last int) {
	for len(s) > 0 {
		n := min(len(s), countMask)
		head = len(dst)
		dst = append(append(dst, byte(n)), s[:n]...)
		s = s[n:]
	}
	return dst, head
}

const lowerDigits, upperDigits = "0123456789abcdef", "0123456789ABCDEF"

// unpacker reads what a packer has written.
type unpacker struct {
	same    []byte
	numbers []byte
}

// text appends the next text to dst; ok is false where that is not one.
func (u *unpacker) text(dst []byte) (text []byte, ok bool) {
	for {
		if len(u.same) == 0 {
			return dst, false
		}
		head := u.same[0]
		kind, n := head>>kindShift&3, int(head&countMask)
		u.same = u.same[1:]
		from, size := &u.numbers, n
		switch kind {
		case literal:
			from = &u.same
		case digits:
			if n > maxDigits {
				return dst, false
			}
			size = digitBytes[n]
		default:
			size = (n + 1) / 2
		}
		if len(*from) < size {
			return dst, false
		}
		dst = appendUnpacked(dst, (*from)[:size], kind, n)
		if *from = (*from)[size:]; head&lastSegment != 0 {
			return dst, true
		}
	}
}

func appendUnpacked(dst, b []byte, kind byte, n int) []byte {
	switch kind {
	case literal:
		return append(dst, b...)
	case digits:
		var v uint64
		for _, c := range b {
			v = v<<8 | uint64(c)
		}
		at := len(dst)
		for range n {
			dst = append(dst, 0)
		}
		for i := at + n - 1; i >= at; i-- {
			dst[i] = '0' + byte(v%10)
			v /= 10
		}
		return dst
	}
	table := lowerDigits
	if kind == hexUpper {
		table = upperDigits
	}
	for i := range n {
		dst = append(dst, table[b[i/2]>>(4-4*(i&1))&15])
	}
	return dst
}
