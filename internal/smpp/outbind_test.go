package smpp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

const anyPort = "127.0.0.1:0"

func simulator(t *testing.T, o smsc.Options) *smsc.SMSC {
	t.Helper()
	s, err := smsc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// listening starts an account that waits for an outbind. Its timeouts are long: an outbind waits that long for the end of the session before, and
// nothing but strangers is to be closed for taking its time.
func listening(t *testing.T, s *smsc.SMSC, change func(*smpp.AccountConfig)) (*smpp.Account, *ears) {
	t.Helper()
	e := &ears{answers: make(chan smpp.Answer, 100), deliveries: make(chan uint32, 100), bound: make(chan struct{})}
	cfg := smpp.AccountConfig{
		Name: "x", Addresses: []string{s.Addr()}, SystemID: "esme", Password: "ours", Bind: smpp.Receiver, BindTimeout: 2 * time.Minute, ResponseTimeout: 2 * time.Minute,
		Outbind: &smpp.Outbind{Listen: anyPort, SystemID: "them", Password: "theirs"},
	}
	if change != nil {
		change(&cfg)
	}
	a := smpp.NewAccount(cfg, e, nil, nil, nil)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		a.Stop(ctx)
	})
	return a, e
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// getsThrough sends outbinds until the SMSC is bound as it should be. As any SMSC, it sends the next one where no bind came of the last, which
// may have taken longer than BIND_TIMEOUT.
func getsThrough(t *testing.T, s *smsc.SMSC, listen string, bound func(smsc.Stats) bool) {
	t.Helper()
	ctx := within(t)
	for {
		if err := s.Outbind(ctx, listen, "them", "theirs", nil); err != nil {
			t.Fatal(err)
		}
		wait, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.WaitFor(wait, bound)
		cancel()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestAnSMSCThatSendsAnOutbindIsBoundOnItsConnection(t *testing.T) {
	t.Parallel()
	bound := make(chan smsc.Bind, 10)
	s := simulator(t, smsc.Options{OnBind: func(b smsc.Bind) { bound <- b }})
	a, e := listening(t, s, nil)
	listen := a.OutbindAddr()
	for range 2 { // again, after the first session has ended
		if err := s.Outbind(within(t), listen, "them", "theirs", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case b := <-bound:
			if b.Type != "receiver" || b.SystemID != "esme" || b.Status != 0 {
				t.Errorf("bind %+v", b)
			}
		case <-within(t).Done():
			t.Fatal("no bind came")
		}
		if err := s.SendMO("491701", "12345", "hello"); err != nil {
			t.Fatal(err)
		}
		<-e.deliveries
		if st := a.Status().Binds[0]; st.State != smpp.Bound || st.Address == anyPort {
			t.Errorf("status %+v", st)
		}
		s.DropAll()
		if err := s.WaitFor(within(t), func(st smsc.Stats) bool { return st.Binds == 0 }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStrangerGetsNoBind(t *testing.T) {
	t.Parallel()
	s := simulator(t, smsc.Options{})
	outbind := func(systemID, password string) []byte {
		p := pdu.NewOutbind().(*pdu.Outbind)
		p.SystemID, p.Password = systemID, password
		b := pdu.NewBuffer(nil)
		p.Marshal(b)
		return b.Bytes()
	}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for name, c := range map[string]struct {
		from []netip.Prefix
		sent []byte
	}{
		"wrong password":         {nil, outbind("them", "guess")},
		"wrong system id":        {nil, outbind("us", "theirs")},
		"no password":            {nil, outbind("them", "")},
		"another address":        {elsewhere, outbind("them", "theirs")},
		"something else":         {nil, []byte("GET / HTTP/1.1\r\nHost: esme\r\n\r\n")},
		"a bind instead":         {nil, []byte{0, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1}},
		"a PDU that is too long": {nil, []byte{0, 0, 1, 0, 0, 0, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := listening(t, s, func(cfg *smpp.AccountConfig) { cfg.Outbind.From = c.from })
			conn, err := net.Dial("tcp", a.OutbindAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// It may be closed before all is written.
			_, _ = conn.Write(c.sent)
			conn.SetReadDeadline(time.Now().Add(time.Minute)) // BIND_TIMEOUT is longer: it is closed for what it sent
			got, err := io.ReadAll(conn)
			if len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q was answered, error %v", got, err)
			}
			if st := a.Status().Binds[0].State; st == smpp.Binding || st == smpp.Bound {
				t.Errorf("the bind is %v", st)
			}
		})
	}
}

func TestStrangersThatStayHoldAHandfulOfConnectionsAtMostAndNotForLong(t *testing.T) {
	t.Parallel()
	s := simulator(t, smsc.Options{})
	// Long enough for the SMSC, which has to get through with it in the end, and short enough to be waited for.
	a, _ := listening(t, s, func(c *smpp.AccountConfig) { c.BindTimeout = 3 * time.Second })
	listen := a.OutbindAddr()
	var silent []net.Conn
	for range 20 {
		conn, err := net.Dial("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	for _, conn := range silent {
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
			t.Fatalf("it got %q, and its end is %v", got, err)
		}
	}
	// All of them are gone, and the SMSC gets through.
	getsThrough(t, s, listen, func(st smsc.Stats) bool { return st.Receivers == 1 })
}

func TestAPairConnectsItsTransmitterAndWaitsForItsReceiver(t *testing.T) {
	t.Parallel()
	s := simulator(t, smsc.Options{})
	a, e := listening(t, s, func(c *smpp.AccountConfig) { c.Bind = smpp.Pair })
	select {
	case <-e.bound:
	case <-within(t).Done():
		t.Fatal("no transmitter was bound")
	}
	if st := s.Stats(); st.Receivers != 0 {
		t.Errorf("%+v", st)
	}
	getsThrough(t, s, a.OutbindAddr(), func(st smsc.Stats) bool { return st.Receivers == 1 && st.Binds == 2 })
}

func TestAnAddressThatIsTakenIsAnErrorOfTheStart(t *testing.T) {
	t.Parallel()
	s := simulator(t, smsc.Options{})
	a := smpp.NewAccount(smpp.AccountConfig{Name: "x", Bind: smpp.Receiver, Outbind: &smpp.Outbind{Listen: s.Addr(), Password: "x"}}, &ears{}, nil, nil, nil)
	if err := a.Start(t.Context()); err == nil {
		t.Error("no error")
	}
}
