package smsc

import (
	"fmt"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// Version is the version of SMPP that the simulator speaks, as interface_version has it.
type Version byte

// The versions. VersionAny is a simulator that understands v3.4 and does not say so, as
// most SMSCs do.
const (
	VersionAny Version = 0
	Version33  Version = 0x33 // no transceiver, no data_sm, no TLVs
	Version34  Version = 0x34 // says so in sc_interface_version
	Version50  Version = 0x50
)

// ParseVersion reads 3.3, 3.4, 5.0, or nothing.
func ParseVersion(s string) (Version, error) {
	return parseWord(s, "version of SMPP", map[string]Version{"": VersionAny, "3.3": Version33, "3.4": Version34, "5.0": Version50})
}

// Bind is a bind as the ESME asked for it.
type Bind struct {
	SystemID, SystemType string
	Type                 string // transceiver, transmitter, receiver
	Version              byte
	TON, NPI             byte
	AddressRange         string
	Status               uint32 // that it was answered with
}

func (s *SMSC) tellBind(p *pdu.BindRequest, status uint32) {
	if s.opts.OnBind == nil {
		return
	}
	types := map[pdu.BindingType]string{pdu.Transceiver: "transceiver", pdu.Transmitter: "transmitter", pdu.Receiver: "receiver"}
	s.opts.OnBind(Bind{
		SystemID: p.SystemID, SystemType: p.SystemType, Type: types[p.BindingType], Version: p.InterfaceVersion,
		TON: p.AddressRange.Ton, NPI: p.AddressRange.Npi, AddressRange: p.AddressRange.AddressRange, Status: status,
	})
}

const (
	tagInterfaceVersion pdu.Tag = 0x0210 // sc_interface_version, SMPP v3.4 §5.3.2.25
	tagCongestion       pdu.Tag = 0x0428 // congestion_state, SMPP v5.0 §4.8.4.18
)

// knows says whether a command exists in the version spoken.
func (v Version) knows(command data.CommandIDType) bool {
	return v != Version33 || command != data.BIND_TRANSCEIVER && command != data.DATA_SM
}

// refuses says whether an SMSC of that version chokes on the TLVs of a submit_sm.
func (v Version) refuses(p *pdu.SubmitSM) bool {
	return v == Version33 && len(p.OptionalParameters) > 0
}

// sign adds what the version says of itself to a bind_resp.
func (v Version) sign(resp *pdu.BindResp) {
	if v >= Version34 {
		resp.RegisterOptionalParam(pdu.Field{Tag: tagInterfaceVersion, Data: []byte{byte(v)}})
	}
}

// String is as ParseVersion reads it.
func (v Version) String() string {
	if v == VersionAny {
		return ""
	}
	return fmt.Sprintf("%d.%d", v>>4, v&15)
}
