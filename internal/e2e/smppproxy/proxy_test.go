package smppproxy

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

func TestWithoutRulesEveryPDUPassesUnchangedAndInOrder(t *testing.T) {
	p, o, c := start(t)
	c.submit(1, 500)
	want := make([]uint32, 500)
	for i := range want {
		want[i] = uint32(i + 1)
	}
	if got := c.answers(500); !slices.Equal(got, want) {
		t.Errorf("the answers came as %v", got)
	}
	if o.count(SubmitSM) != 500 || p.Connections() != 1 {
		t.Errorf("%d submits over %d connections", o.count(SubmitSM), p.Connections())
	}
}

func TestCutsBeforeAnAnswerIsHandedOn(t *testing.T) {
	p, o, c := start(t, Rule{Command: SubmitSMResp, After: 3, Times: 1, Do: CutBefore})
	c.submit(1, 10)
	c.answers(3)
	if rest := c.ended(); len(rest) > 0 {
		t.Errorf("%d octets after the cut", len(rest))
	}
	if o.count(SubmitSM) < 4 || p.Played(CutBefore) != 1 {
		t.Errorf("the SMSC had %d submits, %d cuts were played", o.count(SubmitSM), p.Played(CutBefore))
	}
}

func TestCutsRightAfterAnAnswer(t *testing.T) {
	_, _, c := start(t, Rule{Command: SubmitSMResp, After: 3, Times: 1, Do: CutAfter})
	c.submit(1, 10)
	c.answers(4)
	if rest := c.ended(); len(rest) > 0 {
		t.Errorf("%d octets after the cut", len(rest))
	}
}

func TestAnAnswerIsSwallowedAndTheRestGoesOn(t *testing.T) {
	_, o, c := start(t, Rule{Command: SubmitSMResp, After: 1, Times: 2, Do: Swallow})
	c.submit(1, 5)
	if got := c.answers(3); !slices.Equal(got, []uint32{1, 4, 5}) {
		t.Errorf("the answers are %v", got)
	}
	if o.count(SubmitSM) != 5 {
		t.Errorf("the SMSC had %d submits", o.count(SubmitSM))
	}
}

func TestALateAnswerIsOvertaken(t *testing.T) {
	t.Parallel() // it is so late that the others have time even where they are held up
	_, _, c := start(t, Rule{Command: SubmitSMResp, Times: 1, Do: Late, Delay: 10 * time.Second})
	c.submit(1, 3)
	if got := c.answers(3); !slices.Equal(got, []uint32{2, 3, 1}) {
		t.Errorf("the answers came as %v", got)
	}
}

func TestAnAnswerComesTwice(t *testing.T) {
	_, _, c := start(t, Rule{Command: SubmitSMResp, Times: 1, Do: Twice, Delay: 50 * time.Millisecond})
	c.submit(1, 1)
	if got := c.answers(2); !slices.Equal(got, []uint32{1, 1}) {
		t.Errorf("the answers came as %v", got)
	}
}

func TestAnswersAreShuffledAndNoneIsMissing(t *testing.T) {
	_, _, c := start(t, Rule{Command: SubmitSMResp, Do: Shuffle, Delay: 100 * time.Millisecond})
	c.submit(1, 100)
	got := c.answers(100)
	if slices.IsSorted(got) {
		t.Error("the answers came in order")
	}
	slices.Sort(got)
	for i, q := range got {
		if q != uint32(i+1) {
			t.Fatalf("the answers are %v", got)
		}
	}
}

func TestHalfAPDUThenTheEnd(t *testing.T) {
	_, _, c := start(t, Rule{Command: SubmitSMResp, After: 1, Times: 1, Do: HalfCut})
	c.submit(1, 5)
	c.answers(1)
	if rest := c.ended(); len(rest) != (headerLen+3)/2 {
		t.Errorf("%d octets before the end", len(rest))
	}
}

func TestHalfAPDUThenSilenceThoughTheConnectionStays(t *testing.T) {
	_, o, c := start(t, Rule{Command: SubmitSMResp, Times: 1, Do: HalfSilent})
	c.submit(1, 1)
	half := make([]byte, (headerLen+3)/2)
	if _, err := io.ReadFull(c.in, half); err != nil {
		t.Fatal(err)
	}
	c.submit(2, 5)
	eventually(t, "the SMSC gets what is submitted into the silence", func() bool { return o.count(SubmitSM) == 5 })
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.in.Read(make([]byte, 1)); n > 0 || err == io.EOF {
		t.Errorf("%d octets and %v instead of silence", n, err)
	}
}

func TestARefusedRequestIsAnsweredHereAndNeverReachesTheSMSC(t *testing.T) {
	p, o, c := start(t,
		Rule{Command: SubmitSM, Times: 1, Do: Refuse, Status: 0x0B},
		Rule{Command: SubmitSM, Times: 1, Do: Refuse, Status: 0x58, Body: []byte{0}},
		Rule{Command: SubmitSM, Times: 1, Do: Nack, Status: 0x03})
	for i, want := range [][]byte{
		PDU(SubmitSMResp, 0x0B, 1), PDU(SubmitSMResp, 0x58, 2, 0), PDU(GenericNack, 0x03, 3), PDU(SubmitSMResp, 0, 4, 'i', 'd', 0),
	} {
		c.submit(uint32(i+1), uint32(i+1))
		if got := c.next(); !bytes.Equal(got, want) {
			t.Errorf("the answer to %d is % x, not % x", i+1, []byte(got), want)
		}
	}
	if o.count(SubmitSM) != 1 || p.Played(Refuse) != 2 || p.Played(Nack) != 1 {
		t.Errorf("the SMSC had %d submits", o.count(SubmitSM))
	}
}

func TestGarbageComesBetweenTwoPDUs(t *testing.T) {
	p, _, c := start(t, Rule{Command: SubmitSMResp, After: 1, Times: 1, Do: Before, Bytes: Header(15, 0, 0, 9)})
	c.submit(1, 2)
	c.answers(1)
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(c.in, head); err != nil || !bytes.Equal(head, Header(15, 0, 0, 9)) {
		t.Errorf("% x, %v", head, err)
	}
	c.answers(1)
	if n := p.Send(Header(0xFFFFFFFF, 0x77, 0, 1)); n != 1 {
		t.Fatalf("written to %d connections", n)
	}
	if _, err := io.ReadFull(c.in, head); err != nil || !bytes.Equal(head, Header(0xFFFFFFFF, 0x77, 0, 1)) {
		t.Errorf("% x, %v", head, err)
	}
	if a, b := p.Random(40), p.Random(40); len(a) != 40 || bytes.Equal(a, b) {
		t.Error("random octets repeat")
	}
}

// TCP may join segments on the way to a slow reader, so what is written is looked at on a pipe that joins nothing.
func TestOneOctetASegment(t *testing.T) {
	p, _, c := start(t)
	p.Segment(1)
	c.submit(1, 20)
	c.answers(20)

	near, far := net.Pipe()
	defer far.Close()
	pdu := PDU(SubmitSMResp, 0, 1, 'i', 'd', 0)
	go func() { // ends with what it writes
		defer near.Close()
		_ = (&end{Conn: near, segment: &p.segment}).write(pdu)
	}()
	var got []byte
	for buf := make([]byte, 100); ; {
		n, err := far.Read(buf)
		if err != nil {
			break
		}
		if n != 1 {
			t.Errorf("%d octets in one write", n)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, pdu) {
		t.Errorf("% x", got)
	}
}

func TestASlowReaderIsFeltByTheESME(t *testing.T) {
	o := newOffice(t)
	p, err := Start(Options{Target: o.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	p.ReadRate(2000)
	c := connect(t, p)
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(4096)
	}
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	big := bytes.Repeat(PDU(SubmitSM, 0, 1, 'x'), 60_000)
	if n, err := c.Write(big); err == nil {
		t.Errorf("%d octets were taken at once", n)
	}
}

func TestAnUnbindFromTheSMSCsSideEndsWithItsAnswer(t *testing.T) {
	p, o, c := start(t)
	c.submit(1, 1)
	c.answers(1)
	if p.Unbind() != 1 {
		t.Fatal("there is no connection")
	}
	f := c.next()
	if f.command() != Unbind {
		t.Fatalf("command %#x", f.command())
	}
	c.submit(2, 2)
	c.answers(1)
	if _, err := c.Write(PDU(UnbindResp, 0, f.sequence())); err != nil {
		t.Fatal(err)
	}
	c.ended()
	if o.count(UnbindResp) != 0 {
		t.Error("the SMSC was told of an unbind that it never asked for")
	}
}

func TestAStallHoldsBothDirectionsAndLosesNothing(t *testing.T) {
	p, o, c := start(t)
	p.Stall(true)
	c.submit(1, 50)
	c2 := connect(t, p)
	c2.submit(1, 1)
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.in.Read(make([]byte, 1)); n > 0 || err == io.EOF || o.count(SubmitSM) > 0 {
		t.Errorf("%d octets and %v, and %d submits, in a stall", n, err, o.count(SubmitSM))
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	p.Stall(false)
	c.in.Reset(c.Conn)
	c.answers(50)
	c2.answers(1)
}

func TestCutAndDeafLeaveNobodyConnected(t *testing.T) {
	p, _, c := start(t)
	c.submit(1, 1)
	c.answers(1)
	p.Deaf(true)
	if p.Cut() != 1 {
		t.Error("there was no connection to cut")
	}
	c.ended()
	connect(t, p).ended()
	p.Deaf(false)
	again := connect(t, p)
	again.submit(1, 1)
	again.answers(1)
}

func TestRawHandsOnWhatIsNoSMPPAndGarbageBreaksIn(t *testing.T) {
	o := newOffice(t)
	p, err := Start(Options{Target: o.Addr().String(), Raw: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	p.Break(Rule{Command: SubmitSMResp, Do: Swallow})
	c := connect(t, p)
	b := PDU(SubmitSM, 0, 1)
	for i := range b { // a PDU in pieces, which only a copy hands on as they come
		if _, err := c.Write(b[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	c.answers(1)
	p.Send([]byte("garbage"))
	got := make([]byte, 7)
	if _, err := io.ReadFull(c.in, got); err != nil || string(got) != "garbage" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheSameSeedBreaksTheSamePDUs(t *testing.T) {
	var first []uint32
	for i := range 2 {
		_, _, c := start(t, Rule{Command: SubmitSMResp, Share: 0.5, Do: Swallow}, Rule{Command: EnquireLink, Do: Swallow})
		var got []uint32
		c.submit(1, 200)
		if _, err := c.Write(PDU(Unbind, 0, 201)); err != nil {
			t.Fatal(err)
		}
		for f := c.next(); f.command() == SubmitSMResp; f = c.next() {
			got = append(got, f.sequence())
		}
		if i == 0 {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("%v, then %v", first, got)
		}
	}
	if n := len(first); n < 60 || n > 140 {
		t.Errorf("%d of 200 passed a rule for half of them", n)
	}
}
