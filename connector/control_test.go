package main

import (
	"context"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// What operators have steered outlives the program that wrote it, and is obeyed by the release before, too, after a rollback: these are the records of
// <name>.control, as internal/UPGRADE.md promises them. Fields may be added; a change of these would have a paused sink send.
var pinnedControl = []struct{ method, path, key, value string }{
	{"PUT", "/connectors/smpp-sink/pause", "sink", `{"state":"PAUSED"}`},
	{"PUT", "/connectors/smpp-sink/resume", "sink", `{"state":"RUNNING"}`},
	{"PUT", "/connectors/smpp-source/stop", "source", `{"state":"STOPPED"}`},
	{"POST", "/connectors/smpp-sink/restart?includeTasks=true", "sink:once", `{"restart":"all"}`},
	{"PUT", "/admin/loggers/root?scope=cluster", "logger:once", `{"level":"WARN"}`},
}

func TestTheControlTopicKeepsItsForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	a := w.replica()
	for _, c := range pinnedControl {
		body := ""
		if c.key == "logger:once" {
			body = `{"level":"WARN"}`
		}
		if code, answer := ask(t, a, c.method, c.path, body); code/100 != 2 {
			t.Fatalf("%s %s: %d %s", c.method, c.path, code, answer)
		}
	}
	records := kafkatest.ReadAll(t, w.broker, "smpp.control")
	if len(records) != len(pinnedControl) {
		t.Fatalf("%d records, want %d", len(records), len(pinnedControl))
	}
	for i, r := range records {
		if c := pinnedControl[i]; string(r.Key) != c.key || string(r.Value) != c.value {
			t.Errorf("%s %s wrote %s %s, want %s %s", c.method, c.path, r.Key, r.Value, c.key, c.value)
		}
	}
}

// TestWhatAnotherReleaseHasSteeredIsObeyed: read at the start, and while it runs; what is not known is passed over.
func TestWhatAnotherReleaseHasSteeredIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	write := func(key, value string) {
		t.Helper()
		r := &kgo.Record{Topic: "smpp.control", Key: []byte(key), Value: []byte(value)}
		if err := w.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	strange := func() {
		for _, value := range []string{`{"state":"FROZEN"}`, `{"slower":2}`, "\x02binary", ""} {
			write("sink", value)
		}
		write("gate", `{"state":"PAUSED"}`)
	}
	kafkatest.CreateTopics(t, w.broker, 1, "smpp.control")
	write("sink", pinnedControl[0].value)
	write("source", `{"state":"STOPPED","since":"2027-01-01T00:00:00Z"}`) // with a field more
	strange()
	a := w.replica(anyPort)
	states := func(sink, source string) {
		t.Helper()
		eventually(t, "states "+sink+" and "+source, func() bool {
			return slices.Equal([]string{a.parts["sink"].target(), a.parts["source"].target()}, []string{sink, source})
		})
	}
	states("PAUSED", "STOPPED")
	strange()
	write("sink", pinnedControl[1].value)
	write("source", pinnedControl[0].value)
	states("RUNNING", "PAUSED")
	w.send("r", 10, number("49"), nil)
	w.results(10)
}
