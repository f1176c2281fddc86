package interop

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/pcap"
)

// tap is a proxy that writes down what passes.
type tap struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	conns []*tapped
}

// tapped is one connection.
type tapped struct {
	mu     sync.Mutex
	chunks []pcap.Chunk
	ends   [2]net.Conn
}

func newTap(t *testing.T, target string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &tap{target: target, listener: l}
	x.running.Go(x.accept)
	t.Cleanup(x.stop)
	return x
}

func (x *tap) addr() string { return x.listener.Addr().String() }

func (x *tap) port() string {
	_, port, _ := net.SplitHostPort(x.addr()) // which a listener's address has
	return port
}

func (x *tap) accept() {
	for {
		client, err := x.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", x.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &tapped{ends: [2]net.Conn{client, server}}
		x.mu.Lock()
		x.conns = append(x.conns, c)
		x.mu.Unlock()
		x.running.Go(func() { c.copy(0) })
		x.running.Go(func() { c.copy(1) })
	}
}

// copy hands on what one end says until it closes, which closes both: SMPP has no half-closed connections.
func (c *tapped) copy(from int) {
	defer c.ends[0].Close()
	defer c.ends[1].Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.ends[from].Read(buf)
		if n > 0 {
			c.mu.Lock() // until it is written: nothing may be noted in between that answers it
			c.chunks = append(c.chunks, pcap.Chunk{FromServer: from == 1, Data: append([]byte(nil), buf[:n]...), At: time.Now()})
			_, failed := c.ends[1-from].Write(buf[:n])
			c.mu.Unlock()
			if failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// stop ends all connections and returns when nothing of the tap runs any more.
func (x *tap) stop() {
	_ = x.listener.Close()
	x.mu.Lock()
	for _, c := range x.conns {
		_ = c.ends[0].Close()
		_ = c.ends[1].Close()
	}
	x.mu.Unlock()
	x.running.Wait()
}

// judge has tshark read all connections, once both programs have ended: one behind the other as one conversation,
// which they are to a dissector as long as each ends where a PDU ends.
func (x *tap) judge(t *testing.T, connections int) {
	t.Helper()
	x.stop()
	if len(x.conns) < connections {
		t.Errorf("%d connections, want at least %d", len(x.conns), connections)
	}
	var all []pcap.Chunk
	for _, c := range x.conns {
		all = append(all, c.chunks...)
	}
	t.Run("tshark", func(t *testing.T) {
		counts, err := pcap.Check(t, smppPort, all)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%d connections:\n%s", len(x.conns), counts)
	})
}

const smppPort = 2775 // of captures, where it is the one that Wireshark knows

// missing ends the test because a peer cannot be had here.
func missing(t *testing.T, what string, err error) {
	t.Helper()
	kafkatest.SkipOrFail(t, what, fmt.Sprint(err))
}
