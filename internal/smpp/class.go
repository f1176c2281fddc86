package smpp

import (
	"errors"
	"fmt"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Class is what a command_status in the answer to a submit_sm means for what
// happens next.
type Class = wire.Class

// The classes.
const (
	Accepted  = wire.Accepted
	Throttle  = wire.Throttle  // not now, and slower
	Temporary = wire.Temporary // not now
	Permanent = wire.Permanent // never
)

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
