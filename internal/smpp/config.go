package smpp

import (
	"context"
	"crypto/tls"
	"fmt"
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

// Version is the version of SMPP that a bind announces, as interface_version has it
// (SMPP v3.4 §5.2.4, v5.0 §4.7.13).
type Version byte

const (
	V33 Version = 0x33 // no transceiver, no TLVs, no data_sm
	V34 Version = 0x34
	V50 Version = 0x50 // and congestion_state
)

func (v Version) String() string { return fmt.Sprintf("%d.%d", v>>4, v&15) }

// ParseVersion reads one of "3.3", "3.4", "5.0".
func ParseVersion(s string) (Version, bool) {
	for _, v := range []Version{V33, V34, V50} {
		if s == v.String() {
			return v, true
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
	Version    Version  // default V34
	SystemID   string
	Password   string
	SystemType string
	Bind       BindType
	Binds      int     // sessions (for Pair: pairs) held at once; default 1
	Window     int     // unanswered submits per session, 1 to MaxWindow; default 10
	TPS        float64 // submit_sm a second over all binds; 0: no limit
	BindTPS    float64 // submit_sm a second on each bind besides; 0: no limit

	// Of the bind (SMPP v3.4 §4.1.1): the numbers whose messages are to come here.
	AddressTON, AddressNPI byte
	AddressRange           string

	// TLS gives the configuration of the next handshake, so that renewed certificates
	// count without a restart; nil: no TLS. Where it returns an error and a
	// configuration, that is the last good one.
	TLS func() (*tls.Config, error)

	// ReturnAfter is how long a bind stays with another address than the first
	// before the first is tried again; 0: for ever.
	ReturnAfter time.Duration
	// KeepAlive is the idle time after which TCP probes the connection; default 30s,
	// below 0: never. It is Dial's where that is set.
	KeepAlive time.Duration

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

	// Outbind makes the account's receivers wait for the SMSC to connect; nil: they
	// connect themselves.
	Outbind *Outbind

	// Capture gets what is sent and received; nil: nothing is captured. It is closed
	// by its owner, after the account has stopped.
	Capture *Capture

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
	if c.Version == 0 {
		c.Version = V34
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 30 * time.Second
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAlive: -1, KeepAliveConfig: c.keepAlive()}).DialContext
	}
	return c
}

// keepAlive gives a peer up after three probes, a quarter of the idle time apart.
func (c *AccountConfig) keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{
		Enable: c.KeepAlive > 0, Idle: c.KeepAlive,
		Interval: max(c.KeepAlive/4, time.Second), Count: 3,
	}
}
