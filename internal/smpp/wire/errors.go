package wire

import "fmt"

// Fault is what is wrong with one field.
type Fault uint8

const (
	// TooLong: the field has more octets than its limit.
	TooLong Fault = iota
	// WrongLength: the field must be empty or have exactly Limit octets (the times).
	WrongLength
	// HoldsNUL: a C-octet string holds a NUL before its end, which would shift every field after it.
	HoldsNUL
	// CutOff: the body ends inside the field or before it.
	CutOff
)

// FieldError says that a field cannot be encoded. It holds no content of the field, so that it can be logged.
type FieldError struct {
	Field  string // as in the specification: "source_addr"; a TLV: "TLV 0x1401"; the PDU as a whole: "command_length"
	Length int    // octets in the field, without a NUL at its end
	Limit  int    // octets allowed, without a NUL at its end
	Fault  Fault  // TooLong, WrongLength or HoldsNUL
}

func (e *FieldError) Error() string {
	switch e.Fault {
	case WrongLength:
		return fmt.Sprintf("%s has %d octets: leave it empty or give exactly %d", e.Field, e.Length, e.Limit)
	case HoldsNUL:
		return fmt.Sprintf("%s holds a NUL: remove it", e.Field)
	}
	name := e.Field
	if name == fieldCommandLength {
		name = "the PDU"
	}
	return fmt.Sprintf("%s has %d octets: shorten it to %d", name, e.Length, e.Limit)
}

// DecodeError says why the body of a PDU cannot be read. The framing is sound: answer the PDU with Status and go on.
type DecodeError struct {
	Field  string // as in the specification
	Offset int    // octets of the body before the field; flags in a row count as their first
	Fault  Fault  // TooLong or CutOff
}

func (e *DecodeError) Error() string {
	if e.Fault == TooLong {
		return fmt.Sprintf("wire: %s at octet %d of the body is longer than is accepted", e.Field, e.Offset)
	}
	return fmt.Sprintf("wire: the body ends inside or before %s at octet %d", e.Field, e.Offset)
}

// Status is the command_status that tells the peer what was wrong.
func (e *DecodeError) Status() uint32 {
	switch {
	case e.Field == fieldShortMessage:
		return StatusInvMsgLen
	case e.Fault == TooLong:
		return StatusInvParLen
	}
	return StatusInvCmdLen
}

const (
	fieldCommandLength      = "command_length"
	fieldServiceType        = "service_type"
	fieldSourceAddr         = "source_addr"
	fieldDestAddr           = "destination_addr"
	fieldESMClass           = "esm_class"
	fieldScheduleTime       = "schedule_delivery_time"
	fieldValidityPeriod     = "validity_period"
	fieldRegisteredDelivery = "registered_delivery"
	fieldShortMessage       = "short_message"
	fieldMessageID          = "message_id"
	fieldFinalDate          = "final_date"
	fieldMessageState       = "message_state"
)
