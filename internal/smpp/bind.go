package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// bindSequence is the sequence number of the bind; submits come after it.
const bindSequence = 1

// bindPatience is how many other PDUs may come before the bind_resp.
const bindPatience = 64

// smscInfo is what the SMSC says of itself in its bind_resp.
type smscInfo struct {
	systemID string
	version  Version // sc_interface_version; 0: it does not say
}

// dial opens a connection, with TLS where asked for, within BindTimeout.
func dial(ctx context.Context, cfg *AccountConfig, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.BindTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, explain(err, false))
	}
	if cfg.TLS == nil {
		return cfg.Capture.Wrap(conn, true), nil
	}
	config, err := cfg.TLS()
	if config == nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	if config.ServerName == "" && !config.InsecureSkipVerify {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		config = config.Clone()
		config.ServerName = host
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, explain(err, false))
	}
	return cfg.Capture.Wrap(secured, true), nil
}

// bind sends the bind and awaits its answer within BindTimeout. What was read past
// the answer is in the frames that it returns. A refusal is a *BindError. The
// connection is closed if it fails.
func bind(ctx context.Context, cfg *AccountConfig, t BindType, conn net.Conn, in frames) (_ frames, info smscInfo, err error) {
	conn.SetDeadline(time.Now().Add(cfg.BindTimeout))
	// The deadline is in the past once ctx has ended, and every read fails.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
			return
		}
		conn.SetDeadline(time.Time{})
	}()
	if _, err := conn.Write(appendBind(nil, cfg, t, bindSequence)); err != nil {
		return in, info, fmt.Errorf("send bind: %w", explain(err, false))
	}
	for range bindPatience {
		h, body, err := in.await(conn)
		if err != nil {
			return in, info, fmt.Errorf("await the answer to bind: %w", explain(err, false))
		}
		switch h.ID {
		case bindRespID(t), wire.GenericNack:
			if h.Status != wire.StatusOK || h.ID == wire.GenericNack {
				return in, info, &BindError{Status: h.Status, Type: t, Unknown: h.ID == wire.GenericNack}
			}
			return in, readBindResp(body), nil
		case wire.EnquireLink:
			if _, err := conn.Write(appendPDU(nil, pdu.NewEnquireLinkResp(), h.Sequence)); err != nil {
				return in, info, fmt.Errorf("answer enquire_link: %w", err)
			}
		}
		// Whatever else comes before the answer is out of order. A delivery among it
		// stays unanswered, and the SMSC sends it again.
	}
	return in, info, errors.New("the SMSC sends everything but an answer to bind")
}

// readBindResp reads system_id and sc_interface_version (SMPP v3.4 §4.1.2), which is
// laid out as a submit_sm_resp is: a C-octet string and TLVs. An SMSC that sends
// less is none the worse.
func readBindResp(body []byte) (info smscInfo) {
	var r wire.SubmitResp
	if r.Decode(body) != nil {
		return info
	}
	info.systemID = string(r.MessageID)
	if v, ok := r.TLV(wire.TagSCInterfaceVersion); ok && len(v) == 1 {
		info.version = Version(v[0])
	}
	return info
}

// await returns the next PDU; its body is good until the next one is awaited.
func (f *frames) await(conn net.Conn) (wire.Header, []byte, error) {
	for {
		h, body, err := f.next()
		if !errors.Is(err, wire.ErrShort) {
			return h, body, err
		}
		if _, err := f.fill(conn); err != nil {
			return h, nil, err
		}
	}
}

// CheckBind binds to the first of the addresses that answers, and unbinds. The error
// says in words what is wrong.
func CheckBind(ctx context.Context, cfg AccountConfig) error {
	cfg = cfg.withDefaults()
	types := []BindType{cfg.Bind}
	if cfg.Bind == Pair {
		types = []BindType{Transmitter, Receiver}
	}
	for _, t := range types {
		if cfg.Outbind != nil && t == Receiver {
			continue // it is not ours to connect
		}
		if err := checkBind(ctx, &cfg, t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

func checkBind(ctx context.Context, cfg *AccountConfig, t BindType) error {
	if len(cfg.Addresses) == 0 {
		return errors.New("no address")
	}
	var errs []error
	for _, address := range cfg.Addresses {
		conn, err := dial(ctx, cfg, address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		in, _, err := bind(ctx, cfg, t, conn, frames{})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", address, err))
			continue
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(cfg.ResponseTimeout))
		stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		// Bound is what was asked; an unbind that goes wrong is the SMSC's affair.
		if _, err := conn.Write(appendPDU(nil, pdu.NewUnbind(), bindSequence+1)); err == nil {
			for range bindPatience {
				if h, _, err := in.await(conn); err != nil || h.ID == wire.UnbindResp {
					break
				}
			}
		}
		return nil
	}
	return errors.Join(errs...)
}
