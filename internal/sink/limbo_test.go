package sink

import (
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// A partition that was lost is kept for its return, which comes with the others of an assignment or a moment later. Beside others that the
// group has given for a while it is another replica's, and its messages only take memory.
func TestALostPartitionIsKeptUntilItMustBeAnothersByNow(t *testing.T) {
	t.Parallel()
	lostAt := time.Unix(1000, 0)
	for _, c := range []struct {
		name    string
		holds   bool          // another partition
		givenAt time.Duration // after the loss; negative: before it
		now     time.Duration // after the loss
		gone    bool
	}{
		{"given others a moment ago", true, time.Second, time.Second + limboBeside, false},
		{"given others for a while", true, time.Second, time.Second + limboBeside + 1, true},
		{"nothing given since", true, -time.Second, limboFor, false},
		{"given nothing", false, time.Second, limboFor, false},
		{"for too long in any case", false, -time.Second, limboFor + 1, true},
	} {
		s, p := idle(t)
		if !c.holds {
			delete(s.parts, p.tp)
		}
		lost := &partition{tp: tp{"in", 1}, limbo: true, limboAt: lostAt}
		s.limbo[lost.tp] = lost
		s.givenAt = lostAt.Add(c.givenAt)
		s.checkLimbo(lostAt.Add(c.now))
		if gone := s.limbo[lost.tp] == nil; gone != c.gone {
			t.Errorf("%s: gone %v, want %v", c.name, gone, c.gone)
		}
	}
}

// A broker that stalls in a rebalance takes no last commit, and by the time that it is back the group has forgotten all its members: the
// partition may be given to the very replica that was to hand it over. What that one knows is not in doubt then, and what it had left to the
// next owner is read again.
func TestAPartitionWhoseHandOverDidNotGetThroughComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s, p := writing(t)
	const record = `{"to":"+49170","text":"x"}`
	l := ledger.New(0)
	for offset := range int64(3) {
		l.Observe(offset)
	}
	l.Grant(2)
	b, err := l.AppendMetadata(nil, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	found, err := ledger.ParseMetadata(string(b))
	if err != nil {
		t.Fatal(err)
	}
	p.ledger, p.n, p.committed = found.Restore(0), 1, kafka.OffsetMeta{Metadata: string(b)}
	sent := take1(s, p, 0, record)
	grantTo(s, 0)
	queued := take1(s, p, 1, record)
	take1(s, p, 2, record) // in doubt by a predecessor, and not taken up yet

	s.beginLetGo(p)
	grantTo(s, 0) // what is not ours to see through leaves its lane
	if queued.state != gone || len(p.left) != 2 {
		t.Fatalf("state %d, %d left to the next owner", queued.state, len(p.left))
	}
	s.lose(p) // the time for it is over
	answer(s, sent.pieces[0].flight, smpp.Responded, 0, false)
	s.draftRecords()

	s.install(p.tp, p.committed, &found, "")
	if s.parts[p.tp] != p || len(s.limbo) != 0 {
		t.Fatal("it was taken over from its metadata alone")
	}
	again := []*message{take1(s, p, 0, record), take1(s, p, 1, record), take1(s, p, 2, record), take1(s, p, 3, record)}
	if again[1].inDoubt || !again[2].inDoubt || again[3].inDoubt || p.left != nil || p.queued != 4 {
		t.Errorf("in doubt: %v, %v, %v; %d to be read, %d in hand", again[1].inDoubt, again[2].inDoubt, again[3].inDoubt, len(p.left), p.queued)
	}
	for _, m := range grantTo(s, 0) {
		answer(s, m.pieces[0].flight, smpp.Responded, 0, false)
	}
	c := gathered(s)
	if len(c.finished) != 4 || p.ledger.C() != 4 || sent.inDoubt || sent.status != "accepted" {
		t.Errorf("%d results, C is %d; what was sent is %q, in doubt: %v", len(c.finished), p.ledger.C(), sent.status, sent.inDoubt)
	}
}
