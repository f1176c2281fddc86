package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// connectPackages fetches what a tool of Kafka Connect needs, by the list in testdata/connect.
func connectPackages(t *testing.T, what, list string, install ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/connect", list))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := foreign.Folder("connect-"+what, foreign.Files{list: b}, install...)
	if err != nil {
		kafkatest.SkipOrFail(t, what, err.Error())
	}
	return dir
}

// steered is a replica that is a member of both groups.
func steered(t *testing.T) *app {
	t.Helper()
	a := newWorld(t, smsc.Behaviour{}).replica(anyPort)
	eventually(t, "member of both groups", func() bool {
		_, sink := ask(t, a, "GET", "/connectors/smpp-sink/tasks", "")
		_, source := ask(t, a, "GET", "/connectors/smpp-source/tasks", "")
		return string(sink) != "[]" && string(source) != "[]"
	})
	return a
}

// TestAKHQsClientUnderstandsAndSteers runs the library by which AKHQ sees Kafka Connect.
func TestAKHQsClientUnderstandsAndSteers(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("java"); err != nil {
		kafkatest.SkipOrFail(t, "java", "there is no java program in PATH; install a JDK, 17 or later")
	}
	dir := connectPackages(t, "java", "pom.xml", "mvn", "-B", "-U", "-f", "pom.xml",
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars")
	a := steered(t)
	var complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(dir, "jars", "*"), "testdata/connect/ConnectClient.java", "http://"+a.admin.Addr())
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, complaints.String())
	}
	want := `version 4.3.0
connectors [smpp-sink, smpp-source]
smpp-sink sink RUNNING tasks 1 class smppconnector.SmppSinkConnector topics some
smpp-source source RUNNING tasks 1 class smppconnector.SmppSourceConnector topics some
config 20
task 0 RUNNING
plugin smppconnector.SmppSinkConnector sink refuses nonsense
plugin smppconnector.SmppSourceConnector source refuses nonsense
now PAUSED
now RUNNING
restarted true
not deleted: `
	if got := string(out); !strings.HasPrefix(got, want) || !strings.Contains(got, "environment variables") {
		t.Errorf("it understood\n%s\nwant\n%s…", got, want)
	}
}

// TestKCUnderstandsAndSteers runs kc, the command line tool of kafka-connect-py.
func TestKCUnderstandsAndSteers(t *testing.T) {
	t.Parallel()
	dir := connectPackages(t, "python", "requirements.txt", "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "site", "-r", "requirements.txt")
	a := steered(t)
	kc := func(arguments ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "python3", append([]string{"-c", "from kafka_connect.cli import cli; cli()", "--url", "http://" + a.admin.Addr()}, arguments...)...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "site"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("kc %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
		return string(out)
	}
	var list []string
	if out := kc("list"); json.Unmarshal([]byte(out), &list) != nil || strings.Join(list, " ") != "smpp-sink smpp-source" {
		t.Errorf("kc list: %s", out)
	}
	var status struct {
		Name      string
		Connector struct{ State string }
		Tasks     []struct{ State string }
	}
	if out := kc("status", "smpp-source"); json.Unmarshal([]byte(out), &status) != nil || status.Connector.State != "RUNNING" || len(status.Tasks) != 1 {
		t.Errorf("kc status: %s", out)
	}
	kc("pause", "smpp-source")
	eventually(t, "pause of the source", func() bool {
		_, s := ask(t, a, "GET", "/connectors/smpp-source/status", "")
		return strings.Contains(string(s), `"state":"PAUSED"`)
	})
	kc("resume", "smpp-source")
	eventually(t, "resumed source", func() bool {
		_, s := ask(t, a, "GET", "/connectors/smpp-source/status", "")
		return strings.Contains(string(s), `"state":"RUNNING"`) && !strings.Contains(string(s), "PAUSED")
	})
}
