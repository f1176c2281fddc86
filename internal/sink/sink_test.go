package sink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// patience is how long anything may take that is waited for: the machine may be busy with other things. So may a clean stop.
const patience = 3 * time.Minute

// bench is a broker and an SMSC, and as many replicas of the sink as a test starts.
type bench struct {
	t   *testing.T
	b   *kafkatest.Broker
	smc *smsc.SMSC
	cfg *config.Config
}

// setup has sessions and answers last for longer than the machine may stand still: a member that is given up and a submit that is taken for lost cost a doubt, which
// the tests want an account of. Whoever is about them sets others.
func setup(t *testing.T, b *kafkatest.Broker, o smsc.Options, env ...string) *bench {
	t.Helper()
	o.Keep = 200_000
	s, err := smsc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cfg, err := config.Load(append([]string{
		"KAFKA_BROKERS=" + strings.Join(b.Addrs, ","), "KAFKA_SESSION_TIMEOUT=30s",
		"SMSC_0_NAME=carrier", "SMSC_0_ADDRESS=" + s.Addr(), "SMSC_0_SYSTEM_ID=test", "SMSC_0_WINDOW=100",
		"SMSC_0_RESPONSE_TIMEOUT=5m", "SMSC_0_SOURCE_ADDRESS=12345",
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.CreateTopics(t, b, 4, "sms.outbound", "sms.results", "sms.deadletter", "smpp.submitted")
	return &bench{t: t, b: b, smc: s, cfg: cfg}
}

// replica is one sink with its accounts.
type replica struct {
	*sink.Sink
	accounts []*smpp.Account
}

type ears struct{ s *sink.Sink }

func (e *ears) Answered(a *smpp.Account, as []smpp.Answer) { e.s.Answered(a, as) }
func (e *ears) Delivered(d *smpp.Delivery)                 { d.Respond(wire.StatusOK) }
func (e *ears) StateChanged(a *smpp.Account)               { e.s.StateChanged(a) }

type unlearned struct{}

func (unlearned) Of(string) sms.IDForm { return sms.FormUnknown }

func (x *bench) start() *replica {
	x.t.Helper()
	w := io.Discard
	if os.Getenv("SMPP_TEST_LOG") != "" {
		w = os.Stderr
	}
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d := &kafka.Dialer{Config: x.cfg.Kafka, Log: log}
	lease, ev, reg := smpp.NewLease(), &ears{}, prometheus.NewRegistry()
	m := smpp.NewMetrics(reg)
	r := &replica{}
	for i := range x.cfg.SMSCs {
		c := &x.cfg.SMSCs[i]
		r.accounts = append(r.accounts, smpp.NewAccount(smpp.AccountConfig{Name: c.Name, Addresses: c.Addresses, SystemID: c.SystemID,
			Binds: c.Binds, Window: c.Window, TPS: c.TPS, ResponseTimeout: c.ResponseTimeout,
			EnquireLink: time.Minute, BindTimeout: time.Minute, WriteTimeout: time.Minute}, ev, lease, log, m))
	}
	s, err := sink.New(sink.Options{Config: x.cfg, Dialer: d, Accounts: r.accounts, Lease: lease, Forms: unlearned{}, SubmittedPartitions: 4, Log: log, Reg: reg})
	if err != nil {
		x.t.Fatal(err)
	}
	r.Sink, ev.s = s, s
	if err := s.Start(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	for _, a := range r.accounts {
		if err := a.Start(context.WithoutCancel(x.t.Context())); err != nil {
			x.t.Fatal(err)
		}
	}
	x.t.Cleanup(func() { r.stop(patience) })
	return r
}

func (r *replica) stop(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r.Sink.Stop(ctx)
	for _, a := range r.accounts {
		a.Stop(ctx)
	}
}

func (x *bench) produce(values ...string) {
	x.t.Helper()
	cl := kafkatest.Client(x.t, x.b)
	var rs []*kgo.Record
	for i, v := range values {
		// An old timestamp, as of a backlog: it must not be taken for a deadline anywhere.
		r := &kgo.Record{Topic: "sms.outbound", Key: fmt.Appendf(nil, "k%d", i), Timestamp: time.Now().Add(-time.Hour)}
		if v != "" {
			r.Value = []byte(v)
		}
		rs = append(rs, r)
	}
	if err := cl.ProduceSync(x.t.Context(), rs...).FirstErr(); err != nil {
		x.t.Fatal(err)
	}
}

// results waits until n results are visible and returns all that are, by id. It gives up when nothing more comes.
func (x *bench) results(n int) map[string][]record.Result {
	x.t.Helper()
	cl := kafkatest.Client(x.t, x.b, kgo.ConsumeTopics("sms.results"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for seen, limit := 0, time.Now().Add(patience); seen < n; {
		ctx, cancel := context.WithDeadline(x.t.Context(), limit)
		fs := cl.PollFetches(ctx)
		cancel()
		if fs.NumRecords() > 0 {
			limit = time.Now().Add(patience)
		} else if time.Now().After(limit) {
			x.t.Fatalf("%d of %d results came", seen, n)
		}
		seen += fs.NumRecords()
	}
	out := make(map[string][]record.Result)
	for _, r := range kafkatest.ReadAll(x.t, x.b, "sms.results") {
		v, err := record.DecodeResult(r.Value)
		if err != nil {
			x.t.Fatal(err)
		}
		out[v.ID] = append(out[v.ID], v)
	}
	return out
}

func campaign(n int) []string {
	vs := make([]string, n)
	for i := range vs {
		vs[i] = fmt.Sprintf(`{"id":"m%d","to":"+4917%08d","text":"hello %d","metadata":{"n":"%d"}}`, i, i, i, i)
	}
	return vs
}

// sends counts how often the SMSC got each destination.
func (x *bench) sends() map[string]int {
	n := make(map[string]int)
	for _, s := range x.smc.Submits() {
		n[s.To]++
	}
	return n
}

// inDoubt is how many offsets the committed metadata calls granted, and lag what is not done.
func (x *bench) committed() (inDoubt int, done int64) {
	x.t.Helper()
	x.eachCommitted(func(offset int64, m *ledger.Meta) {
		inDoubt += m.Restore(offset).Granted()
		done += offset
	})
	return inDoubt, done
}

// eachCommitted calls fn with what the sink's group has committed of each partition. It waits for transactions that have ended: that their results are visible does not
// say that the broker has written their offsets, too.
func (x *bench) eachCommitted(fn func(offset int64, m *ledger.Meta)) {
	x.t.Helper()
	adm, os := kafkatestAdmin(x), kadm.OffsetResponses(nil)
	for limit := time.Now().Add(patience); ; {
		var err error
		if os, err = adm.FetchOffsets(kadm.RequireStable(x.t.Context()), "connect-smpp-sink"); err == nil {
			err = os.Error()
		}
		if err == nil {
			break
		}
		if !errors.Is(err, kerr.UnstableOffsetCommit) || time.Now().After(limit) {
			x.t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	os.Each(func(o kadm.OffsetResponse) {
		m, err := ledger.ParseMetadata(o.Metadata)
		if err != nil {
			x.t.Fatal(err)
		}
		fn(o.At, &m)
	})
}

func TestEveryRecordGetsOneResultAndIsSentOnce(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(0, 20*time.Millisecond)}})
		r := x.start()
		x.produce(campaign(3000)...)
		got := x.results(3000)
		if len(got) != 3000 {
			t.Errorf("%d ids have results", len(got))
		}
		for id, rs := range got {
			if len(rs) != 1 || rs[0].Status != "accepted" || rs[0].PossibleDuplicate || rs[0].Parts[0].MessageID == "" {
				t.Fatalf("%s: %+v", id, rs)
			}
		}
		for to, n := range x.sends() {
			if n != 1 {
				t.Errorf("%s was sent %d times", to, n)
			}
		}
		r.stop(patience)
		if doubt, done := x.committed(); doubt != 0 || done != 3000 {
			t.Errorf("after a clean stop %d are in doubt, %d done", doubt, done)
		}
	})
}

func TestWhatCanNeverBeSentGetsAResultAndADeadLetterAndDisturbsNobody(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Rules: []smsc.Rule{{Suffix: "000", Status: 0x0B}}}}, "SMSC_0_ROUTES=49")
	x.start()
	long := strings.Repeat("x", 153*3)
	x.produce(
		`{"id":"fine","to":"+491701","text":"ok"}`,
		`{"id":"long","to":"+491702","text":"`+long+`"}`,
		`{"id":"syntax","to":"+49`,
		`{"id":"both","to":"+491703","text":"a","payload":"AA=="}`,
		`{"id":"type","to":491704,"text":"a"}`,
		`{"id":"nowhere","to":"+331705","text":"a"}`,
		`{"id":"route","to":"+491705","text":"a","route":"nobody"}`,
		`{"id":"late","to":"+491706","text":"a","expires_at":"2001-01-01T00:00:00Z"}`,
		`{"id":"refused","to":"+49170000","text":"a"}`,
		`{"id":"gsm","to":"+491707","text":"漢","encoding":"gsm7"}`,
		"",
	)
	want := map[string]string{"fine": "accepted", "long": "accepted", "both": "invalid", "type": "invalid",
		"nowhere": "unroutable", "route": "unroutable", "late": "expired", "refused": "rejected", "gsm": "invalid"}
	got := x.results(10)
	for id, status := range want {
		if rs := got[id]; len(rs) != 1 || rs[0].Status != status || (status != "accepted") != (rs[0].Error != "") {
			t.Errorf("%s: %+v, want %s", id, rs, status)
		}
	}
	if n := len(got); n != 10 {
		t.Errorf("%d ids have results, want 10: %v", n, got)
	}
	if rs := got["long"]; len(rs) == 1 && len(rs[0].Parts) != 3 {
		t.Errorf("the long one went in %d parts", len(rs[0].Parts))
	}
	dead := kafkatest.ReadAll(t, b, "sms.deadletter")
	if len(dead) != 8 {
		t.Errorf("%d dead letters", len(dead))
	}
	for _, d := range dead {
		h := map[string]string{}
		for _, x := range d.Headers {
			h[x.Key] = string(x.Value)
		}
		if h["__connect.errors.topic"] != "sms.outbound" || h["__connect.errors.connector.name"] != "smpp-sink" || h["smpp.status"] == "" {
			t.Errorf("headers %v", h)
		}
	}
}

// TestACrashLeavesNothingLostAndNothingSilentlyDoubled ends a replica without any
// goodbye, several times, while records flow.
func TestACrashLeavesNothingLostAndNothingSilentlyDoubled(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		x := setup(t, b, smsc.Options{Behaviour: smsc.Behaviour{Latency: smsc.Uniform(5*time.Millisecond, 30*time.Millisecond)}})
		const n = 6000
		x.produce(campaign(n)...)
		for i := range 3 {
			r := x.start()
			at := uint64((i + 1) * n / 5)
			if err := x.smc.WaitFor(t.Context(), func(s smsc.Stats) bool { return s.Submits >= at }); err != nil {
				t.Fatal(err)
			}
			r.stop(0) // no time for anything: what is in flight stays granted
		}
		x.start()
		got := x.results(n)
		sends := x.sends()
		doubled := 0
		for i := range n {
			rs := got[fmt.Sprintf("m%d", i)]
			if len(rs) != 1 {
				t.Fatalf("m%d has %d results", i, len(rs))
			}
			times := sends[fmt.Sprintf("4917%08d", i)]
			if times == 0 {
				t.Fatalf("m%d was lost: %+v", i, rs)
			}
			if times > 1 {
				doubled++
				if !rs[0].PossibleDuplicate {
					t.Fatalf("m%d was sent %d times and its result says nothing: %+v", i, times, rs)
				}
			}
		}
		t.Logf("%d of %d were sent again after 3 crashes, each said so", doubled, n)
	})
}
