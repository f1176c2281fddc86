package compose

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// load reads the file as docker compose does, with these variables for it.
func load(t *testing.T, variables ...string) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnv(variables), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func environment(s types.ServiceConfig) []string {
	var env []string
	for k, v := range s.Environment {
		if v != nil {
			env = append(env, k+"="+*v)
		}
	}
	slices.Sort(env)
	return env
}

// texts are all strings by which a service may name another: its environment, its command, and the files that are mounted.
func texts(t *testing.T, s types.ServiceConfig) []string {
	t.Helper()
	all := append(environment(s), s.Command...)
	if s.HealthCheck != nil {
		all = append(all, s.HealthCheck.Test...)
	}
	for _, v := range s.Volumes {
		if info, err := os.Stat(v.Source); err != nil || info.IsDir() {
			continue
		}
		b, err := os.ReadFile(v.Source)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// A container reaches another by its service's name and the port that it listens on, whatever is published.
var hostAndPort = regexp.MustCompile(`\b([a-z][a-z-]*):(\d{4,5})\b`)

// listens are the ports that the services' programs open.
var listens = map[string][]string{
	"kafka": {"19092", "9092", "9093"}, "registry": {"8081"}, "smsc": {"2775"}, "connector": {"8083"}, "kafka-ui": {"8080"}, "prometheus": {"9090"}, "grafana": {"3000"},
}

func TestServicesNameEachOther(t *testing.T) {
	t.Parallel()
	p := load(t)
	for name, s := range p.Services {
		for _, text := range texts(t, s) {
			for _, m := range hostAndPort.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(listens[m[1]], m[2]) {
					t.Errorf("%s: %s is no service's address", name, m[0])
				}
			}
		}
		for _, port := range s.Ports {
			if !slices.Contains(listens[name], fmt.Sprint(port.Target)) {
				t.Errorf("%s publishes port %d, which its program does not open", name, port.Target)
			}
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s on %q, for all the network", name, port.Published, port.HostIP)
			}
		}
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestTheConnectorReadsItsEnvironment(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "avro", "protobuf", "jsonschema"} {
		s := load(t, "FORMAT="+format).Services["connector"]
		c, err := config.Load(environment(s))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{"": "json"}[format]; c.Format != format && c.Format != want {
			t.Errorf("FORMAT=%s: %s", format, c.Format)
		}
		if _, port, err := net.SplitHostPort(c.HTTP.Address); err != nil || !slices.Contains(listens["connector"], port) {
			t.Errorf("it listens on %s, %v", c.HTTP.Address, err)
		}
		if *s.StopGracePeriod <= types.Duration(c.ShutdownTimeout) {
			t.Errorf("it is killed after %s, and has %s to drain", s.StopGracePeriod, c.ShutdownTimeout)
		}
	}
}

// TestTheImageRunsTheConnector: a service's command is what follows the image's entrypoint.
func TestTheImageRunsTheConnector(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"smsc", "connector"} {
		s := load(t).Services[name]
		b, err := os.ReadFile(filepath.Join(s.Build.Context, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(b), "\nENTRYPOINT [\"/smpp-connector\"]\n") || len(s.Entrypoint) > 0 {
			t.Errorf("%s: its entrypoint is not the connector", name)
		}
	}
}

// TestGrafanaFindsDataAndDashboards reads what Grafana provisions itself with: one source of data, which is Prometheus and the default, and a folder of
// dashboards that is mounted there and holds some.
func TestGrafanaFindsDataAndDashboards(t *testing.T) {
	t.Parallel()
	mounted := map[string]string{}
	for _, v := range load(t).Services["grafana"].Volumes {
		mounted[v.Target] = v.Source
	}
	const provisioning = "/etc/grafana/provisioning/"
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, Type, Access, URL string
			IsDefault               bool `yaml:"isDefault"`
		}
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	for path, into := range map[string]any{"datasources/prometheus.yaml": &sources, "dashboards/smpp-connector.yaml": &dashboards} {
		b, err := os.ReadFile(mounted[provisioning+path])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if err := d.Decode(into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if len(sources.Datasources) != 1 || sources.APIVersion != 1 || dashboards.APIVersion != 1 || len(dashboards.Providers) != 1 {
		t.Fatalf("%+v %+v", sources, dashboards)
	}
	if d := sources.Datasources[0]; d.Type != "prometheus" || !d.IsDefault || d.Access != "proxy" || d.URL != "http://prometheus:9090" {
		t.Errorf("%+v", d)
	}
	provider := dashboards.Providers[0]
	found, err := filepath.Glob(filepath.Join(mounted[provider.Options.Path], "*.json"))
	if err != nil || len(found) == 0 || provider.Type != "file" || provider.Options.Path == "" {
		t.Fatalf("%+v: dashboards %v, %v", provider, found, err)
	}
	for _, path := range found {
		var d struct {
			UID, Title string
			Panels     []any
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &d)
		}
		if err != nil || d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
			t.Errorf("%s: %v, %d panels", path, err, len(d.Panels))
		}
	}
}
