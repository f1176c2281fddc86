package kafkaproxy

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Proxy has a port of its own for each broker, and puts it into whatever the brokers tell
// of their addresses, so that a client that knows the proxy never meets a broker itself.
//
// Its methods may be called from anywhere at any time.
type Proxy struct {
	// Addrs are what clients take for the brokers' addresses, in the order of New.
	Addrs []string

	tb       testing.TB
	address  map[string]hostPort // the broker's to ours
	sockets  []net.Listener
	running  sync.WaitGroup
	mu       sync.Mutex
	closed   bool
	refusing bool
	conns    map[*conn]bool
	faults   []*Handle
	seen     map[kmsg.Key]int
	gate     chan struct{} // closed: frames pass
}

type hostPort struct {
	host string
	port int32
}

// New starts a proxy before the brokers given, each as host:port exactly as it advertises
// itself. Brokers may be down, now or later. It ends with the test.
func New(tb testing.TB, brokers ...string) *Proxy {
	tb.Helper()
	p := &Proxy{tb: tb, address: map[string]hostPort{}, conns: map[*conn]bool{}, seen: map[kmsg.Key]int{}, gate: make(chan struct{})}
	close(p.gate)
	tb.Cleanup(p.close)
	for _, broker := range brokers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("kafka proxy: %v", err)
		}
		at := l.Addr().(*net.TCPAddr)
		p.address[broker] = hostPort{at.IP.String(), int32(at.Port)}
		p.Addrs = append(p.Addrs, at.String())
		p.sockets = append(p.sockets, l)
	}
	for i, l := range p.sockets { // only now is address complete, which connections read
		p.running.Go(func() { p.accept(l, brokers[i]) })
	}
	return p
}

func (p *Proxy) accept(l net.Listener, broker string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed || p.refusing || len(p.conns) >= maxConns {
			p.mu.Unlock()
			reset(client)
			continue
		}
		c := &conn{p: p, broker: broker, client: client, done: make(chan struct{})}
		p.conns[c] = true
		p.running.Go(c.run)
		p.mu.Unlock()
	}
}

// maxConns bounds the connections at a time: three replicas have some twenty each.
const maxConns = 1000

// Cut cuts all connections. New ones are taken.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.cut()
	}
}

// Refuse cuts all connections and lets new ones get nowhere, until Accept. They are reset
// as soon as they are made: the port stays ours, or another program could be given it.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refusing = true
	p.mu.Unlock()
	p.Cut()
}

// Accept ends Refuse.
func (p *Proxy) Accept() {
	p.mu.Lock()
	p.refusing = false
	p.mu.Unlock()
}

// Stall stops all frames in both directions, until Resume. Connections stay open, and new
// ones can be made: it is how a broker in a long pause looks from outside.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default: // stalled already
	}
}

// Resume ends Stall. Nothing was lost: what was held goes on its way.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// pass waits while the proxy is stalled; false when the connection ended meanwhile.
func (p *Proxy) pass(done <-chan struct{}) bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-done:
		return false
	}
}

// Seen counts the requests of a kind that clients have sent.
func (p *Proxy) Seen(key kmsg.Key) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[key]
}

// Connections counts those that are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	for _, l := range p.sockets {
		_ = l.Close()
	}
	p.mu.Unlock()
	p.Cut()
	p.running.Wait()
}

// ours returns the address under which clients know a broker. One that the proxy does not
// know would let them pass it by, and a test prove nothing.
func (p *Proxy) ours(host string, port int32) (hostPort, error) {
	broker := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if at, ok := p.address[broker]; ok {
		return at, nil
	}
	return hostPort{}, fmt.Errorf("the broker names %s, which the proxy was not made for", broker)
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
