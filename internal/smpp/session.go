package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// session is one bind on one connection, from bind_resp to close. Three goroutines:
// the seat's own runs keep, which starts and outlives the other two; write alone
// writes; read alone reads. A session never comes back: the seat makes another.
type session struct {
	a         *Account
	bind      int
	canSubmit bool
	conn      net.Conn
	in        frames // of read, after the bind
	ring      *ring
	lane      lane
	metrics   *bindMetrics

	inUse    atomic.Int64 // places of the window taken; raised by Account.take alone
	full     atomic.Bool  // write sleeps until a place is free
	lastRead atomic.Int64 // nanoseconds since ring.epoch, of the last whole PDU
	timeouts atomic.Int64 // in a row, with no answer between
	trip     atomic.Int64 // the last round trip sampled, nanoseconds

	wake   chan struct{} // to write: something may have changed
	notice chan struct{} // to keep: something may have changed

	// The end, in up to three steps. broken: a write failed, nothing is written any
	// more, read goes on for a moment for the answers that are on their way.
	// finishing: nothing but the lane is written any more, then it is dead. dead: the
	// connection is closed.
	broken    atomic.Bool
	finishing atomic.Bool
	dead      chan struct{}
	ending    struct {
		sync.Mutex
		cause error // the first one
		over  bool
	}

	// peerUnbind is the sequence number of the SMSC's unbind, plus 1<<32; 0: none.
	peerUnbind atomic.Uint64
	unbound    atomic.Bool // it answered ours
	refusing   atomic.Bool // deliveries are refused: about to unbind
	deliveries atomic.Int64

	left bool // guarded by a.mu: submits no more

	// of write alone
	batch, revoked []*Submit
	sequences      []uint32
	ends           []int // in buf, of each of batch
	buf            []byte
	writerAnswers  []Answer

	// of read alone
	responses   []response
	congestion  byte // the highest congestion_state of this read
	ids         []byte
	pending     []incoming
	bodies      int
	readAnswers []Answer
	resp        wire.SubmitResp
	sm          wire.SM
	data        wire.DataSM
}

var (
	errStopped   = errors.New("the account was stopped")
	errUnbound   = errors.New("unbound")
	errPeerLeft  = errors.New("the SMSC unbound")
	errReturning = errors.New("the first address answers again")
	errLane      = errors.New("the SMSC does not read our responses")
	errNoEnquire = errors.New("the SMSC did not answer enquire_link in time")
)

// stopCause is why the context that keeps a session has ended.
func stopCause(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errReturning) {
		return errReturning
	}
	return errStopped
}

func newSession(a *Account, bind int, t BindType, conn net.Conn, in frames, metrics *bindMetrics) *session {
	s := &session{
		a: a, bind: bind, canSubmit: t != Receiver, conn: conn, in: in, metrics: metrics,
		ring:   newRing(a.cfg.Window, time.Now()),
		wake:   make(chan struct{}, 1),
		notice: make(chan struct{}, 1),
		dead:   make(chan struct{}),
	}
	s.ring.last = bindSequence
	return s
}

// free is how many places of the window are free.
func (s *session) free() int { return s.a.cfg.Window - int(s.inUse.Load()) }

// release frees places.
func (s *session) release(n int) {
	if n == 0 {
		return
	}
	if s.inUse.Add(int64(-n)) == 0 {
		s.notify()
	}
	if s.full.Load() {
		s.wakeWriter()
	}
}

func (s *session) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) notify() {
	select {
	case s.notice <- struct{}{}:
	default:
	}
}

// because remembers why the session ends; the first reason stands.
func (s *session) because(cause error) {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ending.cause == nil {
		s.ending.cause = cause
	}
}

func (s *session) cause() error {
	s.ending.Lock()
	defer s.ending.Unlock()
	return s.ending.cause
}

// fail ends the session now.
func (s *session) fail(cause error) {
	s.because(cause)
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ending.over {
		return
	}
	s.ending.over = true
	close(s.dead)
	s.conn.Close()
}

// finish ends the session when what is in the lane has been written, or could not
// be within finishWithin.
func (s *session) finish(cause error) {
	s.because(cause)
	s.a.leave(s)
	s.finishing.Store(true)
	s.conn.SetWriteDeadline(time.Now().Add(finishWithin))
	s.wakeWriter()
	s.notify()
}

// bow ends a session whose peer seems not to be there any more, with an unbind all
// the same: an SMSC that still reads lets go of the bind at once, instead of
// refusing the next one as a second (ESME_RALYBND) until it notices.
func (s *session) bow(cause error) {
	if s.finishing.Load() {
		return
	}
	s.lane.add(func(dst []byte) []byte { return appendPDU(dst, pdu.NewUnbind(), s.ring.next()) })
	s.finish(cause)
}

const (
	finishWithin = time.Second
	// lingering is how long answers are still read after a write failed, or after
	// the SMSC has unbound: each one read is one submit less in doubt.
	lingering = time.Second
)

// phases of keep.
type phase uint8

const (
	running    phase = iota
	settling         // stopping: answers are awaited
	responding       // stopping: responses to deliveries are awaited
	unbinding        // stopping: unbind is sent
	leaving          // the SMSC sent unbind: answers are awaited a moment
	finishing        // the lane is being written
)

// keep owns the session: it starts the other two goroutines, watches time for them
// (one ticker, none a message), takes the session down when binding ends, and gives
// the last answers. up is called when it can submit. It returns why the session ended, when all of it has.
func (s *session) keep(ctx, binding context.Context, up func()) error {
	var others sync.WaitGroup
	s.lastRead.Store(int64(time.Since(s.ring.epoch)))
	if s.canSubmit {
		s.a.join(s)
	}
	up()
	others.Go(s.write)
	others.Go(s.read)

	cfg := &s.a.cfg
	every := min(cfg.ResponseTimeout, cfg.EnquireLink) / 8
	tick := time.NewTicker(min(max(every, 5*time.Millisecond), time.Second))
	defer tick.Stop()
	var (
		now      time.Time
		asked    time.Time // when enquire_link was sent; zero: it is not out
		at       = running
		deadline time.Time // of the phase; zero: none
		stop     = binding.Done()
		abort    = ctx.Done()
		answers  []Answer
	)
alive:
	for {
		select {
		case <-s.dead:
			break alive
		case <-abort:
			abort, stop = nil, nil
			if at != finishing {
				// No time to wait for anything: say goodbye and go.
				s.lane.add(func(dst []byte) []byte { return appendPDU(dst, pdu.NewUnbind(), s.ring.next()) })
				s.finish(errStopped)
			}
			now = time.Now()
		case <-stop:
			stop = nil
			now = time.Now()
			if at == running && ctx.Err() == nil {
				at = settling
				s.because(stopCause(binding))
				s.a.leave(s)
			}
		case <-s.notice:
			now = time.Now()
		case now = <-tick.C:
			answers = s.expire(now, answers[:0])
			asked = s.enquire(now, asked)
			s.metrics.inUse.Set(float64(s.inUse.Load()))
		}

		if s.finishing.Load() && at != finishing {
			at, deadline = finishing, now.Add(finishWithin)
		}
		if s.peerUnbind.Load() != 0 && at < unbinding {
			at, deadline = leaving, now.Add(min(lingering, cfg.ResponseTimeout))
		}
		if at == settling && s.inUse.Load() == 0 {
			at = responding
			s.refusing.Store(true)
		}
		if at == responding && s.deliveries.Load() == 0 {
			at, deadline = unbinding, now.Add(cfg.ResponseTimeout)
			s.lane.add(func(dst []byte) []byte { return appendPDU(dst, pdu.NewUnbind(), s.ring.next()) })
			s.wakeWriter()
		}
		switch over := !deadline.IsZero() && !now.Before(deadline); {
		case at == unbinding && (s.unbound.Load() || over):
			s.fail(errUnbound)
		case at == unbinding && s.peerUnbind.Load() != 0, at == leaving && (over || s.inUse.Load() == 0):
			s.lane.add(func(dst []byte) []byte {
				return wire.AppendHeaderOnly(dst, wire.UnbindResp, wire.StatusOK, uint32(s.peerUnbind.Load()))
			})
			s.finish(errPeerLeft)
			at, deadline = finishing, now.Add(finishWithin)
		case at == finishing && over:
			s.fail(errStopped)
		}
		if s.broken.Load() && s.inUse.Load() == 0 {
			s.fail(nil)
		}
	}

	// Both see the closed connection and return: read never waits on the
	// application, write never on anything but the connection and its channels.
	others.Wait()
	s.a.leave(s)
	s.lane.close()
	cause := s.cause()
	// What write had not written, it has given back itself: all that is left here
	// was handed over whole.
	answers = s.ring.abandon(time.Now(), fmt.Sprintf("the session ended before an answer came: %v", cause), answers[:0])
	s.inUse.Store(0)
	s.metrics.inUse.Set(0)
	s.a.deliver(answers)
	return cause
}

// expire gives up submits whose answer is overdue, and the session with them if it
// looks dead: nothing at all came in that time, or only silence follows submits.
func (s *session) expire(now time.Time, answers []Answer) []Answer {
	if s.inUse.Load() == 0 {
		return answers
	}
	timeout := s.a.cfg.ResponseTimeout
	answers = s.ring.expire(now.Add(-timeout), now, fmt.Sprintf("no answer within %v", timeout), answers)
	n := len(answers)
	if n == 0 {
		return answers
	}
	s.release(n)
	s.a.deliver(answers)
	inARow := s.timeouts.Add(int64(n))
	switch {
	case s.silence(now) >= timeout:
		s.bow(fmt.Errorf("submits stay unanswered, and nothing was received for %v", timeout))
	case inARow >= int64(max(s.a.cfg.Window, 3)):
		s.bow(fmt.Errorf("%d submits in a row stayed unanswered for %v", inARow, timeout))
	}
	return answers
}

func (s *session) silence(now time.Time) time.Duration {
	return now.Sub(s.ring.epoch) - time.Duration(s.lastRead.Load())
}

// enquire asks a silent peer whether it is there, and ends the session where it
// does not say so in time. Any PDU is proof enough (SMPP v3.4 §4.11).
func (s *session) enquire(now, asked time.Time) time.Time {
	silence := s.silence(now)
	switch {
	case asked.IsZero() && silence >= s.a.cfg.EnquireLink:
		s.lane.add(func(dst []byte) []byte { return appendPDU(dst, pdu.NewEnquireLink(), s.ring.next()) })
		s.wakeWriter()
		return now
	case asked.IsZero():
	case silence <= now.Sub(asked):
		return time.Time{}
	case now.Sub(asked) >= s.a.cfg.ResponseTimeout:
		s.bow(errNoEnquire)
	}
	return asked
}

// respond puts the response to a delivery into the lane.
func (s *session) respond(id, sequence, status uint32) {
	s.a.unanswered.Add(-1)
	s.a.metrics.respondedTo(status)
	if !s.lane.add(func(dst []byte) []byte { return appendDeliveryResp(dst, id, sequence, status) }) {
		s.fail(errLane)
	}
	s.wakeWriter()
	if s.deliveries.Add(-1) == 0 {
		s.notify()
	}
}

func appendDeliveryResp(dst []byte, id, sequence, status uint32) []byte {
	if id == wire.DataSMID {
		return wire.AppendDataResp(dst, sequence, status)
	}
	return wire.AppendDeliverResp(dst, sequence, status)
}
