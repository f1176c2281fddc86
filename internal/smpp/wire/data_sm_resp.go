package wire

// DataResp is the body of a data_sm_resp, SMPP v3.4 §4.7.2. It reads and has the same tolerance as [SubmitResp].
type DataResp struct {
	MessageID []byte // without the NUL
	TLVs      []TLV  // delivery_failure_reason, network_error_code, additional_status_info_text, dpf_result

	// Trailing is what a decoded body had after its last whole TLV; it is never encoded.
	Trailing []byte
}

// Decode reads the body of a data_sm_resp as [SubmitResp.Decode] does.
func (r *DataResp) Decode(body []byte) error { return (*SubmitResp)(r).Decode(body) }

// TLV returns the value of the first TLV with the tag.
func (r *DataResp) TLV(tag uint16) ([]byte, bool) { return FindTLV(r.TLVs, tag) }

// Append appends a whole data_sm_resp with its body, whatever the status: unlike submit_sm_resp, the TLVs that explain a refusal follow
// the message_id. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (r *DataResp) Append(dst []byte, seq, status uint32) ([]byte, error) {
	return (*SubmitResp)(r).append(dst, DataSMResp, seq, status)
}

// AppendDataResp appends a whole data_sm_resp without a message id and without TLVs: an ESME's answer to the SMSC.
func AppendDataResp(dst []byte, seq, status uint32) []byte {
	return append(appendHeader(dst, HeaderLen+1, DataSMResp, status, seq), 0)
}
