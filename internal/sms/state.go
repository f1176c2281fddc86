package sms

// State is the state of a message as records write it.
type State string

// The states of SMPP v3.4 §5.2.28, and of SMPP v5.0 §4.7.15 the first and the last.
const (
	StateScheduled     State = "SCHEDULED"
	StateEnroute       State = "ENROUTE"
	StateDelivered     State = "DELIVERED"
	StateExpired       State = "EXPIRED"
	StateDeleted       State = "DELETED"
	StateUndeliverable State = "UNDELIVERABLE"
	StateAccepted      State = "ACCEPTED"
	StateUnknown       State = "UNKNOWN"
	StateRejected      State = "REJECTED"
	StateSkipped       State = "SKIPPED"
)

// statesByNumber is the values of message_state.
var statesByNumber = [...]State{
	StateScheduled, StateEnroute, StateDelivered, StateExpired, StateDeleted,
	StateUndeliverable, StateAccepted, StateUnknown, StateRejected, StateSkipped,
}

// StateOf is the state of a message_state TLV (SMPP v3.4 §5.3.2.35); ok is false
// for a value that has none.
func StateOf(messageState int) (s State, ok bool) {
	if messageState < 0 || messageState >= len(statesByNumber) {
		return StateUnknown, false
	}
	return statesByNumber[messageState], true
}

// Final tells whether no other state follows this one.
func (s State) Final() bool {
	switch s {
	case StateScheduled, StateEnroute, StateAccepted:
		return false
	}
	return true
}

// statesByText is what carriers write after stat:, in upper case. The first of
// each line are SMPP's own (SMPP v3.4, appendix B).
var statesByText = map[string]State{
	"DELIVRD": StateDelivered, "DELIVERED": StateDelivered, "DELIVERD": StateDelivered, "DELIVER": StateDelivered,
	"EXPIRED": StateExpired,
	"DELETED": StateDeleted, "CANCELED": StateDeleted, "CANCELLED": StateDeleted,
	"UNDELIV": StateUndeliverable, "UNDELIVERABLE": StateUndeliverable, "UNDELIVERED": StateUndeliverable,
	"UNDELIVRD": StateUndeliverable, "UNDELIVERD": StateUndeliverable, "NOT_DELIVERED": StateUndeliverable,
	"FAILED": StateUndeliverable, "FAILURE": StateUndeliverable,
	"ACCEPTD": StateAccepted, "ACCEPTED": StateAccepted, "ACKED": StateAccepted,
	"UNKNOWN": StateUnknown, "UNKNOWND": StateUnknown,
	"REJECTD": StateRejected, "REJECTED": StateRejected, "REJECTE": StateRejected,
	"DND_REJECTED": StateRejected, "DND": StateRejected, "BLOCKED": StateRejected, "BLACKLISTED": StateRejected,
	"ENROUTE": StateEnroute, "EN_ROUTE": StateEnroute,
	"BUFFRED": StateEnroute, "BUFFERED": StateEnroute, "BUFFERD": StateEnroute,
	"QUEUED": StateEnroute, "PENDING": StateEnroute, "SUBMITD": StateEnroute, "SUBMITTED": StateEnroute,
	"SCHEDULED": StateScheduled, "SCHEDUL": StateScheduled, "SCHEDLD": StateScheduled,
	"SKIPPED": StateSkipped,
}
