package config

import (
	"strings"
	"testing"
)

// Whatever the environment holds: no panic, a configuration or faults and never both, one line a fault, and no secret in them.
func FuzzLoad(f *testing.F) {
	f.Add(strings.Join(least(), "\n"))
	f.Add(strings.Join(least("SINK_TPOICS=x", "SMSC_1_BIND=pair", "SMSC_00_NAME=a", "SMSC_2_TPS=1e400"), "\n"))
	f.Add("KAFKA_BROKERS=embedded,\nSMSC_0_NAME=\xff\nSMSC_0_ADDRESS=[::1]:2775\nSMSC_0_ROUTES=+,00\nSMSC_0_PORT=tcp://1")
	f.Add("SMSC_=\nSMSC_0_=x\nSMSC_-1_NAME=x\nSMSC_99999999999999999999_NAME=x\nSINK_TOPICS_REGEX=a\\Q(\n=\n==")
	f.Add("HTTP_ADDRESS=\nHTTP_USERNAME=a:b\nREADY_REQUIRES=,,\nLOG_LEVEL=INFO\nSHUTDOWN_TIMEOUT=9223372036854775807ns\nKAFKA_TOPICS_REPLICATION=0")
	f.Fuzz(func(t *testing.T, lines string) {
		const secret = "hunter2-correct-horse"
		environ := strings.Split(lines, "\n")
		for i, line := range environ {
			// Files of the fuzzer's choice may be pipes, and would be waited for.
			name, _, _ := strings.Cut(line, "=")
			if strings.HasSuffix(name, fileSuffix) {
				environ[i] = name + "=/nowhere"
			}
		}
		environ = append(environ, "SMSC_0_PASSWORD="+secret)
		c, err := Load(environ)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		rows := Variables(environ)
		for _, v := range rows {
			if strings.Contains(v.Value, secret) && !strings.Contains(lines, secret) {
				t.Fatalf("%s shows a secret", v.Name)
			}
		}
		if err == nil {
			if len(c.SMSCs) == 0 || c.SMSCs[0].Name == "" || len(c.SMSCs[0].Addresses) == 0 || c.SMSCs[0].Password != secret {
				t.Fatalf("%+v", c)
			}
			if (len(c.Sink.Topics) > 0) == (c.Sink.TopicsRegex != "") || (len(c.Kafka.Brokers) > 0) == c.Kafka.Embedded {
				t.Fatalf("%+v", c)
			}
			return
		}
		faults, ok := err.(*Faults)
		if !ok {
			t.Fatalf("the error is %T: %v", err, err)
		}
		if got := strings.Count(err.Error(), "\n") + 1; got != len(faults.List) {
			t.Fatalf("%d faults on %d lines: %q", len(faults.List), got, err)
		}
		if strings.Contains(err.Error(), secret) && !strings.Contains(lines, secret) {
			t.Fatalf("a secret is shown: %v", err)
		}
	})
}
