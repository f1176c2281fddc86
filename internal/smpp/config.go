package smpp

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// BindType is how the binds of an account are made.
type BindType uint8

const (
	Transceiver BindType = iota
	Transmitter
	Receiver
	Pair // a transmitter and a receiver for each of Binds
)

func (t BindType) String() string {
	switch t {
	case Transceiver:
		return "transceiver"
	case Transmitter:
		return "transmitter"
	case Receiver:
		return "receiver"
	case Pair:
		return "pair"
	}
	return "unknown"
}

// ParseBindType reads one of "transceiver", "transmitter", "receiver", "pair".
func ParseBindType(s string) (BindType, bool) {
	for _, t := range []BindType{Transceiver, Transmitter, Receiver, Pair} {
		if s == t.String() {
			return t, true
		}
	}
	return 0, false
}

// MaxWindow is the largest window of a session.
const MaxWindow = 4096

// AccountConfig is one account at one SMSC.
type AccountConfig struct {
	Name       string   // in deliveries, metrics, logs
	Addresses  []string // host:port, tried in order, from the first again at each reconnect
	SystemID   string
	Password   string
	SystemType string
	Bind       BindType
	Binds      int     // sessions (for Pair: pairs) held at once; default 1
	Window     int     // unanswered submits per session, 1 to MaxWindow; default 10
	TPS        float64 // submit_sm a second over all binds; 0: no limit
	BindTPS    float64 // submit_sm a second on each bind besides; 0: no limit
	TLS        *tls.Config

	EnquireLink     time.Duration // silence after which the peer is asked; default 30s
	ResponseTimeout time.Duration // for an answer to a submit, an enquire_link, an unbind; default 10s
	BindTimeout     time.Duration // for dial and TLS together, and again for the bind; default 10s
	WriteTimeout    time.Duration // for one write; default 10s

	// RequeueFor is how long submits wait in the queue while no bind that could
	// send them is up, before they come back NotSent; default 5s.
	RequeueFor time.Duration

	// MaxUnansweredDeliver bounds the deliveries given to Events and not yet
	// responded to, over all binds; one more is answered ESME_RMSGQFUL at once.
	// Default 10000.
	MaxUnansweredDeliver int

	// RetryStatus is the one in deliver_sm_resp that makes the SMSC send a message again; 0: it takes wire.StatusSysErr and
	// wire.StatusMsgQFul for that.
	RetryStatus uint32
	// Statuses are what the SMSC's answers mean; nil: wire.Standard.
	Statuses *wire.Statuses

	// Dial opens a connection; nil: net.Dialer. TLS is added on top.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// refusal is the status to refuse a delivery with, for which usual is the usual one.
func (c *AccountConfig) refusal(usual uint32) uint32 {
	if c.RetryStatus != wire.StatusOK {
		return c.RetryStatus
	}
	return usual
}

func (c AccountConfig) withDefaults() AccountConfig {
	orDuration := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	orDuration(&c.EnquireLink, 30*time.Second)
	orDuration(&c.ResponseTimeout, 10*time.Second)
	orDuration(&c.BindTimeout, 10*time.Second)
	orDuration(&c.WriteTimeout, 10*time.Second)
	orDuration(&c.RequeueFor, 5*time.Second)
	if c.Binds <= 0 {
		c.Binds = 1
	}
	if c.Window <= 0 {
		c.Window = 10
	}
	c.Window = min(c.Window, MaxWindow)
	c.TPS = max(c.TPS, 0)
	c.BindTPS = max(c.BindTPS, 0)
	if c.MaxUnansweredDeliver <= 0 {
		c.MaxUnansweredDeliver = 10_000
	}
	if c.Statuses == nil {
		c.Statuses = wire.Standard
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return c
}
