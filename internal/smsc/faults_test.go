package smsc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// TestEveryAcceptedSubmitGetsItsReceiptUnderAllFaultsAtOnce has ESMEs that
// refuse, ignore and disconnect, and a simulator that drops, stays silent and
// repeats. In the end every message that has an id has its receipt
// acknowledged, exactly as often as it was meant to be, and nothing is left.
func TestEveryAcceptedSubmitGetsItsReceiptUnderAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	const n, esmes = 3000, 3
	s := start(t, Options{Seed: 99, Keep: 1 << 20, DeliverWindow: 20, Behaviour: Behaviour{
		Latency: Uniform(0, 5*time.Millisecond), MessageID: IDUUID, NoAnswer: 0.02,
		Errors: []StatusRate{{uint32(data.ESME_RSYSERR), 0.05}},
		Drop:   Drop{Every: 400, Rate: 0.002},
		Receipts: Receipts{
			Delay: Uniform(0, 10*time.Millisecond), BeforeResponse: 0.2, Via: ViaOther, Repeat: 0.1, Form: FormBoth,
		},
		Retry: Retry{Timeout: 30 * time.Millisecond, Delay: time.Millisecond, Max: 1 << 30},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for i := range esmes {
		group.Go(func() { awkward(ctx, t, s, rand.New(rand.NewPCG(1, uint64(i))), n/esmes) })
	}
	group.Wait()
	if t.Failed() {
		return
	}

	// Those that were lost have been missed; whoever takes what is left may be slower than that.
	if err := s.Change(func(b *Behaviour) { b.Retry.Timeout = time.Minute }); err != nil {
		t.Fatal(err)
	}
	last := bindAs(t, s, pdu.Receiver, "a")
	drained := make(chan struct{})
	go func() { // takes everything until the simulator is content
		defer close(drained)
		for {
			p, err := last.read()
			if err != nil {
				return
			}
			if d, ok := p.(*pdu.DeliverSM); ok {
				buf := pdu.NewBuffer(nil)
				d.GetResponse().Marshal(buf)
				if _, err := last.conn.Write(buf.Bytes()); err != nil {
					return
				}
			}
		}
	}()
	eventually(t, s, func(st Stats) bool { return st.Queue == 0 && st.InFlight == 0 })
	_ = last.conn.Close()
	<-drained

	want := make(map[string]bool)
	for _, e := range s.Submits() {
		if e.MessageID != "" {
			want[e.MessageID] = true
		}
	}
	acked := make(map[string]int)
	repeats := 0
	for _, d := range s.Delivers() {
		if d.Acked {
			if acked[d.MessageID]++; acked[d.MessageID] > 1 {
				repeats++
			}
		}
	}
	st := s.Stats()
	if len(want) != int(st.Accepted) || len(acked) != len(want) || st.GivenUp != 0 || st.Submits < n*9/10 {
		t.Errorf("%d messages, %d of them with a receipt; %+v", len(want), len(acked), st)
	}
	for id, times := range acked {
		if !want[id] || times > 2 {
			t.Errorf("%s: known %v, acknowledged %d times", id, want[id], times)
		}
	}
	if share := float64(repeats) / float64(len(want)); share < 0.05 || share > 0.15 {
		t.Errorf("a share of %.3f was repeated, want 0.1", share)
	}
	if st.Dropped == 0 || st.Retried == 0 || st.Unanswered == 0 || st.Refused == 0 {
		t.Errorf("not every fault was played: %+v", st)
	}
}

// awkward submits n messages with a small window over as many connections as
// it takes, and answers deliver_sm as it pleases.
func awkward(ctx context.Context, t *testing.T, s *SMSC, r *rand.Rand, n int) {
	for sent := 0; sent < n && ctx.Err() == nil; {
		sent += awkwardSession(ctx, t, s, r, n-sent)
	}
	if ctx.Err() != nil {
		t.Error("the messages could not be sent in time")
	}
}

func awkwardSession(ctx context.Context, t *testing.T, s *SMSC, r *rand.Rand, n int) (sent int) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		t.Error(err)
		return n
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	write := func(p pdu.PDU) error {
		buf := pdu.NewBuffer(nil)
		p.Marshal(buf)
		_, err := conn.Write(buf.Bytes())
		return err
	}
	bind := pdu.NewBindRequest(pdu.Transceiver)
	bind.SystemID = "a"
	if write(bind) != nil {
		return 0
	}
	if _, err := pdu.Parse(conn); err != nil {
		return 0
	}
	for sent < n {
		p := submission(fmt.Sprint(491700000+r.IntN(1000)), "x", 1)
		p.SetSequenceNumber(int32(sent + 1))
		if write(p) != nil {
			return sent
		}
		sent++
		// Whatever comes next; a submit without an answer must not stop us, so
		// a look at the link makes sure that something comes.
		link := pdu.NewEnquireLink()
		link.SetSequenceNumber(int32(1_000_000 + sent))
		if write(link) != nil {
			return sent
		}
		for alive := false; !alive; {
			got, err := pdu.Parse(conn)
			if err != nil {
				return sent
			}
			switch got := got.(type) {
			case *pdu.EnquireLinkResp:
				alive = true
			case *pdu.DeliverSM:
				switch x := r.Float64(); {
				case x < 0.1: // no answer
				case x < 0.2:
					resp := got.GetResponse().(*pdu.DeliverSMResp)
					resp.CommandStatus = data.ESME_RX_T_APPN
					_ = write(resp)
				case x < 0.21:
					return sent
				default:
					_ = write(got.GetResponse())
				}
			}
		}
	}
	return sent
}
