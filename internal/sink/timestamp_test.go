package sink_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestADeadLetterWhoseTimestampTheTopicRefusesHoldsNobodyUp: the records are an hour old, and the topic takes none that is older than ten minutes.
func TestADeadLetterWhoseTimestampTheTopicRefusesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := kafkatest.Apache(t)
	x := setup(t, b, smsc.Options{})
	limit := "600000"
	adm := kadm.NewClient(kafkatest.Client(t, b))
	if _, err := adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.before.max.ms", Value: &limit}}, "sms.deadletter"); err != nil {
		t.Fatal(err)
	}
	values := campaign(100)
	for i := range 10 {
		values[10*i] = fmt.Sprintf(`{"id":"m%d","text":"to nobody"}`, 10*i)
	}
	x.produce(values...)
	r := x.start()
	for id, rs := range x.results(100) {
		if len(rs) != 1 || rs[0].PossibleDuplicate {
			t.Errorf("%s has %+v", id, rs)
		}
	}
	letters := kafkatest.ReadAll(t, b, "sms.deadletter")
	if len(letters) != 10 {
		t.Errorf("%d dead letters of 10", len(letters))
	}
	for _, l := range letters {
		written := ""
		for _, h := range l.Headers {
			if h.Key == "smpp.timestamp" {
				written = string(h.Value)
			}
		}
		was, err := time.Parse(time.RFC3339, written)
		if age := l.Timestamp.Sub(was); err != nil || age < 30*time.Minute {
			t.Errorf("a dead letter of %s says that its record is of %s (%v)", l.Timestamp, was, err)
		}
	}
	r.stop(20 * time.Second)
	x.settled(100)
}
