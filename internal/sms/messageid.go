package sms

import (
	"math/big"
	"strconv"
)

// IDForm is how a carrier writes the message id in a receipt, given how it
// wrote it in the submit_sm_resp.
type IDForm uint8

const (
	// FormUnknown: not learned yet.
	FormUnknown IDForm = iota
	// FormSame: the same id, but for padding and the case of its letters.
	FormSame
	// FormHexDec: hexadecimal in the response, decimal in the receipt.
	FormHexDec
	// FormDecHex: decimal in the response, hexadecimal in the receipt.
	FormDecHex
)

var formNames = [...]string{FormUnknown: "auto", FormSame: "same", FormHexDec: "hex-dec", FormDecHex: "dec-hex"}

// String gives the name that the configuration uses.
func (f IDForm) String() string {
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return "form(" + strconv.Itoa(int(f)) + ")"
}

// ParseIDForm reads one of auto, same, hex-dec and dec-hex.
func ParseIDForm(s string) (IDForm, bool) {
	for f, name := range formNames {
		if s == name {
			return IDForm(f), true
		}
	}
	return FormUnknown, false
}

// unreachable begins a key under which no receipt can come: NormalID trims it
// from the start of every id.
const unreachable = "\x01"

// NormalID is the form in which ids are compared. Blanks and control
// characters around the id go (a NUL at the end is common); letters that are
// all upper case become lower; an id of nothing but hexadecimal digits loses its
// leading zeros.
//
// An id with letters of both cases keeps them: no number is printed so, and
// where an alphabet tells the cases apart (base 62, base 64) folding would join
// two messages. An id that is normal already is returned without an allocation.
func NormalID(id string) string {
	for len(id) > 0 && id[0] <= ' ' {
		id = id[1:]
	}
	for len(id) > 0 && id[len(id)-1] <= ' ' {
		id = id[:len(id)-1]
	}
	s := shapeOf(id)
	if s.hex && !s.mixed() {
		for len(id) > 1 && id[0] == '0' {
			id = id[1:]
		}
	}
	if !s.upper || s.lower {
		return id
	}
	folded := make([]byte, len(id))
	for i := range folded {
		folded[i] = id[i]
		if 'A' <= id[i] && id[i] <= 'Z' {
			folded[i] += 'a' - 'A'
		}
	}
	return string(folded)
}

// shape is what the characters of an id allow it to be.
type shape struct {
	decimal, hex bool // nothing but such digits, and at least one
	upper, lower bool // has letters of that case
}

func (s shape) mixed() bool { return s.upper && s.lower }

func shapeOf(id string) shape {
	s := shape{decimal: id != "", hex: id != ""}
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case '0' <= c && c <= '9':
		case 'a' <= c && c <= 'z':
			s.decimal, s.lower = false, true
			s.hex = s.hex && c <= 'f'
		case 'A' <= c && c <= 'Z':
			s.decimal, s.upper = false, true
			s.hex = s.hex && c <= 'F'
		default:
			s.decimal, s.hex = false, false
		}
	}
	return s
}

// FilingKeys appends the normal ids under which the receipts of a message may
// come, given the id in its response: a receipt is looked up by NormalID of its
// own id. While the form is FormUnknown these are all plausible ones, the id as
// it is first, and it again as the other number where it is one; an id of both
// cases is none. For a named form it is exactly one.
//
// For a named form two ids never have a key in common unless they are the same
// number or the same normal id. Therefore an id that FormDecHex cannot be true
// of, yet that reads as hexadecimal, is filed under a key that no receipt has: to
// take it as it is would join it to the receipts of another message.
func FilingKeys(dst []string, responseID string, form IDForm) []string {
	id := NormalID(responseID)
	s := shapeOf(id)
	switch form {
	case FormHexDec:
		if s.hex {
			return append(dst, rebase(id, 16, 10))
		}
		return append(dst, id)
	case FormDecHex:
		switch {
		case s.decimal:
			return append(dst, rebase(id, 10, 16))
		case s.hex:
			return append(dst, unreachable+id)
		}
		return append(dst, id)
	case FormSame:
		return append(dst, id)
	}
	dst = append(dst, id)
	if s.hex && !s.mixed() {
		if key := rebase(id, 16, 10); key != id {
			dst = append(dst, key)
		}
	}
	if s.decimal {
		if key := rebase(id, 10, 16); key != id {
			dst = append(dst, key)
		}
	}
	return dst
}

// FormOf tells which form explains that these two ids are of one message. It is
// FormUnknown where none does, and also where the pair teaches nothing because
// every form does: a single digit is the same number in both writings, so a
// carrier that counts from 1 must not be taken for FormSame by it.
func FormOf(responseID, receiptID string) IDForm {
	response, receipt := NormalID(responseID), NormalID(receiptID)
	s := shapeOf(response)
	switch {
	case response == "" || receipt == "":
		return FormUnknown
	case response == receipt:
		if len(response) == 1 && s.decimal {
			return FormUnknown
		}
		return FormSame
	case s.hex && rebase(response, 16, 10) == receipt:
		return FormHexDec
	case s.decimal && rebase(response, 10, 16) == receipt:
		return FormDecHex
	}
	return FormUnknown
}

// rebase writes a number of one base in another, in lower case without leading
// zeros. The caller knows that id has only digits of its base.
func rebase(id string, from, to int) string {
	if n, err := strconv.ParseUint(id, from, 64); err == nil {
		return strconv.FormatUint(n, to)
	}
	// Beyond 64 bits. SetString takes time that grows with the square of the
	// length, and no carrier's id is a number of hundreds of digits: SMPP allows 64
	// (SMPP v3.4 §5.2.23).
	if len(id) > 2*64 {
		return id
	}
	n, ok := new(big.Int).SetString(id, from)
	if !ok {
		return id
	}
	return n.Text(to)
}
