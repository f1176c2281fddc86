package smpp

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Capture writes what an account's sessions send and receive into a file that
// Wireshark opens: as it would have been on the wire without TLS, each session a TCP
// connection. It never makes a session wait. What the disk does not take in time is
// left out, and shows as a segment that was not captured.
//
// A nil Capture captures nothing, and costs nothing: connections are not even wrapped.
type Capture struct {
	path string
	most int64 // octets of the file and its predecessor together
	hide bool
	log  *slog.Logger

	queue   chan captured
	off     atomic.Bool // closed, or the file cannot be written
	dropped atomic.Int64
	quit    chan struct{}
	once    sync.Once
	done    chan struct{}

	// of run alone
	file       *os.File
	size       int64
	generation int // of file
	buf        []byte
}

// captured is whole PDUs of one direction of one session, the queue's own.
type captured struct {
	tap      *tap
	fromSMSC bool
	at       time.Time
	lost     uint32 // octets before data that were left out
	data     []byte
	end      bool
}

const (
	captureQueue = 256 // writes or reads, of up to 64 KiB each
	captureLeast = 64 << 10
)

// NewCapture creates the file; an old one of that name becomes its predecessor
// (path.1), which is all that is ever kept beside it. most bounds both together,
// hide masks texts and numbers (redact.go).
func NewCapture(path string, most int64, hide bool, log *slog.Logger) (*Capture, error) {
	c := &Capture{
		path: path, most: max(most, 2*captureLeast), hide: hide, log: log,
		queue: make(chan captured, captureQueue), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if err := c.rotate(); err != nil {
		return nil, err
	}
	go c.run() // ends with Close
	return c, nil
}

// Close writes what is queued, and ends the file. Sessions that are still there go on uncaptured.
func (c *Capture) Close() {
	if c == nil {
		return
	}
	c.once.Do(func() {
		c.off.Store(true)
		close(c.quit)
	})
	<-c.done
}

// Dropped is how many reads and writes were left out.
func (c *Capture) Dropped() int64 { return c.dropped.Load() }

// Wrap captures a connection. dialed says who made it: us, or the SMSC.
func (c *Capture) Wrap(conn net.Conn, dialed bool) net.Conn {
	if c == nil || c.off.Load() {
		return conn
	}
	t := &tap{Conn: conn, c: c}
	client, server := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
	if !dialed {
		client, server = server, client
	}
	t.session, t.dialed = pcap.NewSession(client, server), dialed
	return t
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// tap is a connection that is captured.
type tap struct {
	net.Conn
	c       *Capture
	in, out direction // of the reading and of the writing goroutine
	closed  sync.Once

	// of Capture.run alone
	session    *pcap.Session
	dialed     bool
	generation int
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.in.note(t, true, b[:n])
	return n, err
}

func (t *tap) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	t.out.note(t, false, b[:max(n, 0)])
	return n, err
}

func (t *tap) Close() error {
	t.closed.Do(func() { t.c.offer(captured{tap: t, at: time.Now(), end: true}) })
	return t.Conn.Close()
}

// direction cuts one direction into PDUs: only what is whole can be redacted.
type direction struct {
	pending []byte // the beginning of a PDU; less than wire.MaxPDU
	lost    uint32
	broken  bool // framing is lost: what follows may be anything, and is not captured
}

func (d *direction) note(t *tap, fromSMSC bool, b []byte) {
	if len(b) == 0 || d.broken || t.c.off.Load() {
		return
	}
	d.pending = append(d.pending, b...)
	rest := d.pending
	for {
		pdu, next, err := wire.Next(rest)
		if err != nil {
			d.broken = err == wire.ErrLength
			break
		}
		redact(pdu, t.c.hide)
		rest = next
	}
	whole := len(d.pending) - len(rest)
	if whole > 0 {
		data := append([]byte(nil), d.pending[:whole]...)
		if t.c.offer(captured{tap: t, fromSMSC: fromSMSC, at: time.Now(), lost: d.lost, data: data}) {
			d.lost = 0
		} else {
			d.lost += uint32(whole)
		}
	}
	d.pending = append(d.pending[:0], rest...)
}

func (c *Capture) offer(p captured) bool {
	if c.off.Load() {
		return false
	}
	select {
	case c.queue <- p:
		return true
	default:
		c.dropped.Add(1)
		return false
	}
}

// run is the one goroutine that writes the file.
func (c *Capture) run() {
	defer close(c.done)
	defer func() {
		if c.file != nil {
			c.file.Close()
		}
	}()
	for {
		select {
		case p := <-c.queue:
			c.append(&p)
		case <-c.quit:
			for len(c.queue) > 0 {
				p := <-c.queue
				c.append(&p)
			}
			c.flush()
			return
		}
		if len(c.queue) == 0 || len(c.buf) >= captureLeast {
			c.flush()
		}
	}
}

// append makes packets of what was captured. A connection that the file does not have
// yet begins with a handshake: also where the file is younger than the connection.
func (c *Capture) append(p *captured) {
	t := p.tap
	if t.generation != c.generation {
		t.generation = c.generation
		c.buf = t.session.Open(c.buf, p.at)
	}
	fromServer := p.fromSMSC == t.dialed
	if p.lost > 0 {
		t.session.Skip(fromServer, p.lost)
	}
	c.buf = t.session.Data(c.buf, fromServer, p.data, p.at)
	if p.end {
		c.buf = t.session.Close(c.buf, p.at)
	}
}

func (c *Capture) flush() {
	if len(c.buf) == 0 || c.file == nil {
		return
	}
	n, err := c.file.Write(c.buf)
	c.size += int64(n)
	c.buf = c.buf[:0]
	if err == nil && c.size >= c.most/2 {
		err = c.rotate()
	}
	if err != nil {
		c.off.Store(true)
		c.log.Error("the capture ends here: its file cannot be written", "error", err)
	}
}

// rotate makes the file the predecessor and begins a new one.
func (c *Capture) rotate() error {
	if c.file != nil {
		if err := c.file.Close(); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		c.file = nil
	}
	if err := os.Rename(c.path, c.path+".1"); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("capture: %w", err)
	}
	// For its owner alone: redacted or not, it tells who speaks with whom.
	f, err := os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	header := pcap.FileHeader()
	if _, err := f.Write(header); err != nil {
		f.Close()
		return fmt.Errorf("capture: %w", err)
	}
	c.file, c.size = f, int64(len(header))
	c.generation++
	return nil
}
