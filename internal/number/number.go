// Package number reads telephone numbers as they are written in a country, and says which digits cannot be a number at all.
//
// It knows the world's numbering plans by github.com/nyaruka/phonenumbers (Google's libphonenumber), and imports no other room of
// this module. It is pure, and safe for concurrent use.
package number

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// Limits of ITU-T E.164: an international number has 15 digits at most, and none in use has fewer than 7.
const (
	maxDigits = 15
	minDigits = 7
)

// shortDigits is how many digits a number has that is dialled as it is: a short code, which belongs to no plan.
const shortDigits = 6

// Country is one whose numbers may be written without its code.
type Country struct{ region string }

// Error says why a number cannot be one. It shows nothing of the number.
type Error struct{ Fault, Remedy string }

func (e *Error) Error() string { return e.Fault + ": " + e.Remedy }

// ParseCountry reads an ISO 3166-1 code of two letters, such as DE.
func ParseCountry(code string) (*Country, error) {
	region := strings.ToUpper(strings.TrimSpace(code))
	if !phonenumbers.GetSupportedRegions()[region] {
		return nil, fmt.Errorf("%q is no country: give its ISO 3166-1 code of two letters, such as DE, GB or IN", code)
	}
	return &Country{region}, nil
}

// Code is the country's calling code, such as 49.
func (c *Country) Code() int { return phonenumbers.GetCountryCodeForRegion(c.region) }

// callingCodes are all that are in use, by number.
var callingCodes = sync.OnceValue(func() (known [1000]bool) {
	for code := range phonenumbers.GetSupportedCallingCodes() {
		if 0 < code && code < len(known) {
			known[code] = true
		}
	}
	return known
})

// Normal is a destination in the form of E.164, with its +, or a short code as it is. The error is an *Error.
//
// A number with + or 00 is international: its calling code must exist and its length be possible. Any other may be one as the country
// writes it, or an international one without its +, which is how pipelines often carry them: of two readings the one that is a mobile
// number is right, and if both or neither are, the country's own.
// Blanks, dashes, dots and brackets are dropped.
//
// A number that is written internationally needs no parsing by the plan of a country; one that is not is parsed, at a hundred times the cost
// (BenchmarkNormal).
func (c *Country) Normal(s string) (string, error) {
	digits, international, ok := digitsOf(s)
	switch {
	case !ok || digits == "":
		return "", &Error{"it is not a number", "give digits, with + before an international number"}
	case !international && len(digits) <= shortDigits:
		return digits, nil
	case international:
		return checked(digits)
	}
	home, homeOK, homeMobile := read(digits, c.region)
	if homeMobile || digits[0] == '0' {
		if !homeOK {
			return "", c.refused()
		}
		return home, nil
	}
	abroad, abroadOK, abroadMobile := read("+"+digits, "")
	switch {
	case abroadMobile, abroadOK && !homeOK:
		return abroad, nil
	case homeOK:
		return home, nil
	}
	if n, err := checked(digits); err == nil {
		return n, nil
	}
	return "", c.refused()
}

func (c *Country) refused() error {
	return &Error{"it is no number of " + c.region + " and has no calling code before it", "write it with + and the code of its country"}
}

// read reads a number as a region writes it, and tells whether there is such a number and whether it may be a mobile phone's.
func read(s, region string) (e164 string, valid, mobile bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false, false
	}
	t := phonenumbers.GetNumberType(n)
	return phonenumbers.Format(n, phonenumbers.E164), true, t == phonenumbers.MOBILE || t == phonenumbers.FIXED_LINE_OR_MOBILE
}

// checked tells whether the digits can be an international number.
func checked(digits string) (string, error) {
	if n := len(digits); n < minDigits || n > maxDigits {
		return "", &Error{fmt.Sprintf("it has %d digits", n), fmt.Sprintf("an international number has %d to %d (E.164)", minDigits, maxDigits)}
	}
	known := callingCodes()
	code := 0
	for i := range 3 { // codes begin with 1 to 9, so that a 0 in front finds none
		if digits[0] == '0' {
			break
		}
		code = code*10 + int(digits[i]-'0')
		if known[code] {
			return "+" + digits, nil
		}
	}
	return "", &Error{"no country has the calling code that it begins with", "give + and the code of the country, without a 0 after it"}
}

// digitsOf is the digits of a number as people write it, and whether + or 00 stood before them.
func digitsOf(s string) (digits string, international, ok bool) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "+") {
		international, s = true, s[1:]
	}
	if strings.Trim(s, "0123456789") != "" {
		if strings.Trim(s, "0123456789 -.()/") != "" {
			return "", false, false
		}
		s = string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' }))
	}
	if !international && len(s) > shortDigits+2 && strings.HasPrefix(s, "00") {
		international, s = true, s[2:]
	}
	return s, international, true
}
