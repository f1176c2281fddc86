package smsc

import (
	"fmt"
	"strconv"
	"strings"
)

// IDKind is the form of message ids: how the id is written in submit_sm_resp,
// and how the receipt writes the same id again.
type IDKind uint8

// The forms of message ids.
const (
	IDDecimal IDKind = iota // decimal in both
	IDHex                   // hexadecimal in both
	IDHexDec                // hexadecimal in the response, decimal in the receipt
	IDDecHex                // decimal in the response, hexadecimal in the receipt
	IDUUID                  // a UUID in both
	IDPadded                // hexadecimal in both, ten digits with leading zeros in the response alone
	idKinds
)

var idKindNames = [idKinds]string{"decimal", "hex", "hex-dec", "dec-hex", "uuid", "padded"}

// String is the form's name, as ParseIDKind reads it.
func (k IDKind) String() string {
	if k < idKinds {
		return idKindNames[k]
	}
	return fmt.Sprintf("IDKind(%d)", uint8(k))
}

// ParseIDKind reads decimal, hex, hex-dec, dec-hex, uuid or padded.
func ParseIDKind(s string) (IDKind, error) {
	for k, name := range idKindNames {
		if s == name {
			return IDKind(k), nil
		}
	}
	return 0, fmt.Errorf("%q is no form of message ids; use one of %s", s, strings.Join(idKindNames[:], ", "))
}

// ids gives the id numbered n as the response and as the receipt write it.
func (k IDKind) ids(n uint64, r *random) (response, receipt string) {
	switch k {
	case IDHex:
		response = hexID(n)
		return response, response
	case IDHexDec:
		return hexID(n), strconv.FormatUint(n, 10)
	case IDDecHex:
		return strconv.FormatUint(n, 10), hexID(n)
	case IDUUID:
		// The number takes the place of the last group, so that two ids
		// never meet whatever the random part is.
		a, b := r.next(), r.next()
		response = fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a), uint16(a>>32), a>>48&0xfff, b&0x3fff|0x8000, n&(1<<48-1))
		return response, response
	case IDPadded:
		receipt = hexID(n)
		return strings.Repeat("0", max(0, 10-len(receipt))) + receipt, receipt
	default:
		response = strconv.FormatUint(n, 10)
		return response, response
	}
}

func hexID(n uint64) string { return strings.ToUpper(strconv.FormatUint(n, 16)) }
