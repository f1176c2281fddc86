package smsc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Options says how a simulator is built. The zero value is a well-behaved SMSC
// on a free loopback port that accepts every bind, answers at once and sends
// every receipt asked for. What can change while it runs is in Behaviour.
type Options struct {
	// Listen is the TCP address, host:port. Empty means 127.0.0.1:0, a free
	// port that Addr tells.
	Listen string
	// TLS, when set, makes the simulator speak TLS only.
	TLS *tls.Config
	// Logger gets starts, stops and refused binds. Nil discards.
	Logger *slog.Logger
	// Seed makes the run repeatable. 0 picks one at random; Seed() tells it.
	Seed uint64
	// SystemID is the simulator's own name in bind responses, 15 characters
	// at most. Empty means "smsc".
	SystemID string
	// Accounts maps system_id to password. Empty accepts everybody.
	Accounts map[string]string
	// MaxBinds limits the connections held at once; more are closed as they
	// come. 0 means 1024.
	MaxBinds int
	// QueueLimit bounds all deliver_sm not yet acknowledged, wherever they
	// wait. 0 means 500,000 (about 400 bytes each).
	QueueLimit int
	// DeliverWindow bounds the deliver_sm without an answer on one bind.
	// 0 means 100.
	DeliverWindow int
	// AuditFile, when set, gets a line of JSON for every submit_sm received,
	// deliver_sm sent and every acknowledgement. A file of that name is
	// overwritten. Its fields are those of Submit and Delivery.
	AuditFile string
	// AuditBodies adds the short_message in hexadecimal to those lines.
	AuditBodies bool
	// Remember is how many of the last accepted messages query_sm, cancel_sm and
	// replace_sm find. 0 remembers none: each of them then fails.
	Remember int
	// Version is the version of SMPP spoken.
	Version Version
	// OnBind, when set, gets every bind as it is answered.
	OnBind func(Bind)
	// Keep is how many of the last submits and deliveries Submits and
	// Delivers hold in memory. 0 keeps none.
	Keep int
	// OnSubmit and OnDelivery, when set, get every submit as it comes in, before
	// it is answered, and every try to deliver as it ends: an audit that must
	// not grow. They are called one at a time, and everything waits for them.
	OnSubmit   func(Submit)
	OnDelivery func(Delivery)

	Behaviour
}

// Behaviour is all that can be changed while the simulator runs, with Change.
type Behaviour struct {
	// Latency is the time from a submit_sm to its answer.
	Latency Distribution
	// TPS is the most submit_sm a second over all binds; what is above gets
	// ESME_RTHROTTLED. 0 sets no limit. A tenth of a second's worth may come
	// at once (at least one).
	TPS float64
	// Window is the most unanswered submit_sm on one bind; what is above gets
	// ESME_RTHROTTLED. 0 sets no limit.
	Window int
	// Errors is the share of submits that gets each status.
	Errors []StatusRate
	// Rules answers a submit by its destination's last digits; the first
	// that matches wins, before Errors.
	Rules []Rule
	// NoAnswer is the share of accepted submits that never get an answer.
	// Their receipts come all the same, as from a real SMSC.
	NoAnswer float64
	// Drop closes connections.
	Drop Drop
	// ReadRate is the most PDUs a second read from one bind; 0 sets no limit.
	// A slow reader fills the ESME's socket.
	ReadRate float64
	// BindStatus, when not zero, refuses binds with that status, as many as
	// RefuseBinds says (0: every one).
	BindStatus  uint32
	RefuseBinds int
	// BindDelay is the time before a bind is answered.
	BindDelay time.Duration
	// SilentLinks leaves enquire_link without an answer.
	SilentLinks bool
	// EnquireLink is how often the simulator itself sends an enquire_link on
	// each bind; 0 never.
	EnquireLink time.Duration

	// DropManaged is how many of the first cancel_sm and replace_sm are carried out
	// and not answered: the connection is closed instead.
	DropManaged int
	// Congestion is the congestion_state (SMPP v5.0 §4.8.4.18), 1 to 100, that goes
	// with every message id; 0 sends none.
	Congestion int

	// MessageID is the form of message ids.
	MessageID IDKind
	Receipts  Receipts
	// Replies sends a message back for a submit whose text has the keyword.
	Replies []Reply
	// ReplyDelay is the time from the submit to the reply.
	ReplyDelay Distribution
	MO         MO
	Retry      Retry
}

// StatusRate is the share of submits, 0 to 1, that is answered with Status.
type StatusRate struct {
	Status uint32
	Rate   float64
}

// Rule answers every submit to a destination that ends in Suffix with Status.
type Rule struct {
	Suffix string
	Status uint32
}

// Drop says when the connection that a submit_sm came over is closed.
type Drop struct {
	// Every closes it at every nth submit over all binds; 0 never.
	Every uint64
	// Rate closes it at this share of submits.
	Rate float64
	// AfterAnswer sends that submit's answer first. Otherwise the submit was
	// accepted, and its answer and all others not yet sent are lost.
	AfterAnswer bool
}

// Receipts says which delivery receipts follow an accepted submit that asked
// for them in registered_delivery (SMPP v3.4 §5.2.17): final, failure only,
// and intermediate notifications.
type Receipts struct {
	// Off sends none, whatever was asked for.
	Off bool
	// Delay is the time from the submit to the final receipt. An
	// intermediate one comes at half of it. However short it is, a receipt
	// comes behind its submit_sm_resp, but for BeforeResponse.
	Delay Distribution
	// Outcomes is how messages end. Empty: all DELIVRD.
	Outcomes []OutcomeRate
	Form     ReceiptForm
	// BeforeResponse is the share of receipts that is sent ahead of the
	// submit_sm_resp that they belong to.
	BeforeResponse float64
	// Via chooses the bind that a receipt takes.
	Via Via
	// Repeat is the share of receipts sent a second time, word for word,
	// after the first was acknowledged.
	Repeat float64
}

// OutcomeRate is the share of messages, 0 to 1, that ends in State, one of the
// abbreviations of SMPP v3.4 appendix B (DELIVRD, UNDELIV, EXPIRED, …).
type OutcomeRate struct {
	State string
	Rate  float64
}

// ReceiptForm is how a receipt tells what became of the message.
type ReceiptForm uint8

// The forms of receipts.
const (
	FormText ReceiptForm = iota // the text of SMPP v3.4 appendix B
	FormTLV                     // receipted_message_id, message_state, network_error_code and no text
	FormBoth
)

// Via is the choice of the bind for a receipt, always among those that can
// receive and have the system_id of the bind that sent the message.
type Via uint8

// The choices.
const (
	ViaAny   Via = iota // in turn
	ViaSame             // the bind of the submit where it can receive
	ViaOther            // another one than the bind of the submit where there is one
)

// Reply is sent back, as a mobile originated message, by the recipient of a
// submit whose text contains Keyword (letter case does not matter). Only
// messages that end in DELIVRD are replied to.
type Reply struct {
	Keyword string
	// Texts has one or more texts; one is picked at random.
	Texts []string
	// Rate is the share of recipients that reply. 0 means all.
	Rate float64
}

// MO is the stream of unsolicited messages from subscribers. It rests while half
// of QueueLimit is taken, so that receipts keep their places.
type MO struct {
	// Rate is in messages a second; 0 sends none.
	Rate float64
	// To is the address they are sent to. Empty means "12345".
	To string
	// Long is the share of messages with more than one part.
	Long float64
	// Shuffle sends the parts of a long message in random order.
	Shuffle bool
	// Spread sends the parts of a long message over all binds in turn, instead of
	// over one.
	Spread bool
}

// Retry says how long a deliver_sm is tried.
type Retry struct {
	// Timeout is how long an answer is waited for. 0 means 10s.
	Timeout time.Duration
	// Delay is the time from a negative or missing answer to the next try.
	// 0 means 500ms.
	Delay time.Duration
	// Max is the number of tries that end in a negative or missing answer
	// before the message is given up. 0 means 20. Tries that a lost
	// connection ended do not count.
	Max int
}

// clone copies what callers could otherwise change under a running simulator.
func (beh Behaviour) clone() Behaviour {
	beh.Errors = slices.Clone(beh.Errors)
	beh.Rules = slices.Clone(beh.Rules)
	beh.Replies = slices.Clone(beh.Replies)
	beh.Receipts.Outcomes = slices.Clone(beh.Receipts.Outcomes)
	return beh
}

func (o Options) withDefaults() Options {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SystemID == "" {
		o.SystemID = "smsc"
	}
	def(&o.MaxBinds, 1024)
	def(&o.QueueLimit, 500_000)
	def(&o.DeliverWindow, 100)
	o.Accounts = maps.Clone(o.Accounts)
	o.Behaviour = o.Behaviour.clone().withDefaults()
	return o
}

func (beh Behaviour) withDefaults() Behaviour {
	if beh.MO.To == "" {
		beh.MO.To = "12345"
	}
	if beh.Retry.Timeout == 0 {
		beh.Retry.Timeout = 10 * time.Second
	}
	if beh.Retry.Delay == 0 {
		beh.Retry.Delay = 500 * time.Millisecond
	}
	if beh.Retry.Max == 0 {
		beh.Retry.Max = 20
	}
	return beh
}

// validate reports every fault of the options at once.
func (o Options) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(o.SystemID) > 15 {
		fault("SystemID %q is longer than 15 characters", o.SystemID)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"MaxBinds", o.MaxBinds}, {"QueueLimit", o.QueueLimit}, {"DeliverWindow", o.DeliverWindow}, {"Keep", o.Keep},
	} {
		if f.value < 0 {
			fault("%s is %d; give 0 for the default, or more", f.name, f.value)
		}
	}
	return errors.Join(append(errs, o.Behaviour.validate())...)
}

func (beh Behaviour) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	share := func(name string, v float64) {
		if !(v >= 0 && v <= 1) {
			fault("%s is %v; a share lies between 0 and 1", name, v)
		}
	}
	notNegative := func(name string, v float64) {
		if !(v >= 0) {
			fault("%s is %v; give 0 for none, or more", name, v)
		}
	}
	notNegative("TPS", beh.TPS)
	notNegative("Window", float64(beh.Window))
	notNegative("ReadRate", beh.ReadRate)
	notNegative("RefuseBinds", float64(beh.RefuseBinds))
	notNegative("DropManaged", float64(beh.DropManaged))
	notNegative("BindDelay", float64(beh.BindDelay))
	notNegative("EnquireLink", float64(beh.EnquireLink))
	notNegative("MO.Rate", beh.MO.Rate)
	notNegative("Retry.Timeout", float64(beh.Retry.Timeout))
	notNegative("Retry.Delay", float64(beh.Retry.Delay))
	notNegative("Retry.Max", float64(beh.Retry.Max))
	share("NoAnswer", beh.NoAnswer)
	share("Drop.Rate", beh.Drop.Rate)
	share("Receipts.BeforeResponse", beh.Receipts.BeforeResponse)
	share("Receipts.Repeat", beh.Receipts.Repeat)
	share("MO.Long", beh.MO.Long)
	if err := checkErrors(beh.Errors); err != nil {
		fault("Errors: %w", err)
	}
	if err := checkOutcomes(beh.Receipts.Outcomes); err != nil {
		fault("Receipts.Outcomes: %w", err)
	}
	if beh.Congestion < 0 || beh.Congestion > 100 {
		fault("Congestion is %d; give 0 for none, or up to 100", beh.Congestion)
	}
	if beh.MessageID >= idKinds {
		fault("MessageID is %d, which is no form of message ids", beh.MessageID)
	}
	for _, r := range beh.Replies {
		share("the rate of reply "+r.Keyword, r.Rate)
		if r.Keyword == "" || len(r.Texts) == 0 {
			fault("a reply needs a keyword and at least one text")
		}
	}
	return errors.Join(errs...)
}
