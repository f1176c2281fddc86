package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

func setup(t *testing.T, o npmpeer.Options) (*kafkatest.Broker, *npmpeer.Peer) {
	t.Helper()
	b := kafkatest.Apache(t)
	t.Logf("broker: %s at %s, SMSC: npm smpp 0.5.1", b.Kind, strings.Join(b.Addrs, ","))
	o.Password = "secret"
	return b, npmpeer.Start(t, o)
}

// waitFor polls a condition that no signal tells of.
func waitFor(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("after %s there is still no: %s", limit, what)
		case <-tick.C:
		}
	}
}

// follow returns a function that waits until n records of the topic are visible.
func follow(t *testing.T, b *kafkatest.Broker, topic string) func(n int, limit time.Duration) {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := 0
	return func(n int, limit time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		for seen < n {
			fs := cl.PollFetches(ctx)
			if ctx.Err() != nil {
				t.Fatalf("%s: %d of %d records after %s", topic, seen, n, limit)
			}
			seen += fs.NumRecords()
		}
	}
}

// TestTheMainJobBetweenApacheKafkaAndAForeignSMSC takes the example campaign and
// 500 messages from subscribers through the built binary and compares all books.
func TestTheMainJobBetweenApacheKafkaAndAForeignSMSC(t *testing.T) {
	b, peer := setup(t, npmpeer.Options{
		MessageID: "hex-dec", Latency: [2]time.Duration{time.Millisecond, 20 * time.Millisecond},
		Rules:    map[string]uint32{refusedSuffix: 0x0B},
		Outcomes: map[string]string{undeliveredSuffix: "UNDELIV", expiredSuffix: "EXPIRED"},
	})
	c := start(t, b, peer.Addr(), "SMSC_0_BINDS=2")
	c.ready()

	data, err := os.ReadFile(campaignFile)
	if err != nil {
		t.Fatal(err)
	}
	want := campaign()
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"))
	var rs []*kgo.Record
	for i, line := range bytes.SplitAfter(data, []byte("\n")) {
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			rs = append(rs, &kgo.Record{Key: fmt.Appendf(nil, "customer-%d", i), Value: line})
		}
	}
	if err := cl.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}

	messages := inboundMessages()
	if _, err := peer.SendMO(messages[:250], true); err != nil {
		t.Fatal(err)
	}
	follow(t, b, "sms.results")(len(want), 2*time.Minute)
	if _, err := peer.SendMO(messages[250:], true); err != nil {
		t.Fatal(err)
	}
	if err := peer.WaitFor(t.Context(), func(s npmpeer.Stats) bool { return s.Pending == 0 }); err != nil {
		t.Fatal(err)
	}
	follow(t, b, "sms.inbound")(len(messages), time.Minute)
	st, err := peer.Stats()
	if err != nil {
		t.Fatal(err)
	}
	follow(t, b, "sms.receipts")(st.ReceiptsAcked, time.Minute)
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := peer.Stop(); err != nil {
		t.Fatal(err)
	}

	k := readBooks(t, b, peer.LogPath())
	k.checkCampaign(t, want, false)
	k.checkInbound(t, messages)
	replied := 0
	for _, m := range k.inbound {
		if m.InReplyTo != nil {
			replied++
			if res := k.one(t, m.InReplyTo.ID); strings.TrimPrefix(res.To, "+") != strings.TrimPrefix(m.From, "+") {
				t.Errorf("%s is taken for a reply to %s, which went elsewhere", m.ID, res.ID)
			}
		}
	}
	if replied < 200 {
		t.Errorf("%d messages are known to be replies; the second 250 all are", replied)
	}
	t.Logf("%d results, %d receipts, %d inbound, %d replies joined", len(k.results), len(k.receipts), len(k.inbound), replied)
}

// inboundMessages are 500, of which 100 are long: the first half from strangers,
// the second in reply to the campaign.
func inboundMessages() []npmpeer.Message {
	var ms []npmpeer.Message
	es := campaign()
	for i := range 500 {
		m := npmpeer.Message{From: fmt.Sprintf("4916%07d", i), To: "32323", Text: fmt.Sprintf("Antwort Nr. %d mit äöü", i)}
		if i >= 250 {
			e := es[(i-250)*16] // plain ones from the default sender
			for j := (i - 250) * 16; e.status != "accepted" || bytes.Contains(e.line, []byte("MyBrand")) || e.line[0] != '{'; j++ {
				e = es[j]
			}
			m.From = e.to
		}
		if i%5 == 0 {
			m.Text = fmt.Sprintf("%d: %s", i, strings.Repeat("a long message from a subscriber, in more than one part; ", 5))
		}
		ms = append(ms, m)
	}
	return ms
}

// flow is a stream of records at a steady pace.
func flow(t *testing.T, b *kafkatest.Broker, n, perSecond int) []expected {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"))
	es := make([]expected, n)
	for i := range es {
		to := fmt.Sprintf("4917%08d", i)
		text := fmt.Sprintf("message %d", i)
		if i%20 == 7 {
			text = strings.Repeat(text+", ", 20)
		}
		es[i] = expected{id: fmt.Sprintf("f%d", i), to: to, text: text, status: "accepted", receipts: "final",
			line: fmt.Appendf(nil, `{"id":"f%d","to":"+%s","text":%q,"metadata":{"n":"%d"}}`, i, to, text, i)}
	}
	go func() { // ends with its records, or with the test's client
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		began := time.Now()
		for i := 0; i < n; {
			<-tick.C
			for due := min(n, int(time.Since(began).Seconds()*float64(perSecond))); i < due; i++ {
				cl.Produce(context.Background(), &kgo.Record{Key: fmt.Appendf(nil, "k%d", i), Value: es[i].line}, nil)
			}
		}
		_ = cl.Flush(context.Background())
	}()
	return es
}

// TestKilledFiveTimesUnderLoadNothingIsLostAndNothingSilentlyDoubled sends kill -9 at
// random moments while 2,000 messages a second flow.
func TestKilledFiveTimesUnderLoadNothingIsLostAndNothingSilentlyDoubled(t *testing.T) {
	b, peer := setup(t, npmpeer.Options{MessageID: "hex-dec", Latency: [2]time.Duration{5 * time.Millisecond, 30 * time.Millisecond}})
	state := t.TempDir()
	c := start(t, b, peer.Addr(), "STATE_DIR="+state)
	c.ready()
	const n = 60000
	want := flow(t, b, n, 2000)
	results := follow(t, b, "sms.results")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for i := range 5 {
		st, err := peer.Stats()
		if err != nil {
			t.Fatal(err)
		}
		at := max(st.Submits+1000+rnd.IntN(5000), 1000)
		if err := peer.WaitFor(t.Context(), func(s npmpeer.Stats) bool { return s.Submits >= at || s.Accepted >= n }); err != nil {
			t.Fatal(err)
		}
		c.kill()
		t.Logf("kill %d after %d submits", i+1, at)
		c = start(t, b, peer.Addr(), "STATE_DIR="+state)
		c.ready()
	}
	results(n, 3*time.Minute)
	if err := peer.WaitFor(t.Context(), func(s npmpeer.Stats) bool { return s.Pending == 0 }); err != nil {
		t.Fatal(err)
	}
	k := waitForReceipts(t, b, peer, want)
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	again := k.checkCampaign(t, want, true)
	t.Logf("of %d records %d were sent again after 5 kills, each said so in its one result", n, again)
	// At most the window and half a second of the pace each, which a window of 100 and
	// answers after 17 ms in the mean let rise to 5,900 a second when a backlog is caught up.
	if most := 5 * (100 + 5900/2); again > most {
		t.Errorf("%d were in doubt after 5 kills, more than the %d that are promised", again, most)
	}
}

// waitForReceipts waits until each accepted part has its receipt; how many there
// are in all is not known after crashes, since what was sent twice has two.
func waitForReceipts(t *testing.T, b *kafkatest.Broker, peer *npmpeer.Peer, want []expected) *books {
	t.Helper()
	var k *books
	waitFor(t, 2*time.Minute, "receipt for each accepted part", func() bool {
		if err := peer.Flush(); err != nil {
			t.Fatal(err)
		}
		k = readBooks(t, b, peer.LogPath())
		have := map[string]bool{}
		for _, r := range k.receipts {
			if r.Correlated && r.Final {
				have[r.MessageID] = true
			}
		}
		for _, e := range want {
			for _, r := range k.results[e.id] {
				if slices.ContainsFunc(r.Parts, func(p record.PartResult) bool { return e.receipts != "none" && !have[p.MessageID] }) {
					return false
				}
			}
		}
		return true
	})
	return k
}

// TestSIGTERMUnderLoadLeavesNothingInDoubt ends the connector in the middle of the
// flow and compares committed offsets with visible results.
func TestSIGTERMUnderLoadLeavesNothingInDoubt(t *testing.T) {
	b, peer := setup(t, npmpeer.Options{Latency: [2]time.Duration{5 * time.Millisecond, 50 * time.Millisecond}})
	c := start(t, b, peer.Addr())
	c.ready()
	want := flow(t, b, 20000, 2000)
	if err := peer.WaitFor(t.Context(), func(s npmpeer.Stats) bool { return s.Submits >= 5000 }); err != nil {
		t.Fatal(err)
	}
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	done, granted := committed(t, b)
	results := len(kafkatest.ReadAll(t, b, "sms.results"))
	st, err := peer.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if granted != 0 || done != results {
		t.Errorf("after SIGTERM %d records are granted, %d are done and %d results visible", granted, done, results)
	}
	t.Logf("stopped after %d submits with %d results", st.Submits, results)
	// Another one takes it from there: nothing twice, nothing left out.
	c = start(t, b, peer.Addr())
	follow(t, b, "sms.results")(len(want), 2*time.Minute)
	if err := peer.WaitFor(t.Context(), func(s npmpeer.Stats) bool { return s.Pending == 0 }); err != nil {
		t.Fatal(err)
	}
	waitForReceipts(t, b, peer, want).checkCampaign(t, want, false)
	if code := c.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// committed reads the group's journal: how many records are done, and how many
// granted without an outcome.
func committed(t *testing.T, b *kafkatest.Broker) (done, granted int) {
	t.Helper()
	os, err := kadm.NewClient(kafkatest.Client(t, b)).FetchOffsets(t.Context(), "connect-smpp-sink")
	if err != nil {
		t.Fatal(err)
	}
	os.Each(func(o kadm.OffsetResponse) {
		m, err := ledger.ParseMetadata(o.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		l := m.Restore(o.At)
		granted += l.Granted()
		done += int(o.At)
		for off := o.At; off < o.At+ledger.MaxSpan; off++ {
			if l.At(off) == ledger.Done {
				done++
			}
		}
	})
	return done, granted
}
