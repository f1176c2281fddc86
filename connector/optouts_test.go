package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestWhoWritesStopIsNotWrittenToAnyMore: the key of what a subscriber wrote goes on the list as it is, and from then on every record to that
// number is suppressed, and no other.
func TestWhoWritesStopIsNotWrittenToAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	p := startProcess(t, w.environ("SINK_OPTOUTS_TOPIC=sms.optouts"), "run")
	p.await("the opt-outs are read")
	p.await(`"msg":"bound"`)
	configs, err := kadm.NewClient(w.client).DescribeTopicConfigs(t.Context(), "sms.optouts")
	if err != nil {
		t.Fatal(err)
	}
	if policy := settingsOf(configs)["sms.optouts"]["cleanup.policy"]; policy != "compact" {
		t.Errorf("the list was made with cleanup.policy=%q", policy)
	}
	if err := w.smscs[0].SendMO("491700000001", "32323", "STOP"); err != nil {
		t.Fatal(err)
	}
	w.read("sms.inbound", 1)
	stop := kafkatest.ReadAll(t, w.broker, "sms.inbound")[0]
	entry := &kgo.Record{Topic: "sms.optouts", Key: stop.Key, Value: stop.Value}
	if err := w.client.ProduceSync(t.Context(), entry).FirstErr(); err != nil {
		t.Fatal(err)
	}
	total, suppressed := 0, 0
	eventually(t, "a message that is suppressed", func() bool {
		w.send(fmt.Sprintf("a%d-", total), 1, func(int) string { return "+491700000001" }, nil)
		w.send(fmt.Sprintf("b%d-", total), 1, func(int) string { return "+491700000002" }, nil)
		total += 2
		a := w.results(total)[fmt.Sprintf("a%d-0", total-2)]
		if a.Status == record.Suppressed && (a.Error == "" || len(a.Parts) > 0 || a.SMSC != "") {
			t.Errorf("%+v", a)
		}
		time.Sleep(50 * time.Millisecond)
		return a.Status == record.Suppressed
	})
	w.send("last", 10, func(i int) string { return fmt.Sprintf("+49170000000%d", 1+i%2) }, nil)
	total += 10
	for id, r := range w.results(total) {
		switch {
		case r.Status == record.Suppressed:
			suppressed++
		case r.Status != record.Accepted || id[0] == 'l' && r.To == "+491700000001":
			t.Errorf("%s to %s: %+v", id, r.To, r)
		}
	}
	if sent := len(w.smscs[0].Submits()); sent+suppressed != total {
		t.Errorf("%d submits and %d suppressed for %d records", sent, suppressed, total)
	}
	if dead := len(kafkatest.ReadAll(t, w.broker, "sms.deadletter")); dead > 0 {
		t.Errorf("%d dead letters", dead)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
