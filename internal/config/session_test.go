package config

import (
	"crypto/tls"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func init() {
	contract = append(contract, []struct{ name, byDefault string }{
		{"SMSC_0_INTERFACE_VERSION", "3.4"}, {"SMSC_0_SUBMIT_WITH", "submit_sm"}, {"SMSC_0_QUERY_AFTER", "0s"},
		{"SMSC_0_ADDRESS_TON", "0"}, {"SMSC_0_ADDRESS_NPI", "0"}, {"SMSC_0_ADDRESS_RANGE", ""},
		{"SMSC_0_RETURN_AFTER", "10m"}, {"SMSC_0_TCP_KEEPALIVE", "30s"},
		{"SMSC_0_OUTBIND_LISTEN", ""}, {"SMSC_0_OUTBIND_FROM", ""}, {"SMSC_0_OUTBIND_SYSTEM_ID", ""}, {"SMSC_0_OUTBIND_PASSWORD", ""},
		{"SMSC_0_CAPTURE_FILE", ""}, {"SMSC_0_CAPTURE_REDACT", "true"}, {"SMSC_0_CAPTURE_MAX_MB", "64"},
	}...)
}

var sessionDefaults = Session{InterfaceVersion: "3.4", SubmitWith: "submit_sm", Capture: captureDefaults, ReturnAfter: 10 * time.Minute, TCPKeepalive: 30 * time.Second}

func TestAnOutbindNeedsAReceiverAndAPassword(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, least("SMSC_0_BIND=receiver", "SMSC_0_OUTBIND_LISTEN=:2776", "SMSC_0_OUTBIND_PASSWORD=pw", "SMSC_0_OUTBIND_SYSTEM_ID=them",
		"SMSC_0_OUTBIND_FROM=192.0.2.1,2001:db8::/32", "SINK_ENABLED=false")).SMSCs[0].Outbind
	if p := got.Prefixes(); got.Listen != ":2776" || got.Password != "pw" || got.SystemID != "them" || len(p) != 2 || p[0].String() != "192.0.2.1/32" {
		t.Errorf("%+v", got)
	}
	on := []string{"SMSC_0_BIND=pair", "SMSC_0_OUTBIND_LISTEN=:2776", "SMSC_0_OUTBIND_PASSWORD=pw"}
	for variable, with := range map[string][]string{
		"SMSC_0_OUTBIND_PASSWORD": on[:2],
		"SMSC_0_OUTBIND_LISTEN":   on[1:],
		"SMSC_0_OUTBIND_FROM":     append([]string{"SMSC_0_OUTBIND_FROM=carrier.example"}, on...),
		"SMSC_0_TLS_CERT_FILE":    append([]string{"SMSC_0_TLS_ENABLED=true"}, on...),
	} {
		if faults := faultsOf(t, least(with...)); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%q: %v", with, faults)
		}
	}
	if faults := faultsOf(t, least("SMSC_0_OUTBIND_PASSWORD=pw")); len(faults) != 1 || !strings.Contains(faults[0].Remedy, "SMSC_0_OUTBIND_LISTEN") {
		t.Error(faults)
	}
}

var captureDefaults = Capture{Redact: true, MaxMB: 64}

func TestTwoSMSCsCannotCaptureIntoOneFile(t *testing.T) {
	t.Parallel()
	faults := faultsOf(t, least("SMSC_0_CAPTURE_FILE=/tmp/a.pcap", "SMSC_1_NAME=b", "SMSC_1_ADDRESS=b:1", "SMSC_1_CAPTURE_FILE=/tmp/a.pcap"))
	if len(faults) != 1 || faults[0].Variable != "SMSC_1_CAPTURE_FILE" || !strings.Contains(faults[0].Remedy, "SMSC_0_CAPTURE_FILE") {
		t.Error(faults)
	}
}

func TestWhatAVersionCannotDoIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		with             []string
		variable, remedy string
	}{
		{[]string{"SMSC_0_INTERFACE_VERSION=3.3"}, "SMSC_0_INTERFACE_VERSION", "SMSC_0_BIND=pair"},
		{[]string{"SMSC_0_INTERFACE_VERSION=3.3", "SMSC_0_BIND=pair", "SMSC_0_LONG_MESSAGES=sar"}, "SMSC_0_LONG_MESSAGES", "udh8"},
		{[]string{"SMSC_0_INTERFACE_VERSION=3.3", "SMSC_0_BIND=pair", "SMSC_0_LONG_MESSAGES=payload"}, "SMSC_0_LONG_MESSAGES", "udh8"},
		{[]string{"SMSC_0_INTERFACE_VERSION=3.3", "SMSC_0_BIND=pair", "SMSC_0_SUBMIT_WITH=data_sm"}, "SMSC_0_SUBMIT_WITH", "submit_sm"},
		{[]string{"SMSC_0_INTERFACE_VERSION=4.0"}, "SMSC_0_INTERFACE_VERSION", "3.3, 3.4, 5.0"},
		{[]string{"SMSC_0_ADDRESS_RANGE=" + strings.Repeat("4", 41)}, "SMSC_0_ADDRESS_RANGE", "40"},
		{[]string{"SMSC_0_ADDRESS_TON=256"}, "SMSC_0_ADDRESS_TON", "255"},
	} {
		faults := faultsOf(t, least(c.with...))
		if len(faults) != 1 || faults[0].Variable != c.variable || !strings.Contains(faults[0].Remedy, c.remedy) {
			t.Errorf("%q: %v", c.with, faults)
		}
	}
	got := mustLoad(t, least("SMSC_0_INTERFACE_VERSION=3.3", "SMSC_0_BIND=pair", "SMSC_0_ADDRESS_RANGE=^4917", "SMSC_0_ADDRESS_TON=1", "SMSC_0_ADDRESS_NPI=1",
		"SMSC_0_RETURN_AFTER=0s", "SMSC_0_TCP_KEEPALIVE=1m")).SMSCs[0].Session
	if want := (Session{InterfaceVersion: "3.3", SubmitWith: "submit_sm", Capture: captureDefaults, AddressTON: 1, AddressNPI: 1, AddressRange: "^4917", TCPKeepalive: time.Minute}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestARenewedCertificateIsUsedByTheNextConnection(t *testing.T) {
	t.Parallel()
	certFile, keyFile := pair(t)
	files := TLS{Enabled: true, CAFile: certFile, CertFile: certFile, KeyFile: keyFile}.Files()
	used := func(wantError bool) tls.Certificate {
		t.Helper()
		c, err := files.Config()
		if (err != nil) != wantError || c == nil {
			t.Fatalf("%v, error %v", c, err)
		}
		return c.Certificates[0]
	}
	before := used(false)

	newCert, newKey := pair(t)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(newCert, certFile)
	// The key is not there yet: the two files are no pair, and what worked goes on.
	if got := used(true); &got.Certificate[0][0] != &before.Certificate[0][0] {
		t.Error("half of a renewal was used")
	}
	move(newKey, keyFile)
	if got := used(false); string(got.Certificate[0]) == string(before.Certificate[0]) {
		t.Error("the renewed certificate is not used")
	}
	if (TLS{}).Files() != nil {
		t.Error("TLS that is off has files")
	}
}
