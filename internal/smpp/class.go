package smpp

import (
	"errors"
	"fmt"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Class is what a command_status in the answer to a submit_sm means for what
// happens next.
type Class uint8

const (
	Accepted  Class = iota
	Throttle        // not now, and slower
	Temporary       // not now
	Permanent       // never
)

func (c Class) String() string {
	switch c {
	case Accepted:
		return "accepted"
	case Throttle:
		return "throttle"
	case Temporary:
		return "temporary"
	case Permanent:
		return "permanent"
	}
	return "unknown"
}

// Classify is the standard profile's table (SMPP v3.4 §5.1.3 names the statuses; it
// does not say which of them pass):
//
//	accepted    ESME_ROK
//	throttle    ESME_RTHROTTLED, ESME_RMSGQFUL
//	temporary   ESME_RSYSERR, ESME_RX_T_APPN: the SMSC's own trouble;
//	            ESME_RINVBNDSTS: the bind was lost without our knowing;
//	            ESME_RSERTYPUNAVAIL (v5.0): unavailable just now
//	permanent   all others. ESME_RSUBMITFAIL and ESME_RUNKNOWNERR too: carriers use
//	            them for recipients that do not exist, and a retry would come back
//	            refused for a day.
func Classify(status uint32) Class {
	switch status {
	case wire.StatusOK:
		return Accepted
	case wire.StatusThrottled, wire.StatusMsgQFul:
		return Throttle
	case wire.StatusSysErr, wire.StatusXTAppn, wire.StatusInvBndSts, wire.StatusSerTypUnavail:
		return Temporary
	}
	return Permanent
}

// BindError is a bind that the SMSC refused.
type BindError struct{ Status uint32 }

func (e *BindError) Error() string {
	hint := ""
	switch {
	case e.credentials():
		hint = ": check system id, password and system type, and that the SMSC allows this address"
	case e.Status == wire.StatusAlyBnd:
		hint = ": the account holds as many binds as it may, perhaps one that the SMSC has not yet noticed to be dead"
	}
	return fmt.Sprintf("bind refused with %s (%s)%s", wire.StatusName(e.Status), wire.StatusText(e.Status), hint)
}

// credentials says that no retry helps until someone has changed something. Retries
// go on all the same, far apart, since that change may be made at the SMSC.
func (e *BindError) credentials() bool {
	switch e.Status {
	case wire.StatusInvPaswd, wire.StatusInvSysID, wire.StatusBindFail, wire.StatusInvSysTyp, wire.StatusProhibited:
		return true
	}
	return false
}

// trouble is why a bind is not up, in the classes that differ in what to do next.
type trouble uint8

const (
	troubleNetwork     trouble = iota // or anything else: try soon
	troubleCredentials                // far apart, and alert: repeated failures lock accounts
	troubleAlreadyBound
)

func troubleOf(err error) trouble {
	var refused *BindError
	switch {
	case !errors.As(err, &refused):
		return troubleNetwork
	case refused.credentials():
		return troubleCredentials
	case refused.Status == wire.StatusAlyBnd:
		return troubleAlreadyBound
	}
	return troubleNetwork
}
