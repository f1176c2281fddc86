package wire

import "bytes"

// checkCString checks a C-octet string that is to be encoded; limit counts the NUL.
func checkCString(field string, v []byte, limit Limit) error {
	if len(v) >= int(limit) {
		return &FieldError{Field: field, Length: len(v), Limit: int(limit) - 1, Fault: TooLong}
	}
	if bytes.IndexByte(v, 0) >= 0 {
		return &FieldError{Field: field, Length: len(v), Limit: int(limit) - 1, Fault: HoldsNUL}
	}
	return nil
}

// checkTime checks a time of SMPP v3.4 §7.1.1, which is empty or 16 characters; what the characters say is the caller's business.
func checkTime(field string, v []byte) error {
	if len(v) == 0 {
		return nil
	}
	if len(v) != int(LimitTime)-1 {
		return &FieldError{Field: field, Length: len(v), Limit: int(LimitTime) - 1, Fault: WrongLength}
	}
	return checkCString(field, v, LimitTime)
}

// cutCString splits the C-octet string that b begins with from what follows its NUL. n is the octets it takes with the NUL, and 0 if
// there is no NUL within TolerateString octets. The string's capacity ends with it: appending to it must not write into the body.
func cutCString(b []byte) (s []byte, n int) {
	i := bytes.IndexByte(b, 0)
	if i < 0 || i > int(TolerateString) {
		return nil, 0
	}
	return b[:i:i], i + 1
}

// cStringFault tells why cutCString found nothing in b.
func cStringFault(b []byte) Fault {
	if len(b) > int(TolerateString) {
		return TooLong
	}
	return CutOff
}
