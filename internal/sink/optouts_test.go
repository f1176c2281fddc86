package sink

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/number"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// listed gives a sink a list that is known, with these keys, and a clock that the test moves.
func listed(t *testing.T, s *Sink, keys ...string) (clock *time.Duration) {
	t.Helper()
	clock = new(time.Duration)
	*clock = time.Hour
	s.optOuts = newOptOuts(&config.OptOuts{Topic: "list", ExemptTopics: []string{"otp"}}, s.dialled, func() time.Duration { return *clock }, slog.New(slog.DiscardHandler))
	for _, k := range keys {
		s.optOuts.take(&kgo.Record{Key: []byte(k), Value: []byte("{}")})
	}
	s.optOuts.whole.Store(int64(*clock))
	return clock
}

func TestNothingIsSentToWhoHasOptedOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keys       []string
		rec        string
		topic      string
		suppressed bool
	}{
		{[]string{"491701234567"}, `{"to":"+491701234567","text":"x"}`, "in", true},
		{[]string{"+49 170 1234567"}, `{"to":"491701234567","text":"x"}`, "in", true},
		{[]string{"00491701234567"}, `{"to":"+491701234567","text":"x","from":"Acme"}`, "in", true},
		{[]string{"491701234567"}, `{"to":"+491701234568","text":"x"}`, "in", false},
		{[]string{"491701234567/Acme"}, `{"to":"+491701234567","text":"x","from":"Acme"}`, "in", true},
		{[]string{"491701234567/12345"}, `{"to":"+491701234567","text":"x","from":"+12345"}`, "in", true},
		{[]string{"491701234567/Acme"}, `{"to":"+491701234567","text":"x","from":"Other"}`, "in", false},
		{[]string{"491701234567/Acme"}, `{"to":"+491701234567","text":"x"}`, "in", false},
		{[]string{"491701234567/777"}, `{"to":"+491701234567","text":"x"}`, "in", true}, // the sender of SMSC_0_SOURCE_ADDRESS
		{[]string{"491701234567/"}, `{"to":"+491701234567","text":"x","from":"Acme"}`, "in", true},
		{[]string{"491701234567"}, `{"to":"+491701234567","text":"x"}`, "otp", false},
		{[]string{"491701234567"}, `{"to":"+491701234567","action":"cancel","message_id":"7","smsc":"a"}`, "in", false},
		{[]string{"", "/Acme"}, `{"to":"+491701234567","text":"x","from":"Acme"}`, "in", false},
	} {
		s, p := idle(t)
		p.tp.topic = c.topic
		s.habits[0].source = "777"
		listed(t, s, c.keys...)
		m := take1(s, p, 0, c.rec)
		grantTo(s, 0)
		s.settleAll()
		if got := m.status == "suppressed"; got != c.suppressed || got != (m.state == finished) || got && (m.granted || m.attempts > 0) {
			t.Errorf("%v, %s in %s: state %d, status %q: %s", c.keys, c.rec, c.topic, m.state, m.status, m.reason)
		}
		if !c.suppressed && m.state != sending {
			t.Errorf("%v, %s in %s: state %d, not sent: %s", c.keys, c.rec, c.topic, m.state, m.reason)
		}
	}
}

func TestNumbersOfTheListAreReadAsThoseOfMessages(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	country, err := number.ParseCountry("DE")
	if err != nil {
		t.Fatal(err)
	}
	s.country = country
	listed(t, s, "0170 1234567")
	m := take1(s, p, 0, `{"to":"+491701234567","text":"x"}`)
	if grantTo(s, 0); m.status != "suppressed" {
		t.Errorf("status %q", m.status)
	}
}

func TestWhoOptsInAgainIsWrittenTo(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	listed(t, s, "491701234567")
	s.optOuts.take(&kgo.Record{Key: []byte("+491701234567")})
	m := take1(s, p, 0, `{"to":"+491701234567","text":"x"}`)
	if grantTo(s, 0); m.state != sending {
		t.Errorf("state %d: %s", m.state, m.reason)
	}
}

// TestNothingIsSentWhileTheListIsNotKnown: neither before it is read nor when it has not been looked at for a while. What it does not concern goes on.
func TestNothingIsSentWhileTheListIsNotKnown(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	otp := &partition{tp: tp{"otp", 0}, epoch: 1, held: true, claim: new(smpp.Claim), ledger: p.ledger, topicNo: 1}
	s.parts[otp.tp] = otp
	clock := listed(t, s)
	s.optOuts.anew()
	m, other := take1(s, p, 0, `{"to":"+491701234567","text":"x"}`), take1(s, otp, 1, `{"to":"+491701234567","text":"x"}`)
	if grantTo(s, 0); m.state != waiting || other.state != sending {
		t.Fatalf("before the list is read: states %d and %d", m.state, other.state)
	}
	s.optOuts.whole.Store(int64(*clock))
	*clock += optOutsTrusted + 1
	if grantTo(s, 0); m.state != waiting {
		t.Fatalf("state %d with a list that is old", m.state)
	}
	*clock--
	if grantTo(s, 0); m.state != sending {
		t.Fatalf("state %d with a list that is known", m.state)
	}
}

// TestWhatWasSentInPartIsSeenThrough, and what is in doubt is not sent again: it says so.
func TestWhatWasSentInPartIsSeenThrough(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	listed(t, s)
	begun, doubtful := take1(s, p, 0, long("+491701234567")), take1(s, p, 1, `{"to":"+491701234567","text":"x"}`)
	grantTo(s, 0)
	answer(s, begun.pieces[0].flight, smpp.Responded, 0, false)
	for _, f := range flights(begun)[1:] {
		answer(s, f, smpp.Responded, 0x58, false) // ESME_RTHROTTLED
	}
	answer(s, doubtful.pieces[0].flight, smpp.InDoubt, 0, false)
	if begun.state != backoff || doubtful.state != backoff {
		t.Fatalf("states %d and %d, want both to be tried again", begun.state, doubtful.state)
	}
	s.optOuts.take(&kgo.Record{Key: []byte("491701234567"), Value: []byte("{}")})
	s.retriesDue(time.Now().Add(24 * time.Hour))
	grantTo(s, 0)
	if begun.state != sending {
		t.Errorf("state %d, %q: the rest of a message is not sent", begun.state, begun.status)
	}
	if doubtful.status != "in_doubt" || !strings.Contains(doubtful.reason, "opted out") {
		t.Errorf("state %d, status %q: %s", doubtful.state, doubtful.status, doubtful.reason)
	}
}

// What an entry of a long list costs in memory: the figure of internal/FLOW.md.
func BenchmarkOptOuts(b *testing.B) {
	const entries = 1_000_000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		o := newOptOuts(&config.OptOuts{Topic: "list"}, func(n string) string { return n }, nil, slog.New(slog.DiscardHandler))
		for i := range entries {
			o.take(&kgo.Record{Key: fmt.Appendf(nil, "49170%07d", i), Value: []byte("{}")})
		}
		b.ReportMetric(float64(heap()-before)/float64(o.len()), "B/entry")
	}
}
