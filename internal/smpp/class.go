package smpp

import (
	"errors"

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
