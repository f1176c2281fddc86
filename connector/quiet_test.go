package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/otlptest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// oddRecords fail in each way that the contract names. Every text holds "confidential",
// every number ends in 7654321.
var oddRecords = []string{
	`{"id":"fine","to":"+491517654321","text":"confidential text","metadata":{"customer":"confidential"}}`,
	`{"id":"long","to":"+491517654321","text":"` + strings.Repeat("confidential 🎉 ", 30) + `"}`,
	`{"id":"throttled","to":"+491527654321","text":"confidential"}`,
	`{"id":"rejected","to":"+491617654321","text":"confidential"}`,
	`{"id":"expired","to":"+491517654321","text":"confidential","expires_at":"2020-01-01T00:00:00Z"}`,
	`{"id":"unroutable","to":"+337654321","text":"confidential"}`,
	`{"id":"no route","to":"+491517654321","text":"confidential","route":"confidential"}`,
	`{"id":"both","to":"+491517654321","text":"confidential","payload":"Y29uZmlkZW50aWFs"}`,
	`{"id":"type","to":"+491517654321","text":{"confidential":1}}`,
	`{"id":"alphabet","to":"+491517654321","text":"confidential 世界","encoding":"gsm7"}`,
	`{"id":"letters","to":"confidential7654321","text":"x"}`,
	`{"id":"digits","to":"+4915176543217654321765432176543217654321","text":"confidential"}`,
	`{"id":"from","to":"+491517654321","from":"much too long confidential sender","text":"x"}`,
	`{"id":"tlv","to":"+491517654321","text":"confidential","tlvs":{"confidential":"x"}}`,
	`{"id":"utf8","to":"+491517654321","text":"confidential ` + "\xff" + `"}`,
	`confidential, and no JSON; +491517654321`,
	`{"id":"cut","to":"+491517654321","text":"confidential`,
	`[]`,
	``,
}

func TestNoTextNoNumberAndNoSecretIsToldWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"info", "debug"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, smsc.Behaviour{
				Rules:    []smsc.Rule{{Suffix: "527654321", Status: 0x58}, {Suffix: "617654321", Status: 0x0B}},
				Retry:    smsc.Retry{Delay: 50 * time.Millisecond, Max: 1000, Timeout: patience},
				Receipts: smsc.Receipts{Delay: smsc.Uniform(0, 20*time.Millisecond)},
				Replies:  []smsc.Reply{{Keyword: "confidential", Texts: []string{"a confidential reply"}}},
			})
			locked := startSMSC(t, smsc.Options{Accounts: map[string]string{"other": "x"}})
			address := freeAddress(t)
			collector := otlptest.GRPC(t)
			p := startProcess(t, w.environ("LOG_LEVEL="+level, "HTTP_ADDRESS="+address, "KAFKA_SESSION_TIMEOUT=6s", "DELIVERY_RETRY_FOR=2s",
				"HTTP_USERNAME=ops", "HTTP_PASSWORD=hunter2hunter2",
				"SMSC_0_PASSWORD=hunter3hunter3", "SMSC_0_ROUTES=49", "SMSC_0_RESPONSE_TIMEOUT=1s", "SMSC_0_SOURCE_ADDRESS=+49307654321",
				"SMSC_1_NAME=locked", "SMSC_1_ADDRESS="+locked.Addr(), "SMSC_1_SYSTEM_ID=me", "SMSC_1_PASSWORD=hunter4hunter4", "SMSC_1_ROUTES=1",
				"OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=authorization=hunter5hunter5,hunter6",
				"OTEL_BSP_SCHEDULE_DELAY=100", "SHUTDOWN_TIMEOUT="+patience.String()), "run")
			p.await(`"msg":"bound"`)
			p.await("not bound")
			for _, v := range oddRecords {
				r := &kgo.Record{Topic: "sms.outbound", Key: []byte("confidential"), Value: []byte(v)}
				if err := w.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			s := w.smscs[0]
			// What cannot be read, what is no receipt, and a part whose others never come.
			for _, body := range []string{"id:confidential stat:CONFIDENTIAL done date:x 491517654321", "id: 491517654321 sub:confidential"} {
				d := pdu.NewDeliverSM().(*pdu.DeliverSM)
				d.EsmClass = 0x04
				d.SourceAddr = pdu.NewAddress()
				_ = d.SourceAddr.SetAddress("491517654321")
				_ = d.DestAddr.SetAddress("49307654321")
				_ = d.Message.SetMessageWithEncoding(body, data.GSM7BIT)
				if err := s.SendPDU("", d); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.SendMO("491517654321", "49307654321", "a confidential question"); err != nil {
				t.Fatal(err)
			}
			w.results(len(oddRecords))
			pages := get(t, address, "/metrics") + get(t, address, "/ready") + get(t, address, "/health") + get(t, address, "/ui")

			// The SMSC goes in the middle of things; answers stay out; Kafka goes.
			if err := s.Change(func(b *smsc.Behaviour) { b.NoAnswer = 1 }); err != nil {
				t.Fatal(err)
			}
			w.send("lost", 5, func(int) string { return "+491517654321" }, map[string]any{"text": "confidential"})
			if err := s.WaitFor(t.Context(), func(st smsc.Stats) bool { return st.Unanswered >= 5 }); err != nil {
				t.Fatal(err)
			}
			// First of all, for the next bind may come at once.
			if err := s.Change(func(b *smsc.Behaviour) { b.BindStatus, b.RefuseBinds = 0x08, 2 }); err != nil {
				t.Fatal(err)
			}
			s.DropAll()
			if err := s.Change(func(b *smsc.Behaviour) { b.NoAnswer = 0 }); err != nil {
				t.Fatal(err)
			}
			p.await("ESME_RSYSERR")
			w.broker.Kill()
			if err := s.SendMO("491517654321", "49307654321", "a confidential answer"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "outage in /ready", func() bool { return strings.Contains(get(t, address, "/ready"), `"ready":false`) })
			pages += get(t, address, "/metrics") + get(t, address, "/ready") + get(t, address, "/health")
			w.broker.Restart()
			w.results(len(oddRecords) + 5)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := collector.WaitFor(ctx, func(spans []otlptest.Span) bool { return len(spans) >= len(oddRecords) }); err != nil {
				t.Error(err)
			}
			p.signal(syscall.SIGTERM)
			if code := p.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}

			forbidden := regexp.MustCompile(`(?i)hunter\d`)
			if level != "debug" {
				forbidden = regexp.MustCompile(`(?i)hunter\d|confidential|7654321`)
			}
			for line := range strings.Lines(p.out.String()) {
				if forbidden.MatchString(line) {
					t.Errorf("the log tells: %.300s", line)
				}
			}
			for line := range strings.Lines(pages) {
				if regexp.MustCompile(`(?i)hunter\d|confidential|7654321`).MatchString(line) {
					t.Errorf("a page tells: %.300s", line)
				}
			}
			for _, s := range []string{"hunter", "confidential", "Confidential", "7654321"} {
				if collector.Holds(s) {
					t.Errorf("a trace tells %q", s)
				}
			}
			if level == "info" {
				t.Logf("log:\n%s", p.out.String())
			}
		})
	}
}

// get is the body of a page, with the credentials of the test.
func get(t *testing.T, address, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ops", "hunter2hunter2")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
