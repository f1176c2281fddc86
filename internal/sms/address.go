package sms

import (
	"fmt"
	"strings"
)

// Limits of an address.
const (
	maxDigits       = 20 // the address fields hold 21 octets with their NUL (SMPP v3.4 §4.4.1)
	maxShortCode    = 6
	maxAlphanumeric = 11 // septets (3GPP TS 23.040 §9.1.2.5)
	maxAddress      = 20 // octets, whatever a carrier allows
)

// Type of number and numbering plan (SMPP v3.4 §5.2.5, §5.2.6).
const (
	TONUnknown       = 0
	TONInternational = 1
	TONNetwork       = 3
	TONAlphanumeric  = 5
	NPIUnknown       = 0
	NPIE164          = 1
)

// Address is an SMPP address.
type Address struct {
	TON, NPI byte
	Addr     string // ASCII, at most 20 octets, without NUL
}

// AddressError says why an address cannot be used. Its text shows of the value
// no more than MaskNumber does.
type AddressError struct {
	Value  string // as given
	Reason string
	Remedy string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q %s; %s", MaskNumber(e.Value), e.Reason, e.Remedy)
}

// MaskNumber leaves of an address the first three and the last two characters,
// and of one with fewer than eight nothing.
func MaskNumber(addr string) string {
	if len(addr) < 8 {
		return "…"
	}
	return strings.ToValidUTF8(addr[:3]+"…"+addr[len(addr)-2:], "")
}

// NormalNumber is the form in which addresses are compared: of a number the
// digits alone, without a leading + or 00 and without blanks, dashes, dots and
// brackets; anything else as written. Numbers with and without + are so the
// same. 00 goes only from what is longer than a short code. A number that is
// normal already is returned without an allocation.
func NormalNumber(addr string) string {
	digits, _, ok := numberOf(addr)
	if !ok {
		return addr
	}
	return digits
}

// numberOf reads a number. international: it was written with + or 00.
func numberOf(addr string) (digits string, international, ok bool) {
	digits = addr
	if clean := strings.TrimLeft(addr, " "); strings.HasPrefix(clean, "+") {
		international = true
		digits = clean[1:]
	}
	plain := digits != ""
	for i := 0; i < len(digits); i++ {
		switch c := digits[i]; {
		case '0' <= c && c <= '9':
		case strings.IndexByte(" -.()", c) >= 0:
			plain = false
		default:
			return "", false, false
		}
	}
	if !plain {
		b := make([]byte, 0, len(digits))
		for i := 0; i < len(digits); i++ {
			if c := digits[i]; '0' <= c && c <= '9' {
				b = append(b, c)
			}
		}
		if len(b) == 0 {
			return "", false, false
		}
		digits = string(b)
	}
	// In a loop, so that a normal number stays as it is when it is read again.
	for len(digits) > maxShortCode+2 && strings.HasPrefix(digits, "00") {
		digits, international = digits[2:], true
	}
	return digits, international, true
}

// AddressRule is how one kind of address is marked.
type AddressRule struct {
	TON, NPI byte
	Prefix   string // before the digits of an international number: "", "+" or "00"
}

// AddressKinds are the rules of numbers.
type AddressKinds struct{ International, National, ShortCode AddressRule }

// AddressRules are how an SMSC wants its addresses. Read only once in use.
type AddressRules struct {
	Source, Destination AddressKinds
	Alphanumeric        AddressRule
	MaxAlphanumeric     int  // septets of a sender's name
	NoAlphanumeric      bool // senders are numbers alone
	ShortCodeDigits     int  // a number of so many digits or fewer is a short code
}

// StandardAddresses are the rules that most SMSCs take:
//
//   - +49170… or 0049170…: international (TON 1, NPI 1), without + and 00.
//   - more than six digits that do not begin with 0: international as well, since
//     that is how pipelines carry E.164.
//   - more than six digits that begin with 0: TON 0, NPI 1; the SMSC knows what
//     it means.
//   - up to six digits: a short code. TON 3, NPI 0 as a sender, TON 0, NPI 1 as a
//     destination.
//   - anything else is an alphanumeric sender (TON 5, NPI 0): up to 11 septets of
//     those GSM characters that are ASCII. Others have no agreed form in an
//     SMPP address. A destination must be a number.
var StandardAddresses = AddressRules{
	Source: AddressKinds{
		International: AddressRule{TON: TONInternational, NPI: NPIE164}, National: AddressRule{TON: TONUnknown, NPI: NPIE164}, ShortCode: AddressRule{TON: TONNetwork, NPI: NPIUnknown},
	},
	Destination: AddressKinds{
		International: AddressRule{TON: TONInternational, NPI: NPIE164}, National: AddressRule{TON: TONUnknown, NPI: NPIE164}, ShortCode: AddressRule{TON: TONUnknown, NPI: NPIE164},
	},
	Alphanumeric: AddressRule{TON: TONAlphanumeric, NPI: NPIUnknown}, MaxAlphanumeric: maxAlphanumeric, ShortCodeDigits: maxShortCode,
}

// ParseAddress turns an address as people write it into SMPP's, by the standard's rules. The error is
// *AddressError.
func ParseAddress(s string, sender bool) (Address, error) { return StandardAddresses.Parse(s, sender) }

// Parse turns an address as people write it into SMPP's. The error is
// *AddressError.
//
// Blanks, dashes, dots and brackets in a number are dropped.
func (r *AddressRules) Parse(s string, sender bool) (Address, error) {
	if strings.TrimSpace(s) == "" {
		return Address{}, &AddressError{s, "is empty", "give a number such as +491701234567"}
	}
	kinds := &r.Destination
	if sender {
		kinds = &r.Source
	}
	digits, international, ok := numberOf(s)
	switch {
	case ok && len(digits) > maxDigits:
		return Address{}, &AddressError{s, fmt.Sprintf("has %d digits, more than %d", len(digits), maxDigits), "give a number of up to 15 digits (E.164)"}
	case ok && (international || len(digits) > r.ShortCodeDigits && digits[0] != '0'):
		return kinds.International.address(digits), nil
	case ok && len(digits) <= r.ShortCodeDigits:
		return kinds.ShortCode.address(digits), nil
	case ok:
		return kinds.National.address(digits), nil
	case !sender:
		return Address{}, &AddressError{s, "is not a number", "give digits, with + before an international number"}
	case r.NoAlphanumeric:
		return Address{}, &AddressError{s, "is a name, and this SMSC takes numbers alone as senders", "give a number that the carrier has given you"}
	}
	septets := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || gsmWidth[c] == 0 {
			return Address{}, &AddressError{s, "has a character that a sender's name cannot have",
				"use the letters A to Z and a to z, digits, blanks and the signs of the GSM alphabet"}
		}
		septets += int(gsmWidth[c])
	}
	if most := min(r.MaxAlphanumeric, maxAddress); septets > most {
		return Address{}, &AddressError{s, fmt.Sprintf("takes %d septets as a sender's name, more than %d", septets, most), "shorten it"}
	}
	return r.Alphanumeric.address(s), nil
}

func (r *AddressRule) address(s string) Address {
	if r.Prefix != "" && len(r.Prefix)+len(s) <= maxAddress {
		s = r.Prefix + s
	}
	return Address{r.TON, r.NPI, s}
}
