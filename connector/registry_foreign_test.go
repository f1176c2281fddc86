package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// apicurio is the newest of Apicurio Registry that runs on Java 17; 3.x wants 21.
const apicurio = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all"

// startRegistry runs Apicurio Registry with its data in memory, and returns the address of its Confluent-compatible API.
func startRegistry(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		kafkatest.SkipOrFail(t, "apicurio", "there is no java program in PATH; install Java 17 and Maven")
	}
	dir, err := foreign.Folder("apicurio", nil, "mvn", "-B", "-q", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack",
		"-Dartifact="+apicurio, "-DoutputDirectory=app")
	if err != nil {
		kafkatest.SkipOrFail(t, "apicurio", err.Error())
	}
	jars, err := filepath.Glob(filepath.Join(dir, "app", "*-runner.jar"))
	if err != nil || len(jars) != 1 {
		t.Fatalf("%v, %v in %s", jars, err, dir)
	}
	// The compilers of a JVM that lives for seconds only take time from the others.
	p := startCommand(t, []string{"QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_HTTP_PORT=0"}, exec.Command("java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-jar", jars[0]))
	listening := regexp.MustCompile(`Listening on: (http://127\.0\.0\.1:\d+)`)
	for range 2 { // a JVM that starts while all else is tested
		if inTime(func() bool { return listening.MatchString(p.out.String()) }) {
			return listening.FindStringSubmatch(p.out.String())[1] + "/apis/ccompat/v7"
		}
	}
	t.Fatalf("Apicurio Registry did not start within %s", 2*patience)
	return ""
}

// TestRecordsGoThroughAForeignRegistry has the connector register its schemas at Apicurio Registry and write by them, in each FORMAT. Avro
// and JSON Schema are written and read by Confluent's serializers for Python, which share no code with the connector's.
func TestRecordsGoThroughAForeignRegistry(t *testing.T) {
	t.Parallel()
	url := startRegistry(t)
	client, err := sr.NewClient(sr.URLs(url))
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	broker := cluster.ListenAddrs()[0]
	types := map[string]sr.SchemaType{"avro": sr.TypeAvro, "protobuf": sr.TypeProtobuf, "jsonschema": sr.TypeJSON}
	for format, kind := range types {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := startSMSC(t, smsc.Options{})
			env := []string{"KAFKA_BROKERS=" + broker, "KAFKA_TOPICS_REPLICATION=1", "HTTP_ADDRESS=", "LOG_FORMAT=text", "FORMAT=" + format, "CONNECTOR_NAME=" + format,
				"SINK_TOPICS=" + format + ".outbound", "RESULTS_TOPIC=" + format + ".results", "RECEIPTS_TOPIC=" + format + ".receipts", "INBOUND_TOPIC=" + format + ".inbound",
				"SCHEMA_REGISTRY_URL=" + url, "SCHEMA_REGISTRY_REGISTER=true", "SMSC_0_NAME=x", "SMSC_0_ADDRESS=" + s.Addr(), "SMSC_0_SOURCE_ADDRESS=1"}
			p := startProcess(t, env, "run")
			p.await("bound")
			registered, err := client.SchemaByVersion(t.Context(), format+".results-value", -1)
			if err != nil || registered.Type != kind || registered.Version != 1 {
				t.Fatalf("the subject of results has %v, version %d, %v", registered.Type, registered.Version, err)
			}
			if format == "protobuf" {
				protobufByTheRegistry(t, broker, registered.ID)
			} else {
				confluentByTheRegistry(t, broker, url, format)
			}
			// Started again it finds what is there, and adds no version.
			p.signal(syscall.SIGTERM)
			if code := p.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			startProcess(t, env, "run").await("bound")
			if again, err := client.SchemaByVersion(t.Context(), format+".results-value", -1); err != nil || again.Version != 1 || again.ID != registered.ID {
				t.Errorf("after a second start the subject has version %d, id %d, %v; before: id %d", again.Version, again.ID, err, registered.ID)
			}
		})
	}
}

// confluentPackages fetches Confluent's client with its serializers, once for all formats.
var confluentPackages = sync.OnceValues(func() (string, error) {
	list, err := os.ReadFile("testdata/registry/requirements.txt")
	if err != nil {
		return "", err
	}
	dir, err := foreign.Folder("registry-python", foreign.Files{"requirements.txt": list},
		"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "site", "-r", "requirements.txt")
	return filepath.Join(dir, "site"), err
})

// confluentByTheRegistry writes two records and reads their results with testdata/registry/peer.py.
func confluentByTheRegistry(t *testing.T, broker, url, format string) {
	t.Helper()
	site, err := confluentPackages()
	if err != nil {
		kafkatest.SkipOrFail(t, "python", err.Error())
	}
	var errors bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/registry/peer.py", broker, url, format, "../schemas", "first", "second")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site)
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errors.String())
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var got struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			To       string `json:"to"`
			Metadata map[string]string
			Parts    []struct {
				MessageID  string `json:"message_id"`
				StatusName string `json:"status_name"`
			} `json:"parts"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		seen[got.ID] = true
		if got.Status != record.Accepted || got.To != "+491511234567" || got.Metadata["by"] != "confluent-kafka" || len(got.Parts) != 1 || got.Parts[0].StatusName != "ESME_ROK" {
			t.Errorf("Confluent's deserializer read %s", line)
		}
	}
	if !seen["first"] || !seen["second"] {
		t.Errorf("results of %v", seen)
	}
}

// protobufByTheRegistry writes plain JSON, which is recognised by itself, and reads the result by the id that the registry gave.
func protobufByTheRegistry(t *testing.T, broker string, id int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic("protobuf.outbound"), kgo.ConsumeTopics("protobuf.results"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord(`{"id":"first","to":"+491511234567","text":"hello"}`)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	fetches := cl.PollFetches(t.Context())
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	value := fetches.Records()[0].Value
	if got := int(binary.BigEndian.Uint32(value[1:5])); value[0] != 0 || got != id {
		t.Errorf("the result names schema %d, the registry has %d", got, id)
	}
	if name, status := readResult(t, "protobuf", value); name != "first" || status != record.Accepted {
		t.Errorf("%s is %s", name, status)
	}
}
