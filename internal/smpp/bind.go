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

// dial opens a connection, with TLS where asked for, within BindTimeout.
func dial(ctx context.Context, cfg *AccountConfig, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.BindTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if cfg.TLS == nil {
		return conn, nil
	}
	config := cfg.TLS
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
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return secured, nil
}

// bind sends the bind and awaits its answer within BindTimeout. What was read past
// the answer is in the frames that it returns. A refusal is a *BindError. The
// connection is closed if it fails.
func bind(ctx context.Context, cfg *AccountConfig, t BindType, conn net.Conn) (in frames, err error) {
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
		return in, fmt.Errorf("send bind: %w", err)
	}
	for range bindPatience {
		h, err := in.await(conn)
		if err != nil {
			return in, fmt.Errorf("await the answer to bind: %w", err)
		}
		switch h.ID {
		case bindRespID(t), wire.GenericNack:
			if h.Status != wire.StatusOK || h.ID == wire.GenericNack {
				return in, &BindError{Status: h.Status}
			}
			return in, nil
		case wire.EnquireLink:
			if _, err := conn.Write(appendPDU(nil, pdu.NewEnquireLinkResp(), h.Sequence)); err != nil {
				return in, fmt.Errorf("answer enquire_link: %w", err)
			}
		}
		// Whatever else comes before the answer is out of order. A delivery among it
		// stays unanswered, and the SMSC sends it again.
	}
	return in, errors.New("the SMSC sends everything but an answer to bind")
}

// await returns the header of the next PDU.
func (f *frames) await(conn net.Conn) (wire.Header, error) {
	for {
		h, _, err := f.next()
		if !errors.Is(err, wire.ErrShort) {
			return h, err
		}
		if _, err := f.fill(conn); err != nil {
			return h, err
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
		in, err := bind(ctx, cfg, t, conn)
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
				if h, err := in.await(conn); err != nil || h.ID == wire.UnbindResp {
					break
				}
			}
		}
		return nil
	}
	return errors.Join(errs...)
}
