package sink

import (
	"context"
	"errors"
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
	"github.com/smpp-connector/smpp-connector/internal/sms"
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
	take1(s, p, 0, "")
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

type noForms struct{}

func (noForms) Of(string) sms.IDForm { return sms.FormUnknown }

// deaf hears no answers: a test gives its own.
type deaf struct{}

func (deaf) Answered(*smpp.Account, []smpp.Answer) {}
func (deaf) Delivered(*smpp.Delivery)              {}
func (deaf) StateChanged(*smpp.Account)            {}

// writing is idle, and can make commits. It sends none.
func writing(t *testing.T) (*Sink, *partition) {
	t.Helper()
	s, p := idle(t)
	s.forms = noForms{}
	for i, name := range []string{"a", "b"} {
		s.accounts[i] = smpp.NewAccount(smpp.AccountConfig{Name: name}, deaf{}, nil, s.log, nil)
	}
	s.txn = kafka.NewTransactor(&kafka.Dialer{Log: s.log}, "x-", nil, nil)
	return s, p
}

// sentOne is one that was granted, sent and accepted.
func sentOne(t *testing.T, s *Sink, p *partition, offset int64) *message {
	t.Helper()
	m := take1(s, p, offset, `{"to":"+49170","text":"x"}`)
	grantTo(s, 0)
	p.ledger.Committed() // as the commit of its grant would
	answer(s, m.pieces[0].flight, smpp.Responded, 0, false)
	if m.state != finished {
		t.Fatalf("it is in state %d", m.state)
	}
	return m
}

// gathered is a commit of all that is finished.
func gathered(s *Sink) *commit {
	c := &commit{started: time.Now()}
	s.settleAll()
	s.tell(c)
	s.takeDraft(c)
	return c
}

// told is what a successor would read, were a commit made and we dead.
func told(t *testing.T, c *commit, p *partition) *ledger.Ledger {
	t.Helper()
	om, ok := c.Offsets.Get(p.topic, p.partition)
	if !ok {
		t.Fatal("the commit does not tell of the partition")
	}
	meta, err := ledger.ParseMetadata(om.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	return meta.Restore(om.Offset)
}

func TestACommitOfGrantsAloneDoesNotTellWhatIsDoneWithoutItsResult(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	sentOne(t, s, p, 0)
	take1(s, p, 1, `{"to":"+49170"`) // invalid
	take1(s, p, 2, "")               // skipped
	next := take1(s, p, 3, `{"to":"+49170","text":"x"}`)
	grantTo(s, 0)
	c := &commit{early: true, grants: []*message{next}}
	if !s.tell(c) {
		t.Fatal("there is nothing to tell")
	}
	l := told(t, c, p)
	for offset, want := range []ledger.State{ledger.Granted, ledger.Pending, ledger.Pending, ledger.Granted} {
		if got := l.At(int64(offset)); got != want {
			t.Errorf("a successor would find offset %d in state %d, want %d", offset, got, want)
		}
	}
	// The transaction that follows has the results, and says so.
	c = gathered(s)
	l = told(t, c, p)
	if l.C() != 3 || l.At(3) != ledger.Granted || len(c.finished) != 3 {
		t.Errorf("C is %d, offset 3 in state %d, %d finished", l.C(), l.At(3), len(c.finished))
	}
	if got := len(c.Records); got != 4 { // two results, a dead letter, a pack of submissions
		t.Errorf("%d records", got)
	}
}

func TestAfterATransactionFailedGrantsAloneWaitForTheNext(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	sentOne(t, s, p, 0)
	for range 2 {
		c := gathered(s)
		if p.unwritten != 1 || len(c.finished) != 1 || s.mayGrantAlone() {
			t.Fatalf("in a commit: %d without a result that is known to be written, %d finished", p.unwritten, len(c.finished))
		}
		s.notCommitted(c, time.Now(), kafka.ErrAborted)
		if p.unwritten != 1 || len(s.draft.messages) != 1 || s.mayGrantAlone() {
			t.Fatalf("after it: %d without a result that is known to be written, %d finished", p.unwritten, len(s.draft.messages))
		}
	}
	c := gathered(s)
	s.succeeded(c, time.Now(), 0)
	if p.unwritten != 0 || len(s.draft.messages) != 0 || !s.mayGrantAlone() {
		t.Errorf("%d without a result that is known to be written", p.unwritten)
	}
}

func TestWhatWasMadeForTheNextTransactionGoesWithItsPartition(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	q := &partition{tp: tp{"in", 1}, epoch: 1, held: true, claim: new(smpp.Claim), ledger: ledger.New(0)}
	s.parts[q.tp] = q
	mine, lost := sentOne(t, s, p, 0), sentOne(t, s, q, 0)
	s.draftRecords() // while a commit is on its way
	if s.draft.made != 2 {
		t.Fatalf("%d are made", s.draft.made)
	}
	s.lose(q)
	c := gathered(s)
	if len(c.finished) != 1 || c.finished[0] != mine || len(c.Records) != 2 {
		t.Fatalf("%d finished, %d records: the result of a partition that is another's now is among them", len(c.finished), len(c.Records))
	}
	if _, ok := c.Offsets.Get("in", 1); ok || lost.status != "accepted" || len(q.parked) != 1 {
		t.Errorf("told: %v, %q, %d parked", ok, lost.status, len(q.parked))
	}
	// It comes back as we left it.
	delete(s.limbo, q.tp)
	s.resume(q)
	c = gathered(s)
	if len(c.finished) != 1 || c.finished[0] != lost || q.ledger.C() != 1 {
		t.Errorf("%d finished, C is %d", len(c.finished), q.ledger.C())
	}
}

// TestATransactionThatHasResultsOfALostPartitionIsAborted: they were written before it was lost, and what is left to commit does not tell of them.
func TestATransactionThatHasResultsOfALostPartitionIsAborted(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	q := &partition{tp: tp{"in", 1}, epoch: 1, held: true, claim: new(smpp.Claim), ledger: ledger.New(0)}
	s.parts[q.tp] = q
	mine, lost := sentOne(t, s, p, 0), sentOne(t, s, q, 0)
	c := &commit{started: time.Now()}
	s.open(c)
	s.inflight = c
	s.lose(q) // a hand-over that took too long: the generation is still the same
	s.proceed(t.Context(), nil)
	err := <-s.committed
	if !errors.Is(err, errLost) || !errors.Is(err, kafka.ErrAborted) {
		t.Fatalf("it ended with %v", err)
	}
	s.afterCommit(err)
	s.draftRecords()
	if len(s.draft.messages) != 1 || s.draft.messages[0] != mine || p.unwritten != 1 || len(q.parked) != 1 || q.parked[0] != lost {
		t.Errorf("%d wait for the next transaction, %d are parked", len(s.draft.messages), len(q.parked))
	}
}

func TestALateAnswerWhileThePartitionIsLostGivesOneResult(t *testing.T) {
	t.Parallel()
	for _, drafted := range []bool{true, false} { // between the answer and the return, or not before
		testLateAnswerWhileLost(t, drafted)
	}
}

func testLateAnswerWhileLost(t *testing.T, drafted bool) {
	t.Helper()
	s, p := writing(t)
	m := take1(s, p, 0, `{"to":"+49170","text":"x"}`)
	grantTo(s, 0)
	p.ledger.Committed()
	f := m.pieces[0].flight
	answer(s, f, smpp.InDoubt, 0, false)
	s.lose(p)
	s.retriesDue(time.Now().Add(time.Hour)) // parked, to be sent again
	answer(s, f, smpp.Responded, 0, true)   // it need not be
	if drafted {
		s.draftRecords()
	}
	delete(s.limbo, p.tp)
	s.resume(p)
	c := gathered(s)
	if len(c.finished) != 1 || len(c.Records) != 2 || m.status != "accepted" || p.ledger.C() != 1 || p.unwritten != 1 {
		t.Errorf("%d finished with %d records, %q, C is %d, %d unwritten", len(c.finished), len(c.Records), m.status, p.ledger.C(), p.unwritten)
	}
}
