package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestBindsRefusedAndTLSBroken: what keeps the connector from being bound at all.
func TestBindsRefusedAndTLSBroken(t *testing.T) {
	certificate, authority := loopbackCertificate(t)
	run(t, []row{{
		name:    "a wrong password, right later",
		breaks:  "the first bind is refused with ESME_RINVPASWD; after such an answer 15 s to 30 s pass until the next try",
		records: 1000, rate: 200, inbound: 20,
		smsc: smsc.Options{Behaviour: smsc.Behaviour{BindStatus: uint32(data.ESME_RINVPASWD), RefuseBinds: 1}},
		play: func(w *world) {
			w.until("refused bind", patience, func() bool { return w.smscs[0].Stats().BindsRefused > 0 })
			w.faultOver() // the SMSC takes the next one
			w.bound(1)
			w.note("%s from the refusal to the bind", round(time.Since(w.over)))
		},
		hold: hold{noDoubt: true},
	}, {
		name:    "already bound after a kill",
		breaks:  "kill -9; then 2 binds are refused with ESME_RALYBND, as by an SMSC that has not noticed",
		records: 3000, rate: 300, inbound: 20,
		play: func(w *world) {
			w.share(0.2)
			w.replica(0).kill()
			w.change(0, func(b *smsc.Behaviour) { b.BindStatus, b.RefuseBinds = uint32(data.ESME_RALYBND), 2 })
			w.replica(0).start()
			w.until("2 refused binds", patience, func() bool { return w.smscs[0].Stats().BindsRefused >= 2 })
			w.faultOver()
			w.bound(1)
			w.note("%s from the second refusal to the bind", round(time.Since(w.over)))
		},
		hold: hold{maxDoubt: window + 300/2},
	}, {
		name:    "one of two binds refused",
		breaks:  "the second bind of BINDS=2 gets ESME_RALYBND as long as the row lasts; the first carries all",
		records: 2000, rate: 400, inbound: 50, smppVia: proxied, env: []string{"SMSC_0_BINDS=2"},
		smsc: smsc.Options{MaxBinds: 1},
		play: func(w *world) { w.bound(1); w.share(0.9) },
		hold: hold{noDoubt: true},
	}, {
		name:    "TLS broken in the middle",
		breaks:  "3 times, 64 random octets in the SMSC's TLS stream",
		records: 4000, rate: 500, inbound: 100, smppVia: proxiedRaw,
		smsc: smsc.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}},
		env:  []string{"SMSC_0_TLS_ENABLED=true", "SMSC_0_TLS_CA_FILE=" + authority},
		play: func(w *world) {
			for i := range 3 {
				w.share(0.2 * float64(i+1))
				w.bound(1)
				before := w.proxy(0).Connections()
				w.proxy(0).Send(w.proxy(0).Random(64))
				w.until("new connection", patience, func() bool { return w.proxy(0).Connections() > before })
			}
		},
		hold: hold{maxDoubt: 3 * window},
	}})
}

// loopbackCertificate makes a certificate of 127.0.0.1 that is its own authority, and a file that holds it.
func loopbackCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faults"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
