package wire

import "bytes"

// SubmitResp is the body of a submit_sm_resp, SMPP v3.4 §4.4.2. The status is in the header.
type SubmitResp struct {
	MessageID []byte // without the NUL; empty if the SMSC gave none
	TLVs      []TLV

	// Trailing is what a decoded body had after its last whole TLV; it is never encoded.
	Trailing []byte
}

// Decode reads the body of a submit_sm_resp; MessageID and the TLVs alias body, and the capacity of r.TLVs is used again.
//
// Accepted, since carriers send it: no body at all (the rule where the status is not 0, §4.4.2, and seen with 0 too), a message id
// that ends with the body instead of a NUL, and one longer than the specification's 64 octets up to TolerateString. A longer one is
// a [*DecodeError]; the status in the header holds nevertheless, since the SMSC has taken or refused the message.
func (r *SubmitResp) Decode(body []byte) error {
	r.TLVs, r.MessageID, r.Trailing = r.TLVs[:0], nil, nil
	if len(body) == 0 {
		return nil
	}
	if len(body) > int(MaxPDU)-HeaderLen {
		return &DecodeError{Field: fieldCommandLength, Fault: TooLong}
	}
	end := bytes.IndexByte(body, 0)
	rest := body[len(body):]
	if end < 0 {
		end = len(body)
	} else {
		rest = body[end+1:]
	}
	if end > int(TolerateString) {
		return &DecodeError{Field: fieldMessageID, Fault: TooLong}
	}
	r.MessageID = body[:end:end]
	if len(rest) > 0 {
		r.TLVs, r.Trailing = parseTLVs(r.TLVs, rest)
	}
	return nil
}

// TLV returns the value of the first TLV with the tag.
func (r *SubmitResp) TLV(tag uint16) ([]byte, bool) { return FindTLV(r.TLVs, tag) }

// Append appends a whole submit_sm_resp to dst. With a status other than StatusOK and nothing to say the body is left out, as §4.4.2
// has it. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (r *SubmitResp) Append(dst []byte, seq, status uint32) ([]byte, error) {
	if status != StatusOK && len(r.MessageID) == 0 && len(r.TLVs) == 0 {
		return appendHeader(dst, HeaderLen, SubmitSMResp, status, seq), nil
	}
	return r.append(dst, SubmitSMResp, seq, status)
}

func (r *SubmitResp) append(dst []byte, id, seq, status uint32) ([]byte, error) {
	if err := checkCString(fieldMessageID, r.MessageID, LimitMessageID); err != nil {
		return dst, err
	}
	tlvs, fit := tlvsLen(r.TLVs)
	size := HeaderLen + len(r.MessageID) + 1 + tlvs
	if !fit || size > int(MaxPDU) {
		return dst, tlvsFault(r.TLVs, size)
	}
	dst, b := extend(dst, size)
	n := putHeader(b, size, id, status, seq)
	n = putCString(b, n, r.MessageID)
	putTLVs(b, n, r.TLVs)
	return dst, nil
}
