package wire

// AppendSubmit appends a whole submit_sm (SMPP v3.4 §4.4.1) to dst. On a field over its limit, which is always a [*FieldError], dst
// comes back as it was. m is not kept.
func (m *SM) AppendSubmit(dst []byte, seq uint32) ([]byte, error) {
	return m.append(dst, SubmitSM, seq)
}
