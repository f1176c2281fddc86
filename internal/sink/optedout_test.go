package sink_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// optOut writes to the list: out, or in again.
func (x *bench) optOut(out bool, numbers ...string) {
	x.t.Helper()
	cl := kafkatest.Client(x.t, x.b)
	for _, n := range numbers {
		r := &kgo.Record{Topic: "sms.optouts", Key: []byte(n)}
		if out {
			r.Value = []byte(`{"since":"2026-11-26T10:00:00.000Z"}`)
		}
		if err := cl.ProduceSync(x.t.Context(), r).FirstErr(); err != nil {
			x.t.Fatal(err)
		}
	}
}

// TestTheListOfOptOutsIsReadBeforeAnythingIsSentAndFollowed: a list that is not there yet is waited for, and what is added or taken out counts while
// the sink runs.
func TestTheListOfOptOutsIsReadBeforeAnythingIsSentAndFollowed(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		const n = 200
		x := setup(t, b, smsc.Options{}, "SINK_OPTOUTS_TOPIC=sms.optouts")
		x.produce(campaign(n)...)
		r := x.start()
		x.until("all records are read", func() bool { return r.Status().Waiting == n })
		if sent := len(x.smc.Submits()); sent > 0 {
			t.Fatalf("%d messages were sent before the list was read", sent)
		}
		kafkatest.CreateTopicsWith(t, b, 2, map[string]string{"cleanup.policy": "compact"}, "sms.optouts")
		got := x.results(n)
		for id, rs := range got {
			if len(rs) != 1 || rs[0].Status != "accepted" {
				t.Fatalf("%s has %+v", id, rs)
			}
		}

		x.optOut(true, "491700000003", "+491700000005", "491700000007/12345", "491700000009/Other")
		want := map[string]string{"491700000003": "suppressed", "491700000005": "suppressed", "491700000007": "suppressed", "491700000009": "accepted", "491700000011": "accepted"}
		total := n
		x.statuses("all who have opted out are left out", want, &total)
		x.optOut(false, "491700000005", "491700000007/12345")
		want["491700000005"], want["491700000007"] = "accepted", "accepted"
		x.statuses("who has opted in again is written to", want, &total)

		sends, suppressed := x.sends(), 0
		all := x.results(total)
		for _, rs := range all {
			if len(rs) != 1 {
				t.Fatalf("%+v", rs)
			}
			if rs[0].Status == "suppressed" {
				suppressed++
			}
		}
		times := 0
		for _, k := range sends {
			times += k
		}
		if times+suppressed != total {
			t.Errorf("%d sent and %d suppressed of %d", times, suppressed, total)
		}
		if dead := len(kafkatest.ReadAll(t, b, "sms.deadletter")); dead > 0 {
			t.Errorf("%d dead letters", dead)
		}
		r.stop(20 * time.Second)
		x.settled(total)
	})
}

// statuses sends one message to each number, again and again, until the statuses are those that are wanted. total counts all that was produced.
func (x *bench) statuses(what string, want map[string]string, total *int) {
	x.t.Helper()
	for round := 0; ; round++ {
		have := make(map[string]string)
		for to := range want {
			x.produce(fmt.Sprintf(`{"id":"again-%d-%s","to":"+%s","text":"x"}`, *total, to, to))
			*total++
		}
		got := x.results(*total)
		for i := *total - len(want); i < *total; i++ {
			for to := range want {
				if rs := got[fmt.Sprintf("again-%d-%s", i, to)]; len(rs) == 1 {
					have[to] = rs[0].Status
				}
			}
		}
		if fmt.Sprint(have) == fmt.Sprint(want) {
			return
		}
		if x.t.Context().Err() != nil || round == 200 {
			x.t.Fatalf("%s: %v, want %v", what, have, want)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
