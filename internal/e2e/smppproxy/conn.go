package smppproxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeWithin bounds one write to an end that does not read.
	writeWithin = 30 * time.Second
	// maxHeld bounds what is held back on one connection; more ends it.
	maxHeld  = 1 << 16
	maxBatch = 32 << 10
)

// conn is one connection of the ESME and the one to the SMSC that belongs to it.
type conn struct {
	p          *Proxy
	esme, smsc *end
	gone       chan struct{}
	once       sync.Once
	unbinding  atomic.Uint32 // the sequence_number of our own unbind; 0: none

	mu     sync.Mutex
	timers map[*time.Timer]struct{} // what is held back
	closed bool
}

// end is one of the two, written to by several goroutines.
type end struct {
	net.Conn
	mu      sync.Mutex
	segment *atomic.Int64 // octets a write; nil or 0: all
	silent  bool          // half a PDU was written last, and nothing may follow
}

func newConn(p *Proxy, esme, smsc net.Conn) *conn {
	return &conn{p: p, esme: &end{Conn: esme, segment: &p.segment}, smsc: &end{Conn: smsc},
		gone: make(chan struct{}), timers: map[*time.Timer]struct{}{}}
}

func (c *conn) run() {
	var both sync.WaitGroup
	up := c.pump(c.esme, c.smsc, &c.p.readRate)
	down := c.pump(c.smsc, c.esme, nil)
	both.Go(up)
	both.Go(down)
	both.Wait()
}

func (c *conn) close() {
	c.once.Do(func() {
		c.mu.Lock()
		c.closed = true
		for t := range c.timers {
			t.Stop()
		}
		clear(c.timers)
		c.mu.Unlock()
		close(c.gone)
		_ = c.esme.Close()
		_ = c.smsc.Close()
	})
}

// later runs fn after d unless the connection ends before.
func (c *conn) later(d time.Duration, fn func()) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	if len(c.timers) >= maxHeld {
		c.mu.Unlock()
		c.close()
		return
	}
	defer c.mu.Unlock()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		c.mu.Lock()
		delete(c.timers, t)
		closed := c.closed
		c.mu.Unlock()
		if !closed && c.p.pass(c.gone) {
			fn()
		}
	})
	c.timers[t] = struct{}{}
}

func (e *end) write(b []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writeLocked(b)
}

func (e *end) writeLocked(b []byte) error {
	if e.silent {
		return nil // as far as the other end can tell, it went out
	}
	step := len(b)
	if e.segment != nil && e.segment.Load() > 0 {
		step = int(e.segment.Load())
	}
	_ = e.SetWriteDeadline(time.Now().Add(writeWithin))
	for len(b) > 0 {
		n, err := e.Write(b[:min(step, len(b))])
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// half writes the first half of a PDU; with silent, nothing ever follows it.
func (e *end) half(f frame, silent bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.writeLocked(f[:len(f)/2])
	e.silent = silent
	return err
}

// slow reads no more than rate octets a second.
type slow struct {
	io.Reader
	rate *atomic.Int64
	gone <-chan struct{}
}

func (s *slow) Read(b []byte) (int, error) {
	const tick = 50 * time.Millisecond
	rate := s.rate.Load()
	if rate <= 0 {
		return s.Reader.Read(b)
	}
	t := time.NewTimer(tick)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.gone:
		return 0, net.ErrClosed
	}
	return s.Reader.Read(b[:min(len(b), max(1, int(rate*int64(tick)/int64(time.Second))))])
}

// pump returns the goroutine of one direction.
func (c *conn) pump(from, to *end, rate *atomic.Int64) func() {
	var r io.Reader = from
	if rate != nil {
		r = &slow{from, rate, c.gone}
	}
	if c.p.o.Raw {
		return func() {
			defer c.close()
			c.copy(r, to)
		}
	}
	f := &flow{c: c, from: from, to: to, in: bufio.NewReaderSize(r, 64<<10)}
	return func() {
		defer c.close()
		f.run()
	}
}

func (c *conn) copy(from io.Reader, to *end) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && (!c.p.pass(c.gone) || to.write(buf[:n]) != nil) {
			return
		}
		if err != nil {
			return
		}
	}
}
