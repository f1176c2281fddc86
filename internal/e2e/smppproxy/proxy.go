package smppproxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxConns bounds the connections held at once; more are closed as they come.
const maxConns = 256

// dialWithin bounds the connection to the SMSC.
const dialWithin = 10 * time.Second

// Options say how a proxy is built.
type Options struct {
	// Target is the SMSC's address, host:port.
	Target string
	// Seed makes a run repeatable as far as the order of PDUs is.
	Seed uint64
	// Raw hands octets on without a look at them, for TLS. Rules and Unbind then do
	// nothing; Send breaks the TLS stream.
	Raw bool
}

// Proxy hands on what comes to Addr. Its methods may be called from any goroutine.
type Proxy struct {
	o        Options
	listener net.Listener
	rules    rules
	running  sync.WaitGroup
	total    atomic.Int64
	segment  atomic.Int64
	readRate atomic.Int64
	deaf     atomic.Bool

	mu      sync.Mutex
	conns   map[*conn]struct{}
	stopped bool
	gate    chan struct{} // open passage while nil; closed by the end of a stall
	lastOwn uint32
}

// Start listens on a free loopback port.
func Start(o Options) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("smppproxy: %w", err)
	}
	p := &Proxy{o: o, listener: ln, conns: map[*conn]struct{}{}, lastOwn: ownSequences}
	p.rules.rnd = rand.New(rand.NewPCG(o.Seed, 0x534d5050))
	p.rules.played = map[Action]int{}
	p.running.Go(p.accept)
	return p, nil
}

// ownSequences is where the numbers of the proxy's own requests begin: an SMSC counts
// from 1 and does not get there.
const ownSequences = 0x70000000

// Addr is where the ESME connects, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Stop closes everything and returns when all goroutines have ended.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.stopped = true
	_ = p.listener.Close()
	p.mu.Unlock()
	p.Stall(false)
	p.Cut()
	p.running.Wait()
}

// Break puts rules in force in place of those before; none heals. The first rule that
// wants a PDU gets it.
func (p *Proxy) Break(list ...Rule) { p.rules.set(list) }

// Played is how often an action was done since the start.
func (p *Proxy) Played(a Action) int {
	p.rules.mu.Lock()
	defer p.rules.mu.Unlock()
	return p.rules.played[a]
}

// Connections is how many there were since the start.
func (p *Proxy) Connections() int { return int(p.total.Load()) }

// Segment makes every write to the ESME one of at most n octets, each in a segment of
// its own (TCP_NODELAY); 0 writes all at once.
func (p *Proxy) Segment(n int) { p.segment.Store(int64(n)) }

// ReadRate is how many octets a second are read from the ESME over each connection; 0 sets no
// limit. Connections made while it is set have small socket buffers, so that the ESME feels it.
func (p *Proxy) ReadRate(n int) { p.readRate.Store(int64(n)) }

// Deaf closes every new connection as it comes.
func (p *Proxy) Deaf(on bool) { p.deaf.Store(on) }

// Stall lets nothing pass in either direction, enquire_link included, though all
// connections stay and new ones are accepted, until it is taken back.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.gate == nil && !p.stopped:
		p.gate = make(chan struct{})
	case !on && p.gate != nil:
		close(p.gate)
		p.gate = nil
	}
}

// pass waits for the end of a stall. False: the connection is gone.
func (p *Proxy) pass(gone <-chan struct{}) bool {
	for {
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		if gate == nil {
			return true
		}
		select {
		case <-gate:
		case <-gone:
			return false
		}
	}
}

// Cut closes every connection at once and returns how many there were.
func (p *Proxy) Cut() int {
	list := p.list()
	for _, c := range list {
		c.close()
	}
	return len(list)
}

// Send writes octets to the ESME between two PDUs, on every connection, and returns on how many.
func (p *Proxy) Send(b []byte) (n int) {
	for _, c := range p.list() {
		if c.esme.write(b) == nil {
			n++
		}
	}
	return n
}

// Random makes octets from the seed.
func (p *Proxy) Random(n int) []byte { return p.rules.random(n) }

// Unbind asks the ESME to go on every connection, as an SMSC does before maintenance: what
// is on its way is still answered, and the connection ends with the unbind_resp.
func (p *Proxy) Unbind() (n int) {
	for _, c := range p.list() {
		p.mu.Lock()
		p.lastOwn++
		sequence := p.lastOwn
		p.mu.Unlock()
		c.unbinding.Store(sequence)
		if c.esme.write(PDU(Unbind, 0, sequence)) == nil {
			n++
		}
	}
	return n
}

func (p *Proxy) list() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		list = append(list, c)
	}
	return list
}

func (p *Proxy) accept() {
	for {
		esme, err := p.listener.Accept()
		if err != nil {
			return // closed: nothing else ends a loopback listener for good
		}
		p.running.Go(func() { p.serve(esme) })
	}
}

// serve is one connection, for as long as it lasts.
func (p *Proxy) serve(esme net.Conn) {
	defer esme.Close()
	if p.deaf.Load() {
		return
	}
	smsc, err := net.DialTimeout("tcp", p.o.Target, dialWithin)
	if err != nil {
		return // the SMSC is down, and so are we
	}
	defer smsc.Close()
	if p.readRate.Load() > 0 {
		// A slow reader is felt only when the kernel does not read ahead for it.
		if tcp, ok := esme.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4096)
		}
	}
	c := newConn(p, esme, smsc)
	p.mu.Lock()
	if p.stopped || len(p.conns) >= maxConns {
		p.mu.Unlock()
		return
	}
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	p.total.Add(1)
	c.run()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}
