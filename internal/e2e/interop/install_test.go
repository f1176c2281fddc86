package interop

import (
	"embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/foreign"
)

//go:embed java/pom.xml python/requirements.txt
var lists embed.FS

func fetched(name, list string, command ...string) (string, error) {
	b, err := lists.ReadFile(list)
	if err != nil {
		return "", err
	}
	return foreign.Folder(name, foreign.Files{filepath.Base(list): b}, command...)
}

// java fetches the jars and compiles what is in the folder java, and returns the class path.
var java = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("there is no %s program in PATH; install a JDK, 17 or later", tool)
		}
	}
	jars, err := fetched("interop-java", "java/pom.xml", "mvn", "-B", "-U", "-f", "pom.xml",
		"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars")
	if err != nil {
		return "", err
	}
	sources, err := filepath.Glob("java/*.java")
	if err != nil || len(sources) == 0 {
		return "", errors.Join(errors.New("no Java sources"), err)
	}
	classes := filepath.Join(scratch, "classes")
	path := classes + ":" + filepath.Join(jars, "jars", "*")
	javac := exec.Command("javac", append([]string{"--release", "17", "-d", classes, "-cp", path}, sources...)...)
	if out, err := javac.CombinedOutput(); err != nil {
		return "", fmt.Errorf("javac: %w\n%s", err, out)
	}
	return path, nil
})

// python fetches the packages and returns their folder.
var python = sync.OnceValues(func() (string, error) {
	if _, err := exec.LookPath("python3"); err != nil {
		return "", errors.New("there is no python3 program in PATH; install Python 3 and pip")
	}
	dir, err := fetched("interop-python", "python/requirements.txt",
		"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", "site", "-r", "requirements.txt")
	return filepath.Join(dir, "site"), err
})

func javaPeer(t *testing.T, class string, args ...string) *peer {
	t.Helper()
	path, err := java()
	if err != nil {
		missing(t, "java", err)
	}
	// The compilers of a JVM that lives for seconds only take time from the others.
	return startPeer(t, exec.Command("java", append([]string{"-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", path, class}, args...)...))
}

func pythonPeer(t *testing.T, script string, args ...string) *peer {
	t.Helper()
	site, err := python()
	if err != nil {
		missing(t, "python", err)
	}
	cmd := exec.Command("python3", append([]string{filepath.Join("python", script)}, args...)...)
	cmd.Env = append(cmd.Environ(), "PYTHONPATH="+site)
	return startPeer(t, cmd)
}
