package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/tlstest"
)

// manifest is what of any manifest these tests read. That there is nothing in one which Kubernetes does not know is kubeconform's part (check.sh).
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Template struct{ Spec pod }
		// of a ScaledObject
		MaxReplicaCount int `yaml:"maxReplicaCount"`
		Triggers        []struct{ Metadata map[string]string }
		// of a KafkaUser
		Authorization struct{ ACLs []acl }
	}
}

type pod struct {
	TerminationGracePeriodSeconds int         `yaml:"terminationGracePeriodSeconds"`
	InitContainers                []container `yaml:"initContainers"`
	Containers                    []container
	Volumes                       []struct {
		Name   string
		Secret struct {
			SecretName string `yaml:"secretName"`
		}
		Projected struct {
			Sources []struct {
				Secret struct{ Items []struct{ Path string } }
			}
		}
	}
}

type container struct {
	Name          string
	RestartPolicy string `yaml:"restartPolicy"`
	EnvFrom       []struct {
		ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
	} `yaml:"envFrom"`
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
		RunAsUser                int   `yaml:"runAsUser"`
		Capabilities             struct{ Drop []string }
		SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	StartupProbe   probe   `yaml:"startupProbe"`
	LivenessProbe  probe   `yaml:"livenessProbe"`
	ReadinessProbe probe   `yaml:"readinessProbe"`
	VolumeMounts   []mount `yaml:"volumeMounts"`
}

type mount struct {
	Name      string
	MountPath string `yaml:"mountPath"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func read(t *testing.T, file string) []manifest {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []manifest
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var m manifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, m)
	}
}

// The connector itself reads what each manifest gives it: names, values and files; and what the manifests say of it is so.
func TestTheConnectorAgreesWithEachManifestThatRunsIt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/rendered/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d manifests, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			all := read(t, file)
			i := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == "Deployment" })
			if i < 0 {
				t.Fatal("no Deployment")
			}
			p := all[i].Spec.Template.Spec
			c, sidecar := connector(t, p)
			cfg := load(t, all, p, c)
			if grace := time.Duration(p.TerminationGracePeriodSeconds) * time.Second; grace <= cfg.ShutdownTimeout {
				t.Errorf("terminationGracePeriodSeconds is %s: the drain alone may take %s", grace, cfg.ShutdownTimeout)
			}
			if _, port, _ := net.SplitHostPort(cfg.HTTP.Address); len(c.Ports) != 1 || fmt.Sprint(c.Ports[0].ContainerPort) != port {
				t.Errorf("ports %v, and HTTP_ADDRESS is %s", c.Ports, cfg.HTTP.Address)
			}
			probes := map[probe]string{c.LivenessProbe: "/health"}
			if !sidecar {
				probes[c.StartupProbe], probes[c.ReadinessProbe] = "/health", "/ready"
			} else if c.StartupProbe != (probe{}) || c.ReadinessProbe != (probe{}) {
				t.Error("a sidecar's startup or readiness probe makes the application wait for Kafka")
			}
			for p, path := range probes {
				if p.HTTPGet.Path != path || p.HTTPGet.Port != c.Ports[0].Name {
					t.Errorf("probe %+v, want %s at port %s", p, path, c.Ports[0].Name)
				}
			}
			if s := c.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !s.RunAsNonRoot ||
				s.RunAsUser != 65532 || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || s.SeccompProfile.Type != "RuntimeDefault" {
				t.Errorf("not the restricted profile: %+v", s)
			}
			if !slices.ContainsFunc(c.VolumeMounts, func(m mount) bool { return m.MountPath == cfg.StateDir }) {
				t.Errorf("STATE_DIR is %s, where nothing is mounted: the root is read-only", cfg.StateDir)
			}
			scaled(t, all, cfg)
		})
	}
}

func connector(t *testing.T, p pod) (c container, sidecar bool) {
	t.Helper()
	named := func(c container) bool { return c.Name == "smpp-connector" }
	if i := slices.IndexFunc(p.Containers, named); i >= 0 {
		return p.Containers[i], false
	}
	i := slices.IndexFunc(p.InitContainers, named)
	if i < 0 {
		t.Fatal("no container smpp-connector")
	}
	if p.InitContainers[i].RestartPolicy != "Always" {
		t.Error("an init container without restartPolicy Always is no sidecar: the application would wait for its end")
	}
	return p.InitContainers[i], true
}

// load reads the environment as Kubernetes would give it, with a file of its own for each that is mounted.
func load(t *testing.T, all []manifest, p pod, c container) *config.Config {
	t.Helper()
	var environ []string
	for _, from := range c.EnvFrom {
		i := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == "ConfigMap" && m.Metadata.Name == from.ConfigMapRef.Name })
		if i < 0 {
			t.Fatalf("no ConfigMap %s", from.ConfigMapRef.Name)
		}
		for name, value := range all[i].Data {
			environ = append(environ, name+"="+value)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Env {
		if strings.HasSuffix(e.Name, "_FILE") {
			if !mounted(p, c, e.Value) {
				t.Errorf("%s=%s: no volume has that file", e.Name, e.Value)
			}
			e.Value = secret
			if strings.HasSuffix(e.Name, "_CA_FILE") {
				e.Value = tlstest.New(t, "authority").File
			}
		}
		environ = append(environ, e.Name+"="+e.Value)
	}
	cfg, err := config.Load(environ)
	if err != nil {
		t.Fatalf("the connector refuses it: %v", err)
	}
	return cfg
}

func mounted(p pod, c container, file string) bool {
	for _, mount := range c.VolumeMounts {
		if mount.MountPath != filepath.Dir(file) {
			continue
		}
		for _, v := range p.Volumes {
			if v.Name != mount.Name {
				continue
			}
			if v.Secret.SecretName != "" { // all keys of a Secret that is not ours to see
				return true
			}
			for _, source := range v.Projected.Sources {
				for _, item := range source.Secret.Items {
					if item.Path == filepath.Base(file) {
						return true
					}
				}
			}
		}
	}
	return false
}

// scaled: KEDA asks for the group and the topics that the connector reads.
func scaled(t *testing.T, all []manifest, cfg *config.Config) {
	t.Helper()
	for _, m := range all {
		if m.Kind != "ScaledObject" {
			continue
		}
		var topics []string
		for _, trigger := range m.Spec.Triggers {
			topics = append(topics, trigger.Metadata["topic"])
			if got, want := trigger.Metadata["consumerGroup"], "connect-"+cfg.Name+"-sink"; got != want {
				t.Errorf("consumerGroup is %s, the sink's is %s", got, want)
			}
		}
		if !slices.Equal(topics, cfg.Sink.Topics) {
			t.Errorf("topics are %v, the sink's %v", topics, cfg.Sink.Topics)
		}
	}
}

func TestTheScaledObjectForTheBaseIsOfTheBasesGroup(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"KAFKA_BROKERS=k:9092", "SMSC_0_NAME=acme", "SMSC_0_ADDRESS=smsc:2775"})
	if err != nil {
		t.Fatal(err)
	}
	scaled(t, read(t, "keda/scaledobject.yaml"), cfg)
}

// A variable that is written wrong in an example is found by whoever copies it, in production.
func TestEveryVariableNamedHereIsOneOfTheConnectors(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, v := range config.Variables([]string{"SMSC_0_NAME=a", "SMSC_1_NAME=b"}) {
		known[v.Name] = true
	}
	found := 0
	name := regexp.MustCompile(`\b(CONNECTOR|HTTP|READY|LOG|STATE|SHUTDOWN|KAFKA|SINK|SMSC|SOURCE|DELIVERY|SCHEMA_REGISTRY|OTEL|RESULTS|RECEIPTS|INBOUND|DEADLETTER)_[A-Z0-9_]*[A-Z0-9]\b`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".sh") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, n := range name.FindAllString(string(b), -1) {
			if found++; !known[n] {
				t.Errorf("%s: %s is no variable of the connector", path, n)
			}
		}
		return nil
	})
	if err != nil || found < 100 {
		t.Errorf("%d names, %v", found, err)
	}
}
