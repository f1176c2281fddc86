package config

import (
	"strings"
	"testing"
)

func TestAnUnknownVariableIsRefusedWithTheNearestName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"CONNECTOR_NMAE":                    "CONNECTOR_NAME",
		"SINK_TOPIC":                        "SINK_TOPICS",
		"SINK_TOPICS_REGEXP":                "SINK_TOPICS_REGEX",
		"SINK_ENABLE":                       "SINK_ENABLED",
		"SOURCE_MATCHWAIT":                  "SOURCE_MATCH_WAIT",
		"DELIVERY_INDOUBT":                  "DELIVERY_IN_DOUBT",
		"DELIVERY_":                         "DELIVERY_ERRORS",
		"SMSC_0_PASWORD":                    "SMSC_0_PASSWORD",
		"SMSC_7_TLS_CAFILE":                 "SMSC_7_TLS_CA_FILE",
		"SMSC_0_PASSWORD_FIEL":              "SMSC_0_PASSWORD_FILE",
		"SMSC_NAME":                         "SMSC_0_NAME",
		"SMSC_01_NAME":                      "SMSC_1_NAME",
		"SMSC_0_name":                       "SMSC_0_NAME",
		"SMSC_0_PORT":                       "",
		"SMSC_0_HOST":                       "",
		"SMSC_1000_NAME":                    "SMSC_<n>_…, with n from 0 to 999",
		"SMSC_0_":                           "",
		"SMSC_":                             "",
		"SMSC_99999999999999999999":         "",
		"SMSC_0_KAFKA_SASL_X":               "",
		"SINK_" + strings.Repeat("ÿ", 5000): "",
	} {
		faults := faultsOf(t, least(name+"=hunter2"))
		if len(faults) != 1 || faults[0].Variable != quoteName(name) || faults[0].Value != "" {
			t.Errorf("%.40s: %v", name, faults)
			continue
		}
		if got, ok := strings.CutPrefix(faults[0].Remedy, "unknown; the nearest name is "); !ok || got == "" || want != "" && got != want {
			t.Errorf("%.40s: the nearest name is %s, want %s", name, faults[0].Remedy, want)
		}
	}
}

func TestAnUnknownVariableIsRefusedEvenWhenItIsEmpty(t *testing.T) {
	t.Parallel()
	if faults := faultsOf(t, least("SINK_TOPIC=")); len(faults) != 1 {
		t.Error(faults)
	}
}

func TestWhatKubernetesInjectsIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"SINK_SERVICE_HOST=10.0.0.1",
		"SMSC_0_SERVICE_HOST=10.0.0.1",
		"SMSC_SIMULATOR_SERVICE_HOST=10.0.0.1",
		"CONNECTOR_SERVICE_PORT=8083",
		"SOURCE_SERVICE_PORT_HTTP=80",
		"SMSC_0_SERVICE_PORT_SMPP_TLS=3550",
		"DELIVERY_PORT=tcp://10.0.0.1:80",
		"SMSC_0_PORT=udp://10.0.0.1:80",
		"SMSC_0_PORT_2775_TCP=tcp://10.0.0.1:2775",
		"SMSC_0_PORT_2775_TCP_PROTO=tcp",
		"SMSC_0_PORT_2775_TCP_PORT=2775",
		"SMSC_0_PORT_2775_TCP_ADDR=10.0.0.1",
		"SINK_PORT_53_UDP_ADDR=10.0.0.1",
		"SCHEMA_REGISTRY_SERVICE_HOST=10.0.0.1",
		"SCHEMA_REGISTRY_PORT=tcp://10.0.0.1:8081",
		"OTEL_COLLECTOR_PORT_4317_TCP_ADDR=10.0.0.1",
	} {
		mustLoad(t, least(line))
		// A Service that is called smsc-3 is no SMSC 3.
		mustLoad(t, least(strings.Replace(line, "SMSC_0", "SMSC_3", 1)))
	}
	for _, line := range []string{
		"SMSC_0_PORT=2775",
		"SMSC_0_PORT=",
		"SINK_PORT=http://a",
		"SINK_PORT_X_TCP=tcp://a",
		"SINK_PORT_53_TCP_NAME=a",
		"SINK_SERVICE=a",
		"SINK_SERVICE_HOSTS=a",
		"SINK_SERVICE_PORTS=a",
		"SMSC_0_ADDR=tcp://a:1",
	} {
		if faults := faultsOf(t, least(line)); len(faults) != 1 {
			t.Errorf("%s: %v", line, faults)
		}
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	mustLoad(t, least("KAFKA_HEAP_OPTS=-Xmx1g", "HTTP_PROXY=http://p", "HOSTNAME=pod", "SMSC=x", "SOURCES_X=1", "smsc_0_name=x", "KAFKA_SASL_MECHANISM="))
}
