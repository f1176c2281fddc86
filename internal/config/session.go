package config

import (
	"fmt"
	"time"
)

// Interface versions, in Session.InterfaceVersion.
const (
	Version33 = "3.3"
	Version34 = "3.4"
	Version50 = "5.0"
)

// How messages are submitted, in Session.SubmitWith.
const (
	SubmitWithSubmit = "submit_sm"
	SubmitWithData   = "data_sm"
)

// Session is how the binds of an SMSC are made and kept, from the variables SMSC_<n>_….
type Session struct {
	InterfaceVersion string        `env:"INTERFACE_VERSION" envDefault:"3.4" oneof:"3.3 3.4 5.0" desc:"version of SMPP spoken; 3.3 has neither a transceiver nor TLVs"`
	SubmitWith       string        `env:"SUBMIT_WITH" envDefault:"submit_sm" oneof:"submit_sm data_sm" desc:"PDU that messages go out in; what data_sm has no field for (deliver_at, protocol_id) goes by submit_sm all the same"`
	QueryAfter       time.Duration `env:"QUERY_AFTER" envDefault:"0s" min:"0s" max:"8760h" desc:"how long a final receipt may take before the SMSC is asked for it with query_sm, and again after twice that, four times, …; 0s: it is not asked"`
	AddressTON       int           `env:"ADDRESS_TON" envDefault:"0" min:"0" max:"255" desc:"addr_ton of the bind"`
	AddressNPI       int           `env:"ADDRESS_NPI" envDefault:"0" min:"0" max:"255" desc:"addr_npi of the bind"`
	AddressRange     string        `env:"ADDRESS_RANGE" desc:"address_range of the bind: the numbers whose messages are to come here, as the SMSC wants them written; most want none"`
	ReturnAfter      time.Duration `env:"RETURN_AFTER" envDefault:"10m" min:"0s" max:"24h" desc:"with several addresses: how long a bind stays with another than the first before the first is tried again; 0s for ever"`
	Outbind          Outbind       `envPrefix:"OUTBIND_"`
	Capture          Capture       `envPrefix:"CAPTURE_"`
	TCPKeepalive     time.Duration `env:"TCP_KEEPALIVE" envDefault:"30s" min:"0s" max:"24h" desc:"idle time after which TCP probes the connection; 0s never"`
}

// maxAddressRange is SMPP v3.4 §5.2.7, without the terminating NUL.
const maxAddressRange = 40

// checkSession refuses what the version chosen cannot do, before the SMSC refuses it in words of its own.
func (l *loader) checkSession(prefix string, s *SMSC) {
	if l.fine(prefix+"ADDRESS_RANGE") && (len(s.AddressRange) > maxAddressRange || !printable(s.AddressRange)) {
		l.fault(prefix+"ADDRESS_RANGE", fmt.Sprintf("must be at most %d printable characters", maxAddressRange))
	}
	if s.InterfaceVersion != Version33 {
		return
	}
	if l.fine(prefix+"BIND") && s.Bind == BindTransceiver {
		l.fault(prefix+"INTERFACE_VERSION", "3.3 has no transceiver: set "+prefix+"BIND=pair (or transmitter, or receiver), or "+prefix+"INTERFACE_VERSION=3.4")
	}
	if l.fine(prefix+"SUBMIT_WITH") && s.SubmitWith == SubmitWithData {
		l.fault(prefix+"SUBMIT_WITH", "3.3 has no data_sm: set submit_sm, or "+prefix+"INTERFACE_VERSION=3.4")
	}
	if l.fine(prefix+"LONG_MESSAGES") && (s.LongMessages == "sar" || s.LongMessages == "payload") {
		l.fault(prefix+"LONG_MESSAGES", "needs TLVs, which 3.3 does not have: set udh8 or udh16, or "+prefix+"INTERFACE_VERSION=3.4")
	}
}
