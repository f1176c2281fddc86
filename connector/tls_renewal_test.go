package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestARenewedClientCertificateIsShownAtTheNextHandshakeAndTheServerNameIsSent(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	var mu sync.Mutex
	var shown []*x509.Certificate
	var names []string
	s := startSMSC(t, smsc.Options{TLS: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.server("smsc.example")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
		VerifyConnection: func(st tls.ConnectionState) error {
			mu.Lock()
			defer mu.Unlock()
			shown, names = append(shown, st.PeerCertificates[0]), append(names, st.ServerName)
			return nil
		},
	}})
	cert, key := ca.client()
	cfg := loadConfig(t, "KAFKA_BROKERS=127.0.0.1:1", "SMSC_0_NAME=x", "SMSC_0_ADDRESS="+s.Addr(), "SMSC_0_TLS_ENABLED=true",
		"SMSC_0_TLS_CA_FILE="+ca.file, "SMSC_0_TLS_CERT_FILE="+cert, "SMSC_0_TLS_KEY_FILE="+key, "SMSC_0_TLS_SERVER_NAME=smsc.example")
	ac, err := accountConfig(&cfg.SMSCs[0], slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	bind := func() {
		t.Helper()
		if err := smpp.CheckBind(t.Context(), ac); err != nil {
			t.Fatal(err)
		}
	}
	bind()
	ca.client() // renews both files in place
	bind()
	if err := os.WriteFile(key, []byte("half a renewal"), 0o600); err != nil {
		t.Fatal(err)
	}
	bind()
	mu.Lock()
	defer mu.Unlock()
	if len(shown) != 3 || shown[0].Equal(shown[1]) || !shown[1].Equal(shown[2]) {
		t.Errorf("%d certificates were shown: the second must be the renewed one, and so must the third", len(shown))
	}
	for _, name := range names {
		if name != "smsc.example" {
			t.Errorf("the name %q was sent", name)
		}
	}
}
