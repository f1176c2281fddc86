package wire

// AppendDeliverResp appends a whole deliver_sm_resp (SMPP v3.4 §4.6.2) to dst. Its message_id is unused and is a lone NUL; it is sent
// with every status, for there are SMSCs that take a deliver_sm_resp without it for malformed.
func AppendDeliverResp(dst []byte, seq, status uint32) []byte {
	return append(appendHeader(dst, HeaderLen+1, DeliverSMResp, status, seq), 0)
}
