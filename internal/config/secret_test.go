package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestASecretInAFileIsReadAgain: what rotates counts from the next use on, and a file that is away for a moment does no harm.
func TestASecretInAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	file := write(t, "first\n")
	c := mustLoad(t, least("KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD_FILE="+file))
	s := c.Kafka.SASL.Password
	if got := s.Get(); got != "first" || !s.IsSet() {
		t.Fatalf("%q", got)
	}
	if err := os.WriteFile(file, []byte("second\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.Get(); got != "second" {
		t.Errorf("%q after it has rotated", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := s.Get(); got != "first" {
		t.Errorf("%q while the file is away, want what was read at the start", got)
	}
	if got := SecretOf("fixed").Get(); got != "fixed" {
		t.Errorf("%q", got)
	}
}

// TestASecretIsNotPrinted prints it in every way that a log line could.
func TestASecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, least("KAFKA_SASL_MECHANISM=PLAIN", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=hunter2"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if shown := fmt.Sprintf(format, c.Kafka.SASL.Password) + fmt.Sprintf(format, c.Kafka.SASL); strings.Contains(shown, "hunter2") {
			t.Errorf("%s shows it: %s", format, shown)
		}
	}
}
