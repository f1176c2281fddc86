package sim

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// network is all hosts and the wires between them. Nothing in it blocks but on channels
// and timers of the bubble, so that time passes when everybody waits.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener // by address
	ends      map[*end]struct{}    // the clients' ends
	hosts     map[string]*host
	wires     map[[2]string]*wire
}

// host is where clients run: a replica, or the test itself.
type host struct {
	dead   bool
	frozen time.Time // until when: it neither sends nor receives
}

// wire is what holds for all connections from a host to an address.
type wire struct {
	latency time.Duration
	stalled time.Time // until when nothing arrives, either way
	refuse  time.Time // until when nobody can connect
	unheard time.Time // until when each Heartbeat is lost with its connection
	lose    []*loss
}

// loss is a Kafka request that is lost with its connection, before it arrives or after.
type loss struct {
	key    int16
	answer bool // the request arrives, the answer does not
}

func newNetwork() *network {
	return &network{listeners: make(map[string]*listener), ends: make(map[*end]struct{}), hosts: make(map[string]*host), wires: make(map[[2]string]*wire)}
}

func (n *network) host(name string) *host {
	h := n.hosts[name]
	if h == nil {
		h = &host{}
		n.hosts[name] = h
	}
	return h
}

func (n *network) wire(from, to string) *wire {
	w := n.wires[[2]string{from, to}]
	if w == nil {
		w = &wire{latency: 200 * time.Microsecond}
		n.wires[[2]string{from, to}] = w
	}
	return w
}

// change alters a wire.
func (n *network) change(from, to string, fn func(*wire)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fn(n.wire(from, to))
}

func (n *network) freeze(name string, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host(name).frozen = time.Now().Add(d)
}

// each calls fn for the open connections from a host to an address; "" is any.
func (n *network) each(from, to string, fn func(*end)) {
	n.mu.Lock()
	var es []*end
	for e := range n.ends {
		if (from == "" || e.from == from) && (to == "" || e.to == to) {
			es = append(es, e)
		}
	}
	n.mu.Unlock()
	for _, e := range es {
		fn(e)
	}
}

// kill takes a host off the network for good. loud: its connections are reset, as a
// kernel does for a process that died; else they go silent, as with a machine.
func (n *network) kill(name string, loud bool) {
	n.mu.Lock()
	n.host(name).dead = true
	n.mu.Unlock()
	n.each(name, "", func(e *end) { e.sever(loud) })
}

type listener struct {
	n     *network
	addr  address
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

type address string

func (address) Network() string  { return "sim" }
func (a address) String() string { return string(a) }

func (n *network) listen(_, addr string) (net.Listener, error) {
	l := &listener{n: n, addr: address(addr), conns: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }

var errRefused = &net.OpError{Op: "dial", Net: "sim", Err: syscall.ECONNREFUSED}

// dial connects on behalf of a host.
func (n *network) dial(from string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		for {
			n.mu.Lock()
			h, w, l := n.host(from), n.wire(from, addr), n.listeners[addr]
			wait := max(time.Until(h.frozen), time.Until(w.stalled), 0)
			latency, refused := w.latency, h.dead || l == nil || time.Now().Before(w.refuse)
			n.mu.Unlock()
			if refused {
				wait = 0
			}
			t := time.NewTimer(wait + 2*latency)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return nil, ctx.Err()
			}
			if refused { // not at once: who tries again at once would do so for ever
				return nil, errRefused
			}
			if wait > 0 {
				continue
			}
			c, s := n.pair(from, addr, h, w)
			select {
			case l.conns <- s:
				return c, nil
			case <-l.done:
				c.Close()
				return nil, errRefused
			case <-ctx.Done():
				c.Close()
				return nil, ctx.Err()
			}
		}
	}
}

func (n *network) pair(from, to string, h *host, w *wire) (client, server *end) {
	up, down := newPipe(), newPipe()
	client = &end{n: n, from: from, to: to, host: h, wire: w, in: down, out: up, client: true}
	server = &end{n: n, from: from, to: to, host: h, wire: w, in: up, out: down}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends[client] = struct{}{}
	return client, server
}

// end is one end of a connection.
type end struct {
	n        *network
	from, to string
	host     *host // the client's, whichever end this is
	wire     *wire
	in, out  *pipe
	client   bool
}

func (e *end) LocalAddr() net.Addr { return address(e.from) }
func (e *end) RemoteAddr() net.Addr {
	if e.client {
		return address(e.to)
	}
	return address(e.from + ":1")
}

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.mu.Lock()
	e.in.readBy = t
	e.in.mu.Unlock()
	wake(e.in.arrived)
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.mu.Lock()
	e.out.writeBy = t
	e.out.mu.Unlock()
	wake(e.out.room)
	return nil
}

// Close ends both directions; what was written still arrives.
func (e *end) Close() error {
	e.out.finish(io.EOF, false)
	e.in.finish(net.ErrClosed, true)
	e.forget()
	return nil
}

func (e *end) forget() {
	if e.client {
		e.n.mu.Lock()
		delete(e.n.ends, e)
		e.n.mu.Unlock()
	}
}

// cut resets the connection; what is on its way is lost.
func (e *end) cut() {
	e.out.finish(syscall.ECONNRESET, true)
	e.in.finish(syscall.ECONNRESET, true)
	e.forget()
}

// cutAfter lets so many more octets pass in one direction, and then cuts.
func (e *end) cutAfter(up bool, octets int) {
	p := e.in
	if up {
		p = e.out
	}
	p.mu.Lock()
	p.left, p.limited = octets, true
	p.mu.Unlock()
}

// sever ends the client's side at once. The server hears of it if it is loud; what was
// written before still arrives.
func (e *end) sever(loud bool) {
	if loud {
		e.out.finish(syscall.ECONNRESET, false)
	} else {
		e.out.mute()
	}
	e.in.finish(syscall.ECONNRESET, true)
	e.forget()
}

// held is how long this end's host or wire holds back what is ready.
func (e *end) held() time.Time {
	e.n.mu.Lock()
	defer e.n.mu.Unlock()
	t := e.wire.stalled
	if e.client && e.host.frozen.After(t) {
		t = e.host.frozen
	}
	return t
}

func (e *end) Read(b []byte) (int, error) {
	n, _, err := e.read(b)
	return n, err
}

// read also tells when the octets were given to Write.
func (e *end) read(b []byte) (int, time.Time, error) {
	p := e.in
	for {
		held := e.held()
		now := time.Now()
		p.mu.Lock()
		var until time.Time
		if len(p.chunks) > 0 && p.broken == nil {
			c := &p.chunks[0]
			until = c.at
			if held.After(until) {
				until = held
			}
			if !until.After(now) {
				n, wrote := copy(b, c.octets), c.wrote
				if c.octets = c.octets[n:]; len(c.octets) == 0 {
					p.chunks = p.chunks[1:]
				}
				p.size -= n
				p.mu.Unlock()
				wake(p.room)
				return n, wrote, nil
			}
		} else if p.broken != nil {
			err := p.broken
			p.mu.Unlock()
			return 0, now, err
		} else if p.ended != nil {
			err := p.ended
			p.mu.Unlock()
			return 0, now, err
		}
		by := p.readBy
		p.mu.Unlock()
		if !wait(p.arrived, until, by) {
			return 0, now, os.ErrDeadlineExceeded
		}
	}
}

// maxOnWire is how many octets a direction holds before Write waits, as the buffers of
// two kernels do.
const maxOnWire = 128 << 10

func (e *end) Write(b []byte) (int, error) {
	wrote := time.Now()
	key, lost := int16(-1), (*loss)(nil)
	if e.client && len(b) > 6 {
		key = int16(b[4])<<8 | int16(b[5]) // of a Kafka request; looked at only where a loss is set
	}
	for e.client { // a process that is stopped writes when it goes on
		e.n.mu.Lock()
		frozen := e.host.frozen
		for i, l := range e.wire.lose {
			if l.key == key {
				lost = l
				e.wire.lose = append(e.wire.lose[:i], e.wire.lose[i+1:]...)
				break
			}
		}
		if key == int16(kmsg.Heartbeat) && kafkaAt(e.to) && e.wire.unheard.After(time.Now()) {
			lost = &loss{}
		}
		e.n.mu.Unlock()
		if !frozen.After(time.Now()) {
			break
		}
		wait(nil, frozen, time.Time{}) // its deadline does not run out before it goes on, either
	}
	if lost != nil && !lost.answer {
		e.cut()
		return len(b), nil
	}
	n, err := e.put(b, wrote)
	if lost != nil {
		e.in.mute()
		time.AfterFunc(50*time.Millisecond, e.cut)
	}
	return n, err
}

func (e *end) put(b []byte, wrote time.Time) (int, error) {
	p := e.out
	for {
		p.mu.Lock()
		switch {
		case p.broken != nil:
			err := p.broken
			p.mu.Unlock()
			return 0, err
		case p.ended != nil:
			p.mu.Unlock()
			return 0, net.ErrClosed
		case p.size < maxOnWire:
			n := len(b)
			if p.limited {
				n = min(n, p.left)
				p.left -= n
			}
			if n > 0 && !p.silent {
				c := chunk{octets: append([]byte(nil), b[:n]...), wrote: wrote, at: time.Now().Add(e.wire.latency)}
				p.chunks = append(p.chunks, c)
				p.size += n
			}
			p.mu.Unlock()
			wake(p.arrived)
			if n < len(b) {
				e.out.finish(syscall.ECONNRESET, false) // the first octets arrive
				e.in.finish(syscall.ECONNRESET, true)
				e.forget()
				return n, syscall.ECONNRESET
			}
			return n, nil
		}
		by := p.writeBy
		p.mu.Unlock()
		if !wait(p.room, time.Time{}, by) {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// pipe is one direction of a connection.
type pipe struct {
	mu      sync.Mutex
	chunks  []chunk
	size    int
	ended   error // after the chunks
	broken  error // at once
	silent  bool  // what is written is lost
	limited bool  // to left octets more
	left    int
	readBy  time.Time
	writeBy time.Time
	arrived chan struct{} // cap 1, for the one reader
	room    chan struct{} // cap 1, for the one writer
}

type chunk struct {
	octets    []byte
	wrote, at time.Time
}

func newPipe() *pipe {
	return &pipe{arrived: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// finish ends the direction, at once or behind what is on its way.
func (p *pipe) finish(why error, atOnce bool) {
	p.mu.Lock()
	if atOnce && p.broken == nil {
		p.broken, p.chunks, p.size = why, nil, 0
	} else if p.ended == nil {
		p.ended = why
	}
	p.mu.Unlock()
	wake(p.arrived)
	wake(p.room)
}

func (p *pipe) mute() {
	p.mu.Lock()
	p.silent = true
	p.mu.Unlock()
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// wait returns when ch or the time until says that it is worth to look again, and false
// when the deadline has passed; zero times are never.
func wait(ch <-chan struct{}, until, deadline time.Time) bool {
	now := time.Now()
	if !deadline.IsZero() {
		if !deadline.After(now) {
			return false
		}
		if until.IsZero() || deadline.Before(until) {
			until = deadline
		}
	}
	if until.IsZero() {
		<-ch
		return true
	}
	t := time.NewTimer(until.Sub(now))
	defer t.Stop()
	select {
	case <-ch:
	case <-t.C:
	}
	return true
}
