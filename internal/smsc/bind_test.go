package smsc

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func TestOnlyKnownAccountsMayBindWhereThereAreAccounts(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Accounts: map[string]string{"shop": "secret"}})
	for _, c := range []struct {
		systemID, password string
		want               data.CommandStatusType
	}{
		{"shop", "secret", data.ESME_ROK},
		{"shop", "wrong", data.ESME_RINVPASWD},
		{"other", "secret", data.ESME_RINVSYSID},
	} {
		e := connect(t, s)
		if got := e.bind(pdu.Transceiver, c.systemID, c.password); got != uint32(c.want) {
			t.Errorf("%s with %s got %s, want %s", c.systemID, c.password, StatusName(got), c.want)
		}
		if c.want != 0 {
			e.wantClosed()
		}
	}
}

func TestBindsAreRefusedAsManyAsAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{BindStatus: uint32(data.ESME_RBINDFAIL), RefuseBinds: 2}})
	var got []uint32
	for range 3 {
		got = append(got, connect(t, s).bind(pdu.Transceiver, "a", ""))
	}
	if got[0] != uint32(data.ESME_RBINDFAIL) || got[1] != got[0] || got[2] != 0 {
		t.Errorf("three binds were answered with %v; the first two should be refused", got)
	}
}

func TestASecondBindOnAConnectionIsRefusedAndTheFirstHolds(t *testing.T) {
	t.Parallel()
	e := bindAs(t, start(t, Options{}), pdu.Transceiver, "a")
	if got := e.bind(pdu.Receiver, "a", ""); got != uint32(data.ESME_RALYBND) {
		t.Errorf("the second bind got %s", StatusName(got))
	}
	e.accepted(submission("491701", "still bound", 0))
}

func TestOnlyTransmittersMaySubmit(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	for name, e := range map[string]*esme{"receiver": bindAs(t, s, pdu.Receiver, "a"), "not bound": connect(t, s)} {
		if resp := e.submit(submission("491701", "x", 0)); resp.CommandStatus != data.ESME_RINVBNDSTS {
			t.Errorf("%s: the submit was answered with %v", name, resp.CommandStatus)
		}
	}
	bindAs(t, s, pdu.Transmitter, "a").accepted(submission("491701", "x", 0))
}

func TestEnquireLinkAndUnbindAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Transceiver, "a")
	e.send(pdu.NewEnquireLink())
	if _, ok := e.receive().(*pdu.EnquireLinkResp); !ok {
		t.Fatal("enquire_link was not answered")
	}
	e.send(pdu.NewUnbind())
	if _, ok := e.receive().(*pdu.UnbindResp); !ok {
		t.Fatal("unbind was not answered")
	}
	e.wantClosed()
	eventually(t, s, func(st Stats) bool { return st.Binds == 0 })
}

func TestASilentLinkAnswersSubmitsButNotEnquireLink(t *testing.T) {
	t.Parallel()
	e := bindAs(t, start(t, Options{Behaviour: Behaviour{SilentLinks: true}}), pdu.Transceiver, "a")
	e.send(pdu.NewEnquireLink())
	e.accepted(submission("491701", "the next PDU is this one's answer", 0))
}

func TestTheSimulatorAsksWhetherTheLinkIsAlive(t *testing.T) {
	t.Parallel()
	e := bindAs(t, start(t, Options{Behaviour: Behaviour{EnquireLink: time.Millisecond}}), pdu.Receiver, "a")
	for range 2 {
		p, ok := e.receive().(*pdu.EnquireLink)
		if !ok {
			t.Fatal("something other than an enquire_link came")
		}
		e.send(p.GetResponse())
	}
}

func TestUnbindAllAsksEveryESMEToGo(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Transceiver, "a")
	eventually(t, s, func(st Stats) bool { return st.Binds == 1 })
	if n := s.UnbindAll(); n != 1 {
		t.Fatalf("%d binds were asked, want 1", n)
	}
	if _, ok := e.receive().(*pdu.Unbind); !ok {
		t.Fatal("no unbind came")
	}
	e.wantClosed()
}

func TestWhatCannotBeReadIsRefusedAndTheSessionGoesOn(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Transceiver, "a")

	e.write([]byte{0, 0, 0, 16, 0, 0, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7}) // no such command
	if p, ok := e.receive().(*pdu.GenericNack); !ok || p.SequenceNumber != 7 || p.CommandStatus != data.ESME_RINVCMDID {
		t.Fatalf("an unknown command got %+v", p)
	}
	e.write([]byte{0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 1, '4'}) // submit_sm cut short
	if p, ok := e.receive().(*pdu.SubmitSMResp); !ok || p.SequenceNumber != 8 || p.CommandStatus != data.ESME_RINVCMDLEN {
		t.Fatalf("a submit_sm that ends too early got %+v", p)
	}
	e.accepted(submission("491701", "all is well", 0))

	e.write([]byte{0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9}) // where is the next PDU?
	if p, ok := e.receive().(*pdu.GenericNack); !ok || p.CommandStatus != data.ESME_RINVCMDLEN {
		t.Fatalf("a command_length of 3 got %+v", p)
	}
	e.wantClosed()
	if got := s.Stats().Malformed; got != 3 {
		t.Errorf("%d malformed PDUs were counted, want 3", got)
	}
}

func TestStartAndStopMayComeInAnyOrderAndTwice(t *testing.T) {
	t.Parallel()
	for range 20 {
		s, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		bindAs(t, s, pdu.Transceiver, "a")
		var group sync.WaitGroup
		group.Go(s.Stop)
		group.Go(cancel)
		group.Go(s.Stop)
		group.Wait()
		s.Stop()
		if err := s.Start(t.Context()); err == nil {
			t.Fatal("a stopped simulator started again")
		}
	}
	never, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	never.Stop()
}

func TestAnAddressInUseIsAnErrorOfStart(t *testing.T) {
	t.Parallel()
	first := start(t, Options{})
	second, err := New(Options{Listen: first.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil {
		t.Error("two simulators listen on one address")
	}
	second.Stop()
}
