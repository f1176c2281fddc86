package wire

import "slices"

// Cancel is the body of a cancel_sm, SMPP v3.4 §4.9.1. It names one message: by its id, and by the addresses that it was submitted with.
type Cancel struct {
	ServiceType  []byte // as submitted
	MessageID    []byte // as in the submit_sm_resp
	Source, Dest Address
}

const cancelFixed = 4 + 4 // four NULs, TON and NPI twice

// Append appends a whole cancel_sm to dst. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (c *Cancel) Append(dst []byte, seq uint32) ([]byte, error) {
	if err := checkCString(fieldServiceType, c.ServiceType, LimitServiceType); err != nil {
		return dst, err
	}
	if err := checkCString(fieldMessageID, c.MessageID, limitEchoedID); err != nil {
		return dst, err
	}
	if err := checkCString(fieldSourceAddr, c.Source.Addr, LimitAddress); err != nil {
		return dst, err
	}
	if err := checkCString(fieldDestAddr, c.Dest.Addr, LimitAddress); err != nil {
		return dst, err
	}
	size := HeaderLen + cancelFixed + len(c.ServiceType) + len(c.MessageID) + len(c.Source.Addr) + len(c.Dest.Addr)
	dst = slices.Grow(dst, size)
	dst = appendHeader(dst, size, CancelSM, StatusOK, seq)
	dst = append(append(dst, c.ServiceType...), 0)
	dst = append(append(dst, c.MessageID...), 0)
	dst = c.Source.append(dst)
	return c.Dest.append(dst), nil
}

// append appends TON, NPI and the address with its NUL.
func (a *Address) append(dst []byte) []byte {
	dst = append(dst, a.TON, a.NPI)
	return append(append(dst, a.Addr...), 0)
}

// limitEchoedID is the limit of a message id that the SMSC gave out itself: what it made longer than the specification allows must go back
// to it as it came.
const limitEchoedID = TolerateString + 1
