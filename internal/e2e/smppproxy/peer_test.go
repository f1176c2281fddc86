package smppproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const patience = 2 * time.Minute

// office is an SMSC that answers each request with its response, in order, and
// counts what it gets.
type office struct {
	net.Listener
	mu    sync.Mutex
	got   map[uint32]int // by command_id
	conns []net.Conn
}

func newOffice(t *testing.T) *office {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{Listener: ln, got: map[uint32]int{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			o.mu.Lock()
			o.conns = append(o.conns, c)
			o.mu.Unlock()
			running.Go(func() { o.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		o.mu.Lock()
		for _, c := range o.conns {
			c.Close()
		}
		o.mu.Unlock()
		running.Wait()
	})
	return o
}

func (o *office) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		f, err := readFrame(in)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.got[f.command()]++
		o.mu.Unlock()
		if f.command()&responseBit == 0 {
			if _, err := c.Write(PDU(f.command()|responseBit, 0, f.sequence(), 'i', 'd', 0)); err != nil {
				return
			}
		}
	}
}

func (o *office) count(command uint32) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.got[command]
}

// client is the ESME's end of one connection.
type client struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func start(t *testing.T, rules ...Rule) (*Proxy, *office, *client) {
	t.Helper()
	o := newOffice(t)
	p, err := Start(Options{Target: o.Addr().String(), Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	p.Break(rules...)
	return p, o, connect(t, p)
}

func connect(t *testing.T, p *Proxy) *client {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &client{t, c, bufio.NewReader(c)}
}

// submit sends submit_sm with the numbers from..to in one write.
func (c *client) submit(from, to uint32) {
	c.t.Helper()
	var b []byte
	for q := from; q <= to; q++ {
		b = append(b, PDU(SubmitSM, 0, q, 'x', 'y')...)
	}
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() frame {
	c.t.Helper()
	f, err := readFrame(c.in)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// answers reads n responses and returns their numbers.
func (c *client) answers(n int) (numbers []uint32) {
	c.t.Helper()
	for range n {
		f := c.next()
		if f.command() != SubmitSMResp {
			c.t.Fatalf("command %#x among the answers", f.command())
		}
		numbers = append(numbers, f.sequence())
	}
	return numbers
}

// ended reads the rest of what there is before the connection ends.
func (c *client) ended() []byte {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		c.t.Fatalf("the connection still stands, after %d octets", len(rest))
	}
	return rest
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
