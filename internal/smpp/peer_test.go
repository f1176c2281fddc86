package smpp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/leaktest"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// exchange is where accounts under test dial: each dial makes a connection whose
// other end a test takes with accept and plays the SMSC on, step by step.
type exchange struct {
	t     testing.TB
	conns chan net.Conn
	// wrap, if set, is put around the account's end.
	wrap func(net.Conn) net.Conn
	// refuse, if set, says which dials fail.
	refuse func(address string) error
}

func newExchange(t testing.TB) *exchange { return &exchange{t: t, conns: make(chan net.Conn, 64)} }

func (x *exchange) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if x.refuse != nil {
		if err := x.refuse(address); err != nil {
			return nil, err
		}
	}
	ours, theirs := net.Pipe()
	select {
	case x.conns <- theirs:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if x.wrap != nil {
		return x.wrap(ours), nil
	}
	return ours, nil
}

// accept takes the next connection.
func (x *exchange) accept() *peer {
	x.t.Helper()
	p := &peer{t: x.t, Conn: <-x.conns}
	x.t.Cleanup(func() { p.Close() })
	return p
}

// bound takes the next connection and lets it bind.
func (x *exchange) bound() *peer {
	x.t.Helper()
	p := x.accept()
	p.acceptBind()
	return p
}

// peer is the SMSC's end of one connection, played by the test.
type peer struct {
	t testing.TB
	net.Conn
	in frames
}

type received struct {
	wire.Header
	body []byte
}

// next reads one PDU.
func (p *peer) next() (received, error) {
	for {
		h, body, err := p.in.next()
		if err == nil {
			return received{h, append([]byte(nil), body...)}, nil
		}
		if !errors.Is(err, wire.ErrShort) {
			return received{}, err
		}
		if _, err := p.in.fill(p.Conn); err != nil {
			return received{}, err
		}
	}
}

// expect reads one PDU, which must have the id.
func (p *peer) expect(id uint32) received {
	p.t.Helper()
	r, err := p.next()
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", wire.CommandName(id), err)
	}
	if r.ID != id {
		p.t.Fatalf("received %s with status %d, want %s", wire.CommandName(r.ID), r.Status, wire.CommandName(id))
	}
	return r
}

// submits reads n submit_sm.
func (p *peer) submits(n int) []received {
	p.t.Helper()
	var all []received
	for range n {
		all = append(all, p.expect(wire.SubmitSM))
	}
	return all
}

// expectEnd reads until the other side has closed; PDUs in between are returned.
func (p *peer) expectEnd() []received {
	p.t.Helper()
	var all []received
	for {
		r, err := p.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
			return all
		}
		if err != nil {
			p.t.Fatalf("waiting for the end: %v", err)
		}
		all = append(all, r)
	}
}

func (p *peer) send(pdus ...[]byte) {
	p.t.Helper()
	var all []byte
	for _, b := range pdus {
		all = append(all, b...)
	}
	if _, err := p.Write(all); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

func (p *peer) acceptBind() received {
	p.t.Helper()
	r, err := p.next()
	if err != nil {
		p.t.Fatalf("waiting for a bind: %v", err)
	}
	switch r.ID {
	case wire.BindTransceiver, wire.BindTransmitter, wire.BindReceiver:
	default:
		p.t.Fatalf("received %s, want a bind", wire.CommandName(r.ID))
	}
	p.send(pduWith(r.ID|0x8000_0000, 0, r.Sequence, []byte("smsc\x00")))
	return r
}

// acceptUnbind plays the SMSC's part of an orderly end.
func (p *peer) acceptUnbind() {
	p.t.Helper()
	r := p.expect(wire.Unbind)
	p.send(header(wire.UnbindResp, 0, r.Sequence))
	p.expectEnd()
}

func header(id, status, sequence uint32) []byte {
	return wire.AppendHeaderOnly(nil, id, status, sequence)
}

func pduWith(id, status, sequence uint32, body []byte) []byte {
	b := append(header(id, status, sequence), body...)
	b[2], b[3] = byte(len(b)>>8), byte(len(b))
	return b
}

// ok is the answer to a submit.
func ok(sequence uint32, id string) []byte {
	return pduWith(wire.SubmitSMResp, 0, sequence, append([]byte(id), 0))
}

func delivery(sequence uint32, text string) []byte {
	m := wire.SM{Source: wire.Address{Addr: []byte("491700000001")}, Dest: wire.Address{Addr: []byte("12345")}, ShortMessage: []byte(text)}
	b, err := m.AppendDeliver(nil, sequence)
	if err != nil {
		panic(err)
	}
	return b
}

// recorder is Events that keeps everything.
type recorder struct {
	mu         sync.Mutex
	changed    *sync.Cond
	answers    []Answer
	deliveries []*Delivery
	states     int
	onDelivery func(*Delivery)
}

func newRecorder() *recorder {
	r := &recorder{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *recorder) Answered(_ *Account, answers []Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answers...)
	r.changed.Broadcast()
}

func (r *recorder) Delivered(d *Delivery) {
	r.mu.Lock()
	r.deliveries = append(r.deliveries, d)
	on := r.onDelivery
	r.changed.Broadcast()
	r.mu.Unlock()
	if on != nil {
		on(d)
	}
}

func (r *recorder) StateChanged(*Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states++
	r.changed.Broadcast()
}

// await returns the first n answers once they are there.
func (r *recorder) await(n int) []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.answers) < n {
		r.changed.Wait()
	}
	return append([]Answer(nil), r.answers...)
}

func (r *recorder) awaitDeliveries(n int) []*Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.deliveries) < n {
		r.changed.Wait()
	}
	return append([]*Delivery(nil), r.deliveries...)
}

func (r *recorder) all() []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Answer(nil), r.answers...)
}

// exactlyOnce checks that each submit has one answer, and at most one late one
// more, after an InDoubt.
func (r *recorder) exactlyOnce(t testing.TB, submits []*Submit) {
	t.Helper()
	type got struct{ first, late int }
	of := map[*Submit]*got{}
	for _, s := range submits {
		of[s] = &got{}
	}
	doubted := map[*Submit]bool{}
	for _, a := range r.all() {
		g := of[a.Submit]
		if g == nil {
			t.Fatalf("an answer %v for a submit that was not offered", a)
		}
		if a.Late {
			g.late++
			if !doubted[a.Submit] || a.Outcome != Responded {
				t.Errorf("a late answer %v that upgrades nothing", a)
			}
		} else {
			g.first++
			doubted[a.Submit] = a.Outcome == InDoubt
		}
	}
	for s, g := range of {
		if g.first != 1 || g.late > 1 {
			t.Errorf("submit %v has %d answers and %d late ones, want one and at most one", s.Owner, g.first, g.late)
		}
	}
}

// start runs an account against an exchange. It is stopped, hard, at the test's end.
func start(t testing.TB, x *exchange, ev Events, lease *Lease, change func(*AccountConfig)) *Account {
	t.Helper()
	cfg := AccountConfig{
		Name: "carrier", Addresses: []string{"smsc:2775"}, SystemID: "esme", Password: "secret",
		Dial: x.dial,
	}
	if change != nil {
		change(&cfg)
	}
	a := NewAccount(cfg, ev, lease, nil, nil)
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { halt(a) })
	return a
}

// halt stops an account without waiting for anything.
func halt(a *Account) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a.Stop(ctx)
}

// messages makes n submits, numbered by Owner.
func messages(n int) []*Submit {
	all := make([]*Submit, n)
	for i := range all {
		all[i] = &Submit{Owner: i, SM: wire.SM{
			Source: wire.Address{TON: 5, Addr: []byte("sender")}, Dest: wire.Address{TON: 1, NPI: 1, Addr: []byte("491700000000")},
			ShortMessage: []byte(fmt.Sprintf("message %d", i)),
		}}
	}
	return all
}

func textOf(t testing.TB, r received) string {
	t.Helper()
	var m wire.SM
	if err := m.Decode(r.body); err != nil {
		t.Fatal(err)
	}
	return string(m.ShortMessage)
}

// shortly bounds what a test may wait for; the time is long on purpose, nothing
// asserts it.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// acceptsBytes is a transport that accepts so many bytes in all after it is armed,
// then fails. It is a transport, not a stand-in for any of the code under test.
type acceptsBytes struct {
	net.Conn
	mu   sync.Mutex
	on   bool
	left int
}

func (c *acceptsBytes) arm(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.left = true, n
}

func (c *acceptsBytes) Write(b []byte) (int, error) {
	c.mu.Lock()
	on, left := c.on, c.left
	c.mu.Unlock()
	if !on {
		return c.Conn.Write(b)
	}
	n := min(left, len(b))
	if n > 0 {
		if m, err := c.Conn.Write(b[:n]); err != nil {
			return m, err
		}
	}
	c.mu.Lock()
	c.left -= n
	c.mu.Unlock()
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}
