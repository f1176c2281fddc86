package wire

import "slices"

// Query is the body of a query_sm, SMPP v3.4 §4.8.1.
type Query struct {
	MessageID []byte // as in the submit_sm_resp
	Source    Address
}

const queryFixed = 2 + 2 // two NULs, TON and NPI

// Append appends a whole query_sm to dst. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (q *Query) Append(dst []byte, seq uint32) ([]byte, error) {
	if err := checkCString(fieldMessageID, q.MessageID, limitEchoedID); err != nil {
		return dst, err
	}
	if err := checkCString(fieldSourceAddr, q.Source.Addr, LimitAddress); err != nil {
		return dst, err
	}
	size := HeaderLen + queryFixed + len(q.MessageID) + len(q.Source.Addr)
	dst = slices.Grow(dst, size)
	dst = appendHeader(dst, size, QuerySM, StatusOK, seq)
	dst = append(append(dst, q.MessageID...), 0)
	return q.Source.append(dst), nil
}

// QueryResp is the body of a query_sm_resp, SMPP v3.4 §4.8.2.
type QueryResp struct {
	MessageID    []byte
	FinalDate    []byte // empty while the message is not in a final state; its form is the caller's business
	MessageState byte   // SMPP v3.4 §5.2.28
	ErrorCode    byte   // the network's, 0 where there is none
}

// Decode reads the body of a query_sm_resp; its strings alias body. What follows the error_code is ignored, and a body that ends after
// the message_state has an error_code of 0: SMSCs are careless with a PDU that few ESMEs send.
func (r *QueryResp) Decode(body []byte) error {
	*r = QueryResp{}
	b := body
	fail := func(field string, fault Fault) error {
		*r = QueryResp{}
		return &DecodeError{Field: field, Offset: len(body) - len(b), Fault: fault}
	}
	var n int
	if r.MessageID, n = cutCString(b); n == 0 {
		return fail(fieldMessageID, cStringFault(b))
	}
	b = b[n:]
	if r.FinalDate, n = cutCString(b); n == 0 {
		return fail(fieldFinalDate, cStringFault(b))
	}
	if b = b[n:]; len(b) == 0 {
		return fail(fieldMessageState, CutOff)
	}
	r.MessageState = b[0]
	if len(b) > 1 {
		r.ErrorCode = b[1]
	}
	return nil
}
