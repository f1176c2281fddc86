package wire

// AppendDeliver appends a whole deliver_sm (SMPP v3.4 §4.6.1) to dst, as AppendSubmit does. An ESME never sends one; it is for peers
// and tests, and for writing again a body that was kept.
func (m *SM) AppendDeliver(dst []byte, seq uint32) ([]byte, error) {
	return m.append(dst, DeliverSM, seq)
}
