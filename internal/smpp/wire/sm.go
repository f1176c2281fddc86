package wire

// Address is an address with its type of number and numbering plan, SMPP v3.4 §5.2.5, §5.2.6.
type Address struct {
	TON, NPI byte
	Addr     []byte // without the NUL
}

// SM is the body that submit_sm and deliver_sm share (SMPP v3.4 §4.4.1, §4.6.1). Strings are without their NUL.
type SM struct {
	ServiceType                        []byte  // at most 5 octets
	Source, Dest                       Address // at most 20 octets each
	ESMClass, ProtocolID, PriorityFlag byte
	ScheduleDeliveryTime               []byte // 0 or 16 octets, as ValidityPeriod
	ValidityPeriod                     []byte
	RegisteredDelivery                 byte
	ReplaceIfPresent                   byte
	DataCoding                         byte // raw: nothing here interprets it
	DefaultMsgID                       byte
	ShortMessage                       []byte // at most 254 octets; UDH first, if ESMClass says so
	TLVs                               []TLV

	// Trailing is what a decoded body had after its last whole TLV. It tells of a carrier with odd habits and is never encoded.
	Trailing []byte
}

// TLV returns the value of the first TLV with the tag.
func (m *SM) TLV(tag uint16) ([]byte, bool) { return FindTLV(m.TLVs, tag) }

// UserData is the message itself: the short message, or the message_payload TLV if the short message is empty (SMPP v3.4 §5.3.2.32).
// Where a peer sent both, against the specification, the short message stands.
func (m *SM) UserData() []byte {
	if len(m.ShortMessage) == 0 {
		v, _ := m.TLV(TagMessagePayload)
		return v
	}
	return m.ShortMessage
}

// Decode reads the body of a submit_sm or deliver_sm, the octets after the header. Every field aliases body; the capacity of m.TLVs is
// used again, and nothing else of m's former content is kept, not even after an error, which is always a [*DecodeError].
//
// Accepted, since carriers send it: strings up to TolerateString octets, times of any length, a short message of 255 octets, a short
// message beside a message_payload, and octets at the end that make no TLV (they go to Trailing). Not accepted: an sm_length beyond
// the end of the body and a body that ends before sm_length, for then no field after the fault can be trusted.
func (m *SM) Decode(body []byte) error {
	m.TLVs = m.TLVs[:0]
	m.Trailing = nil
	b := body
	if len(b) > int(MaxPDU)-HeaderLen {
		return m.refuse(body, b, fieldCommandLength, TooLong)
	}

	var n int
	if m.ServiceType, n = cutCString(b); n == 0 {
		return m.refuse(body, b, fieldServiceType, cStringFault(b))
	}
	b = b[n:]
	if n = m.Source.decode(b); n == 0 {
		return m.refuse(body, b, fieldSourceAddr, addressFault(b))
	}
	b = b[n:]
	if n = m.Dest.decode(b); n == 0 {
		return m.refuse(body, b, fieldDestAddr, addressFault(b))
	}
	b = b[n:]

	if len(b) < 3 {
		return m.refuse(body, b, fieldESMClass, CutOff)
	}
	m.ESMClass, m.ProtocolID, m.PriorityFlag = b[0], b[1], b[2]
	b = b[3:]
	if m.ScheduleDeliveryTime, n = cutCString(b); n == 0 {
		return m.refuse(body, b, fieldScheduleTime, cStringFault(b))
	}
	b = b[n:]
	if m.ValidityPeriod, n = cutCString(b); n == 0 {
		return m.refuse(body, b, fieldValidityPeriod, cStringFault(b))
	}
	b = b[n:]

	if len(b) < 5 {
		return m.refuse(body, b, fieldRegisteredDelivery, CutOff)
	}
	m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding, m.DefaultMsgID = b[0], b[1], b[2], b[3]
	n = int(b[4])
	b = b[5:]
	if n > len(b) {
		return m.refuse(body, b, fieldShortMessage, CutOff)
	}
	m.ShortMessage = b[:n:n]
	if n < len(b) {
		m.TLVs, m.Trailing = parseTLVs(m.TLVs, b[n:])
	}
	return nil
}

// refuse leaves nothing in m that could be taken for a message.
func (m *SM) refuse(body, rest []byte, field string, fault Fault) error {
	*m = SM{TLVs: m.TLVs[:0]}
	return &DecodeError{Field: field, Offset: len(body) - len(rest), Fault: fault}
}

func (a *Address) decode(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	s, n := cutCString(b[2:])
	if n == 0 {
		return 0
	}
	a.TON, a.NPI, a.Addr = b[0], b[1], s
	return n + 2
}

func addressFault(b []byte) Fault {
	if len(b) < 3 {
		return CutOff
	}
	return cStringFault(b[2:])
}

// append appends the whole PDU. Everything is checked and counted before the first octet is written: a PDU half appended to the buffer
// of a session would put every PDU behind it out of frame.
func (m *SM) append(dst []byte, id, seq uint32) ([]byte, error) {
	size, fits := m.size()
	if !fits {
		return dst, m.fault(size)
	}
	dst, b := extend(dst, size)
	n := putHeader(b, size, id, StatusOK, seq)
	n = putCString(b, n, m.ServiceType)
	n = m.Source.put(b, n)
	n = m.Dest.put(b, n)
	flags := b[n : n+3]
	flags[0], flags[1], flags[2] = m.ESMClass, m.ProtocolID, m.PriorityFlag
	n = putCString(b, n+3, m.ScheduleDeliveryTime)
	n = putCString(b, n, m.ValidityPeriod)
	flags = b[n : n+5]
	flags[0], flags[1], flags[2], flags[3] = m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding, m.DefaultMsgID
	flags[4] = byte(len(m.ShortMessage))
	n += 5
	end := n + len(m.ShortMessage)
	copy(b[n:end], m.ShortMessage)
	putTLVs(b, end, m.TLVs)
	return dst, nil
}

// smFixed is what the body takes when all that is variable is empty: five NULs, TON and NPI twice, seven flags, sm_length.
const smFixed = 5 + 4 + 7 + 1

// size is the length of the whole PDU, and whether it can be encoded. It leaves to fault which field it is that does not fit: a call and
// an error for each field would take as long as writing all of them.
func (m *SM) size() (size int, fits bool) {
	tlvs, fit := tlvsLen(m.TLVs)
	size = HeaderLen + smFixed + len(m.ServiceType) + len(m.Source.Addr) + len(m.Dest.Addr) +
		len(m.ScheduleDeliveryTime) + len(m.ValidityPeriod) + len(m.ShortMessage) + tlvs
	return size, fit && size <= int(MaxPDU) && len(m.ShortMessage) <= int(LimitShortMessage) &&
		cStringFits(m.ServiceType, LimitServiceType) && cStringFits(m.Source.Addr, LimitAddress) && cStringFits(m.Dest.Addr, LimitAddress) &&
		timeFits(m.ScheduleDeliveryTime) && timeFits(m.ValidityPeriod)
}

// fault names the first field of a message of that size that does not fit. It is never nil, whatever size found: a message is encoded or
// refused.
func (m *SM) fault(size int) error {
	if err := checkCString(fieldServiceType, m.ServiceType, LimitServiceType); err != nil {
		return err
	}
	if err := checkCString(fieldSourceAddr, m.Source.Addr, LimitAddress); err != nil {
		return err
	}
	if err := checkCString(fieldDestAddr, m.Dest.Addr, LimitAddress); err != nil {
		return err
	}
	if err := checkTime(fieldScheduleTime, m.ScheduleDeliveryTime); err != nil {
		return err
	}
	if err := checkTime(fieldValidityPeriod, m.ValidityPeriod); err != nil {
		return err
	}
	if len(m.ShortMessage) > int(LimitShortMessage) {
		return &FieldError{Field: fieldShortMessage, Length: len(m.ShortMessage), Limit: int(LimitShortMessage), Fault: TooLong}
	}
	return tlvsFault(m.TLVs, size)
}
