package smsc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/linxGnu/gosmpp/pdu"
)

// Outbind connects to an ESME that listens at address and asks it to bind (SMPP
// v3.4 §2.2.1, §4.1.7). From then on the connection is served as if the ESME had
// made it. config may be nil, for no TLS.
func (s *SMSC) Outbind(ctx context.Context, address, systemID, password string, config *tls.Config) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("smsc: outbind: %w", err)
	}
	if config != nil {
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return errors.Join(fmt.Errorf("smsc: outbind: %w", err), conn.Close())
		}
		conn = secured
	}
	p := pdu.NewOutbind().(*pdu.Outbind)
	p.SystemID, p.Password = systemID, password
	p.SetSequenceNumber(1)
	buf := pdu.NewBuffer(nil)
	p.Marshal(buf)
	if _, err := conn.Write(buf.Bytes()); err != nil {
		return errors.Join(fmt.Errorf("smsc: outbind: %w", err), conn.Close())
	}
	if !s.serve(conn) {
		return errors.New("smsc: outbind: the simulator has stopped, or holds as many connections as it may")
	}
	return nil
}

// serve takes a connection up. False: it was closed instead.
func (s *SMSC) serve(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.binds) >= s.opts.MaxBinds {
		s.count.bindsRefused.Add(1)
		_ = conn.Close()
		return false
	}
	s.lastBind++
	b := newBind(s, s.lastBind, conn)
	s.binds[b] = struct{}{}
	s.running.Go(b.read)
	s.running.Go(b.write)
	return true
}
