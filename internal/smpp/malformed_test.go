package smpp

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestPDUsComeOneByteASegment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.accept()
		bind := p.expect(wire.BindTransceiver)
		for _, b := range pduWith(wire.BindTransceiverResp, 0, bind.Sequence, []byte("smsc\x00")) {
			p.send([]byte{b})
		}
		submits := messages(2)
		a.Offer(submits)
		for _, r := range p.submits(2) {
			for _, b := range ok(r.Sequence, "id of "+textOf(t, r)) {
				p.send([]byte{b})
			}
		}
		for i, answer := range ev.await(2) {
			if want := "id of " + string(submits[i].SM.ShortMessage); answer.MessageID != want {
				t.Errorf("id %q, want %q", answer.MessageID, want)
			}
		}
	})
}

func TestWhatFollowsTheBindResponseInOneSegmentIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		start(t, x, ev, nil, nil)
		p := x.accept()
		bind := p.expect(wire.BindTransceiver)
		both := append(pduWith(wire.BindTransceiverResp, 0, bind.Sequence, []byte("smsc\x00")), delivery(7, "early")...)
		p.send(both[:len(both)-5])
		p.send(both[len(both)-5:])
		ev.awaitDeliveries(1)[0].Respond(wire.StatusOK)
		if r := p.expect(wire.DeliverSM | 0x8000_0000); r.Sequence != 7 || r.Status != 0 {
			t.Errorf("response %+v", r)
		}
	})
}

func TestAnUnknownCommandIsNackedAndTheSessionGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		p.send(pduWith(0x0000_0777, 0, 42, []byte("whatever")))
		if r := p.expect(wire.GenericNack); r.Sequence != 42 || r.Status != wire.StatusInvCmdID {
			t.Errorf("nack %+v", r)
		}
		// Responses to nothing get no nack: it could only start a quarrel.
		p.send(header(0x8000_0777, 0, 43), header(wire.QuerySMResp, 0, 44), header(wire.GenericNack, 3, 45))
		submits := messages(1)
		a.Offer(submits)
		p.send(ok(p.expect(wire.SubmitSM).Sequence, "x"))
		ev.await(1)
	})
}

func TestARequestThatAnESMEDoesNotServeIsRefusedWithItsOwnResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		start(t, x, ev, nil, nil)
		p := x.bound()
		for id, status := range map[uint32]uint32{
			wire.QuerySM: wire.StatusInvBndSts, wire.SubmitSM: wire.StatusInvBndSts, wire.BindReceiver: wire.StatusAlyBnd,
		} {
			p.send(header(id, 0, 9))
			if r := p.expect(id | 0x8000_0000); r.Sequence != 9 || r.Status != status {
				t.Errorf("%s was answered %+v", wire.CommandName(id), r)
			}
		}
		// No response belongs to these.
		p.send(header(wire.AlertNotification, 0, 10), header(wire.Outbind, 0, 11), header(wire.EnquireLink, 0, 12))
		if r := p.expect(wire.EnquireLinkResp); r.Sequence != 12 {
			t.Errorf("response %+v", r)
		}
	})
}

func TestADeliveryWithABadBodyIsRefusedAndTheSessionGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		start(t, x, ev, nil, nil)
		p := x.bound()
		p.send(pduWith(wire.DeliverSM, 0, 5, []byte("no NUL anywhere")), delivery(6, "good"))
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 5 || r.Status != wire.StatusSysErr {
			t.Errorf("response %+v", r)
		}
		ev.awaitDeliveries(1)[0].Respond(wire.StatusOK)
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 6 || r.Status != wire.StatusOK {
			t.Errorf("response %+v", r)
		}
	})
}

func TestASubmitResponseWithABadBodyIsStillAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		submits := messages(2)
		a.Offer(submits)
		got := p.submits(2)
		tooLong := make([]byte, 400)
		for i := range tooLong {
			tooLong[i] = 'x'
		}
		p.send(pduWith(wire.SubmitSMResp, 0, got[0].Sequence, tooLong), header(wire.SubmitSMResp, 0, got[1].Sequence))
		for _, answer := range ev.await(2) {
			if answer.Outcome != Responded || answer.Status != 0 || answer.MessageID != "" {
				t.Errorf("answer %+v", answer)
			}
		}
	})
}

func TestLostFramingIsNackedAndTheSessionReplaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes    []byte
		sequence uint32
	}{
		"a length below a header's": {append([]byte{0, 0, 0, 15}, header(0, 0, 99)[4:]...), 99},
		"a length beyond all":       {append([]byte{0x7F, 0, 0, 0}, header(0, 0, 98)[4:]...), 98},
		"another protocol":          {[]byte("HTTP"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x, ev := newExchange(t), newRecorder()
				a := start(t, x, ev, nil, nil)
				p := x.bound()
				submits := messages(2)
				a.Offer(submits)
				got := p.submits(2)
				p.send(ok(got[0].Sequence, "before the nonsense"), c.bytes)
				if r := p.expect(wire.GenericNack); r.Status != wire.StatusInvCmdLen || r.Sequence != c.sequence {
					t.Errorf("nack %+v, want sequence number %d", r, c.sequence)
				}
				p.expectEnd()
				x.bound()
				synctest.Wait()
				halt(a)
				answers := ev.all()
				if answers[0].Outcome != Responded || answers[1].Outcome != InDoubt {
					t.Errorf("answers %+v", answers)
				}
				ev.exactlyOnce(t, submits)
			})
		})
	}
}

func TestAPeerThatProvokesMoreThanItReadsLosesTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.WriteTimeout = 1 << 50 })
		p := x.bound()
		var flood []byte
		for i := range 1000 {
			flood = append(flood, header(wire.EnquireLink, 0, uint32(i+1))...)
		}
		sent := 0
		for ; sent < 1000; sent++ {
			if _, err := p.Write(flood); err != nil {
				break
			}
		}
		if sent == 1000 {
			t.Fatal("a million enquire_link were taken from a peer that reads nothing")
		}
		x.bound()
		halt(a)
	})
}

func FuzzWhatAPeerSends(f *testing.F) {
	f.Add(ok(2, "id"), uint8(0))
	f.Add(append(ok(3, "id"), delivery(1, "text")...), uint8(3))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(1))
	f.Add(append(header(wire.GenericNack, 0, 2), header(wire.Unbind, 0, 1)...), uint8(7))
	f.Add(append(header(0x777, 0, 1), header(wire.EnquireLink, 0, 1)...), uint8(16))
	f.Add(pduWith(wire.DeliverSM, 0, 5, []byte("no NUL")), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		synctest.Test(t, func(t *testing.T) {
			x, ev := newExchange(t), newRecorder()
			ev.onDelivery = func(d *Delivery) { d.Respond(wire.StatusOK) }
			a := start(t, x, ev, nil, nil)
			p := x.bound()
			submits := messages(4)
			a.Offer(submits)
			p.submits(4)
			go func() {
				for {
					if _, err := p.next(); err != nil {
						return
					}
				}
			}()
			at := min(int(cut), len(data))
			if _, err := p.Write(data[:at]); err == nil {
				p.Write(data[at:])
			}
			synctest.Wait()
			began := time.Now()
			p.Close()
			ev.await(4)
			if took := time.Since(began); took > lingering+finishWithin {
				t.Errorf("the answers came %v after the peer had closed", took)
			}
			halt(a)
			ev.exactlyOnce(t, submits)
		})
	})
}

// FuzzWhatAPeerSendsInPlaceOfABindResponse has one connection with anything on it; the next finds a sound SMSC.
func FuzzWhatAPeerSendsInPlaceOfABindResponse(f *testing.F) {
	f.Add(pduWith(wire.BindTransceiverResp, 0, 1, []byte("smsc\x00")), uint8(5))
	f.Add(header(wire.BindTransceiverResp, 0x0E, 1), uint8(0))
	f.Add(header(wire.GenericNack, 0, 1), uint8(0))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\x1b[31m"), uint8(1))
	f.Add(append(header(wire.EnquireLink, 0, 9), delivery(1, "early")...), uint8(20))
	f.Add(append([]byte{0, 0, 0, 15}, header(0, 0, 1)[4:]...), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		synctest.Test(t, func(t *testing.T) {
			x, ev := newExchange(t), newRecorder()
			ev.onDelivery = func(d *Delivery) { d.Respond(wire.StatusOK) }
			a := start(t, x, ev, nil, nil)
			p := x.accept()
			p.expect(wire.BindTransceiver)
			go func() { // ends with the connection
				for {
					if _, err := p.next(); err != nil {
						return
					}
				}
			}()
			at := min(int(cut), len(data))
			if _, err := p.Write(data[:at]); err == nil {
				p.Write(data[at:])
			}
			synctest.Wait()
			for _, b := range a.Status().Binds {
				if len(b.LastError) > 1000 || strings.ContainsFunc(b.LastError, unicode.IsControl) {
					t.Errorf("the trouble is shown as %q", b.LastError)
				}
			}
			p.Close()
			p = x.bound()   // however long the backoff, virtual time has it
			synctest.Wait() // until then the account may still hand back what it is offered
			submits := messages(1)
			a.Offer(submits)
			p.send(ok(p.submits(1)[0].Sequence, "x"))
			ev.await(1)
			halt(a)
			ev.exactlyOnce(t, submits)
		})
	})
}
