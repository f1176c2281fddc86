package smpp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Why a bind is not up, in words for the one who has to mend it: what the SMSC said,
// what that means in practice, and which variable or whom to turn to.

// BindError is a bind that the SMSC refused.
type BindError struct {
	Status uint32
	Type   BindType
	// Unknown: a generic_nack, so the SMSC does not even know the command.
	Unknown bool
}

func (e *BindError) Error() string {
	text := fmt.Sprintf("bind_%s refused with %s (%s)", e.Type, wire.StatusName(e.Status), wire.StatusText(e.Status))
	if remedy := e.remedy(); remedy != "" {
		text += ": " + remedy
	}
	return text
}

// remedies are by command_status (SMPP v3.4 §5.1.3) in the answer to a bind. Variables are without their SMSC_<n>_.
var remedies = map[uint32]string{
	wire.StatusInvPaswd:       "check PASSWORD; SMPP has room for 8 characters, and some SMSCs compare only those",
	wire.StatusInvSysID:       "check SYSTEM_ID, letter case too, and that the account is meant for this SMSC's address",
	wire.StatusBindFail:       "the SMSC's word for anything: check SYSTEM_ID, PASSWORD and SYSTEM_TYPE, that it allows the address that we come from, the kind of BIND, and so many BINDS",
	wire.StatusInvSysTyp:      "check SYSTEM_TYPE; most SMSCs want it empty, some the one in the account's papers",
	wire.StatusAlyBnd:         "the account holds as many binds as it may, perhaps one that the SMSC has not yet noticed to be dead; tried again with patience. If it stays: lower BINDS, stop what else uses the account, or ask for more binds",
	wire.StatusProhibited:     "the account may not bind so: ask the carrier which kind of BIND it allows, and from which addresses",
	wire.StatusInvBndSts:      "the SMSC does not take this bind now: another BIND (pair, transmitter, receiver) may be what it wants",
	wire.StatusInvCmdID:       "the SMSC does not know this kind of bind",
	wire.StatusInvCmdLen:      "the SMSC does not understand the bind: check INTERFACE_VERSION, and that SYSTEM_ID (15), PASSWORD (8) and SYSTEM_TYPE (12) are no longer than SMPP allows",
	wire.StatusInvParLen:      "a field is longer than the SMSC takes: SYSTEM_ID 15, PASSWORD 8, SYSTEM_TYPE 12, ADDRESS_RANGE 40 characters",
	wire.StatusInvSrcAdr:      "check ADDRESS_RANGE, ADDRESS_TON and ADDRESS_NPI; most SMSCs want none",
	wire.StatusInvSerTyp:      "check SYSTEM_TYPE, which this SMSC takes for a service type",
	wire.StatusSerTypUnauth:   "the account is not authorised for this service: check SYSTEM_TYPE, and ask the carrier",
	wire.StatusSerTypDenied:   "the carrier has denied this service to the account: ask it",
	wire.StatusSerTypUnavail:  "the service is not available just now; tried again",
	wire.StatusSysErr:         "the SMSC has trouble of its own; tried again. Some answer so to wrong credentials, too",
	wire.StatusThrottled:      "too many binds in too short a time; tried again later",
	wire.StatusMsgQFul:        "the SMSC is overloaded; tried again later",
	wire.StatusUnknownErr:     "the SMSC does not say why; tried again. If it stays, ask the carrier what its log says",
	wire.StatusSubmitFail:     "the SMSC does not say why; tried again. If it stays, ask the carrier what its log says",
	wire.StatusInvOptParamVal: "check INTERFACE_VERSION",
}

func (e *BindError) remedy() string {
	if (e.Unknown || e.Status == wire.StatusInvCmdID) && e.Type == Transceiver {
		return "the SMSC does not know the transceiver, which SMPP 3.3 does not have: set BIND=pair, and INTERFACE_VERSION=3.3 if it speaks that"
	}
	if r, ok := remedies[e.Status]; ok {
		return r
	}
	if e.Status >= 0x400 && e.Status <= 0x4FF {
		return "a code of the carrier's own: its documentation, or its support, knows what it means"
	}
	return "ask the carrier what it means by that"
}

// credentials says that no retry helps until someone has changed something. Retries
// go on all the same, far apart, since that change may be made at the SMSC.
func (e *BindError) credentials() bool {
	switch e.Status {
	case wire.StatusInvPaswd, wire.StatusInvSysID, wire.StatusBindFail, wire.StatusInvSysTyp, wire.StatusProhibited,
		wire.StatusInvCmdID, wire.StatusInvCmdLen, wire.StatusInvParLen, wire.StatusInvSerTyp, wire.StatusSerTypUnauth, wire.StatusSerTypDenied:
		return true
	}
	return false
}

// explain adds to an error of the connection what it usually means. bound is false
// up to the answer to the bind.
func explain(err error, bound bool) error {
	if hint := hintOf(err, bound); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

func hintOf(err error, bound bool) string {
	var (
		notTLS    tls.RecordHeaderError
		unknown   x509.UnknownAuthorityError
		otherHost x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &notTLS):
		return "the SMSC does not speak TLS at this port: set TLS_ENABLED=false, or the port that does"
	case errors.As(err, &unknown):
		return "set TLS_CA_FILE to the authority that signed the SMSC's certificate"
	case errors.As(err, &otherHost):
		return "set TLS_SERVER_NAME to a name that the SMSC's certificate is for"
	case errors.As(err, &invalid):
		return "the SMSC's certificate cannot be used: ask the carrier for a new one"
	case errors.As(err, &alert), err != nil && strings.Contains(err.Error(), "remote error: tls:"):
		// crypto/tls has no exported type for an alert that was received.
		return "the SMSC ended the handshake: where it wants to know us, set TLS_CERT_FILE and TLS_KEY_FILE to what it has been given"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check ADDRESS"
	case !bound && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the SMSC closed the connection without an answer to the bind; many do so with addresses that they do not know, or where they expect TLS (TLS_ENABLED)"
	}
	return ""
}
