package kafkaproxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// conn is a client's connection and the one to the broker behind it.
type conn struct {
	p      *Proxy
	broker string
	client net.Conn
	done   chan struct{}

	mu     sync.Mutex
	over   bool
	server net.Conn // nil until it is dialled

	// out orders what the client gets. It is held over a write that may block, which only
	// cut can end: never take it with mu or the proxy's.
	out   sync.Mutex
	queue []*exchange // asked, not yet answered: Kafka answers a connection's requests in their order
}

// exchange is a request that waits for its answer.
type exchange struct {
	header
	strike *Handle // what befalls the answer; nil: nothing
	answer []byte  // made here, and waiting for those before it; nil: the broker gives it
}

// maxInFlight bounds the unanswered requests of a connection.
const maxInFlight = 10_000

// dialLimit: on this machine a broker answers at once or is not there.
const dialLimit = 10 * time.Second

func (c *conn) run() {
	defer func() {
		c.cut()
		c.p.mu.Lock()
		delete(c.p.conns, c)
		c.p.mu.Unlock()
	}()
	server, err := net.DialTimeout("tcp", c.broker, dialLimit)
	if err != nil {
		return // the broker is down; the client sees its connection go
	}
	c.mu.Lock()
	c.server = server
	over := c.over
	c.mu.Unlock()
	if over {
		reset(server)
		return
	}
	var other sync.WaitGroup
	other.Go(func() {
		c.ended(c.responses())
		c.cut()
	})
	c.ended(c.requests())
	c.cut()
	other.Wait()
}

// cut ends both connections, without a word.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	close(c.done)
	reset(c.client)
	if c.server != nil {
		reset(c.server)
	}
}

// errCut ends a connection on purpose.
var errCut = errors.New("cut")

// ended fails the test where the proxy itself did not understand something: what it
// shows then is not what the test means it to.
func (c *conn) ended(err error) {
	var ne *net.OpError
	if err == nil || errors.Is(err, errCut) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &ne) {
		return
	}
	c.p.tb.Errorf("kafka proxy: %v", err)
}

// requests carries frames to the broker.
func (c *conn) requests() error {
	var buf []byte
	for {
		var err error
		if buf, err = readFrame(c.client, buf); err != nil {
			return err
		}
		h, err := parseRequest(buf)
		if err != nil {
			return err
		}
		if !c.p.pass(c.done) {
			return errCut
		}
		x := &exchange{header: h, strike: c.p.strike(&h)}
		x.body = nil // lies in buf
		forward, err := c.befall(x, &h)
		if err != nil {
			return err
		}
		if silent, err := unanswered(&h); err != nil {
			return err
		} else if !silent {
			if err := c.push(x); err != nil {
				return err
			}
		}
		if !forward {
			continue
		}
		if _, err := c.server.Write(buf); err != nil {
			return err
		}
	}
}

// befall does to a request what strikes it, and tells whether the broker is to get it.
func (c *conn) befall(x *exchange, h *header) (forward bool, err error) {
	if x.strike == nil {
		return true, nil
	}
	switch f := &x.strike.fault; f.Do {
	case CutBefore:
		return false, errCut
	case HoldBefore:
		return true, c.wait(f.Delay)
	case Answer:
		if x.answer, err = refusal(h, f.Err); err != nil {
			return false, err
		}
		// What only reads has an answer of the broker's, with the error put into it.
		return x.answer == nil, nil
	}
	return true, nil
}

// unanswered tells of the one request that Kafka does not answer: a Produce that asks for
// no acknowledgement.
func unanswered(h *header) (bool, error) {
	if h.key != kmsg.Produce {
		return false, nil
	}
	req, err := h.request()
	if err != nil {
		return false, err
	}
	return req.(*kmsg.ProduceRequest).Acks == 0, nil
}

func (c *conn) push(x *exchange) error {
	c.out.Lock()
	defer c.out.Unlock()
	if len(c.queue) >= maxInFlight {
		return fmt.Errorf("%d requests of one connection have no answer", maxInFlight)
	}
	c.queue = append(c.queue, x)
	return c.flush()
}

// flush writes the answers made here that are next in turn.
func (c *conn) flush() error {
	for len(c.queue) > 0 && c.queue[0].answer != nil {
		if _, err := c.client.Write(c.queue[0].answer); err != nil {
			return err
		}
		c.queue = c.queue[1:]
	}
	return nil
}

// responses carries frames to the client.
func (c *conn) responses() error {
	var buf []byte
	for {
		var err error
		if buf, err = readFrame(c.server, buf); err != nil {
			return err
		}
		c.out.Lock()
		var x *exchange
		if len(c.queue) > 0 {
			x = c.queue[0]
		}
		c.out.Unlock()
		if x == nil {
			return errors.New("the broker answers what nobody asked")
		}
		if id := int32(binary.BigEndian.Uint32(buf[4:])); id != x.id {
			return fmt.Errorf("the broker answers request %d before %d", id, x.id)
		}
		out, err := c.answered(x, buf)
		if err != nil {
			return err
		}
		if !c.p.pass(c.done) {
			return errCut
		}
		c.out.Lock()
		if _, err = c.client.Write(out); err == nil {
			c.queue = c.queue[1:]
			err = c.flush()
		}
		c.out.Unlock()
		if err != nil {
			return err
		}
	}
}

// answered turns the broker's answer into what the client gets.
func (c *conn) answered(x *exchange, frame []byte) ([]byte, error) {
	var do Do
	if x.strike != nil {
		do = x.strike.fault.Do
	}
	switch do {
	case CutAfter:
		return nil, errCut
	case HoldAfter:
		if err := c.wait(x.strike.fault.Delay); err != nil {
			return nil, err
		}
	}
	spoiled := do == Answer || do == AnswerAfter
	if !spoiled && !namesBrokers(x.key) {
		return frame, nil
	}
	resp, err := x.response(frame)
	if err != nil {
		return nil, err
	}
	changed, err := c.p.rename(resp)
	if err != nil {
		return nil, err
	}
	if spoiled {
		if err := spoil(resp, x.strike.fault.Err.Code); err != nil {
			return nil, err
		}
	}
	if !changed && !spoiled {
		return frame, nil
	}
	return x.frame(resp), nil
}

func (c *conn) wait(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.done:
		return errCut
	}
}
