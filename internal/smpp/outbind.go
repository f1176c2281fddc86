package smpp

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// An outbind turns the way of a connection around (SMPP v3.4 §2.2.1, §4.1.7): the
// SMSC connects to us, says who it is, and we answer with a bind_receiver on that
// connection.
//
// That bind_receiver carries the account's password, to whoever connected. So nobody
// gets one who does not come from an address of the SMSC and know the password that
// it was given for this; and who has not shown that yet can make us hold a handful
// of connections for BIND_TIMEOUT, and read a few octets from each, and no more.

// Outbind is how an SMSC may reach an account that waits for it.
type Outbind struct {
	Listen string // host:port
	// From are the addresses that the SMSC connects from; empty: those that the hosts
	// of AccountConfig.Addresses have.
	From               []netip.Prefix
	SystemID, Password string // that the SMSC must send; an empty SystemID is not looked at
	// TLS gives the server's configuration of the next handshake; nil: no TLS.
	TLS func() (*tls.Config, error)
}

const (
	outbindPending = 8   // connections at once that have not shown who they are, or wait for a seat
	outbindLongest = 128 // octets of an outbind; by SMPP v3.4 §4.1.7.1 it has 41 at most
	outbindResolve = time.Minute
)

// outbinds listens for an account.
type outbinds struct {
	a        *Account
	o        *Outbind
	ln       net.Listener
	pending  chan struct{}
	verified chan net.Conn // to a seat that waits

	mu       sync.Mutex
	known    []netip.Addr // of the account's addresses
	knownAt  time.Time
	loggedAt time.Time // a refusal; one a minute
}

func listenOutbinds(ctx context.Context, a *Account) (*outbinds, error) {
	lc := net.ListenConfig{KeepAlive: -1, KeepAliveConfig: a.cfg.keepAlive()}
	ln, err := lc.Listen(ctx, "tcp", a.cfg.Outbind.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for outbinds on %s: %w", a.cfg.Outbind.Listen, err)
	}
	return &outbinds{a: a, o: a.cfg.Outbind, ln: ln, pending: make(chan struct{}, outbindPending), verified: make(chan net.Conn)}, nil
}

// run accepts until ctx ends, and returns when nothing of it is left.
func (l *outbinds) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { l.ln.Close() })
	defer stop()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for {
		conn, err := l.ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil { // too many open files and the like: they pass
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		select {
		case l.pending <- struct{}{}:
			handlers.Go(func() {
				reason, err := l.handle(ctx, conn)
				<-l.pending // first: whoever sees his connection closed finds a place for the next
				if err != nil {
					l.refuse(conn, reason, err)
				}
			})
		default:
			l.refuse(conn, "crowded", nil)
		}
	}
}

// handle hands a connection to a seat, or says why it is to be closed.
func (l *outbinds) handle(ctx context.Context, conn net.Conn) (reason string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.a.cfg.BindTimeout)
	defer cancel()
	if err := l.mayConnect(ctx, conn.RemoteAddr()); err != nil {
		return "address", err
	}
	conn.SetDeadline(time.Now().Add(l.a.cfg.BindTimeout))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	secured, err := l.secure(ctx, conn)
	if err == nil {
		err = l.verify(secured)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, errOutbindCredentials):
		return "credentials", err
	case err != nil:
		return "malformed", err
	}
	conn.SetDeadline(time.Time{})
	select {
	case l.verified <- l.a.cfg.Capture.Wrap(secured, false):
		l.a.metrics.outbinds("accepted").Inc()
		return "", nil
	case <-ctx.Done():
		// All seats hold a session. One of them may be dead without our knowing; the
		// next outbind finds it free.
		return "unwanted", errors.New("every bind is up")
	}
}

func (l *outbinds) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if l.o.TLS == nil {
		return conn, nil
	}
	config, err := l.o.TLS()
	if config == nil {
		return nil, err
	}
	secured := tls.Server(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}

var errOutbindCredentials = errors.New("its system_id or password is not that of the SMSC (OUTBIND_SYSTEM_ID, OUTBIND_PASSWORD)")

// verify reads one PDU, no octet more, which must be the outbind of our SMSC.
func (l *outbinds) verify(conn net.Conn) error {
	var pdu [outbindLongest]byte
	if _, err := io.ReadFull(conn, pdu[:wire.HeaderLen]); err != nil {
		return fmt.Errorf("await the outbind: %w", err)
	}
	n := binary.BigEndian.Uint32(pdu[:])
	id := binary.BigEndian.Uint32(pdu[4:])
	if id != wire.Outbind || n < wire.HeaderLen || n > outbindLongest {
		return errors.New("what was sent is no outbind")
	}
	if _, err := io.ReadFull(conn, pdu[wire.HeaderLen:n]); err != nil {
		return fmt.Errorf("await the outbind: %w", err)
	}
	systemID, rest, _ := bytes.Cut(pdu[wire.HeaderLen:n], []byte{0})
	password, _, _ := bytes.Cut(rest, []byte{0})
	right := subtle.ConstantTimeCompare(password, []byte(l.o.Password))
	if l.o.SystemID != "" {
		right &= subtle.ConstantTimeCompare(systemID, []byte(l.o.SystemID))
	}
	if right != 1 {
		return errOutbindCredentials
	}
	return nil
}

// mayConnect says whether the SMSC connects from there.
func (l *outbinds) mayConnect(ctx context.Context, from net.Addr) error {
	peer := addrPort(from).Addr().Unmap()
	if len(l.o.From) > 0 {
		if slices.ContainsFunc(l.o.From, func(p netip.Prefix) bool { return p.Contains(peer) }) {
			return nil
		}
		return fmt.Errorf("%s is not in OUTBIND_FROM", peer)
	}
	if slices.Contains(l.addresses(ctx), peer) {
		return nil
	}
	return fmt.Errorf("%s is none of the addresses of ADDRESS; if it is the SMSC's, name it in OUTBIND_FROM", peer)
}

// addresses are those of the account's hosts, looked up once a minute at most.
func (l *outbinds) addresses(ctx context.Context) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.knownAt.IsZero() && time.Since(l.knownAt) < outbindResolve {
		return l.known
	}
	var found []netip.Addr
	for _, address := range l.a.cfg.Addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			l.a.log.Debug("an address of the SMSC cannot be looked up", "address", address, "error", err)
			continue
		}
		for _, ip := range ips {
			found = append(found, ip.Unmap())
		}
	}
	if len(found) > 0 { // else what was known stands
		l.known, l.knownAt = found, time.Now()
	}
	return l.known
}

// refuse closes a connection without a word: a stranger learns nothing from it. One
// a minute is logged, all are counted.
func (l *outbinds) refuse(conn net.Conn, reason string, err error) {
	conn.Close()
	l.a.metrics.outbinds(reason).Inc()
	l.mu.Lock()
	level := slog.LevelDebug
	if time.Since(l.loggedAt) >= time.Minute {
		level, l.loggedAt = slog.LevelWarn, time.Now()
	}
	l.mu.Unlock()
	l.a.log.Log(context.Background(), level, "a connection for an outbind was closed", "from", addrPort(conn.RemoteAddr()).Addr().String(), "reason", reason, "error", err)
}

// await is a seat's wait for an outbind, which it binds on.
func (s *seat) await(ctx context.Context) (*session, error) {
	s.show(Listening, func(b *BindStatus) { b.Address, b.NextTry = s.a.cfg.Outbind.Listen, time.Time{} })
	select {
	case conn := <-s.a.outbind.verified:
		s.show(Binding, func(b *BindStatus) { b.Address = conn.RemoteAddr().String() })
		return s.bindOn(ctx, 0, conn, frames{})
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
