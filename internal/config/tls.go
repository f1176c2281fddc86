package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
)

// maxCertificates bounds what is read of a certificate or key file; the bundle of all public authorities has a quarter of it.
const maxCertificates = 1 << 20

// TLS is the client's side of a TLS connection, to Kafka or to an SMSC.
type TLS struct {
	Enabled    bool   `env:"ENABLED" envDefault:"false" desc:"connect with TLS, 1.2 or later"`
	CAFile     string `env:"CA_FILE" type:"path" desc:"authorities trusted, PEM; the system's when not set"`
	CertFile   string `env:"CERT_FILE" type:"path" desc:"client certificate for mutual TLS, PEM"`
	KeyFile    string `env:"KEY_FILE" type:"path" desc:"key of the client certificate, PEM"`
	ServerName string `env:"SERVER_NAME" desc:"name expected in the server's certificate; the host connected to when not set"`
}

// TLSError is a file that TLS cannot be set up from.
type TLSError struct {
	Field string // as in the variable's name: CA_FILE, CERT_FILE or KEY_FILE
	Err   error
}

func (e *TLSError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e *TLSError) Unwrap() error { return e.Err }

// Config reads the files and returns what crypto/tls needs, nil when TLS is off. ServerName stays empty when it was not given: tls.Dialer and
// franz-go then set it to the host of each connection, which one name for all brokers would spoil. The error is a *TLSError.
func (t TLS) Config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := readFile(t.CAFile, maxCertificates)
		if err != nil {
			return nil, &TLSError{"CA_FILE", err}
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &TLSError{"CA_FILE", fmt.Errorf("%s holds no certificate in PEM form", t.CAFile)}
		}
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return c, nil
	}
	cert, err := readFile(t.CertFile, maxCertificates)
	if err != nil {
		return nil, &TLSError{"CERT_FILE", err}
	}
	key, err := readFile(t.KeyFile, maxCertificates)
	if err != nil {
		return nil, &TLSError{"KEY_FILE", err}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &TLSError{"CERT_FILE", fmt.Errorf("%s and %s are no pair of certificate and key: %w", t.CertFile, t.KeyFile, err)}
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// TLSFiles is a TLS whose files are read anew for every connection, so that a certificate that was renewed in place, or an authority
// that was added, is used without a restart. Connections that are open stay as they are.
type TLSFiles struct {
	tls  TLS
	mu   sync.Mutex
	good *tls.Config // of the last time that all files could be used
}

// Files returns nil when TLS is off.
func (t TLS) Files() *TLSFiles {
	if !t.Enabled {
		return nil
	}
	return &TLSFiles{tls: t}
}

// Config is the configuration for the next connection. Where the files cannot be used now (a certificate is replaced before its key, and
// for a moment they are no pair) it is the last that could, beside the error that says why; there is none if there never was one.
func (f *TLSFiles) Config() (*tls.Config, error) {
	c, err := f.tls.Config()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return f.good, err
	}
	f.good = c
	return c, nil
}

// checkTLS refuses what would be accepted and have no effect, and tries the files, so that a wrong one is told together with all other faults
// and not by the first connection.
func (l *loader) checkTLS(prefix string, t *TLS) {
	if !l.fine(prefix + "ENABLED") {
		return
	}
	if !t.Enabled {
		for _, name := range []string{"CA_FILE", "CERT_FILE", "KEY_FILE", "SERVER_NAME"} {
			if l.set(prefix + name) {
				l.fault(prefix+name, "has no effect without TLS: set "+prefix+"ENABLED=true, or leave it out")
			}
		}
		return
	}
	if t.CertFile != "" && t.KeyFile == "" {
		l.fault(prefix+"KEY_FILE", "missing: "+prefix+"CERT_FILE is set, and a certificate needs its key")
		return
	}
	if t.KeyFile != "" && t.CertFile == "" {
		l.fault(prefix+"CERT_FILE", "missing: "+prefix+"KEY_FILE is set, and a key needs its certificate")
		return
	}
	if _, err := t.Config(); err != nil {
		e := err.(*TLSError)
		l.fault(prefix+e.Field, e.Err.Error())
	}
}
