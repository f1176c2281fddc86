package smsc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

const (
	headerLen    = 16
	tlvHeaderLen = 4
	// maxPDU is the codec's own limit.
	maxPDU = data.MAX_PDU_LEN
	// responseBit sets a response's command_id apart from its request's (SMPP v3.4 §5.1.2.1).
	responseBit = 1 << 31
)

var (
	errFraming   = errors.New("smsc: command_length is under 16 or over the limit")
	errBadFields = errors.New("smsc: the body ends before its fields do")
)

// parseHeader reads the header of a PDU; raw must hold 16 octets.
func parseHeader(raw []byte) (pdu.Header, error) {
	h := pdu.ParseHeader([headerLen]byte(raw[:headerLen]))
	if h.CommandLength < headerLen || h.CommandLength > maxPDU {
		return h, errFraming
	}
	return h, nil
}

// decode reads a whole PDU with the codec. The outcome shares no memory with raw.
func decode(h pdu.Header, raw []byte) (p pdu.PDU, err error) {
	// The codec indexes without a check in places, and what it reads here
	// comes from anybody.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("smsc: the codec gave up on the PDU: %v", r)
		}
	}()
	p, err = pdu.CreatePDUFromCmdID(h.CommandID)
	if err != nil {
		return nil, err
	}
	return p, p.Unmarshal(pdu.NewBuffer(raw))
}

// appendHeader writes a PDU that has no body.
func appendHeader(buf *pdu.ByteBuffer, command data.CommandIDType, status, sequence uint32) {
	h := pdu.Header{
		CommandLength: headerLen, CommandID: command,
		CommandStatus: data.CommandStatusType(status), SequenceNumber: int32(sequence),
	}
	h.Marshal(buf)
}

// responseTo is the command_id that answers the given request.
func responseTo(command data.CommandIDType) data.CommandIDType {
	return data.CommandIDType(uint32(command) | responseBit)
}

// isResponse tells responses and generic_nack from requests.
func isResponse(command data.CommandIDType) bool { return uint32(command)&responseBit != 0 }

// setSequence writes the sequence_number into a marshalled PDU.
func setSequence(raw []byte, sequence uint32) { binary.BigEndian.PutUint32(raw[12:16], sequence) }

// message is a submit_sm or data_sm as it is judged. Its slices share the
// memory of the PDU that it was read from and die with it.
type message struct {
	sequence   uint32
	response   data.CommandIDType
	from, to   pdu.Address
	esmClass   byte
	registered byte
	dataCoding byte
	raw        []byte // short_message with its header, or message_payload
	text       []byte // the same without its header
	ref        uint16
	total      byte // 0: not part of a long message
	part       byte
}

// submitFields finds data_coding and the whole short_message in the body of a
// submit_sm (SMPP v3.4 §4.4.1). The codec does not tell either: it takes the
// user data header off, and maps the data_coding to what it knows of.
func submitFields(body []byte) (dataCoding byte, short []byte, err error) {
	skip := func(n int) {
		if len(body) < n {
			err, body = errBadFields, nil
			return
		}
		body = body[n:]
	}
	cstring := func() {
		i := bytes.IndexByte(body, 0)
		if i < 0 {
			err, body = errBadFields, nil
			return
		}
		body = body[i+1:]
	}
	cstring() // service_type
	skip(2)   // source ton, npi
	cstring() // source_addr
	skip(2)   // destination ton, npi
	cstring() // destination_addr
	skip(3)   // esm_class, protocol_id, priority_flag
	cstring() // schedule_delivery_time
	cstring() // validity_period
	skip(2)   // registered_delivery, replace_if_present_flag
	if err != nil || len(body) < 3 {
		return 0, nil, errBadFields
	}
	dataCoding, length := body[0], int(body[2])
	skip(3)
	if len(body) < length {
		return 0, nil, errBadFields
	}
	return dataCoding, body[:length], nil
}

// messageOfSubmit joins what the codec read with what it does not tell.
func messageOfSubmit(p *pdu.SubmitSM, raw []byte) (message, error) {
	m := message{
		sequence: uint32(p.SequenceNumber), response: data.SUBMIT_SM_RESP, from: p.SourceAddr, to: p.DestAddr,
		esmClass: p.EsmClass, registered: p.RegisteredDelivery,
	}
	var err error
	if m.dataCoding, m.raw, err = submitFields(raw[headerLen:]); err != nil {
		return m, err
	}
	m.finish(p.OptionalParameters)
	return m, nil
}

func messageOfData(p *pdu.DataSM) message {
	m := message{
		sequence: uint32(p.SequenceNumber), response: data.DATA_SM_RESP, from: p.SourceAddr, to: p.DestAddr,
		esmClass: p.EsmClass, registered: p.RegisteredDelivery, dataCoding: p.DataCoding,
	}
	m.finish(p.OptionalParameters)
	return m
}

// finish fills in what TLVs and the user data header say.
func (m *message) finish(tlvs map[pdu.Tag]pdu.Field) {
	if payload, ok := tlvs[pdu.TagMessagePayload]; ok && len(m.raw) == 0 {
		m.raw = payload.Data
	}
	m.text = m.raw
	if m.esmClass&data.SM_UDH_GSM != 0 && len(m.raw) > 0 && int(m.raw[0]) < len(m.raw) {
		end := 1 + int(m.raw[0])
		m.concatenation(m.raw[1:end])
		m.text = m.raw[end:]
		return
	}
	ref, total, part := tlvs[pdu.TagSarMsgRefNum].Data, tlvs[pdu.TagSarTotalSegments].Data, tlvs[pdu.TagSarSegmentSeqnum].Data
	if len(ref) == 2 && len(total) == 1 && len(part) == 1 {
		m.ref, m.total, m.part = binary.BigEndian.Uint16(ref), total[0], part[0]
	}
}

// concatenation reads the elements of a user data header (3GPP TS 23.040 §9.2.3.24.1 and .8).
func (m *message) concatenation(elements []byte) {
	for len(elements) >= 2 {
		id, n := elements[0], int(elements[1])
		if len(elements) < 2+n {
			return
		}
		v := elements[2 : 2+n]
		switch {
		case id == 0x00 && n == 3:
			m.ref, m.total, m.part = uint16(v[0]), v[1], v[2]
		case id == 0x08 && n == 4:
			m.ref, m.total, m.part = binary.BigEndian.Uint16(v), v[2], v[3]
		}
		elements = elements[2+n:]
	}
}
