package sink_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestWhatWasSentTwiceSaysSo(t *testing.T) {
	t.Parallel()
	const n = 2000
	x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{
		Latency: smsc.Uniform(0, 10*time.Millisecond), NoAnswer: 0.01, Drop: smsc.Drop{Every: 500},
	}}, "SMSC_0_RESPONSE_TIMEOUT=3s", "SMSC_0_BINDS=2") // for a few that get no answer; where a slow machine's all took longer, each would be sent again and again
	x.produce(campaign(n)...)
	r := x.start()
	got, sends, again := x.results(n), x.sends(), 0
	for i := range n {
		rs, times := got[fmt.Sprintf("m%d", i)], sends[fmt.Sprintf("4917%08d", i)]
		switch {
		case len(rs) != 1 || times == 0:
			t.Fatalf("m%d was sent %d times and has results %+v", i, times, rs)
		case times > 1 && !rs[0].PossibleDuplicate && rs[0].Status != "in_doubt":
			t.Fatalf("m%d was sent %d times and its result says nothing: %+v", i, times, rs)
		case times > 1:
			again++
		}
	}
	if again == 0 {
		t.Error("nothing was sent twice: the faults did not strike")
	}
	r.stop(patience)
	x.settled(n)
}

func TestWithHoldNothingIsSentTwiceAndWhatIsInDoubtSaysSo(t *testing.T) {
	t.Parallel()
	const n = 2000
	x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{
		Latency: smsc.Uniform(0, 10*time.Millisecond), NoAnswer: 0.02, Drop: smsc.Drop{Every: 700},
	}}, "SMSC_0_RESPONSE_TIMEOUT=500ms", "DELIVERY_IN_DOUBT=hold")
	x.produce(campaign(n)...)
	r := x.start()
	got, sends, doubts := x.results(n), x.sends(), 0
	answered := make(map[string]bool)
	for _, s := range x.smc.Submits() {
		answered[s.To] = s.Answered
	}
	for i := range n {
		to := fmt.Sprintf("4917%08d", i)
		rs := got[fmt.Sprintf("m%d", i)]
		if len(rs) != 1 || sends[to] > 1 || rs[0].PossibleDuplicate {
			t.Fatalf("m%d was sent %d times and has results %+v", i, sends[to], rs)
		}
		switch {
		case rs[0].Status == "in_doubt":
			doubts++
		case rs[0].Status != "accepted" || !answered[to]:
			t.Fatalf("m%d, answered: %v, has %+v", i, answered[to], rs[0])
		}
	}
	if dead := len(kafkatest.ReadAll(t, x.b, "sms.deadletter")); doubts == 0 || dead != doubts {
		t.Errorf("%d in doubt, %d dead letters", doubts, dead)
	}
	r.stop(patience)
	x.settled(n)
}

func TestAThrottlingSMSCGetsEachMessageInTheEnd(t *testing.T) {
	t.Parallel()
	const n = 200 // half of which fill the window at once, and the SMSC takes 40 a second: any machine is faster
	x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{TPS: 40, Latency: smsc.Uniform(0, 5*time.Millisecond)}})
	x.produce(campaign(n)...)
	r := x.start()
	got := x.results(n)
	for i := range n {
		if rs := got[fmt.Sprintf("m%d", i)]; len(rs) != 1 || rs[0].Status != "accepted" || rs[0].PossibleDuplicate {
			t.Fatalf("m%d: %+v", i, rs)
		}
	}
	if st := x.smc.Stats(); st.Throttled == 0 || st.Accepted != n {
		t.Errorf("accepted %d of %d, throttled %d", st.Accepted, n, st.Throttled)
	}
	r.stop(patience)
	x.settled(n)
}

// TestARefusalForNowIsTriedAgainUntilItsTimeIsUp also shows that what waits for
// its next try stands in nobody's way.
func TestARefusalForNowIsTriedAgainUntilItsTimeIsUp(t *testing.T) {
	t.Parallel()
	const n = 1000
	x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{Rules: []smsc.Rule{{Suffix: "99", Status: 0x64}}}}, "DELIVERY_RETRY_FOR=2s")
	x.produce(campaign(n)...)
	r := x.start()
	got, sends := x.results(n), x.sends()
	for i := range n {
		want, rs := "accepted", got[fmt.Sprintf("m%d", i)]
		if i%100 == 99 {
			want = "expired"
		}
		if len(rs) != 1 || rs[0].Status != want || rs[0].PossibleDuplicate {
			t.Fatalf("m%d: %+v, want %s", i, rs, want)
		}
		if times := sends[fmt.Sprintf("4917%08d", i)]; want == "accepted" && times != 1 || want == "expired" && (times < 2 || times != rs[0].Attempts) {
			t.Errorf("m%d (%s) was sent %d times: %+v", i, want, times, rs[0])
		}
	}
	r.stop(patience)
	x.settled(n)
}

// TestAReplicaThatLeavesDoesNotWaitForWhatIsTriedAgainLater lets go of refused
// messages in backoff: nothing of them is in doubt, and the next owner sends them.
func TestAReplicaThatLeavesDoesNotWaitForWhatIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	const n = 200
	x := setup(t, kafkatest.Kfake(t), smsc.Options{Behaviour: smsc.Behaviour{Errors: []smsc.StatusRate{{Status: 0x64, Rate: 1}}}})
	x.produce(campaign(n)...)
	r := x.start()
	x.submitted(n)
	r.stop(patience)
	if doubt, _ := x.committed(); doubt != 0 {
		t.Errorf("%d are in doubt though the SMSC refused each", doubt)
	}
	if err := x.smc.Change(func(b *smsc.Behaviour) { b.Errors = nil }); err != nil {
		t.Fatal(err)
	}
	r = x.start()
	for id, rs := range x.results(n) {
		if len(rs) != 1 || rs[0].Status != "accepted" || rs[0].PossibleDuplicate {
			t.Fatalf("%s: %+v", id, rs)
		}
	}
	r.stop(patience)
	x.settled(n)
}

func TestAnUrgentMessageOvertakesABacklog(t *testing.T) {
	t.Parallel()
	const n = 1500
	x := setup(t, kafkatest.Kfake(t), smsc.Options{}, "SMSC_0_TPS=10", "SMSC_0_WINDOW=10") // half of it is more than a minute's
	x.produce(campaign(n)...)
	x.start()
	x.submitted(20)
	x.produce(`{"id":"urgent","to":"+4999","text":"now","priority":3}`)
	x.until("the urgent one is sent", func() bool {
		return slices.ContainsFunc(x.smc.Submits(), func(s smsc.Submit) bool { return s.To == "4999" })
	})
	if all := x.smc.Submits(); len(all) > n/2 {
		t.Errorf("it was number %d of %d", len(all), n+1)
	}
}
