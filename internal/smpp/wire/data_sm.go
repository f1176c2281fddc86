package wire

// DataSM is the body of a data_sm, SMPP v3.4 §4.7.1. Its message is in the message_payload TLV.
type DataSM struct {
	ServiceType        []byte  // at most 5 octets
	Source, Dest       Address // at most 64 octets each
	ESMClass           byte
	RegisteredDelivery byte
	DataCoding         byte // raw
	TLVs               []TLV

	// Trailing is what a decoded body had after its last whole TLV; it is never encoded.
	Trailing []byte
}

// TLV returns the value of the first TLV with the tag.
func (d *DataSM) TLV(tag uint16) ([]byte, bool) { return FindTLV(d.TLVs, tag) }

// SM is the data_sm as a deliver_sm with the same content: the fields that data_sm does not have are zero, ShortMessage is empty, and the
// message stays in its message_payload TLV, where SM.UserData finds it. It shares memory with d. The addresses may be longer than a
// deliver_sm can have, and then it cannot be encoded as one.
func (d *DataSM) SM() SM {
	return SM{
		ServiceType: d.ServiceType, Source: d.Source, Dest: d.Dest,
		ESMClass: d.ESMClass, RegisteredDelivery: d.RegisteredDelivery, DataCoding: d.DataCoding,
		TLVs: d.TLVs, Trailing: d.Trailing,
	}
}

// Decode reads the body of a data_sm, with the same aliasing and the same tolerance as [SM.Decode].
func (d *DataSM) Decode(body []byte) error {
	d.TLVs = d.TLVs[:0]
	d.Trailing = nil
	b := body
	if len(b) > int(MaxPDU)-HeaderLen {
		return d.refuse(body, b, fieldCommandLength, TooLong)
	}
	var n int
	if d.ServiceType, n = cutCString(b); n == 0 {
		return d.refuse(body, b, fieldServiceType, cStringFault(b))
	}
	b = b[n:]
	if n = d.Source.decode(b); n == 0 {
		return d.refuse(body, b, fieldSourceAddr, addressFault(b))
	}
	b = b[n:]
	if n = d.Dest.decode(b); n == 0 {
		return d.refuse(body, b, fieldDestAddr, addressFault(b))
	}
	b = b[n:]
	if len(b) < 3 {
		return d.refuse(body, b, fieldESMClass, CutOff)
	}
	d.ESMClass, d.RegisteredDelivery, d.DataCoding = b[0], b[1], b[2]
	if len(b) > 3 {
		d.TLVs, d.Trailing = parseTLVs(d.TLVs, b[3:])
	}
	return nil
}

func (d *DataSM) refuse(body, rest []byte, field string, fault Fault) error {
	*d = DataSM{TLVs: d.TLVs[:0]}
	return &DecodeError{Field: field, Offset: len(body) - len(rest), Fault: fault}
}

// dataFixed is what the body takes when all that is variable is empty: three NULs, TON and NPI twice, three flags.
const dataFixed = 3 + 4 + 3

// AppendData appends a whole data_sm to dst. On a field over its limit, which is always a [*FieldError], dst comes back as it was.
func (d *DataSM) AppendData(dst []byte, seq uint32) ([]byte, error) {
	if err := checkCString(fieldServiceType, d.ServiceType, LimitServiceType); err != nil {
		return dst, err
	}
	if err := checkCString(fieldSourceAddr, d.Source.Addr, LimitDataAddress); err != nil {
		return dst, err
	}
	if err := checkCString(fieldDestAddr, d.Dest.Addr, LimitDataAddress); err != nil {
		return dst, err
	}
	tlvs, fit := tlvsLen(d.TLVs)
	size := HeaderLen + dataFixed + len(d.ServiceType) + len(d.Source.Addr) + len(d.Dest.Addr) + tlvs
	if !fit || size > int(MaxPDU) {
		return dst, tlvsFault(d.TLVs, size)
	}
	dst, b := extend(dst, size)
	n := putHeader(b, size, DataSMID, StatusOK, seq)
	n = putCString(b, n, d.ServiceType)
	n = d.Source.put(b, n)
	n = d.Dest.put(b, n)
	flags := b[n : n+3]
	flags[0], flags[1], flags[2] = d.ESMClass, d.RegisteredDelivery, d.DataCoding
	putTLVs(b, n+3, d.TLVs)
	return dst, nil
}
