package smpp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linxGnu/gosmpp/pdu"
	dto "github.com/prometheus/client_model/go"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestABindCarriesVersionAddressRangeAndSystemType(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) {
			c.Version, c.SystemType, c.AddressTON, c.AddressNPI, c.AddressRange = V50, "VMA", 1, 1, "^4917"
		})
		p := x.accept()
		r := p.expect(wire.BindTransceiver)
		got := pdu.NewBindTransceiver().(*pdu.BindRequest)
		if err := got.Unmarshal(pdu.NewBuffer(pduWith(r.ID, 0, r.Sequence, r.body))); err != nil {
			t.Fatal(err)
		}
		if got.InterfaceVersion != 0x50 || got.SystemID != "esme" || got.Password != "secret" || got.SystemType != "VMA" ||
			got.AddressRange != pdu.NewAddressRangeWithTonNpiAddr(1, 1, "^4917") {
			t.Errorf("bind %+v", got)
		}
		p.send(pduWith(wire.BindTransceiverResp, 0, r.Sequence, []byte("their name\x00\x02\x10\x00\x01\x34")))
		ev.awaitBound(a)
		if st := a.Status().Binds[0]; st.Peer != "their name" || st.Version != V34 {
			t.Errorf("status %+v", st)
		}
		for text, v := range map[string]Version{"3.3": V33, "3.4": V34, "5.0": V50} {
			if got, ok := ParseVersion(text); !ok || got != v || v.String() != text {
				t.Errorf("%s is read as %v and written %s", text, got, v)
			}
		}
		if _, ok := ParseVersion("4.0"); ok {
			t.Error("4.0 is a version")
		}
	})
}

// awaitBound waits until a bind is up.
func (r *recorder) awaitBound(a *Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !a.Ready() {
		r.changed.Wait()
	}
}

func TestABindReturnsToTheFirstAddressOnlyWhenItAnswersAndNeverTwiceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		var mu sync.Mutex
		up := map[string]bool{"b:2": true}
		x.refuse = func(address string) error {
			mu.Lock()
			defer mu.Unlock()
			if !up[address] {
				return errors.New("down")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) {
			c.Addresses, c.ReturnAfter, c.EnquireLink = []string{"a:1", "b:2"}, 10*time.Minute, 24*time.Hour
		})
		second := x.bound()
		submits := messages(1)
		a.Offer(submits)
		unanswered := second.submits(1)[0]
		time.Sleep(9 * time.Second) // within RESPONSE_TIMEOUT
		second.send(ok(unanswered.Sequence, "x"))
		// The first address is down: a try to return changes nothing.
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if st := a.Status().Binds[0]; st.State != Bound || st.Address != "b:2" {
			t.Fatalf("status %+v", st)
		}
		mu.Lock()
		up["a:1"] = true
		mu.Unlock()
		began := time.Now()
		first := x.accept() // dialed, and nothing else: the session goes on
		if waited := time.Since(began); waited > 12*time.Minute {
			t.Errorf("it was tried after %v", waited)
		}
		silent := make(chan error, 1)
		go func() {
			_, err := first.next()
			silent <- err
			close(silent)
		}()
		unbind := second.expect(wire.Unbind)
		synctest.Wait()
		if len(silent) > 0 {
			t.Fatalf("the first address was spoken to before the old session was gone: %v", <-silent)
		}
		second.send(header(wire.UnbindResp, 0, unbind.Sequence))
		second.expectEnd()
		if err := <-silent; err != nil { // the bind
			t.Fatal(err)
		}
		first.send(pduWith(wire.BindTransceiverResp, 0, 1, []byte("smsc\x00")))
		synctest.Wait()
		if st := a.Status().Binds[0]; st.State != Bound || st.Address != "a:1" {
			t.Errorf("status %+v", st)
		}
		ev.exactlyOnce(t, submits)
		halt(a)
	})
}

func TestAReturnThatComesToNothingGoesOnWithTheOtherAddressesAndIsTriedLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		refused := false
		x.refuse = func(address string) error {
			if address == "a:1" && !refused {
				refused = true
				return errors.New("down")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) {
			c.Addresses, c.ReturnAfter, c.EnquireLink = []string{"a:1", "b:2"}, 10*time.Minute, 24*time.Hour
		})
		for n := range 3 {
			second := x.bound()
			began := time.Now()
			first := x.accept()
			if waited, want := time.Since(began), 8*time.Minute<<n; waited < want || waited > 2*want {
				t.Errorf("return %d was tried after %v, want %v or some more", n, waited, want)
			}
			second.acceptUnbind()
			first.expect(wire.BindTransceiver)
			first.Close() // a front that answers, and nothing behind it
		}
		x.bound()
		halt(a)
	})
}

func TestAStopWhileABindReturnsLeavesNoConnectionBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		refused := false
		x.refuse = func(address string) error {
			if address == "a:1" && !refused {
				refused = true
				return errors.New("down")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) {
			c.Addresses, c.ReturnAfter, c.EnquireLink = []string{"a:1", "b:2"}, time.Minute, 24*time.Hour
		})
		second := x.bound()
		first := x.accept()
		second.expect(wire.Unbind)
		go a.Stop(context.Background())
		synctest.Wait()
		second.Close()
		if _, err := first.next(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the reserved connection: %v, want its end", err)
		}
	})
}

func TestAnSMSCThatFellSilentIsSentAnUnbindBeforeTheNextBind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(c *AccountConfig) { c.EnquireLink = 30 * time.Second; c.ResponseTimeout = 5 * time.Second })
		p := x.bound()
		p.expect(wire.EnquireLink)
		p.expect(wire.Unbind)
		if len(x.conns) > 0 {
			t.Error("a second connection was made while the first was open")
		}
		p.expectEnd()
		x.bound()
		synctest.Wait()
		if st := a.Status().Binds[0]; st.State != Bound || !strings.Contains(st.LastError, "enquire_link") {
			t.Errorf("status %+v", st)
		}
		halt(a)
	})
}

func TestEveryRefusalOfABindSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err      BindError
		variable string // that the remedy names, or a word of it
		alert    bool
	}{
		{BindError{Status: wire.StatusInvPaswd}, "PASSWORD", true},
		{BindError{Status: wire.StatusInvSysID}, "SYSTEM_ID", true},
		{BindError{Status: wire.StatusInvSysTyp}, "SYSTEM_TYPE", true},
		{BindError{Status: wire.StatusBindFail}, "BINDS", true},
		{BindError{Status: wire.StatusAlyBnd}, "BINDS", false},
		{BindError{Status: wire.StatusProhibited}, "BIND", true},
		{BindError{Status: wire.StatusInvBndSts}, "BIND", false},
		{BindError{Status: wire.StatusInvCmdID, Type: Transceiver}, "BIND=pair", true},
		{BindError{Status: wire.StatusInvCmdID, Type: Transceiver, Unknown: true}, "INTERFACE_VERSION=3.3", true},
		{BindError{Status: wire.StatusInvCmdID, Type: Receiver}, "does not know", true},
		{BindError{Status: wire.StatusInvCmdLen}, "INTERFACE_VERSION", true},
		{BindError{Status: wire.StatusSysErr}, "tried again", false},
		{BindError{Status: wire.StatusThrottled}, "tried again", false},
		{BindError{Status: 0x401}, "documentation", false},
		{BindError{Status: 0x777}, "ask the carrier", false},
	} {
		text := c.err.Error()
		if !strings.Contains(text, c.variable) || !strings.Contains(text, wire.StatusName(c.err.Status)) {
			t.Errorf("0x%x: %q does not say %q", c.err.Status, text, c.variable)
		}
		if got := troubleOf(fmt.Errorf("wrapped: %w", &c.err)) == troubleCredentials; got != c.alert {
			t.Errorf("0x%x: alert %v", c.err.Status, got)
		}
	}
	for status := range uint32(0x110) {
		if text := (&BindError{Status: status}).Error(); !strings.Contains(text, ": ") {
			t.Errorf("0x%x: %q has no remedy", status, text)
		}
	}
}

func TestAConnectionThatEndsWithoutAnAnswerToTheBindSaysWhyThatMayBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		result := make(chan error, 1)
		go func() {
			result <- CheckBind(shortly(t), AccountConfig{Addresses: []string{"a:1"}, Dial: x.dial})
		}()
		p := x.accept()
		p.expect(wire.BindTransceiver)
		p.Close()
		if err := <-result; err == nil || !strings.Contains(err.Error(), "TLS_ENABLED") {
			t.Errorf("error %v", err)
		}
	})
}

func TestAnAlertNotificationIsCountedAndNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		p.send(pduWith(wire.AlertNotification, 0, 9, []byte("\x01\x01491700000000\x00\x00\x0012345\x00")), header(wire.EnquireLink, 0, 10))
		if r := p.expect(wire.EnquireLinkResp); r.Sequence != 10 {
			t.Errorf("response %+v", r)
		}
		var counted dto.Metric
		if err := a.metrics.alerts.Write(&counted); err != nil || counted.Counter.GetValue() != 1 {
			t.Errorf("%v were counted, error %v", counted.Counter.GetValue(), err)
		}
	})
}

// TestAReturnThatIsRefusedCostsNoBindThatWorks: the first address answers again and refuses the bind, and the one that was given up for it works.
func TestAReturnThatIsRefusedCostsNoBindThatWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		var up atomic.Bool
		x.refuse = func(address string) error {
			if address == "a:1" && !up.Load() {
				return errors.New("down")
			}
			return nil
		}
		a := start(t, x, ev, nil, func(c *AccountConfig) {
			c.Addresses, c.ReturnAfter, c.EnquireLink = []string{"a:1", "b:2"}, 10*time.Minute, 24*time.Hour
		})
		second := x.bound()
		up.Store(true)
		for range 3 {
			first := x.accept()
			second.acceptUnbind()
			first.send(header(wire.BindTransceiverResp, wire.StatusBindFail, first.expect(wire.BindTransceiver).Sequence))
			began := time.Now()
			second = x.bound()
			if waited := time.Since(began); waited > time.Minute {
				t.Errorf("nothing was bound for %v", waited)
			}
		}
		halt(a)
	})
}
