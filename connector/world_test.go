package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// world is a broker, some SMSCs and replicas of the connector, in this process.
type world struct {
	t      *testing.T
	broker *kafkatest.Broker
	smscs  []*smsc.SMSC
	client *kgo.Client
}

// newWorld starts a broker and a simulator for each behaviour.
func newWorld(t *testing.T, behaviours ...smsc.Behaviour) *world {
	t.Helper()
	w := &world{t: t, broker: kafkatest.Kfake(t, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))}
	for _, b := range behaviours {
		w.smscs = append(w.smscs, startSMSC(t, smsc.Options{Behaviour: b}))
	}
	w.client = kafkatest.Client(t, w.broker, kgo.AllowAutoTopicCreation())
	return w
}

func startSMSC(t *testing.T, o smsc.Options) *smsc.SMSC {
	t.Helper()
	o.Keep = 1 << 17
	if o.Behaviour.Retry.Timeout == 0 {
		o.Behaviour.Retry.Timeout = patience // what is acknowledged late is not sent twice
	}
	s, err := smsc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// environ names the broker and the SMSCs, smsc0 and so on. What comes later in
// extra wins.
func (w *world) environ(extra ...string) []string {
	env := []string{
		"KAFKA_BROKERS=" + strings.Join(w.broker.Addrs, ","), "KAFKA_TOPICS_PARTITIONS=4", "KAFKA_TOPICS_REPLICATION=1",
		"HTTP_ADDRESS=127.0.0.1:0", "STATE_DIR=" + w.t.TempDir(),
		"KAFKA_SESSION_TIMEOUT=1m", // no replica here is lost for being slow
	}
	for i, s := range w.smscs {
		p := fmt.Sprintf("SMSC_%d_", i)
		env = append(env, fmt.Sprintf("%sNAME=smsc%d", p, i), p+"ADDRESS="+s.Addr(), p+"SYSTEM_ID=test", p+"PASSWORD=pw",
			p+"SOURCE_ADDRESS=32323", p+"WINDOW=20", p+"RESPONSE_TIMEOUT="+patience.String(), p+"BIND_TIMEOUT="+patience.String())
	}
	return append(env, extra...)
}

// replica starts one connector and waits until it is ready; it stops with the test.
func (w *world) replica(extra ...string) *app {
	w.t.Helper()
	cfg, err := config.Load(w.environ(extra...))
	if err != nil {
		w.t.Fatal(err)
	}
	out := &output{}
	a, err := newApp(cfg, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err = a.start(ctx)
	w.t.Cleanup(func() {
		sctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		a.stop(sctx)
		a.cleanUp()
		if w.t.Failed() {
			w.t.Logf("log of the connector:\n%s", out.String())
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "readiness", func() bool { return len(a.ready().Missing) == 0 })
	return a
}

// bound waits until the account of that name has as many binds up.
func (w *world) bound(a *app, name string, binds int) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%d binds at %s", binds, name), func() bool {
		for _, acc := range a.accounts {
			if acc.Name() != name {
				continue
			}
			up := 0
			for _, b := range acc.Status().Binds {
				if b.State.String() == "bound" {
					up++
				}
			}
			// One that is shown is ready to submit a moment later.
			return up == binds && (acc.Ready() || binds == 0)
		}
		return false
	})
}

// send produces n records with the ids <prefix>0 and so on. More fields may be given.
func (w *world) send(prefix string, n int, to func(i int) string, fields map[string]any) {
	w.t.Helper()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		m := map[string]any{"id": fmt.Sprintf("%s%d", prefix, i), "to": to(i), "text": fmt.Sprintf("text %s%d", prefix, i), "metadata": map[string]any{"n": fmt.Sprint(i)}}
		for k, v := range fields {
			m[k] = v
		}
		b, err := json.Marshal(m)
		if err != nil {
			w.t.Fatal(err)
		}
		rs[i] = &kgo.Record{Topic: "sms.outbound", Key: fmt.Appendf(nil, "k%d", i), Value: b}
	}
	if err := w.client.ProduceSync(w.t.Context(), rs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// read follows a topic with read_committed until n records are there, and returns
// their values.
func (w *world) read(topic string, n int) [][]byte {
	w.t.Helper()
	var values [][]byte
	cl := kafkatest.Client(w.t, w.broker, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for len(values) < n {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			w.t.Fatalf("%s holds %d of %d records after %s", topic, len(values), n, patience)
		}
		fs.EachRecord(func(r *kgo.Record) { values = append(values, r.Value) })
	}
	return values
}

// results waits for n results and returns them by id; two of one id fail the test.
func (w *world) results(n int) map[string]record.Result {
	w.t.Helper()
	by := make(map[string]record.Result, n)
	for _, v := range w.read("sms.results", n) {
		r, err := record.DecodeResult(v)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, twice := by[r.ID]; twice {
			w.t.Errorf("%s has two results", r.ID)
		}
		by[r.ID] = r
	}
	return by
}

// receipts waits for n receipts.
func (w *world) receipts(n int) []record.Receipt {
	w.t.Helper()
	var rs []record.Receipt
	for _, v := range w.read("sms.receipts", n) {
		r, err := record.DecodeReceipt(v)
		if err != nil {
			w.t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

// joined checks that each result accepted has one final receipt of its own.
func (w *world) joined(results map[string]record.Result, receipts []record.Receipt) {
	w.t.Helper()
	have := map[string]int{}
	for _, r := range receipts {
		res, ok := results[r.ID]
		if !r.Correlated || !ok || len(res.Parts) == 0 || r.MessageID != res.Parts[max(r.Part, 1)-1].MessageID || string(r.Metadata) != string(res.Metadata) {
			w.t.Errorf("receipt %+v does not belong to result %+v", r, res)
		}
		have[fmt.Sprint(r.ID, " ", r.Part)]++
	}
	for k, n := range have {
		if n != 1 {
			w.t.Errorf("%s has %d receipts", k, n)
		}
	}
}

// bySMSC counts accepted results.
func bySMSC(results map[string]record.Result) map[string]int {
	n := map[string]int{}
	for _, r := range results {
		if r.Status == record.Accepted {
			n[r.SMSC]++
		} else {
			n[r.Status]++
		}
	}
	return n
}

// number is a destination under a prefix.
func number(prefix string) func(i int) string {
	return func(i int) string { return fmt.Sprintf("+%s%07d", prefix, i) }
}
