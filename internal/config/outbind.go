package config

import (
	"net/netip"
	"strings"
)

// Outbind is how an SMSC connects to us instead of we to it (SMPP v3.4 §2.2.1), from the variables SMSC_<n>_OUTBIND_….
type Outbind struct {
	Listen   string   `env:"LISTEN" type:"host:port" desc:"where receivers (BIND=receiver or pair) wait for the SMSC to connect and send an outbind, instead of connecting to it; with TLS_ENABLED as a TLS server"`
	From     []string `env:"FROM" type:"list of addresses" desc:"IP addresses and networks that the SMSC connects from; the addresses of ADDRESS when not set"`
	SystemID string   `env:"SYSTEM_ID" desc:"system_id that the outbind must have; any when not set"`
	Password string   `env:"PASSWORD" secret:"true" desc:"password that the outbind must have"`
}

// Prefixes are the networks of From.
func (o *Outbind) Prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range o.From {
		if p, ok := prefixOf(s); ok {
			all = append(all, p)
		}
	}
	return all
}

func prefixOf(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}

// checkOutbind insists on a password: the answer to an outbind holds the account's own, and goes to whoever connected.
func (l *loader) checkOutbind(prefix string, s *SMSC) {
	o, name := &s.Outbind, prefix+"OUTBIND_"
	if o.Listen == "" {
		for _, other := range []string{"FROM", "SYSTEM_ID", "PASSWORD"} {
			if l.set(name + other) {
				l.fault(name+other, "has no effect without "+name+"LISTEN: set it, or leave this out")
			}
		}
		return
	}
	if l.fine(name + "LISTEN") {
		address := o.Listen
		if strings.HasPrefix(address, ":") {
			address = "localhost" + address
		}
		if why := wrongAddress(address, 0); why != "" {
			l.fault(name+"LISTEN", "must be host:port or :port: "+why)
		}
	}
	if l.fine(prefix+"BIND") && s.Bind != BindReceiver && s.Bind != BindPair {
		l.fault(name+"LISTEN", "is for receivers, since an outbind is answered with a bind_receiver: set "+prefix+"BIND=receiver or pair")
	}
	if !l.set(name+"PASSWORD") && l.fine(name+"PASSWORD") {
		l.fault(name+"PASSWORD", "missing: without it whoever connects to "+name+"LISTEN would be sent this account's password in the bind; set it or "+name+"PASSWORD_FILE")
	}
	for _, from := range o.From {
		if _, ok := prefixOf(from); !ok {
			l.fault(name+"FROM", quote(from)+" is neither an IP address nor a network such as 192.0.2.0/24")
			break
		}
	}
	if s.TLS.Enabled && s.TLS.CertFile == "" && l.fine(prefix+"TLS_CERT_FILE") {
		l.fault(prefix+"TLS_CERT_FILE", "missing: "+name+"LISTEN with TLS is a TLS server, and needs a certificate")
	}
}
