package wire

import "slices"

// Replace is the body of a replace_sm, SMPP v3.4 §4.10.1. It has no data_coding: the new text is in that of the message that it replaces.
type Replace struct {
	MessageID            []byte // as in the submit_sm_resp
	Source               Address
	ScheduleDeliveryTime []byte // 0 or 16 octets, as ValidityPeriod
	ValidityPeriod       []byte
	RegisteredDelivery   byte
	DefaultMsgID         byte
	ShortMessage         []byte // at most 254 octets
}

const replaceFixed = 4 + 2 + 2 + 1 // four NULs, TON and NPI, two flags, sm_length

// Append appends a whole replace_sm to dst. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (r *Replace) Append(dst []byte, seq uint32) ([]byte, error) {
	if err := checkCString(fieldMessageID, r.MessageID, limitEchoedID); err != nil {
		return dst, err
	}
	if err := checkCString(fieldSourceAddr, r.Source.Addr, LimitAddress); err != nil {
		return dst, err
	}
	if err := checkTime(fieldScheduleTime, r.ScheduleDeliveryTime); err != nil {
		return dst, err
	}
	if err := checkTime(fieldValidityPeriod, r.ValidityPeriod); err != nil {
		return dst, err
	}
	if len(r.ShortMessage) > int(LimitShortMessage) {
		return dst, &FieldError{Field: fieldShortMessage, Length: len(r.ShortMessage), Limit: int(LimitShortMessage), Fault: TooLong}
	}
	size := HeaderLen + replaceFixed + len(r.MessageID) + len(r.Source.Addr) + len(r.ScheduleDeliveryTime) + len(r.ValidityPeriod) + len(r.ShortMessage)
	dst = slices.Grow(dst, size)
	dst = appendHeader(dst, size, ReplaceSM, StatusOK, seq)
	dst = append(append(dst, r.MessageID...), 0)
	dst = r.Source.append(dst)
	dst = append(append(dst, r.ScheduleDeliveryTime...), 0)
	dst = append(append(dst, r.ValidityPeriod...), 0, r.RegisteredDelivery, r.DefaultMsgID, byte(len(r.ShortMessage)))
	return append(dst, r.ShortMessage...), nil
}
