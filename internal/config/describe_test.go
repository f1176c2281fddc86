package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// contract is every variable of the contract that this release has, with its default, in the order of its rows.
var contract = []struct{ name, byDefault string }{
	{"CONNECTOR_NAME", "smpp"},
	{"HTTP_ADDRESS", ":8083"}, {"HTTP_USERNAME", ""}, {"HTTP_PASSWORD", ""}, {"HTTP_PASSWORD_FILE", ""},
	{"CONNECTOR_PROFILES_DIR", ""},
	{"READY_REQUIRES", "kafka"},
	{"LOG_LEVEL", "info"}, {"LOG_FORMAT", "json"},
	{"STATE_DIR", ""},
	{"SHUTDOWN_TIMEOUT", "20s"},
	{"KAFKA_BROKERS", "required"},
	{"KAFKA_TLS_ENABLED", "false"}, {"KAFKA_TLS_CA_FILE", ""}, {"KAFKA_TLS_CERT_FILE", ""}, {"KAFKA_TLS_KEY_FILE", ""}, {"KAFKA_TLS_SERVER_NAME", ""},
	{"KAFKA_SESSION_TIMEOUT", "10s"}, {"KAFKA_GROUP_PROTOCOL", "classic"},
	{"KAFKA_TOPICS_CREATE", "true"}, {"KAFKA_TOPICS_PARTITIONS", "6"}, {"KAFKA_TOPICS_REPLICATION", "-1"},
	{"SINK_TOPICS", "sms.outbound"}, {"SINK_TOPICS_REGEX", ""}, {"SINK_TRANSLITERATE", "false"}, {"SINK_DEFAULT_COUNTRY", ""},
	{"RESULTS_TOPIC", "sms.results"}, {"RECEIPTS_TOPIC", "sms.receipts"}, {"INBOUND_TOPIC", "sms.inbound"}, {"DEADLETTER_TOPIC", "sms.deadletter"},
	{"SOURCE_MATCH_WAIT", "10m"}, {"SOURCE_RECEIPT_WAIT", "72h"}, {"SOURCE_PARTS_WAIT", "30m"},
	{"SINK_ENABLED", "true"}, {"SOURCE_ENABLED", "true"},
	{"FORMAT", "json"},
	{"DELIVERY_IN_DOUBT", "resend"}, {"DELIVERY_ERRORS", "deadletter"}, {"DELIVERY_RETRY_FOR", "24h"}, {"DELIVERY_COMMIT_INTERVAL", "20ms"},
	{"SMSC_0_NAME", "required"}, {"SMSC_0_ADDRESS", "required"},
	{"SMSC_0_SYSTEM_ID", ""}, {"SMSC_0_PASSWORD", ""}, {"SMSC_0_PASSWORD_FILE", ""}, {"SMSC_0_SYSTEM_TYPE", ""},
	{"SMSC_0_BIND", "transceiver"}, {"SMSC_0_BINDS", "1"}, {"SMSC_0_WINDOW", "10"}, {"SMSC_0_TPS", "0"},
	{"SMSC_0_TLS_ENABLED", "false"}, {"SMSC_0_TLS_CA_FILE", ""}, {"SMSC_0_TLS_CERT_FILE", ""}, {"SMSC_0_TLS_KEY_FILE", ""}, {"SMSC_0_TLS_SERVER_NAME", ""},
	{"SMSC_0_SOURCE_ADDRESS", ""}, {"SMSC_0_ROUTES", ""}, {"SMSC_0_WEIGHT", "1"}, {"SMSC_0_PRIORITY", "0"},
	{"SMSC_0_PROFILE", "standard"}, {"SMSC_0_LONG_MESSAGES", "udh8"}, {"SMSC_0_NATIONAL", ""}, {"SMSC_0_MESSAGE_ID", "auto"},
	{"SMSC_0_ENQUIRE_LINK", "30s"}, {"SMSC_0_RESPONSE_TIMEOUT", "10s"}, {"SMSC_0_BIND_TIMEOUT", "10s"}, {"SMSC_0_RECEIPTS", "final"},
	// Beyond the contract: flow, internal/FLOW.md.
	{"SMSC_0_BIND_TPS", "0"}, {"SMSC_0_FAILOVER_ERRORS", "50"}, {"SMSC_0_FAILOVER_LATENCY", "0s"}, {"SMSC_0_FAILOVER_FOR", "30s"},
	{"SINK_PRIORITY_TOPICS", ""},
	{"SINK_QUIET_HOURS", ""}, {"SINK_QUIET_ACTION", "hold"}, {"SINK_QUIET_EXEMPT_PRIORITY", "3"}, {"SINK_QUIET_ZONE", ""}, {"SINK_OPTOUTS_TOPIC", ""}, {"SINK_OPTOUTS_EXEMPT_TOPICS", ""},
}

func row(t *testing.T, rows []Variable, name string) Variable {
	t.Helper()
	i := slices.IndexFunc(rows, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("%s is not listed", name)
	}
	return rows[i]
}

func TestEveryVariableOfTheContractIsKnownAndAllAreDescribed(t *testing.T) {
	t.Parallel()
	rows := Variables(nil)
	for _, want := range contract {
		v := row(t, rows, want.name)
		if v.Default != want.byDefault || v.Meaning == "" || v.Type == "" || v.Set {
			t.Errorf("%+v, want default %q", v, want.byDefault)
		}
		if inForce := strings.TrimPrefix(want.byDefault, "required"); v.Value != inForce {
			t.Errorf("%s has %q in force, want %q", v.Name, v.Value, inForce)
		}
		// What is listed must be accepted: as a name, whatever becomes of the value.
		if _, err := Load(least(want.name + "=\x00")); err != nil && strings.Contains(err.Error(), "unknown") {
			t.Errorf("%s: %v", want.name, err)
		}
	}
	// What is beyond the contract is described too, and optional: a configuration made for the contract stays right.
	for _, v := range rows {
		if v.Meaning == "" || v.Type == "" || v.Default == "required" && !slices.ContainsFunc(contract, func(c struct{ name, byDefault string }) bool { return c.name == v.Name }) {
			t.Errorf("%+v is not described, or new and required", v)
		}
	}
}

func TestEveryDefaultPassesItsOwnCheck(t *testing.T) {
	t.Parallel()
	for _, v := range slices.Concat(connectorVariables, smscVariables) {
		if v.byDefault == "" {
			continue
		}
		if remedy := v.check(v.byDefault); remedy != "" {
			t.Errorf("%s=%s: %s", v.name, v.byDefault, remedy)
		}
	}
}

// A limit that is written wrong in a tag would let everything or nothing through.
func TestTagsOfLimitsAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, v := range slices.Concat(connectorVariables, smscVariables) {
		numeric := v.field == durationType || v.field != secretType && v.field.Kind() != reflect.Bool && v.field.Kind() != reflect.String && v.field.Kind() != reflect.Slice && len(v.oneof) == 0
		if numeric != (v.min != "") || (v.min == "") != (v.max == "") {
			t.Errorf("%s (%v) has limits %q and %q", v.name, v.field, v.min, v.max)
			continue
		}
		for _, limit := range []string{v.min, v.max} {
			if limit == "" {
				continue
			}
			if remedy := v.check(limit); remedy != "" {
				t.Errorf("%s: its own limit %s is refused: %s", v.name, limit, remedy)
			}
			if v.field == durationType {
				if _, err := time.ParseDuration(limit); err != nil {
					t.Error(v.name, err)
				}
			} else if n := 0.0; func() bool { _, err := fmt.Sscan(limit, &n); return err != nil }() {
				t.Errorf("%s: limit %q is no number", v.name, limit)
			}
		}
	}
}

func TestTheValueInForceIsListedEvenWhenItIsWrong(t *testing.T) {
	t.Parallel()
	rows := Variables([]string{
		"LOG_LEVEL=loud", "HTTP_ADDRESS=", "SINK_TOPICS_REGEX=a.*", "SMSC_1_WINDOW=50", "SMSC_3_PASSWORD_FILE=/secret", "KAFKA_BROKERS=u:p@a:1", "STATE_DIR=",
	})
	for _, want := range []Variable{
		{Name: "LOG_LEVEL", Value: "loud", Set: true},
		{Name: "HTTP_ADDRESS", Value: "", Set: true},
		{Name: "SINK_TOPICS", Value: ""},
		{Name: "SINK_TOPICS_REGEX", Value: "a.*", Set: true},
		{Name: "SMSC_1_WINDOW", Value: "50", Set: true},
		{Name: "SMSC_1_BINDS", Value: "1"},
		{Name: "SMSC_3_PASSWORD", Value: hidden, Set: true},
		{Name: "SMSC_3_PASSWORD_FILE", Value: "/secret", Set: true},
		{Name: "SMSC_1_PASSWORD", Value: ""},
		{Name: "KAFKA_BROKERS", Value: hidden, Set: true},
		{Name: "STATE_DIR", Value: ""},
	} {
		if got := row(t, rows, want.Name); got.Value != want.Value || got.Set != want.Set {
			t.Errorf("%s is %q, %v; want %q, %v", want.Name, got.Value, got.Set, want.Value, want.Set)
		}
	}
	if slices.ContainsFunc(rows, func(v Variable) bool { return strings.HasPrefix(v.Name, "SMSC_0_") }) {
		t.Error("SMSC_0_ is listed although it is not set")
	}
}

// A secret may stand where it belongs, under a name written wrong, beside faults of every kind, or in a file.
func TestNoSecretIsEverShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-correct-horse"
	file := write(t, secret+"\x00\n")
	for _, environ := range [][]string{
		least("HTTP_PASSWORD=" + secret),
		least("HTTP_USERNAME=u", "HTTP_PASSWORD="+secret, "SMSC_0_PASSWORD="+secret, "LOG_LEVEL=x"),
		least("SMSC_0_PASSWORD=" + secret + "\x00"),
		least("SMSC_0_PASSWORD=" + strings.Repeat(secret, 20)),
		least("SMSC_0_PASSWORD_FILE=" + file),
		least("SMSC_0_PASSWORD="+secret, "SMSC_0_PASSWORD_FILE="+file),
		least("SMSC_0_PASWORD=" + secret),
		least("SMSC_0_PASSWORD =" + secret),
		least("SMSC_5_PASSWORD=" + secret),
		least("KAFKA_SASL_PASSWORD="+secret, "SCHEMA_REGISTRY_PASSWORD="+secret, "OTEL_EXPORTER_OTLP_HEADERS="+secret),
		least("SCHEMA_REGISTRY_URL=http://u:" + secret + "@r"),
		least("KAFKA_BROKERS=u:" + secret + "@a:1"),
		least("KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_OAUTH_TOKEN_URL=http://u:"+secret+"@a", "KAFKA_SASL_OAUTH_CLIENT_ID=c", "KAFKA_SASL_OAUTH_CLIENT_SECRET="+secret),
		least("KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_PASSWORD="+secret),
		least("SMSC_0_ADDRESS=u:" + secret + "@a:1"),
		{"SMSC_0_PASSWORD=" + secret},
	} {
		c, err := Load(environ)
		shown := fmt.Sprintf("%v\n%+v", err, Variables(environ))
		if faults, ok := err.(*Faults); ok {
			shown += fmt.Sprintf("%+v", faults.List)
		}
		if strings.Contains(shown, "hunter2") || err == nil && c == nil {
			t.Errorf("%q shows it:\n%s", environ, shown)
		}
	}
}
