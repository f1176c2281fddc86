package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/profile"
)

// least is the smallest configuration without a fault.
func least(more ...string) []string {
	return append([]string{"KAFKA_BROKERS=localhost:9092", "SMSC_0_NAME=carrier", "SMSC_0_ADDRESS=localhost:2775"}, more...)
}

func mustLoad(t *testing.T, environ []string) *Config {
	t.Helper()
	c, err := Load(environ)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// faultsOf loads what must have faults.
func faultsOf(t *testing.T, environ []string) []Fault {
	t.Helper()
	c, err := Load(environ)
	if err == nil {
		t.Fatalf("%q was accepted", environ)
	}
	if c != nil {
		t.Error("a configuration with faults was handed out")
	}
	f, ok := errors.AsType[*Faults](err)
	if !ok {
		t.Fatalf("the error is %T: %v", err, err)
	}
	return f.List
}

func TestTheLeastConfigurationHasTheDefaultsOfTheContract(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, least("PATH=/bin", "no equals sign", "=x", "SMSC_0_TPS="))
	want := &Config{
		Name:            "smpp",
		HTTP:            HTTP{Address: ":8083"},
		ReadyRequires:   []string{"kafka"},
		Log:             Log{Level: slog.LevelInfo, Format: "json"},
		ShutdownTimeout: 20 * time.Second,
		Kafka: Kafka{
			Brokers: []string{"localhost:9092"}, SessionTimeout: 10 * time.Second, GroupProtocol: "classic",
			TopicsCreate: true, TopicsPartitions: 6, TopicsReplication: -1,
		},
		Sink:     Sink{Enabled: true, Topics: []string{"sms.outbound"}, Quiet: Quiet{Action: "hold", ExemptPriority: 3}},
		Source:   Source{Enabled: true, MatchWait: 10 * time.Minute, ReceiptWait: 72 * time.Hour, PartsWait: 30 * time.Minute},
		Topics:   Topics{Results: "sms.results", Receipts: "sms.receipts", Inbound: "sms.inbound", DeadLetter: "sms.deadletter"},
		Format:   "json",
		Delivery: Delivery{InDoubt: "resend", Errors: "deadletter", RetryFor: 24 * time.Hour, CommitInterval: 20 * time.Millisecond},
		SMSCs: []SMSC{{
			Name: "carrier", Addresses: []string{"localhost:2775"}, Bind: "transceiver", Binds: 1, Window: 10, Weight: 1,
			Failover: Failover{Errors: 50, For: 30 * time.Second},
			Profile:  "standard", Habits: profile.Default(), LongMessages: "udh8", MessageID: "auto", Receipts: "final",
			EnquireLink: 30 * time.Second, ResponseTimeout: 10 * time.Second, BindTimeout: 10 * time.Second,
			Session: sessionDefaults,
		}},
	}
	if got.Log.Now.Level() != got.Log.Level || len(got.Shown) == 0 {
		t.Errorf("level in force %v, %d variables shown", got.Log.Now.Level(), len(got.Shown))
	}
	got.Log.Now, got.Shown = nil, nil // what they hold is compared elsewhere
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.InternalTopic(TopicDeliver) != "smpp.deliver" || got.SinkGroup() != "connect-smpp-sink" || got.SourceGroup() != "connect-smpp-source" {
		t.Error("names made of CONNECTOR_NAME:", got.InternalTopic(TopicDeliver), got.SinkGroup(), got.SourceGroup())
	}
}

func TestEveryVariableReachesItsField(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, []string{
		"CONNECTOR_NAME=campaigns", "HTTP_ADDRESS=127.0.0.1:0", "HTTP_USERNAME=ops", "HTTP_PASSWORD=pa=ss", "READY_REQUIRES=smsc, kafka",
		"LOG_LEVEL=WARN", "LOG_FORMAT=text", "STATE_DIR=/state", "SHUTDOWN_TIMEOUT=1m", "KAFKA_BROKERS= a:1 ,[::1]:2,",
		"KAFKA_SESSION_TIMEOUT=45s", "KAFKA_GROUP_PROTOCOL=consumer", "KAFKA_TOPICS_CREATE=false", "KAFKA_TOPICS_PARTITIONS=12", "KAFKA_TOPICS_REPLICATION=3",
		"SINK_TOPICS=in.a, in.b", "SINK_PRIORITY_TOPICS=in.b, in.a = 1",
		"SINK_QUIET_HOURS=21:00-08:30", "SINK_QUIET_ACTION=EXPIRE", "SINK_QUIET_EXEMPT_PRIORITY=2", "SINK_QUIET_ZONE=UTC", "SINK_OPTOUTS_TOPIC=optouts", "SINK_OPTOUTS_EXEMPT_TOPICS=in.a", "SINK_ENABLED=1", "SOURCE_ENABLED=true", "SOURCE_MATCH_WAIT=1m", "SOURCE_RECEIPT_WAIT=1h", "SOURCE_PARTS_WAIT=2m",
		"RESULTS_TOPIC=r", "RECEIPTS_TOPIC=c", "INBOUND_TOPIC=i", "DEADLETTER_TOPIC=d", "FORMAT=JSON",
		"DELIVERY_IN_DOUBT=hold", "DELIVERY_ERRORS=stop", "DELIVERY_RETRY_FOR=1h", "DELIVERY_COMMIT_INTERVAL=5ms",
		"SMSC_0_NAME=one", "SMSC_0_ADDRESS=smsc:2775,10.0.0.2:2776", "SMSC_0_SYSTEM_ID=id", "SMSC_0_PASSWORD=pw", "SMSC_0_SYSTEM_TYPE=VMA",
		"SMSC_0_BIND=pair", "SMSC_0_BINDS=4", "SMSC_0_WINDOW=4096", "SMSC_0_TPS=12.5", "SMSC_0_BIND_TPS=2.5", "SMSC_0_SOURCE_ADDRESS=ACME", "SMSC_0_ROUTES=+49, 0043,1",
		"SMSC_0_WEIGHT=3", "SMSC_0_PRIORITY=1", "SMSC_0_LONG_MESSAGES=sar", "SMSC_0_MESSAGE_ID=hex-dec", "SMSC_0_ENQUIRE_LINK=1s",
		"SMSC_0_RESPONSE_TIMEOUT=2s", "SMSC_0_BIND_TIMEOUT=3s", "SMSC_0_RECEIPTS=all", "SMSC_0_PROFILE=standard",
		"SMSC_1_NAME=two", "SMSC_1_ADDRESS=smsc:2777", "SMSC_1_TLS_ENABLED=true", "SMSC_1_TLS_SERVER_NAME=two.example",
	})
	want := &Config{
		Name:            "campaigns",
		HTTP:            HTTP{Address: "127.0.0.1:0", Username: "ops", Password: "pa=ss"},
		ReadyRequires:   []string{"kafka", "smsc"},
		Log:             Log{Level: slog.LevelWarn, Format: "text"},
		StateDir:        "/state",
		ShutdownTimeout: time.Minute,
		Kafka:           Kafka{Brokers: []string{"a:1", "[::1]:2"}, SessionTimeout: 45 * time.Second, GroupProtocol: "consumer", TopicsPartitions: 12, TopicsReplication: 3},
		Sink: Sink{Enabled: true, Topics: []string{"in.a", "in.b"}, PriorityTopics: []string{"in.b", "in.a = 1"}, TopicPriorities: map[string]int{"in.a": 1, "in.b": 3},
			Quiet: Quiet{Hours: "21:00-08:30", Action: "expire", ExemptPriority: 2, Zone: "UTC", From: 21 * time.Hour, To: 8*time.Hour + 30*time.Minute, Location: time.UTC}, OptOuts: OptOuts{Topic: "optouts", ExemptTopics: []string{"in.a"}}},
		Source:   Source{Enabled: true, MatchWait: time.Minute, ReceiptWait: time.Hour, PartsWait: 2 * time.Minute},
		Topics:   Topics{Results: "r", Receipts: "c", Inbound: "i", DeadLetter: "d"},
		Format:   "json",
		Delivery: Delivery{InDoubt: "hold", Errors: "stop", RetryFor: time.Hour, CommitInterval: 5 * time.Millisecond},
		SMSCs: []SMSC{{
			Name: "one", Addresses: []string{"smsc:2775", "10.0.0.2:2776"}, SystemID: "id", Password: "pw", SystemType: "VMA",
			Bind: "pair", Binds: 4, Window: 4096, TPS: 12.5, BindTPS: 2.5, SourceAddress: "ACME", Routes: []string{"+49", "0043", "1"}, Weight: 3, Priority: 1,
			Failover: Failover{Errors: 50, For: 30 * time.Second},
			Profile:  "standard", Habits: profile.Default(), LongMessages: "sar", MessageID: "hex-dec", Receipts: "all",
			EnquireLink: time.Second, ResponseTimeout: 2 * time.Second, BindTimeout: 3 * time.Second,
			Session: sessionDefaults,
		}, {
			Name: "two", Addresses: []string{"smsc:2777"}, TLS: TLS{Enabled: true, ServerName: "two.example"},
			Bind: "transceiver", Binds: 1, Window: 10, Weight: 1,
			Failover: Failover{Errors: 50, For: 30 * time.Second},
			Profile:  "standard", Habits: profile.Default(), LongMessages: "udh8", MessageID: "auto", Receipts: "final",
			EnquireLink: 30 * time.Second, ResponseTimeout: 10 * time.Second, BindTimeout: 10 * time.Second,
			Session: sessionDefaults,
		}},
	}
	if got.Log.Now.Level() != got.Log.Level || len(got.Shown) == 0 {
		t.Errorf("level in force %v, %d variables shown", got.Log.Now.Level(), len(got.Shown))
	}
	got.Log.Now, got.Shown = nil, nil // what they hold is compared elsewhere
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnEmptyHTTPAddressMeansNoListener(t *testing.T) {
	t.Parallel()
	if got := mustLoad(t, least("HTTP_ADDRESS=")).HTTP.Address; got != "" {
		t.Errorf("HTTP_ADDRESS= gives %q", got)
	}
}

func TestEmbeddedAsksForTheEmbeddedBroker(t *testing.T) {
	t.Parallel()
	k := mustLoad(t, least("KAFKA_BROKERS=embedded")).Kafka
	if !k.Embedded || len(k.Brokers) != 0 {
		t.Errorf("%+v", k)
	}
}

func TestAPatternOfInputTopicsMatchesWholeNames(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, least(`SINK_TOPICS_REGEX=sms\.out.*|campaign`))
	if c.Sink.TopicsRegex != `^(?:sms\.out.*|campaign)$` || c.Sink.Topics != nil {
		t.Errorf("%+v", c.Sink)
	}
}

func TestLoadReadsNothingOfTheProcess(t *testing.T) {
	t.Setenv("CONNECTOR_NAME", "of-the-process")
	t.Setenv("SINK_TPOICS", "x")
	if c := mustLoad(t, least()); c.Name != "smpp" {
		t.Errorf("the name is %q", c.Name)
	}
	if _, err := Load(nil); err == nil {
		t.Error("nothing at all was accepted")
	}
}

func TestASecretFromAFileLosesItsTrailingNewline(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{"pw": "pw", "pw\n": "pw", "pw\r\n": "pw", "pw\n\n": "pw\n", " pw ": " pw "} {
		file := write(t, content)
		c := mustLoad(t, least("SMSC_0_PASSWORD_FILE="+file, "HTTP_USERNAME=u", "HTTP_PASSWORD_FILE="+file))
		if c.SMSCs[0].Password != want || c.HTTP.Password != want {
			t.Errorf("%q gives %q and %q", content, c.SMSCs[0].Password, c.HTTP.Password)
		}
	}
}

func TestASecretsFileThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for path, why := range map[string]string{
		missing:      "no such file",
		t.TempDir():  "is a directory",
		write(t, ""): "is empty",
		write(t, strings.Repeat("x", maxSecret+1)): "more than",
	} {
		faults := faultsOf(t, least("HTTP_USERNAME=u", "HTTP_PASSWORD_FILE="+path))
		if len(faults) != 1 || faults[0].Variable != "HTTP_PASSWORD_FILE" || !strings.Contains(faults[0].Remedy, path) || !strings.Contains(faults[0].Remedy, why) {
			t.Errorf("%s: %v", why, faults)
		}
	}
}

func TestASecretGivenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	faults := faultsOf(t, least("SMSC_0_PASSWORD=a", "SMSC_0_PASSWORD_FILE="+write(t, "b")))
	if len(faults) != 1 || faults[0].Variable != "SMSC_0_PASSWORD_FILE" || !strings.Contains(faults[0].Remedy, "twice") {
		t.Error(faults)
	}
}

func TestOnlySecretsMayComeFromFiles(t *testing.T) {
	t.Parallel()
	faults := faultsOf(t, least("SMSC_0_SYSTEM_ID_FILE="+write(t, "x"), "CONNECTOR_NAME_FILE=x"))
	if len(faults) != 2 || !strings.Contains(faults[1].Remedy, "nearest name is SMSC_0_SYSTEM_ID") {
		t.Error(faults)
	}
}

// Every case adds to the least configuration, and must have exactly the one fault: what is wrong is not to be told in several ways.
func TestEveryFaultNamesVariableAndValueAndWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ environ, variable, value, remedy string }{
		{"KAFKA_BROKERS=", "KAFKA_BROKERS", "", "required"},
		{"KAFKA_BROKERS=,", "KAFKA_BROKERS", ",", "host:port"},
		{"KAFKA_BROKERS=broker", "KAFKA_BROKERS", "broker", "host:port"},
		{"KAFKA_BROKERS=a:1,b:0", "KAFKA_BROKERS", "a:1,b:0", "1 to 65535"},
		{"KAFKA_BROKERS=::1:9092", "KAFKA_BROKERS", "::1:9092", "brackets"},
		{"KAFKA_BROKERS=:9092", "KAFKA_BROKERS", ":9092", "no host"},
		{"KAFKA_BROKERS=http://a:1", "KAFKA_BROKERS", "http://a:1", "scheme"},
		{"KAFKA_BROKERS=a b:1", "KAFKA_BROKERS", "a b:1", "no host has"},
		{"KAFKA_BROKERS=embedded,a:1", "KAFKA_BROKERS", "embedded,a:1", "stands alone"},
		{"KAFKA_BROKERS=embedded KAFKA_TLS_ENABLED=true", "KAFKA_TLS_ENABLED", "true", "no TLS"},
		{"KAFKA_SESSION_TIMEOUT=999ms", "KAFKA_SESSION_TIMEOUT", "999ms", "1s to 30m"},
		{"KAFKA_SESSION_TIMEOUT=31m", "KAFKA_SESSION_TIMEOUT", "31m", "1s to 30m"},
		{"KAFKA_GROUP_PROTOCOL=next", "KAFKA_GROUP_PROTOCOL", "next", "classic"},
		{"KAFKA_SESSION_TIMEOUT=10", "KAFKA_SESSION_TIMEOUT", "10", "such as"},
		{"KAFKA_TOPICS_CREATE=yes", "KAFKA_TOPICS_CREATE", "yes", "true or false"},
		{"KAFKA_TOPICS_PARTITIONS=0", "KAFKA_TOPICS_PARTITIONS", "0", "whole number from 1"},
		{"KAFKA_TOPICS_PARTITIONS=99999999999", "KAFKA_TOPICS_PARTITIONS", "99999999999", "whole number"},
		{"KAFKA_TOPICS_REPLICATION=0", "KAFKA_TOPICS_REPLICATION", "0", "-1"},
		{"KAFKA_TLS_CA_FILE=/ca", "KAFKA_TLS_CA_FILE", "/ca", "KAFKA_TLS_ENABLED=true"},
		{"KAFKA_TLS_ENABLED=true KAFKA_TLS_CERT_FILE=/c", "KAFKA_TLS_KEY_FILE", "", "KAFKA_TLS_CERT_FILE is set"},
		{"SMSC_0_TLS_ENABLED=true SMSC_0_TLS_KEY_FILE=/k", "SMSC_0_TLS_CERT_FILE", "", "SMSC_0_TLS_KEY_FILE is set"},
		{"SMSC_0_TLS_SERVER_NAME=x", "SMSC_0_TLS_SERVER_NAME", "x", "SMSC_0_TLS_ENABLED=true"},
		{"SMSC_0_TLS_ENABLED=true SMSC_0_TLS_CA_FILE=/nowhere/ca", "SMSC_0_TLS_CA_FILE", "/nowhere/ca", "/nowhere/ca: no such file"},
		{"SMSC_0_TLS_ENABLED=maybe SMSC_0_TLS_CA_FILE=/nowhere/ca", "SMSC_0_TLS_ENABLED", "maybe", "true or false"},
		{"CONNECTOR_NAME=a/b", "CONNECTOR_NAME", "a/b", "characters"},
		{"HTTP_ADDRESS=8083", "HTTP_ADDRESS", "8083", "host:port or :port"},
		{"HTTP_ADDRESS=:65536", "HTTP_ADDRESS", ":65536", "0 to 65535"},
		{"HTTP_USERNAME=u", "HTTP_PASSWORD", "", "both"},
		{"HTTP_PASSWORD=p", "HTTP_USERNAME", "", "both"},
		{"HTTP_USERNAME=a:b HTTP_PASSWORD=p", "HTTP_USERNAME", "a:b", "colon"},
		{"READY_REQUIRES=smsc", "READY_REQUIRES", "smsc", "kafka or kafka,smsc"},
		{"READY_REQUIRES=kafka,http", "READY_REQUIRES", "kafka,http", "kafka or kafka,smsc"},
		{"LOG_LEVEL=info+2", "LOG_LEVEL", "info+2", "one of debug, info, warn, error"},
		{"LOG_FORMAT=xml", "LOG_FORMAT", "xml", "one of json, text"},
		{"SHUTDOWN_TIMEOUT=0s", "SHUTDOWN_TIMEOUT", "0s", "1ms"},
		{"SHUTDOWN_TIMEOUT=-1s", "SHUTDOWN_TIMEOUT", "-1s", "1ms"},
		{"SINK_TOPICS=,", "SINK_TOPICS", ",", "names no topic"},
		{"SINK_TOPICS=a,b/c", "SINK_TOPICS", "a,b/c", `"b/c" is no topic`},
		{"SINK_TOPICS=a,..", "SINK_TOPICS", "a,..", "is no topic"},
		{"SINK_TOPICS=a,a", "SINK_TOPICS", "a,a", "twice"},
		{"SINK_TOPICS=sms.results", "SINK_TOPICS", "sms.results", "RESULTS_TOPIC"},
		{"SINK_TOPICS=smpp.submitted", "SINK_TOPICS", "smpp.submitted", "internal topic"},
		{"SINK_TOPICS=a SINK_TOPICS_REGEX=b", "SINK_TOPICS_REGEX", "b", "SINK_TOPICS is set too"},
		{"SINK_TOPICS_REGEX=a(b", "SINK_TOPICS_REGEX", "a(b", "regular expression"},
		{"SINK_TOPICS_REGEX=a)(b", "SINK_TOPICS_REGEX", "a)(b", "regular expression"},
		{`SINK_TOPICS_REGEX=a\Qb`, "SINK_TOPICS_REGEX", `a\\Qb`, "regular expression"},
		{"SINK_TOPICS_REGEX=sms.rec.*", "SINK_TOPICS_REGEX", "sms.rec.*", "RECEIPTS_TOPIC"},
		{"SINK_TOPICS_REGEX=smpp.w.*", "SINK_TOPICS_REGEX", "smpp.w.*", "internal topic"},
		{"RESULTS_TOPIC=a/b", "RESULTS_TOPIC", "a/b", "249"},
		{"RECEIPTS_TOPIC=sms.results", "RECEIPTS_TOPIC", "sms.results", "RESULTS_TOPIC too"},
		{"INBOUND_TOPIC=smpp.deliver", "INBOUND_TOPIC", "smpp.deliver", "internal topic"},
		{"SINK_ENABLED=false SOURCE_ENABLED=false", "SINK_ENABLED", "false", "nothing is left to do"},
		{"SMSC_0_BIND=receiver", "SINK_ENABLED", "", "BIND=receiver"},
		{"SMSC_0_BIND=transmitter SINK_ENABLED=false", "SOURCE_ENABLED", "", "BIND=transmitter"},
		{"SMSC_0_BIND=tranceiver", "SMSC_0_BIND", "tranceiver", "one of transceiver, transmitter, receiver, pair"},
		{"SMSC_0_PROFILE=standrad", "SMSC_0_PROFILE", "standrad", `there is no profile "standrad"; the nearest name is standard; smpp-connector profile list shows all`},
		{"SINK_DEFAULT_COUNTRY=Germany", "SINK_DEFAULT_COUNTRY", "Germany", "must be an ISO 3166-1 code of two letters, such as DE, GB or IN"},
		{"SMSC_0_LONG_MESSAGES=udh", "SMSC_0_LONG_MESSAGES", "udh", "one of udh8, udh16, sar, payload"},
		{"SMSC_0_MESSAGE_ID=hex", "SMSC_0_MESSAGE_ID", "hex", "hex-dec"},
		{"SMSC_0_RECEIPTS=yes", "SMSC_0_RECEIPTS", "yes", "one of none, final, failure, all"},
		{"DELIVERY_IN_DOUBT=drop", "DELIVERY_IN_DOUBT", "drop", "one of resend, hold"},
		{"DELIVERY_ERRORS=ignore", "DELIVERY_ERRORS", "ignore", "one of deadletter, stop"},
		{"DELIVERY_RETRY_FOR=0", "DELIVERY_RETRY_FOR", "0", "1ms"},
		{"DELIVERY_COMMIT_INTERVAL=5s", "DELIVERY_COMMIT_INTERVAL", "5s", "half of KAFKA_SESSION_TIMEOUT"},
		{"SMSC_0_NAME=", "SMSC_0_NAME", "", "required"},
		{"SMSC_0_NAME=a\x00b", "SMSC_0_NAME", `a\x00b`, "printable"},
		{"SMSC_0_ADDRESS=", "SMSC_0_ADDRESS", "", "required"},
		{"SMSC_0_ADDRESS=host:2775,other", "SMSC_0_ADDRESS", "host:2775,other", "host:port"},
		{"SMSC_0_BINDS=65", "SMSC_0_BINDS", "65", "1 to 64"},
		{"SMSC_0_WINDOW=0", "SMSC_0_WINDOW", "0", "1 to 4096"},
		{"SMSC_0_WINDOW=4097", "SMSC_0_WINDOW", "4097", "1 to 4096"},
		{"SMSC_0_WINDOW=ten", "SMSC_0_WINDOW", "ten", "1 to 4096"},
		{"SMSC_0_TPS=-1", "SMSC_0_TPS", "-1", "a number from 0"},
		{"SMSC_0_TPS=NaN", "SMSC_0_TPS", "NaN", "a number from 0"},
		{"SMSC_0_TPS=Inf", "SMSC_0_TPS", "Inf", "a number from 0"},
		{"SMSC_0_WEIGHT=0", "SMSC_0_WEIGHT", "0", "from 1"},
		{"SMSC_0_PRIORITY=-1", "SMSC_0_PRIORITY", "-1", "from 0"},
		{"SMSC_0_ROUTES=49,4x", "SMSC_0_ROUTES", "49,4x", `"4x" is no destination prefix`},
		{"SMSC_0_ROUTES=+", "SMSC_0_ROUTES", "+", "no destination prefix"},
		{"SMSC_0_ROUTES=00", "SMSC_0_ROUTES", "00", "no destination prefix"},
		{"SMSC_0_ROUTES=+00", "SMSC_0_ROUTES", "+00", "no destination prefix"},
		{"SMSC_0_BIND=reciever SMSC_0_WINDOW=5", "SMSC_0_BIND", "reciever", "one of"},
		{"SMSC_0_SOURCE_ADDRESS=123456789012345678901", "SMSC_0_SOURCE_ADDRESS", "123456789012345678901", "20"},
		{"SMSC_0_SYSTEM_ID=a\x00", "SMSC_0_SYSTEM_ID", `a\x00`, "NUL"},
		{"SMSC_0_ENQUIRE_LINK=0", "SMSC_0_ENQUIRE_LINK", "0", "1ms"},
		{"SMSC_1_NAME=carrier SMSC_1_ADDRESS=a:1", "SMSC_1_NAME", "carrier", "SMSC_0_NAME"},
		{"SMSC_2_NAME=b SMSC_2_ADDRESS=a:1", "SMSC_1_NAME", "", "SMSC_2_…"},
		{"KAFKA_SASL_MECHANISM=GSSAPI", "KAFKA_SASL_MECHANISM", "GSSAPI", "one of PLAIN, SCRAM-SHA-256"},
		{"KAFKA_SASL_MECHANISM=PLAIN KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD", "", "KAFKA_SASL_MECHANISM=PLAIN needs it"},
		{"KAFKA_SASL_MECHANISM=scram-sha-512 KAFKA_SASL_PASSWORD=p", "KAFKA_SASL_USERNAME", "", "KAFKA_SASL_MECHANISM=SCRAM-SHA-512 needs it"},
		{"KAFKA_SASL_USERNAME=u", "KAFKA_SASL_USERNAME", "u", "no effect without authentication"},
		{"KAFKA_SASL_MECHANISM=PLAIN KAFKA_SASL_USERNAME=u KAFKA_SASL_PASSWORD=p KAFKA_SASL_OAUTH_SCOPE=s", "KAFKA_SASL_OAUTH_SCOPE", "s", "no effect with PLAIN"},
		{"KAFKA_SASL_MECHANISM=OAUTHBEARER KAFKA_SASL_OAUTH_TOKEN_URL=http://a KAFKA_SASL_OAUTH_CLIENT_ID=c", "KAFKA_SASL_OAUTH_CLIENT_SECRET", "", "OAUTHBEARER needs it"},
		{"KAFKA_SASL_MECHANISM=OAUTHBEARER KAFKA_SASL_OAUTH_TOKEN_URL=ftp://a KAFKA_SASL_OAUTH_CLIENT_ID=c KAFKA_SASL_OAUTH_CLIENT_SECRET=s", "KAFKA_SASL_OAUTH_TOKEN_URL", "ftp://a", "http or https"},
		{"KAFKA_SASL_MECHANISM=OAUTHBEARER KAFKA_SASL_OAUTH_TOKEN_URL=http://a KAFKA_SASL_OAUTH_CLIENT_ID=c KAFKA_SASL_OAUTH_CLIENT_SECRET=s KAFKA_SASL_OAUTH_EXTENSIONS=auth=x", "KAFKA_SASL_OAUTH_EXTENSIONS", "auth=x", "none is auth"},
		{"KAFKA_SASL_MECHANISM=AWS_MSK_IAM", "KAFKA_TLS_ENABLED", "", "AWS_MSK_IAM"},
		{"KAFKA_SASL_MECHANISM=AWS_MSK_IAM KAFKA_TLS_ENABLED=true KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD", "", "needs it"},
		{"KAFKA_BROKERS=embedded KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_MECHANISM", "PLAIN", "embedded broker"},
		{"SCHEMA_REGISTRY_URL=r:8081", "SCHEMA_REGISTRY_URL", "r:8081", "http or https"},
		{"SCHEMA_REGISTRY_URL=http://r SCHEMA_REGISTRY_USERNAME=u", "SCHEMA_REGISTRY_PASSWORD", "", "needs both"},
		{"SCHEMA_REGISTRY_REGISTER=true", "SCHEMA_REGISTRY_REGISTER", "true", "no effect without"},
		{"SCHEMA_REGISTRY_URL=http://r SCHEMA_REGISTRY_KEY_FILE=k", "SCHEMA_REGISTRY_CERT_FILE", "", "both or neither"},
		{"FORMAT=avro", "FORMAT", "avro", "SCHEMA_REGISTRY_URL"},
		{"FORMAT=xml", "FORMAT", "xml", "one of json, avro"},
	} {
		t.Run(c.environ, func(t *testing.T) {
			t.Parallel()
			environ := []string{}
			for pair := range strings.SplitSeq(c.environ, " ") {
				if strings.Contains(pair, "=") {
					environ = append(environ, pair)
				} else {
					environ[len(environ)-1] += " " + pair
				}
			}
			faults := faultsOf(t, least(environ...))
			value := c.value
			if value != "" {
				value = `"` + value + `"`
			}
			if len(faults) != 1 || faults[0].Variable != c.variable || faults[0].Value != value || !strings.Contains(faults[0].Remedy, c.remedy) {
				t.Errorf("want %s=%s: …%s…, got\n%v", c.variable, value, c.remedy, faults)
			}
		})
	}
}

func TestNoSMSCAtAllIsAFault(t *testing.T) {
	t.Parallel()
	faults := faultsOf(t, []string{"KAFKA_BROKERS=a:1", "SMSC_0_NAME="})
	if len(faults) != 1 || !strings.Contains(faults[0].Remedy, "at least one SMSC") {
		t.Error(faults)
	}
}

func TestAllFaultsAreToldAtOnceOneALineInOrder(t *testing.T) {
	t.Parallel()
	_, err := Load([]string{
		"SMSC_0_WINDOW=5000", "SMSC_0_NAME=a", "SMSC_0_ADDRESS=a:1", "LOG_LEVEL=loud\nor so", "SINK_TPOICS=x", "SMSC_1_ADDRESS=b",
		"HTTP_PASSWORD=hunter2", "KAFKA_TLS_ENABLED=true", "KAFKA_TLS_CA_FILE=/no\nwhere", "SINK_\nx=1",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	var names []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		name, _, _ = strings.Cut(name, "=")
		names = append(names, name)
	}
	want := []string{
		`"SINK_\nx"`, "HTTP_USERNAME", "KAFKA_BROKERS", "KAFKA_TLS_CA_FILE", "LOG_LEVEL", "SINK_TPOICS", "SMSC_0_WINDOW", "SMSC_1_ADDRESS", "SMSC_1_NAME",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q\n%v", names, want, err)
	}
	if f, ok := errors.AsType[Fault](err); !ok || f.Remedy == "" {
		t.Error("errors.As finds no Fault")
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
