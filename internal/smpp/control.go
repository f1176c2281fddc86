package smpp

import (
	"bytes"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// The PDUs of session control, rare enough for a codec that allocates. What is read
// of them is the header alone, by wire: carriers leave out bodies that gosmpp
// insists on.

func appendPDU(dst []byte, p pdu.PDU, sequence uint32) []byte {
	p.SetSequenceNumber(int32(sequence))
	var b bytes.Buffer
	p.Marshal(&pdu.ByteBuffer{Buffer: &b})
	return append(dst, b.Bytes()...)
}

func appendBind(dst []byte, cfg *AccountConfig, t BindType, sequence uint32) []byte {
	types := map[BindType]pdu.BindingType{
		Transceiver: pdu.Transceiver, Transmitter: pdu.Transmitter, Receiver: pdu.Receiver,
	}
	p := pdu.NewBindRequest(types[t])
	p.SystemID, p.Password, p.SystemType = cfg.SystemID, cfg.Password, cfg.SystemType
	p.InterfaceVersion = byte(cfg.Version)
	p.AddressRange = pdu.NewAddressRangeWithTonNpiAddr(cfg.AddressTON, cfg.AddressNPI, cfg.AddressRange)
	return appendPDU(dst, p, sequence)
}

func bindRespID(t BindType) uint32 {
	switch t {
	case Transmitter:
		return wire.BindTransmitterResp
	case Receiver:
		return wire.BindReceiverResp
	}
	return wire.BindTransceiverResp
}

// appendRefusal answers a request that the SMSC may not make, or makes of no one
// here, with the response that belongs to it. What has no response gets none; it
// says false for a command that does not exist.
func appendRefusal(dst []byte, h wire.Header) ([]byte, bool) {
	p, err := pdu.CreatePDUFromCmdID(data.CommandIDType(int32(h.ID)))
	if err != nil {
		return dst, false
	}
	if !p.CanResponse() {
		return dst, true // outbind, alert_notification (SMPP v3.4 §4.1.7, §4.12)
	}
	status := wire.StatusInvBndSts
	switch h.ID {
	case wire.BindTransceiver, wire.BindTransmitter, wire.BindReceiver:
		status = wire.StatusAlyBnd
	}
	return wire.AppendHeaderOnly(dst, h.ID|0x8000_0000, status, h.Sequence), true
}

func appendNack(dst []byte, status, sequence uint32) []byte {
	p := pdu.NewGenericNack().(*pdu.GenericNack)
	p.CommandStatus = data.CommandStatusType(status)
	return appendPDU(dst, p, sequence)
}
