package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

var (
	campaignSize = flag.Int("campaign", 100_000, "TestAPriorityTopicDoesNotWaitBehindACampaign: records of the campaign that waits; above 200,000 they wait in Apache Kafka")
	passwords    = flag.Int("passwords", 40, "one-time passwords sent meanwhile, five a second")
)

// TestAPriorityTopicDoesNotWaitBehindACampaign has a campaign wait at 100 a second, and a topic of its own for one-time
// passwords. What is measured is the time from just before a password is produced until the SMSC has it.
//
// The limit is checked in messages rather than in seconds, so that a machine that stands still for a moment proves nothing: two
// seconds at this pace are 200.
func TestAPriorityTopicDoesNotWaitBehindACampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: -short")
	}
	const tps, inTwoSeconds = 100, 200
	var b *kafkatest.Broker
	if *campaignSize > 200_000 {
		b = kafkatest.Apache(t)
	} else {
		b = kafkatest.Kfake(t)
	}
	kafkatest.CreateTopics(t, b, 6, "sms.outbound", "sms.otp")
	s, err := smsc.New(smsc.Options{Keep: 1 << 17, Behaviour: smsc.Behaviour{Latency: smsc.Uniform(5*time.Millisecond, 50*time.Millisecond)}})
	if err == nil {
		err = s.Start(context.WithoutCancel(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	fill(t, b, *campaignSize, 0)

	c := start(t, b, s.Addr(), fmt.Sprintf("SMSC_0_TPS=%d", tps), "SINK_TOPICS=sms.outbound,sms.otp", "SINK_PRIORITY_TOPICS=sms.otp", "KAFKA_TOPICS_PARTITIONS=6")
	c.ready()
	waitFor(t, time.Minute, "the campaign under way", func() bool { return s.Stats().Accepted >= 2*tps })

	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.otp"), kgo.ProducerLinger(0))
	produced := make(map[string]time.Time, *passwords)
	due := time.Now()
	for i := range *passwords {
		due = due.Add(time.Duration(100+rand.IntN(200)) * time.Millisecond)
		waitFor(t, time.Minute, "the next password's time", func() bool { return !time.Now().Before(due) })
		to := fmt.Sprintf("4477%08d", i)
		produced[to] = time.Now()
		cl.Produce(t.Context(), &kgo.Record{Key: []byte(to), Value: fmt.Appendf(nil, `{"to":"+%s","text":"Your code is %06d."}`, to, i)}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	arrived := func() (n int) {
		for _, m := range s.Submits() {
			if strings.HasPrefix(m.To, "4477") {
				n++
			}
		}
		return n
	}
	waitFor(t, time.Minute, "all passwords at the SMSC", func() bool { return arrived() >= *passwords })

	all := s.Submits()
	slices.SortFunc(all, func(a, b smsc.Submit) int { return a.At.Compare(b.At) })
	var took spread
	var behind []int
	for i, m := range all {
		at, ok := produced[m.To]
		if !ok {
			continue
		}
		took = append(took, m.At.Sub(at))
		n := 0
		for j := i - 1; j >= 0 && all[j].At.After(at); j-- {
			n++
		}
		behind = append(behind, n)
	}
	took.sort()
	slices.Sort(behind)
	p99 := behind[int(0.99*float64(len(behind)-1))]
	t.Logf("%d of a campaign of %d wait at %d a second; %d passwords: produced to SMSC p50 %.0f ms, p99 %.0f ms, most %.0f ms; submits of others in that time p50 %d, p99 %d",
		*campaignSize-len(all)+len(took), *campaignSize, tps, len(took), took.quantile(0.5), took.quantile(0.99), took.quantile(1), behind[len(behind)/2], p99)
	if p99 > inTwoSeconds {
		t.Errorf("at p99 %d others were sent between a password's being produced and its being sent, which is more than two seconds' worth", p99)
	}
	if rest := len(all) - len(took); rest < *passwords*tps/10 {
		t.Errorf("only %d of the campaign were sent meanwhile: nothing competed with the passwords", rest)
	}
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
