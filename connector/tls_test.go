package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// authority signs certificates for one test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key, a.file, _ = a.issue(name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	return a
}

// issue makes a key and a certificate for it, signed by the authority (by itself
// when parent is nil), and writes both to files.
func (a *authority) issue(name string, template, parent *x509.Certificate) (cert *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer := a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	write := func(file, kind string, b []byte) string {
		path := filepath.Join(a.dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			a.t.Fatal(err)
		}
		return path
	}
	return cert, key, write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", keyDER)
}

// server is a certificate of 127.0.0.1 or, where given, of other names instead.
func (a *authority) server(names ...string) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	_, _, certFile, keyFile := a.issue("server", template, a.cert)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

// client is a certificate for mutual TLS.
func (a *authority) client() (certFile, keyFile string) {
	a.t.Helper()
	_, _, certFile, keyFile = a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, a.cert)
	return certFile, keyFile
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func loadConfig(t *testing.T, env ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// checkSMSC binds once, as `check` does.
func checkSMSC(t *testing.T, address string, env ...string) error {
	t.Helper()
	cfg := loadConfig(t, append([]string{"KAFKA_BROKERS=127.0.0.1:1", "SMSC_0_NAME=x", "SMSC_0_ADDRESS=" + address, "SMSC_0_BIND_TIMEOUT=" + patience.String()}, env...)...)
	ac, err := accountConfig(&cfg.SMSCs[0], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return smpp.CheckBind(t.Context(), ac)
}

func TestMessagesAndReceiptsFlowOverTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	w := newWorld(t)
	w.smscs = append(w.smscs, startSMSC(t, smsc.Options{TLS: &tls.Config{Certificates: []tls.Certificate{ca.server()}}}))
	w.replica("SMSC_0_TLS_ENABLED=true", "SMSC_0_TLS_CA_FILE="+ca.file)
	w.send("x", 50, number("49"), nil)
	results := w.results(50)
	if n := bySMSC(results); n["smsc0"] != 50 {
		t.Errorf("results %v", n)
	}
	w.joined(results, w.receipts(50))
}

func TestAnSMSCWithAnotherCertificateIsRefusedInWords(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	s := startSMSC(t, smsc.Options{TLS: &tls.Config{Certificates: []tls.Certificate{ca.server()}}})
	named := startSMSC(t, smsc.Options{TLS: &tls.Config{Certificates: []tls.Certificate{ca.server("smsc.example")}}})
	plain := startSMSC(t, smsc.Options{})
	on := "SMSC_0_TLS_ENABLED=true"
	for name, c := range map[string]struct {
		address string
		env     []string
		want    string // empty: bound
	}{
		"right authority":        {s.Addr(), []string{on, "SMSC_0_TLS_CA_FILE=" + ca.file}, ""},
		"wrong authority":        {s.Addr(), []string{on, "SMSC_0_TLS_CA_FILE=" + other.file}, "certificate signed by unknown authority"},
		"the system's":           {s.Addr(), []string{on}, "certificate signed by unknown authority"},
		"wrong name":             {named.Addr(), []string{on, "SMSC_0_TLS_CA_FILE=" + ca.file}, "127.0.0.1"},
		"name given":             {named.Addr(), []string{on, "SMSC_0_TLS_CA_FILE=" + ca.file, "SMSC_0_TLS_SERVER_NAME=smsc.example"}, ""},
		"an SMSC without TLS":    {plain.Addr(), []string{on, "SMSC_0_TLS_CA_FILE=" + ca.file}, "TLS with " + plain.Addr()},
		"an SMSC that wants TLS": {s.Addr(), nil, s.Addr()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := checkSMSC(t, c.address, c.env...)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v; want %q in it", err, c.want)
			case err != nil:
				t.Log(err)
			}
		})
	}
}

func TestAnSMSCThatAsksForACertificateGetsOurs(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	s := startSMSC(t, smsc.Options{TLS: &tls.Config{Certificates: []tls.Certificate{ca.server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}})
	trust := []string{"SMSC_0_TLS_ENABLED=true", "SMSC_0_TLS_CA_FILE=" + ca.file}
	with := func(a *authority) []string {
		cert, key := a.client()
		return append([]string{"SMSC_0_TLS_CERT_FILE=" + cert, "SMSC_0_TLS_KEY_FILE=" + key}, trust...)
	}
	if err := checkSMSC(t, s.Addr(), with(ca)...); err != nil {
		t.Errorf("with the right certificate: %v", err)
	}
	if err := checkSMSC(t, s.Addr(), trust...); err == nil {
		t.Error("bound without a certificate")
	} else if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a certificate: %v; want a word of it", err)
	}
	if err := checkSMSC(t, s.Addr(), with(other)...); err == nil {
		t.Error("bound with a certificate of another authority")
	}
}

func TestKafkaIsReachedOverTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "ca"), newAuthority(t, "other")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{ca.server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cert, key := ca.client()
	s := startSMSC(t, smsc.Options{})
	env := []string{"KAFKA_BROKERS=" + cluster.ListenAddrs()[0], "KAFKA_TOPICS_REPLICATION=1", "HTTP_ADDRESS=", "KAFKA_TLS_ENABLED=true",
		"KAFKA_TLS_CERT_FILE=" + cert, "KAFKA_TLS_KEY_FILE=" + key, "SMSC_0_NAME=x", "SMSC_0_ADDRESS=" + s.Addr(), "SMSC_0_SOURCE_ADDRESS=1"}

	cfg := loadConfig(t, append(env, "KAFKA_TLS_CA_FILE="+other.file)...)
	if _, err := checkKafka(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("with another authority: %v; want a word of it", err)
	} else {
		t.Log(err)
	}
	cfg = loadConfig(t, append(env, "KAFKA_TLS_CA_FILE="+ca.file)...)
	if fine, err := checkKafka(t.Context(), cfg); err != nil {
		t.Error(err)
	} else {
		t.Log(fine)
	}

	p := startProcess(t, append(env, "KAFKA_TLS_CA_FILE="+ca.file, "LOG_FORMAT=text"), "run")
	p.await("bound")
	d := &kafka.Dialer{Config: cfg.Kafka, Log: slog.New(slog.DiscardHandler)}
	cl, err := d.Client("test", kgo.ConsumeTopics("sms.results"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if topics, err := kadm.NewClient(cl).ListTopics(t.Context(), "sms.outbound"); err != nil || !topics.Has("sms.outbound") {
		t.Fatal(fmt.Errorf("topics %v: %w", topics.Names(), err))
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.outbound", Value: []byte(`{"id":"one","to":"+491511234567","text":"hello"}`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	fs := cl.PollFetches(t.Context())
	if fs.NumRecords() != 1 {
		t.Fatalf("%d records: %v", fs.NumRecords(), fs.Errors())
	}
	if r, err := record.DecodeResult(fs.Records()[0].Value); err != nil || r.ID != "one" || r.Status != record.Accepted {
		t.Errorf("%+v %v", r, err)
	}
}
