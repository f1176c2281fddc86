package smpp

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestADeliveryIsAnsweredWithWhatItsReceiverSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		start(t, x, ev, nil, func(c *AccountConfig) { c.Binds = 1 })
		p := x.bound()
		dataSM := wire.DataSM{Source: wire.Address{Addr: []byte("1")}, Dest: wire.Address{Addr: []byte("2")}}
		raw, err := dataSM.AppendData(nil, 12)
		if err != nil {
			t.Fatal(err)
		}
		p.send(delivery(10, "first"), delivery(11, "second"), raw)
		got := ev.awaitDeliveries(3)
		for i, want := range []string{"first", "second"} {
			var m wire.SM
			if err := m.Decode(got[i].Body); err != nil || string(m.ShortMessage) != want {
				t.Errorf("delivery %d holds %q, %v", i, m.ShortMessage, err)
			}
		}
		if d := got[2]; d.CommandID != wire.DataSMID || d.Account != "carrier" || d.ReceivedAt.IsZero() {
			t.Errorf("delivery %+v", d)
		}
		for i, want := range []struct{ status, id, sequence uint32 }{
			{wire.StatusSysErr, wire.DeliverSMResp, 11}, {0, wire.DataSMResp, 12}, {0, wire.DeliverSMResp, 10},
		} {
			d := got[[]int{1, 2, 0}[i]]
			d.Respond(want.status)
			d.Respond(wire.StatusMsgQFul) // once is enough
			if r := p.expect(want.id); r.Sequence != want.sequence || r.Status != want.status {
				t.Errorf("response %+v, want %+v", r, want)
			}
		}
		p.send(header(wire.EnquireLink, 0, 1))
		p.expect(wire.EnquireLinkResp)
	})
}

func TestADeliveryBeyondTheLimitIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.MaxUnansweredDeliver = 2 })
		p := x.bound()
		p.send(delivery(1, "a"), delivery(2, "b"), delivery(3, "c"))
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 3 || r.Status != wire.StatusMsgQFul {
			t.Errorf("response %+v", r)
		}
		got := ev.awaitDeliveries(2)
		got[0].Respond(wire.StatusOK)
		p.expect(wire.DeliverSMResp)
		p.send(delivery(4, "d"))
		ev.awaitDeliveries(3)[2].Respond(wire.StatusOK)
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 4 || r.Status != wire.StatusOK {
			t.Errorf("response %+v", r)
		}
		halt(a)
	})
}

func TestAResponseToADeliveryOfADeadSessionIsDroppedAndItsPlaceFreed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.MaxUnansweredDeliver = 1 })
		p := x.bound()
		p.send(delivery(1, "a"))
		old := ev.awaitDeliveries(1)[0]
		p.Close()
		p = x.bound()
		old.Respond(wire.StatusOK)
		p.send(delivery(1, "a"))
		ev.awaitDeliveries(2)[1].Respond(wire.StatusSysErr)
		if r := p.expect(wire.DeliverSMResp); r.Status != wire.StatusSysErr {
			t.Errorf("response %+v: it belongs to the session before", r)
		}
		halt(a)
	})
}

func TestResponsesWaitForNeitherWindowNorPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 1; c.TPS = 0.01 })
		p := x.bound()
		submits := messages(3)
		a.Offer(submits)
		p.submits(1) // the window is full, and the pace spent for 100 s
		ev.onDelivery = func(d *Delivery) { d.Respond(wire.StatusOK) }
		for i := range 5 {
			p.send(delivery(uint32(i+1), fmt.Sprint(i)))
			if r := p.expect(wire.DeliverSMResp); r.Sequence != uint32(i+1) {
				t.Errorf("response %+v", r)
			}
		}
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestManyResponsesGoOutInFewWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		const n = 200
		var all []byte
		for i := range n {
			all = append(all, delivery(uint32(i+1), "text")...)
		}
		p.send(all)
		for _, d := range ev.awaitDeliveries(n) {
			d.Respond(wire.StatusOK)
		}
		synctest.Wait() // one write hangs until it is read, the rest has gathered
		buf := make([]byte, 1<<20)
		reads := 0
		for total := 0; total < n*17; reads++ {
			m, err := p.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			total += m
			synctest.Wait()
		}
		if reads > 3 {
			t.Errorf("%d responses came in %d writes", n, reads)
		}
		halt(a)
	})
}
