package smpp

import (
	"sync/atomic"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Priorities is the number of lanes of an account's queue: Submit.Priority 3 goes
// first, 0 last.
const Priorities = 4

// Op is what a Submit asks of the SMSC.
type Op uint8

const (
	OpSubmit  Op = iota // submit_sm
	OpData              // data_sm; the message is in SM's message_payload TLV
	OpCancel            // cancel_sm of the message MessageID
	OpReplace           // replace_sm of the message MessageID
	OpQuery             // query_sm of the message MessageID
	ops
)

var opNames = [ops]string{"submit", "data", "cancel", "replace", "query"}

func (o Op) String() string { return opNames[min(o, ops-1)] }

// opOf is the operation that a response answers; ok is false for responses that answer none.
func opOf(respID uint32) (o Op, ok bool) {
	switch respID {
	case wire.SubmitSMResp:
		return OpSubmit, true
	case wire.DataSMResp:
		return OpData, true
	case wire.CancelSMResp:
		return OpCancel, true
	case wire.ReplaceSMResp:
		return OpReplace, true
	case wire.QuerySMResp:
		return OpQuery, true
	}
	return 0, false
}

// Submit is one submit_sm to be sent, or another request about one message. Whatever it is, it takes a place in the
// window and a permit of the pace, and ends in exactly one Answer.
//
// It is owned by the caller until Offer and by the account until its Answer. After
// an InDoubt it must not be reused or offered again (a late answer may still name
// it): what is sent again is a new Submit.
type Submit struct {
	SM       wire.SM
	Op       Op
	Priority uint8  // 0..3, 3 first; more counts as 3
	Owner    any    // the caller's, untouched
	Claim    *Claim // nil: cannot be revoked
	// Expires is when it is too late to send it: from then on it comes back NotSent,
	// when its turn to be written comes or earlier. Zero: never.
	Expires time.Time
	// TraceID is what an exemplar of its round trip names; "" where it is not traced.
	TraceID string

	// MessageID is of the message that is cancelled, replaced or queried. SM then has what else the request
	// has of it: addresses, and for OpReplace the text, times and registered_delivery.
	MessageID []byte
}

// expired says that it is too late.
func (s *Submit) expired(now time.Time) bool {
	return !s.Expires.IsZero() && !faultpoint.Wall(now).Before(s.Expires)
}

// void says that it may not be written any more: its claim is revoked, or its time is over.
func (s *Submit) void(now time.Time) bool { return s.Claim.Revoked() || s.expired(now) }

// Append appends the PDU to dst. On a field over its limit dst comes back as it was.
func (s *Submit) Append(dst []byte, sequence uint32) ([]byte, error) {
	m := &s.SM
	switch s.Op {
	case OpData:
		d := wire.DataSM{
			ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass,
			RegisteredDelivery: m.RegisteredDelivery, DataCoding: m.DataCoding, TLVs: m.TLVs,
		}
		return d.AppendData(dst, sequence)
	case OpCancel:
		c := wire.Cancel{ServiceType: m.ServiceType, MessageID: s.MessageID, Source: m.Source, Dest: m.Dest}
		return c.Append(dst, sequence)
	case OpReplace:
		r := wire.Replace{
			MessageID: s.MessageID, Source: m.Source, ScheduleDeliveryTime: m.ScheduleDeliveryTime, ValidityPeriod: m.ValidityPeriod,
			RegisteredDelivery: m.RegisteredDelivery, DefaultMsgID: m.DefaultMsgID, ShortMessage: m.ShortMessage,
		}
		return r.Append(dst, sequence)
	case OpQuery:
		q := wire.Query{MessageID: s.MessageID, Source: m.Source}
		return q.Append(dst, sequence)
	}
	return m.AppendSubmit(dst, sequence)
}

// Outcome is what became of a Submit.
type Outcome uint8

const (
	// NotSent: the transport certainly did not accept its last byte. Sending it
	// again cannot double it.
	NotSent Outcome = iota + 1
	// InDoubt: handed to the transport, no answer.
	InDoubt
	// Responded: the SMSC answered; Status and MessageID say what.
	Responded
)

func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not_sent"
	case InDoubt:
		return "in_doubt"
	case Responded:
		return "responded"
	}
	return "unknown"
}

// Answer is what became of a Submit. There is exactly one for each Submit offered,
// and after an InDoubt at most one more, with Late set.
type Answer struct {
	Submit  *Submit
	Outcome Outcome

	// Status is the command_status, MessageID the message_id as written, of a
	// Responded. A generic_nack is a Responded too, its Status never 0.
	//
	// For OpQuery MessageID is the whole body of the query_sm_resp.
	Status    uint32
	MessageID string

	SentAt time.Time // when it was handed to the transport; zero for NotSent
	At     time.Time

	Late   bool   // upgrades an InDoubt that was given before
	Reason string // in words, for NotSent and InDoubt
	Err    error  // NotSent only: it can never be sent as it is (a field over its limit), whichever way
}

// Claim is the right to send for one partition. It is revoked when the partition is
// lost; the zero value is a claim in force. Used by pointer.
type Claim struct{ revoked atomic.Bool }

// Revoke forbids every later write of the claim's submits. It does not wait: a
// write that has passed its last check goes on, and those submits end Responded or
// InDoubt, so who revokes waits for the answers of all that it offered. (Account's
// Withdraw brings the queued ones back.)
func (c *Claim) Revoke() { c.revoked.Store(true) }

// Revoked says whether Revoke was called. A nil claim never is.
func (c *Claim) Revoked() bool { return c != nil && c.revoked.Load() }

// Events is what an account tells its user. The methods are called from the
// account's goroutines, several at once, never from inside a call of the user's
// into the account, and must not block: a session stands still meanwhile.
type Events interface {
	// Answered gives answers in batches. The slice is reused after the return.
	Answered(a *Account, answers []Answer)
	// Delivered gives one deliver_sm or data_sm; Respond must be called once.
	Delivered(d *Delivery)
	// StateChanged says that a bind came up or went down, or that its trouble
	// changed; Status has the facts.
	StateChanged(a *Account)
}

// Delivery is a deliver_sm or data_sm from the SMSC that waits for its response.
type Delivery struct {
	Account    string
	Bind       int    // which bind of the account, from 0
	CommandID  uint32 // wire.DeliverSM or wire.DataSM
	Body       []byte // without the header; the receiver's own
	ReceivedAt time.Time

	session  *session
	sequence uint32
	answered atomic.Bool
}

// Respond answers the SMSC with a command_status. Once; later calls do nothing.
// From any goroutine; never blocks. When the session has ended meanwhile the
// response has nowhere to go and is dropped: the SMSC sends the message again.
func (d *Delivery) Respond(status uint32) {
	if d.session == nil || d.answered.Swap(true) {
		return
	}
	d.session.respond(d.CommandID, d.sequence, status)
}

// Refuse answers with the status that makes this SMSC send the message again: the account's RetryStatus, or else the one given, which is
// wire.StatusSysErr or wire.StatusMsgQFul.
func (d *Delivery) Refuse(status uint32) {
	if d.session != nil {
		status = d.session.a.cfg.refusal(status)
	}
	d.Respond(status)
}
