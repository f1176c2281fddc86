package sink

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// These tests stand where the loop stands: they call what it calls, in orders that
// real parts bring about too rarely to be waited for.

// idle is a sink with two SMSCs for all destinations, "a" (long messages in UDHs)
// and "b" (as one payload), and one partition. Nothing runs.
func idle(t testing.TB) (*Sink, *partition) {
	t.Helper()
	cfg, err := config.Load([]string{"KAFKA_BROKERS=127.0.0.1:1",
		"SMSC_0_NAME=a", "SMSC_0_ADDRESS=127.0.0.1:1", "SMSC_0_SYSTEM_ID=x",
		"SMSC_1_NAME=b", "SMSC_1_ADDRESS=127.0.0.1:1", "SMSC_1_SYSTEM_ID=x", "SMSC_1_LONG_MESSAGES=payload",
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	accounts := []*smpp.Account{
		smpp.NewAccount(smpp.AccountConfig{Name: "a"}, nil, nil, log, nil),
		smpp.NewAccount(smpp.AccountConfig{Name: "b"}, nil, nil, log, nil),
	}
	s, err := New(Options{Config: cfg, Dialer: &kafka.Dialer{}, Accounts: accounts, Lease: smpp.NewLease(), SubmittedPartitions: 1, Log: log, Reg: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	p := &partition{tp: tp{"in", 0}, epoch: 1, held: true, claim: new(smpp.Claim), ledger: ledger.New(0)}
	s.parts[p.tp] = p
	return s, p
}

// take1 takes a record in as a poll brings it.
func take1(s *Sink, p *partition, offset int64, value string) *message {
	m := &message{rec: &kgo.Record{Topic: p.topic, Partition: p.partition, Offset: offset}}
	if value != "" {
		m.rec.Value = []byte(value)
	}
	s.prepare(m, time.Now(), true)
	m.part = p
	s.enter(m)
	return m
}

func long(to string) string {
	return fmt.Sprintf(`{"to":%q,"text":%q}`, to, strings.Repeat("x", 400))
}

// grantTo grants with a budget at the SMSCs given, and hands over at once.
func grantTo(s *Sink, targets ...int) []*message {
	clear(s.budget)
	clear(s.up)
	for _, i := range targets {
		s.budget[i], s.up[i] = 100, true
	}
	ms := s.grantAll(time.Now(), true)
	s.offer(ms, time.Now())
	return ms
}

func answer(s *Sink, f *flight, o smpp.Outcome, status uint32, late bool) {
	s.answered(&smpp.Answer{Submit: &f.Submit, Outcome: o, Status: status, MessageID: "id", SentAt: time.Now(), At: time.Now(), Late: late})
}

func flights(m *message) (fs []*flight) {
	for i := range m.pieces {
		fs = append(fs, m.pieces[i].flight)
	}
	return fs
}

func TestALateAnswerOfTheSMSCThatWasLeftChangesNothing(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	m := take1(s, p, 0, long("+49170"))
	grantTo(s, 0)
	old := flights(m)
	if len(old) != 3 {
		t.Fatalf("%d parts", len(old))
	}
	for _, f := range old {
		answer(s, f, smpp.InDoubt, 0, false)
	}
	s.retriesDue(time.Now().Add(time.Hour))
	grantTo(s, 1)
	if len(m.pieces) != 1 {
		t.Fatalf("b got %d parts, want one payload", len(m.pieces))
	}
	for _, f := range old {
		answer(s, f, smpp.Responded, 0, true)
	}
	if m.state != sending || m.pieces[0].state != offered {
		t.Errorf("the message is in state %d, its piece in %d", m.state, m.pieces[0].state)
	}
	answer(s, m.pieces[0].flight, smpp.Responded, 0, false)
	if m.status != "accepted" || !m.inDoubt {
		t.Errorf("%q, in doubt: %v", m.status, m.inDoubt)
	}
}

func TestAMessageThatWaitsForItsOwnSMSCStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	first := take1(s, p, 0, long("+49170"))
	grantTo(s, 0)
	for i, f := range flights(first) {
		if i == 0 {
			answer(s, f, smpp.Responded, 0, false)
		} else {
			answer(s, f, smpp.NotSent, 0, false) // the connection was lost
		}
	}
	second := take1(s, p, 1, long("+49171"))
	grantTo(s, 1)
	if second.state != sending || second.target != 1 {
		t.Errorf("the second is in state %d at %d: it waits behind one that only the SMSC that is down may have", second.state, second.target)
	}
	if first.state != waiting || s.lanes.count != 1 {
		t.Errorf("the first is in state %d, %d wait", first.state, s.lanes.count)
	}
}

func TestARejectedMessageWithAPartInDoubtSaysSo(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	m := take1(s, p, 0, long("+49170"))
	grantTo(s, 0)
	for i, f := range flights(m) {
		switch i {
		case 0:
			answer(s, f, smpp.InDoubt, 0, false)
		case 1:
			answer(s, f, smpp.Responded, 0, false)
		default:
			answer(s, f, smpp.Responded, 0x0B, false)
		}
	}
	if m.status != "rejected" || !m.inDoubt {
		t.Errorf("%q, in doubt: %v", m.status, m.inDoubt)
	}
}

func TestGrantsOfACommitThatFailedAreTakenBack(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	m := take1(s, p, 0, `{"to":"+49170","text":"x"}`)
	clear(s.budget)
	s.budget[0], s.up[0] = 1, true
	ms := s.grantLane(s.lanes.of(m), time.Now(), true, nil)
	if len(ms) != 1 || p.ledger.Granted() != 1 || p.owing != 1 {
		t.Fatalf("%d granted", len(ms))
	}
	s.notCommitted(&commit{grants: ms, parts: []*partition{p}}, time.Now(), kafka.ErrAborted)
	if p.ledger.Granted() != 0 || p.owing != 0 || m.state != waiting || s.lanes.count != 1 {
		t.Errorf("%d are granted, %d owed, the message is in state %d", p.ledger.Granted(), p.owing, m.state)
	}
	if !p.ledger.Changed() {
		t.Error("Kafka would not be told")
	}
}

func TestAMessageThatExpiredDuringItsCommitIsNotSent(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	m := take1(s, p, 0, `{"to":"+49170","text":"x","expires_at":"2100-01-01T00:00:00Z"}`)
	s.budget[0], s.up[0] = 1, true
	ms := s.grantLane(s.lanes.of(m), time.Now(), true, nil)
	s.offer(ms, m.out.ExpiresAt)
	if m.state != finished || m.status != "expired" || m.attempts != 0 {
		t.Errorf("it is in state %d, %q, after %d attempts", m.state, m.status, m.attempts)
	}
}

func TestANullValueThatWaitedForItsPlaceThroughALossStillGetsNoResult(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	m := take1(s, p, 0, "")
	// As if the ledger had had no place for it.
	s.finished, m.state = nil, waiting
	s.verdicts.push(m)
	s.lose(p)
	s.verdictsDue()
	if len(p.parked) != 1 {
		t.Fatalf("%d are parked", len(p.parked))
	}
	s.resume(p)
	if s.lanes.count != 0 || s.verdicts.len() != 1 {
		t.Errorf("%d wait to be sent, %d verdicts wait", s.lanes.count, s.verdicts.len())
	}
}

func TestAnAssignmentThatWasCancelledWhileItWaitedIsNotInstalled(t *testing.T) {
	t.Parallel()
	s, p := idle(t)
	delete(s.parts, p.tp)
	s.inflight = &commit{started: time.Now()}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.running.Go(func() { s.loop(ctx) })
	asked, cancel := context.WithCancel(ctx)
	installed := false
	waits := make(chan struct{})
	go func() {
		for queued := false; !queued; { // until the loop holds the request back
			s.do(ctx, func() { queued = len(s.afterCommits) > 0 })
		}
		cancel()
		close(waits)
	}()
	if s.doSettled(asked, func() { installed = true }) {
		t.Error("it is said to have run")
	}
	<-waits
	s.committed <- nil
	s.do(ctx, func() {
		for s.inflight != nil { // the loop itself takes the answer; here it stands still
			s.afterCommit(<-s.committed)
		}
	})
	stop()
	s.running.Wait()
	if installed {
		t.Error("it was installed after all")
	}
}
