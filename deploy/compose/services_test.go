package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/foreign"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// TestTheServicesRunTogether starts what the file says but Grafana and kafka-ui, which are to be had as images alone, sends the message of the page beside
// it, and sees the result, the receipt and the schemas by which they are written; and that Prometheus has read the connector's figures and its own alerts.
func TestTheServicesRunTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: -short")
	}
	t.Parallel()
	m := &machine{t: t, project: load(t, "FORMAT=avro"), addresses: map[string]string{}, jars: kafkatest.ApacheJars(t)}
	registry, prometheus := theRegistry(t), thePrometheus(t)
	connector := filepath.Join(t.TempDir(), "smpp-connector")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", connector, "../../connector").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	starts := map[string]func(){
		"kafka": m.kafka,
		"registry": func() {
			m.run("registry", append(m.registryEnvironment(), "QUARKUS_HTTP_HOST=127.0.0.1"), "java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-jar", registry)
		},
		"smsc": func() { m.run("smsc", m.environment("smsc"), connector, m.command("smsc")...) },
		"connector": func() {
			env := m.environment("connector")
			c, err := config.Load(environment(m.project.Services["connector"]))
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(c.HTTP.Address)
			m.run("connector", append(env, "HTTP_ADDRESS="+m.address("connector", port)), connector, m.command("connector")...)
		},
		"prometheus": func() {
			// In the image its folder and the file are defaults. A scrape every second spares the test most of half a minute.
			change := map[string]string{"_interval: 15s": "_interval: 1s"}
			root := m.files("prometheus", change)
			path := filepath.Join(root, "etc/prometheus/prometheus.yml")
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, bytes.ReplaceAll(b, []byte("/etc/prometheus/"), []byte(root+"/etc/prometheus/")), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			m.run("prometheus", m.environment("prometheus"), prometheus, "--config.file="+path, "--storage.tsdb.path="+filepath.Join(root, "prometheus"),
				"--web.listen-address="+m.address("prometheus", "9090"))
		},
	}
	if prometheus == "" {
		delete(starts, "prometheus")
	}
	m.inOrder(starts)

	for name := range starts {
		for _, p := range m.project.Services[name].Ports {
			m.until("program at the port that "+name+" publishes as "+p.Published, func() bool {
				c, err := net.DialTimeout("tcp", m.address(name, targetOf(p)), time.Second)
				if err == nil {
					c.Close()
				}
				return err == nil
			})
		}
	}
	m.sendAsThePageSays()
	m.resultsBySchema()
	if prometheus != "" {
		m.scraped()
	}
}

// inOrder starts the services, each after those that it depends on.
func (m *machine) inOrder(starts map[string]func()) {
	m.t.Helper()
	started := map[string]bool{}
	var start func(name string)
	start = func(name string) {
		if started[name] || starts[name] == nil {
			return
		}
		started[name] = true
		for on, d := range m.project.Services[name].DependsOn {
			start(on)
			if d.Condition == types.ServiceConditionHealthy {
				m.until(on+" in health", func() bool { return m.healthy(on) })
			}
		}
		starts[name]()
	}
	for name := range starts {
		start(name)
	}
}

func (m *machine) command(service string) []string {
	var args []string
	for _, a := range m.project.Services[service].Command {
		args = append(args, m.moved(service, a))
	}
	return args
}

// kafka has the image's own code make the broker's properties of the environment, and format its folder.
func (m *machine) kafka() {
	m.t.Helper()
	dir, err := os.MkdirTemp("", "smpp-connector-compose-")
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"defaults", "mounted", "config"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	// In the image the folder is a default, too, and CLUSTER_ID is this one.
	env := append(m.environment("kafka"), "KAFKA_LOG_DIRS="+filepath.Join(dir, "data"), "CLUSTER_ID=5L6g3nShT-eMCtK--X86sw")
	args := []string{"-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(m.jars, "*")}
	setup := exec.CommandContext(m.t.Context(), "java", append(slices.Clone(args), "kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", filepath.Join(dir, "defaults"),
		"--mounted-configs-dir", filepath.Join(dir, "mounted"), "--final-configs-dir", filepath.Join(dir, "config"))...)
	setup.Env = env
	if out, err := setup.CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	m.run("kafka", env, "java", append(args, "kafka.Kafka", filepath.Join(dir, "config", "server.properties"))...)
}

// kafkaTools are the classes that the scripts in Kafka's image run.
var kafkaTools = map[string]string{
	"kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
}

// tool runs one of them.
func (m *machine) tool(stdin string, command []string) ([]byte, error) {
	m.t.Helper()
	class := kafkaTools[strings.TrimPrefix(command[0], "/opt/kafka/bin/")]
	if class == "" {
		m.t.Fatalf("%s is no tool of Kafka's that this test knows", command[0])
	}
	args := []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(m.jars, "*"), class}
	for _, a := range command[1:] {
		args = append(args, m.moved("kafka", a))
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return cmd.CombinedOutput()
}

func (m *machine) healthy(service string) bool {
	m.t.Helper()
	test := m.project.Services[service].HealthCheck.Test
	if len(test) < 2 || test[0] != "CMD" {
		m.t.Fatalf("the health check of %s is %q", service, test)
	}
	_, err := m.tool("", test[1:])
	return err == nil
}

func (m *machine) registryEnvironment() []string {
	m.t.Helper()
	env := m.environment("registry")
	for i, e := range env {
		if port, ok := strings.CutPrefix(e, "QUARKUS_HTTP_PORT="); ok {
			env[i] = "QUARKUS_HTTP_PORT=" + m.port("registry", port)
		}
	}
	return env
}

// theRegistry is the program of the image's release, from Maven Central.
func theRegistry(t *testing.T) string {
	t.Helper()
	_, release, _ := strings.Cut(load(t).Services["registry"].Image, ":")
	dir, err := foreign.Folder("apicurio", nil, "mvn", "-B", "-q", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack",
		"-Dartifact=io.apicurio:apicurio-registry-app:"+release+":tar.gz:all", "-DoutputDirectory=app")
	if err != nil {
		kafkatest.SkipOrFail(t, "apicurio", err.Error())
	}
	jars, err := filepath.Glob(filepath.Join(dir, "app", "*-runner.jar"))
	if err != nil || len(jars) != 1 {
		t.Fatalf("%v, %v in %s", jars, err, dir)
	}
	return jars[0]
}

// thePrometheus is the one on the PATH, or Debian's, unpacked and not installed. Without it the others run all the same.
func thePrometheus(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("prometheus"); err == nil {
		return path
	}
	dir, err := foreign.Folder("prometheus", nil, "sh", "-ec",
		`if [ "$(id -u)" = 0 ]; then apt-get update -qq; fi; apt-get download -qq prometheus; dpkg-deb -x prometheus_*.deb unpacked; rm prometheus_*.deb`)
	switch {
	case err == nil:
		return filepath.Join(dir, "unpacked", "usr", "bin", "prometheus")
	case kafkatest.Required("prometheus"):
		t.Fatalf("SMPP_TEST_REQUIRE asks for prometheus: %v", err)
	}
	t.Logf("left out: prometheus: there is none in PATH, nor Debian's to be had: %v", err)
	return ""
}

var example = regexp.MustCompile(`echo '([^']*)' \| docker compose [^\n]* exec -T kafka \\\n +([^\n]*)\n`)

// sendAsThePageSays runs the command of README.md as it would run in the container.
func (m *machine) sendAsThePageSays() {
	m.t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		m.t.Fatal(err)
	}
	found := example.FindStringSubmatch(string(page))
	if found == nil {
		m.t.Fatal("README.md has no command that sends a message")
	}
	if out, err := m.tool(found[1]+"\n", strings.Fields(found[2])); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
}

// resultsBySchema reads from outside, at the address that is published for this machine, and looks each schema up at the registry.
func (m *machine) resultsBySchema() {
	m.t.Helper()
	registry, err := sr.NewClient(sr.URLs("http://" + m.address("registry", "8081") + "/apis/ccompat/v7"))
	if err != nil {
		m.t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(m.address("kafka", "9092")), kgo.ConsumeTopics("sms.results", "sms.receipts"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		m.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(m.t.Context(), limit)
	defer cancel()
	for seen := map[string]bool{}; len(seen) < 2; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			m.t.Fatalf("nothing came in %s but in %v: %v", limit, seen, fetches.Err())
		}
		for r := range fetches.RecordsAll() {
			id, _, err := new(sr.ConfluentHeader).DecodeID(r.Value)
			if err != nil {
				m.t.Fatalf("a record of %s is by no schema: %v", r.Topic, err)
			}
			s, err := registry.SchemaByID(ctx, id)
			if err != nil || s.Type != sr.TypeAvro {
				m.t.Fatalf("%s: schema %d is %s at the registry, %v", r.Topic, id, s.Type, err)
			}
			bySubject, err := registry.SchemaByVersion(ctx, r.Topic+"-value", -1)
			if err != nil || bySubject.ID != id {
				m.t.Errorf("%s is by schema %d, its subject's is %d, %v", r.Topic, id, bySubject.ID, err)
			}
			seen[r.Topic] = true
		}
	}
}

// scraped waits until Prometheus has the connector's figures, and looks whether it has read the rules.
func (m *machine) scraped() {
	m.t.Helper()
	base := "http://" + m.address("prometheus", "9090") + "/api/v1/"
	ask := func(path string, into any) error {
		req, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(into)
	}
	for _, query := range []string{`up{job="smpp-connector"} == 1`, `sum(smpp_connector_sink_results_total{status="accepted",smsc="simulator"}) == 1`,
		`sum(smpp_connector_resolver_receipts_total) >= 1`} {
		m.until(query, func() bool {
			var answer struct {
				Data struct{ Result []any }
			}
			return ask("query?query="+url.QueryEscape(query), &answer) == nil && len(answer.Data.Result) > 0
		})
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	m.until("rule that was evaluated", func() bool {
		err := ask("rules", &rules)
		return err == nil && len(rules.Data.Groups) > 0 && !slices.ContainsFunc(rules.Data.Groups[0].Rules, func(r struct{ Name, Health, LastError string }) bool { return r.Health == "unknown" })
	})
	n := 0
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			n++
			if r.LastError != "" {
				m.t.Errorf("alert %s: %s", r.Name, r.LastError)
			}
		}
	}
	b, err := os.ReadFile("../prometheus/alerts.yaml")
	if want := strings.Count(string(b), "- alert: "); err != nil || n != want || n == 0 {
		m.t.Errorf("Prometheus has read %d alerts of %d, %v", n, want, err)
	}
}
