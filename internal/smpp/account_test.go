package smpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestAStopDrainsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 2 })
		p := x.bound()
		submits := messages(4)
		a.Offer(submits[:3])
		p.send(delivery(9, "taken before the stop"))
		got := p.submits(2)
		d := ev.awaitDeliveries(1)[0]
		stopped := make(chan error)
		go func() { stopped <- a.Stop(shortlyWithin(t, time.Hour)) }()
		synctest.Wait()
		// What was queued comes back at once, so does what is offered now.
		a.Offer(submits[3:])
		synctest.Wait()
		if answers := ev.all(); len(answers) != 2 || answers[0].Outcome != NotSent || answers[1].Outcome != NotSent {
			t.Fatalf("answers %+v", answers)
		}
		p.send(ok(got[0].Sequence, "a"))
		synctest.Wait()
		p.send(ok(got[1].Sequence, "b"))
		synctest.Wait()
		// Answers are in; the delivery is not responded to yet, a new one is refused.
		p.send(delivery(10, "too late"))
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 10 || r.Status != wire.StatusSysErr {
			t.Errorf("response %+v", r)
		}
		d.Respond(wire.StatusOK)
		if r := p.expect(wire.DeliverSMResp); r.Sequence != 9 || r.Status != wire.StatusOK {
			t.Errorf("response %+v", r)
		}
		p.acceptUnbind()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		ev.exactlyOnce(t, submits)
		for _, answer := range ev.all()[2:] {
			if answer.Outcome != Responded {
				t.Errorf("answer %+v", answer)
			}
		}
		if err := a.Stop(context.Background()); err != nil {
			t.Errorf("a second Stop: %v", err)
		}
		if st := a.Status().Binds[0]; st.State != Closed {
			t.Errorf("the bind is %v", st.State)
		}
	})
}

func shortlyWithin(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAStopThatRunsOutOfTimeUnbindsAndLeavesTheRestInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 2; c.ResponseTimeout = time.Hour })
		p := x.bound()
		submits := messages(3)
		a.Offer(submits)
		p.submits(2)
		stopped := make(chan error)
		go func() { stopped <- a.Stop(shortlyWithin(t, 5*time.Second)) }()
		p.expect(wire.Unbind)
		p.expectEnd()
		if err := <-stopped; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		ev.exactlyOnce(t, submits)
		for _, answer := range ev.all() {
			want := InDoubt
			if answer.Submit == submits[2] {
				want = NotSent
			}
			if answer.Outcome != want {
				t.Errorf("submit %v is %v, want %v", answer.Submit.Owner, answer.Outcome, want)
			}
		}
	})
}

func TestTheEndOfTheStartingContextIsAnEndWithoutADrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		ctx, cancel := context.WithCancel(context.Background())
		a := NewAccount(AccountConfig{Name: "c", Addresses: []string{"a:1"}, Dial: x.dial, Window: 1}, ev, nil, nil, nil)
		if err := a.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if a.Start(ctx) == nil {
			t.Error("started twice")
		}
		p := x.bound()
		submits := messages(2)
		a.Offer(submits)
		p.submits(1)
		cancel()
		p.expectEnd()
		ev.await(2)
		ev.exactlyOnce(t, submits)
		a.Stop(context.Background())
	})
}

func TestAnAccountThatNeverStartedGivesEverythingBack(t *testing.T) {
	t.Parallel()
	ev := newRecorder()
	a := NewAccount(AccountConfig{Name: "c"}, ev, nil, nil, nil)
	submits := messages(3)
	a.Offer(submits[:2])
	if err := a.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	a.Offer(submits[2:])
	ev.await(3)
	ev.exactlyOnce(t, submits)
	if a.Start(context.Background()) == nil {
		t.Error("started after Stop")
	}
}

func TestQueuedSubmitsComeBackWhenNoBindIsUpForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		var down atomic.Bool
		down.Store(true)
		x.refuse = func(string) error {
			if down.Load() {
				return errors.New("no route")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.RequeueFor = 5 * time.Second })
		submits := messages(4)
		a.Offer(submits[:2])
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if n := len(ev.all()); n != 0 {
			t.Fatalf("%d came back too early", n)
		}
		if a.Ready() || a.Budget(time.Second) != 0 {
			t.Error("ready, or a budget, without a bind")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(ev.all()); n != 2 {
			t.Fatalf("%d came back, want 2", n)
		}
		a.Offer(submits[2:3]) // comes back at once
		synctest.Wait()
		if n := len(ev.all()); n != 3 {
			t.Fatalf("%d came back, want 3", n)
		}
		down.Store(false)
		p := x.bound()
		synctest.Wait()
		a.Offer(submits[3:])
		p.submits(1)
		halt(a)
		ev.exactlyOnce(t, submits)
	})
}

func TestAddressesAreTriedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		var mu sync.Mutex
		var tried []string
		x.refuse = func(address string) error {
			mu.Lock()
			defer mu.Unlock()
			tried = append(tried, address)
			if address != "c:3" {
				return errors.New("down")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Addresses = []string{"a:1", "b:2", "c:3"} })
		p := x.bound()
		p.Close()
		x.bound()
		synctest.Wait()
		if st := a.Status().Binds[0]; st.Address != "c:3" || st.State != Bound {
			t.Errorf("status %+v", st)
		}
		halt(a)
		if want := []string{"a:1", "b:2", "c:3", "a:1", "b:2", "c:3"}; !slices.Equal(tried, want) {
			t.Errorf("tried %q", tried)
		}
	})
}

func TestARefusedBindIsRetriedByItsReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      uint32
		least, most time.Duration
		alert       bool
	}{
		"wrong password": {wire.StatusInvPaswd, 15 * time.Second, 30 * time.Second, true},
		"already bound":  {wire.StatusAlyBnd, 2 * time.Second, 4 * time.Second, false},
		"system error":   {wire.StatusSysErr, 0, 250 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x, ev := newExchange(t), newRecorder()
				a := start(t, x, ev, nil, func(c *AccountConfig) { c.Addresses = []string{"a:1", "b:2"} })
				p := x.accept()
				bind := p.expect(wire.BindTransceiver)
				// Without a body, as many send it.
				p.send(header(wire.BindTransceiverResp, c.status, bind.Sequence))
				p.expectEnd()
				if name == "system error" {
					// Not the account's fault: the next address is asked at once.
					p = x.accept()
					p.send(header(wire.BindTransceiverResp, c.status, p.expect(wire.BindTransceiver).Sequence))
				}
				synctest.Wait()
				st := a.Status().Binds[0]
				if c.status != wire.StatusSysErr && (st.State != Waiting || st.Alert != c.alert || st.LastError == "") {
					t.Errorf("status %+v", st)
				}
				if wait := time.Until(st.NextTry); c.status != wire.StatusSysErr && (wait < c.least || wait > c.most) {
					t.Errorf("tries again in %v, want %v to %v", wait, c.least, c.most)
				}
				x.bound()
				synctest.Wait()
				if !a.Ready() || a.Status().Binds[0].Alert {
					t.Errorf("status %+v", a.Status().Binds[0])
				}
				halt(a)
			})
		})
	}
}

func TestABackoffGrowsToItsLimitAndNoFurther(t *testing.T) {
	t.Parallel()
	for kind, most := range map[trouble]time.Duration{
		troubleNetwork: 10 * time.Second, troubleCredentials: 5 * time.Minute, troubleAlreadyBound: time.Minute,
	} {
		for _, attempt := range []int{0, 1, 5, 20, 1000, 1 << 40} {
			for range 100 {
				if d := backoff(kind, attempt, rand.Float64()); d < 0 || d > most {
					t.Errorf("trouble %d, attempt %d: %v", kind, attempt, d)
				}
			}
		}
		if kind != troubleNetwork && backoff(kind, 1000, 0) < most/2 {
			t.Errorf("trouble %d: no patience", kind)
		}
	}
}

func TestABindThatIsNotAnsweredTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.accept()
		p.expect(wire.BindTransceiver)
		p.expectEnd()
		x.bound()
		synctest.Wait()
		if !a.Ready() {
			t.Error("not ready")
		}
		halt(a)
	})
}

func TestAPairIsATransmitterAndAReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Bind = Pair; c.Binds = 2 })
		peers := map[uint32][]*peer{}
		for range 4 {
			p := x.accept()
			bind := p.acceptBind()
			peers[bind.ID] = append(peers[bind.ID], p)
		}
		if len(peers[wire.BindTransmitter]) != 2 || len(peers[wire.BindReceiver]) != 2 {
			t.Fatalf("binds %v", peers)
		}
		synctest.Wait()
		if st := a.Status(); !st.Ready || st.Window != 20 || len(st.Binds) != 4 {
			t.Errorf("status %+v", st)
		}
		submits := messages(20)
		a.Offer(submits)
		first, second := peers[wire.BindTransmitter][0].submits(10), peers[wire.BindTransmitter][1].submits(10)
		for i := range first {
			peers[wire.BindTransmitter][0].send(ok(first[i].Sequence, "x"))
			peers[wire.BindTransmitter][1].send(ok(second[i].Sequence, "x"))
		}
		peers[wire.BindReceiver][1].send(delivery(1, "text"))
		ev.awaitDeliveries(1)[0].Respond(wire.StatusOK)
		peers[wire.BindReceiver][1].expect(wire.DeliverSMResp)
		synctest.Wait()
		ev.exactlyOnce(t, submits)
		halt(a)
	})
}

func TestReceiversAloneAreReadyAndTakeNoSubmits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Bind = Receiver })
		x.bound()
		synctest.Wait()
		if !a.Ready() || a.Budget(time.Second) != 0 {
			t.Errorf("ready %v, budget %d", a.Ready(), a.Budget(time.Second))
		}
		halt(a)
	})
}

func TestTheBudgetIsWhatWindowsAndPaceHaveRoomFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 10; c.Binds = 2 })
		for _, p := range []*peer{x.bound(), x.bound()} { // either may get them
			go func() {
				for {
					if _, err := p.next(); err != nil {
						return
					}
				}
			}()
		}
		synctest.Wait()
		if n := a.Budget(time.Second); n != 20 {
			t.Errorf("budget %d with two free windows, want 20", n)
		}
		a.Offer(messages(5))
		synctest.Wait()
		if n := a.Budget(0); n != 15 {
			t.Errorf("budget %d with 5 unanswered, want 15", n)
		}
		halt(a)
		if n := a.Budget(time.Second); n != 0 {
			t.Errorf("budget %d after the stop", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 4096; c.TPS = 100 })
		x.bound()
		synctest.Wait()
		if n := a.Budget(200 * time.Millisecond); n < 20 || n > 42 {
			t.Errorf("budget %d for 200 ms of 100 a second", n)
		}
		a.SetShare(0)
		if n := a.Budget(200 * time.Millisecond); n != 0 {
			t.Errorf("budget %d with no share", n)
		}
		halt(a)
	})
}

// Work goes to whichever bind has room, and no bind sleeps beside a full queue.
func TestBindsShareTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.Window = 3; c.Binds = 4 })
		peers := []*peer{x.bound(), x.bound(), x.bound(), x.bound()}
		synctest.Wait()
		submits := messages(12)
		a.Offer(submits)
		var got [][]received
		for _, p := range peers {
			got = append(got, p.submits(3))
		}
		for i, p := range peers {
			for _, r := range got[i] {
				p.send(ok(r.Sequence, "x"))
			}
		}
		synctest.Wait()
		// One by one they go round.
		more := messages(8)
		for range 2 {
			for i := range 4 {
				a.Offer(more[i : i+1])
				synctest.Wait()
			}
			more = more[4:]
			for _, p := range peers {
				p.send(ok(p.submits(1)[0].Sequence, "x"))
			}
			synctest.Wait()
		}
		halt(a)
		if n := len(ev.all()); n != 20 {
			t.Errorf("%d answers, want 20", n)
		}
	})
}

func TestStartAndStopUnderLoadAnswerEverythingOnce(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		s := newStub(t)
		ev := newRecorder()
		ev.onDelivery = func(d *Delivery) { d.Respond(wire.StatusOK) }
		a := NewAccount(AccountConfig{
			Name: "c", Addresses: []string{s.Addr().String()}, Binds: 3, Window: 50,
		}, ev, leaseFor(time.Hour), nil, nil)
		if err := a.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		submits := messages(3000)
		claims := []*Claim{{}, {}, {}, nil}
		for i, m := range submits {
			m.Claim = claims[i%len(claims)]
			m.Priority = uint8(i % 5)
		}
		var all sync.WaitGroup
		for part := range slices.Chunk(submits, 750) {
			all.Go(func() {
				for batch := range slices.Chunk(part, 50) {
					a.Offer(batch)
				}
			})
		}
		all.Go(func() { ev.await(100 * (round % 5)); a.Withdraw(claims[0]) })
		all.Go(func() { ev.await(50 * (round % 7)); s.drop() })
		all.Go(func() {
			ev.await(150 * (round % 9))
			ctx, cancel := context.WithCancel(context.Background())
			if round%2 == 0 {
				cancel()
			}
			a.Stop(ctx)
			cancel()
		})
		all.Wait()
		ev.await(len(submits))
		ev.exactlyOnce(t, submits)
		if st := a.Status(); st.InUse != 0 || st.Queued != 0 {
			t.Errorf("after the stop %d in use, %d queued", st.InUse, st.Queued)
		}
	}
}

// drop closes the connections that the stub has now.
func (s *stub) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

// leaseFor is a lease that lasts for d.
func leaseFor(d time.Duration) *Lease {
	l := NewLease()
	l.Extend(Clock() + d)
	return l
}

func TestCheckBindSaysInWordsWhatIsWrong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		cfg := AccountConfig{Name: "c", Addresses: []string{"a:1", "b:2"}, Dial: x.dial, Bind: Pair, Password: "hunter2"}
		result := make(chan error, 1)
		go func() { result <- CheckBind(shortly(t), cfg) }()
		for range 2 {
			x.bound().acceptUnbind()
		}
		if err := <-result; err != nil {
			t.Errorf("a good bind: %v", err)
		}
		cfg.Bind = Transceiver
		cfg.Addresses = cfg.Addresses[:1]
		go func() { result <- CheckBind(shortly(t), cfg) }()
		p := x.accept()
		p.send(header(wire.BindTransceiverResp, wire.StatusInvPaswd, p.expect(wire.BindTransceiver).Sequence))
		err := <-result
		var refused *BindError
		if !errors.As(err, &refused) || refused.Status != wire.StatusInvPaswd {
			t.Errorf("error %v", err)
		}
		if strings.Contains(err.Error(), cfg.Password) {
			t.Errorf("the error %q tells the password", err)
		}
		x.refuse = func(string) error { return &net.OpError{Op: "dial", Err: errors.New("refused")} }
		if err := CheckBind(shortly(t), cfg); err == nil {
			t.Error("no error without a connection")
		}
	})
}

func TestTLSIsSpokenAndTheServerIsVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil) // for its certificate alone
	server.StartTLS()
	defer server.Close()
	x, ev := newExchange(t), newRecorder()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	cfg := func() (*tls.Config, error) { return &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, nil }
	// The certificate is for example.com, which is thus the name to be verified.
	a := start(t, x, ev, nil, func(c *AccountConfig) {
		c.TLS, c.Addresses = cfg, []string{"example.com:3550"}
		c.BindTimeout, c.ResponseTimeout, c.WriteTimeout, c.RequeueFor = 2*time.Minute, 2*time.Minute, 2*time.Minute, 2*time.Minute
	})
	raw := x.accept()
	p := &peer{t: t, Conn: tls.Server(raw.Conn, &tls.Config{Certificates: server.TLS.Certificates})}
	p.acceptBind()
	submits := messages(1)
	a.Offer(submits)
	p.send(ok(p.submits(1)[0].Sequence, "x"))
	ev.await(1)
	ev.exactlyOnce(t, submits)

	result := make(chan error, 1)
	go func() {
		result <- CheckBind(shortly(t), AccountConfig{Addresses: []string{"other.example.net:1"}, TLS: cfg, Dial: x.dial})
	}()
	other := tls.Server(x.accept().Conn, &tls.Config{Certificates: server.TLS.Certificates})
	if other.Handshake() == nil {
		// TLS 1.3 tells the server only at its first read.
		other.Read(make([]byte, 1))
	}
	if err := <-result; err == nil {
		t.Error("a certificate for another name was accepted")
	}
}
