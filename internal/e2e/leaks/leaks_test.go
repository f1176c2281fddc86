package leaks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// poison are records that fail in each way there is, with a marker in every field.
func poison() []string {
	ok := `"to":"+49151` + digits + `","text":"` + marker + ` text"`
	m := func(s string, args ...any) string { return fmt.Sprintf(strings.ReplaceAll(s, "Q!", marker), args...) }
	return []string{
		m(`{"id":"Q!-fine",%s,"from":"Q!","metadata":{"Q!":"Q!"},"tlvs":{"0x1400":"Q!"}}`, ok),
		m(`{"id":"Q!-long","to":"+49151`+digits+`","text":"%s"}`, strings.Repeat(marker+" 🎉 ", 80)),
		m(`{"id":"Q!-expired",%s,"expires_at":"2020-01-01T00:00:00Z"}`, ok),
		m(`{"id":"Q!-route",%s,"route":"Q!\u001b[31m\r\n\u009b\u202e"}`, ok),
		m(`{"id":"Q!-unroutable","to":"+3315` + digits + `","text":"Q!"}`),
		m(`{"id":"Q!-both",%s,"payload":"UXptYXJr"}`, ok),
		m(`{"id":"Q!-type","to":"+49151` + digits + `","text":{"Q!":1}}`),
		m(`{"id":"Q!-alphabet","to":"+49151` + digits + `","text":"Q! 世界","encoding":"gsm7"}`),
		m(`{"id":"Q!-encoding",%s,"encoding":"Q!\u001b[31m"}`, ok),
		m(`{"id":"Q!-class",%s,"class":`+digits+`}`, ok),
		m(`{"id":"Q!-validity",%s,"validity":"Q!"}`, ok),
		m(`{"id":"Q!-expires_at",%s,"expires_at":"Q!"}`, ok),
		m(`{"id":"Q!-priority",%s,"priority":"Q!"}`, ok),
		m(`{"id":"Q!-receipts",%s,"receipts":"Q!"}`, ok),
		m(`{"id":"Q!-service_type",%s,"service_type":"Q!"}`, ok),
		m(`{"id":"Q!-data_coding",%s,"data_coding":"Q!"}`, ok),
		m(`{"id":"Q!-letters","to":"Q!","text":"x"}`),
		m(`{"id":"Q!-from",%s,"from":"Q! Q! Q! Q!"}`, ok),
		m(`{"id":"Q!-tlv",%s,"tlvs":{"Q!":"Q!"}}`, ok),
		m(`{"id":"Q!-tlv value",%s,"tlvs":{"0x1400":7654321}}`, ok),
		m(`{"id":"Q!-metadata",%s,"metadata":{"Q!":{"Q!":1}}}`, ok),
		m(`{"id":"Q!-utf8",%s,"from":"Q!%s"}`, ok, "\xff"),
		m(`{"id":{"Q!":1},%s}`, ok),
		m(`{"id":"%s",%s}`, strings.Repeat(marker, 200), ok),
		m(`Q! and no JSON`), m(`{"id":"Q!-cut","text":"Q!`), `[]`, ``,
	}
}

// bench is a broker that holds the poison.
type bench struct {
	t      *testing.T
	broker *kafkatest.Broker
	client *kgo.Client
	sent   int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, broker: kafkatest.Kfake(t, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))}
	kafkatest.CreateTopics(t, b.broker, 2, "sms.outbound", "sms.results", "sms.deadletter", "sms.receipts", "sms.inbound")
	b.client = kafkatest.Client(t, b.broker)
	return b
}

func (b *bench) produce(values ...string) {
	b.t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: "sms.outbound", Key: []byte(marker + digits), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: marker, Value: []byte(marker + control)}}}
		if err := b.client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
		b.sent++
	}
}

// done waits until every record has its result.
func (b *bench) done() {
	b.t.Helper()
	cl := kafkatest.Client(b.t, b.broker, kgo.ConsumeTopics("sms.results"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	for seen := 0; seen < b.sent; {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			b.t.Fatalf("%d of %d results", seen, b.sent)
		}
		seen += fs.NumRecords()
	}
}

func (b *bench) environment(more ...string) []string {
	return append([]string{
		"KAFKA_BROKERS=" + strings.Join(b.broker.Addrs, ","), "KAFKA_SESSION_TIMEOUT=6s", "KAFKA_TOPICS_PARTITIONS=2", "KAFKA_TOPICS_REPLICATION=1",
		"HTTP_USERNAME=ops", "HTTP_PASSWORD=" + secret + "1http", "READY_REQUIRES=kafka,smsc", "DELIVERY_RETRY_FOR=3s", "SOURCE_MATCH_WAIT=1s", "SOURCE_PARTS_WAIT=1s",
	}, more...)
}

// pages are all that the process answers, to those who may ask and to those who may not.
func pages(p *process) (all string) {
	for _, path := range []string{"/", "/ui", "/health", "/ready", "/metrics", "/connectors", "/connectors/smpp-sink/status", "/connectors/" + marker, "/" + marker + "%0d%0a?" + marker} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
			all += p.ask(method, path, `{"`+marker+`":"`+marker+`"`, true) + p.ask(method, path, marker, false)
		}
	}
	// Kafka Connect's own sentence says the name back to who asked for it, and to nobody else.
	return strings.ReplaceAll(all, "Connector "+marker+" not found", "Connector not found")
}

// series are the names and labels of the process's metrics, those of clients' connections to brokers apart: they come and go with these.
func series(p *process) (names []string) {
	for line := range strings.Lines(p.ask("GET", "/metrics", "", false)) {
		name, _, ok := strings.Cut(line, " ")
		if i := strings.IndexByte(line, '}'); i >= 0 {
			name = line[:i+1]
		}
		if ok && strings.HasPrefix(name, "smpp_connector_") && !strings.HasPrefix(name, "smpp_connector_kafka") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestNothingThatIsSomeonesOwnIsToldWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for format, level := range map[string]string{"json": "info", "text": "debug"} {
		t.Run(format+" "+level, func(t *testing.T) {
			t.Parallel()
			b, hostile := newBench(t), startPeer(t)
			locked, err := smsc.New(smsc.Options{Accounts: map[string]string{"other": "x"}})
			if err == nil {
				err = locked.Start(context.WithoutCancel(t.Context()))
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(locked.Stop)
			p := start(t, b.environment("LOG_FORMAT="+format, "LOG_LEVEL="+level,
				"SMSC_0_NAME=hostile", "SMSC_0_ADDRESS="+hostile.listener.Addr().String(), "SMSC_0_SYSTEM_ID=connector", "SMSC_0_PASSWORD="+secret+"2", "SMSC_0_ROUTES=49",
				"SMSC_0_SOURCE_ADDRESS=+4930"+digits, "SMSC_0_RESPONSE_TIMEOUT=500ms", "SMSC_0_BIND_TIMEOUT=1s", "SMSC_0_WINDOW=50", "SMSC_0_RECEIPTS=all",
				"SMSC_1_NAME=locked", "SMSC_1_ADDRESS="+locked.Addr(), "SMSC_1_SYSTEM_ID=connector", "SMSC_1_PASSWORD="+secret+"3", "SMSC_1_ROUTES=1",
				"SMSC_2_NAME=plain", "SMSC_2_ADDRESS="+locked.Addr()+","+hostile.listener.Addr().String(), "SMSC_2_SYSTEM_ID=connector", "SMSC_2_PASSWORD="+secret+"4", "SMSC_2_ROUTES=2",
				"SMSC_2_TLS_ENABLED=true", "SMSC_2_BIND_TIMEOUT=1s",
			), "run")
			b.produce(poison()...)
			b.done()
			// Everything that can happen has happened after this; what comes then differs only in what it says.
			round := func(n int) {
				values := make([]string, 40)
				for i := range values {
					values[i] = fmt.Sprintf(`{"id":"%s-%d-%d","to":"+49151%s","text":"%s","receipts":"all"}`, marker, n, i, digits, marker)
				}
				b.produce(values...)
				b.done()
			}
			round(0)
			before := series(p)
			hostile.drop()
			round(1)
			round(2)
			after := series(p)
			if len(before) < 50 {
				t.Fatalf("only %d series", len(before))
			}
			// A status or a trouble may be met for the first time only now, but not one for each PDU.
			if len(after) > len(before)+10 {
				t.Errorf("%d series became %d: %v", len(before), len(after), slices.DeleteFunc(after, func(s string) bool { return slices.Contains(before, s) }))
			}
			told1 := pages(p)
			b.broker.Kill()
			eventually(t, "outage in /ready", func() bool { return strings.Contains(p.ask("GET", "/ready", "", false), `"ready":false`) })
			told1 += pages(p)
			b.broker.Restart()
			round(9)
			log := p.text()
			dump := p.dump()
			if !strings.Contains(dump, "goroutine ") {
				t.Error("there is no dump")
			}
			forbidden := told
			if level == "debug" {
				forbidden = debugged
				if !strings.Contains(log, "level=DEBUG") {
					t.Error("nothing was logged at debug")
				}
			}
			checkTold(t, "the log", log, forbidden)
			checkTold(t, "the dump of a crash", dump, told)
			checkTold(t, "a page", told1, told)
			checkLines(t, log, format)
			if level == "info" && strings.Count(log, "\n") > 300 {
				t.Errorf("%d lines were logged", strings.Count(log, "\n"))
			}
		})
	}
}

// TestAStopBecauseOfARecordDoesNotTellIt: the error goes to the log, to /health and to the terminal.
func TestAStopBecauseOfARecordDoesNotTellIt(t *testing.T) {
	t.Parallel()
	s, err := smsc.New(smsc.Options{})
	if err == nil {
		err = s.Start(context.WithoutCancel(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	stopped := 0
	for i, value := range poison() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b := newBench(t)
			b.produce(value)
			p := start(t, b.environment("DELIVERY_ERRORS=stop", "SMSC_0_NAME=carrier", "SMSC_0_ADDRESS="+s.Addr(), "SMSC_0_SYSTEM_ID=x", "SMSC_0_ROUTES=49"), "run")
			ended := func() bool {
				select {
				case <-p.done:
					return true
				default:
					return false
				}
			}
			eventually(t, "end, nor a commit", func() bool {
				return ended() || strings.Contains(p.ask("GET", "/metrics", "", false), `smpp_connector_sink_results_total{`)
			})
			if !ended() { // it was no fault of the record's
				p.signal(syscall.SIGTERM)
				p.wait()
			} else if stopped++; p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(p.text(), "DELIVERY_ERRORS=stop") || !strings.Contains(p.text(), "sms.outbound[") {
				t.Errorf("exit code %d", p.cmd.ProcessState.ExitCode())
			}
			checkTold(t, "the output", p.text(), told)
			if strings.ContainsAny(p.text(), "\x1b\r\u009b\u202e") {
				t.Error("the output has control characters")
			}
		})
	}
	if stopped < 15 {
		t.Errorf("%d records stopped the connector", stopped)
	}
}

// TestNoSecretIsToldByTheOtherCommands gives every secret wrong, in the environment and in files.
func TestNoSecretIsToldByTheOtherCommands(t *testing.T) {
	t.Parallel()
	hostile := startPeer(t)
	for name, env := range map[string][]string{
		"sound":                              {"SMSC_0_PASSWORD=" + secret + "2"},
		"too long":                           {"SMSC_0_PASSWORD=" + secret + "2" + strings.Repeat("x", 300), "HTTP_PASSWORD=" + secret + "1" + control[:4]},
		"twice":                              {"SMSC_0_PASSWORD=" + secret + "2", "SMSC_0_PASSWORD_FILE=/nowhere"},
		"unknown names":                      {"SMSC_0_PASWORD=" + secret + "2", "SMSC_0_PASSWORDS=" + secret + "3", "SINK_PASSWORD=" + secret + "4"},
		"in places where they do not belong": {"SMSC_0_ADDRESS=user:" + secret + "2@127.0.0.1:1", "KAFKA_BROKERS=kafka://user:" + secret + "3@127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, command := range []string{"config", "check", "run"} {
				p := start(t, append([]string{"KAFKA_BROKERS=127.0.0.1:1", "SMSC_0_NAME=a", "SMSC_0_ADDRESS=" + hostile.listener.Addr().String(), "SMSC_0_SYSTEM_ID=x",
					"SMSC_0_BIND_TIMEOUT=1s"}, env...), command)
				if command == "run" && name == "sound" {
					eventually(t, "log", func() bool { return strings.Contains(p.text(), "Kafka cannot be used yet") })
					p.signal(syscall.SIGTERM)
				}
				p.wait()
				forbidden := secrets
				if command != "config" && name != "unknown names" {
					forbidden = told
				}
				checkTold(t, command, p.text(), forbidden)
				if strings.ContainsAny(p.text(), "\x1b\r\u009b\u202e") {
					t.Errorf("%s prints control characters: %q", command, p.text())
				}
			}
		})
	}
}
