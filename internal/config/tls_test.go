package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// pair writes a self-signed certificate for 127.0.0.1 and its key.
func pair(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"smsc.example"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))),
		write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func TestTLSIsNilWhenOff(t *testing.T) {
	t.Parallel()
	if c, err := (TLS{}).Config(); c != nil || err != nil {
		t.Error(c, err)
	}
}

func TestMutualTLSConnects(t *testing.T) {
	t.Parallel()
	cert, key := pair(t)
	loaded := mustLoad(t, least("SMSC_0_TLS_ENABLED=true", "SMSC_0_TLS_CA_FILE="+cert, "SMSC_0_TLS_CERT_FILE="+cert, "SMSC_0_TLS_KEY_FILE="+key,
		"SMSC_0_TLS_SERVER_NAME=smsc.example"))
	client, err := loaded.SMSCs[0].TLS.Config()
	if err != nil {
		t.Fatal(err)
	}
	if client.MinVersion != tls.VersionTLS12 {
		t.Errorf("the least version is %x", client.MinVersion)
	}
	server := &tls.Config{Certificates: client.Certificates, ClientCAs: client.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	served := make(chan error, 1)
	go func() { served <- tls.Server(far, server).Handshake() }()
	if err := tls.Client(near, client).Handshake(); err != nil {
		t.Error("client:", err)
	}
	if err := <-served; err != nil {
		t.Error("server:", err)
	}
}

func TestAFileThatTLSCannotUseIsNamedByItsVariable(t *testing.T) {
	t.Parallel()
	cert, key := pair(t)
	_, otherKey := pair(t)
	for _, c := range []struct {
		tls   TLS
		field string
	}{
		{TLS{CAFile: "/nowhere/ca"}, "CA_FILE"},
		{TLS{CAFile: "/dev/zero"}, "CA_FILE"},
		{TLS{CAFile: key}, "CA_FILE"},
		{TLS{CertFile: "/nowhere/cert", KeyFile: key}, "CERT_FILE"},
		{TLS{CertFile: cert, KeyFile: "/nowhere/key"}, "KEY_FILE"},
		{TLS{CertFile: cert, KeyFile: cert}, "CERT_FILE"},
		{TLS{CertFile: cert, KeyFile: otherKey}, "CERT_FILE"},
	} {
		c.tls.Enabled = true
		_, err := c.tls.Config()
		if e, ok := errors.AsType[*TLSError](err); !ok || e.Field != c.field {
			t.Errorf("%+v: %v", c.tls, err)
			continue
		}
		environ := least("KAFKA_TLS_ENABLED=true", "KAFKA_TLS_CA_FILE="+c.tls.CAFile, "KAFKA_TLS_CERT_FILE="+c.tls.CertFile, "KAFKA_TLS_KEY_FILE="+c.tls.KeyFile)
		faults := faultsOf(t, environ)
		if len(faults) != 1 || faults[0].Variable != "KAFKA_TLS_"+c.field || strings.Contains(faults[0].Remedy, "PRIVATE") {
			t.Errorf("%+v: %v", c.tls, faults)
		}
	}
}
