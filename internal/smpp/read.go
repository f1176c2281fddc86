package smpp

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// incoming is a delivery as read, its body still in the read buffer.
type incoming struct {
	id, sequence uint32
	body         []byte
}

// read is the one goroutine that reads from the connection. What one read brought
// is cut into PDUs, and given out in one batch of answers and then one of
// deliveries, before the next read.
func (s *session) read() {
	// What came in one segment with the bind_resp.
	if !s.consume(time.Now()) {
		return
	}
	for {
		n, err := s.in.fill(s.conn)
		if n > 0 {
			s.metrics.received.Add(float64(n))
			if !s.consume(time.Now()) {
				return
			}
		}
		if err != nil {
			// Answers that came before the end have just been given.
			if errors.Is(err, io.EOF) {
				err = errors.New("the SMSC closed the connection")
			} else {
				err = fmt.Errorf("read: %w", err)
			}
			s.fail(err)
			return
		}
	}
}

// consume deals with all whole PDUs there are. False: no more is to be read.
func (s *session) consume(now time.Time) bool {
	var (
		framing error
		header  wire.Header
		whole   bool
	)
	s.responses, s.ids = s.responses[:0], s.ids[:0]
	for {
		h, body, err := s.in.next()
		if err != nil {
			if errors.Is(err, wire.ErrLength) {
				framing, header = err, h
			}
			break
		}
		whole = true
		switch h.ID {
		case wire.SubmitSMResp:
			s.onResponse(OpSubmit, h, body)
		case wire.DeliverSM, wire.DataSMID:
			s.onDelivery(h, body)
		case wire.GenericNack:
			s.onNack(h)
		default:
			if op, ok := opOf(h.ID); ok {
				s.onResponse(op, h, body)
				break
			}
			s.onControl(h)
		}
	}
	if whole {
		s.lastRead.Store(int64(now.Sub(s.ring.epoch)))
	}
	s.giveAnswers(now)
	s.giveDeliveries(now)
	if framing != nil {
		s.metrics.account.malformed("length").Inc()
		s.say(func(dst []byte) []byte { return appendNack(dst, wire.StatusInvCmdLen, header.Sequence) })
		s.finish(fmt.Errorf("the SMSC sent a command_length of %d: framing is lost", header.Length))
		return false
	}
	return true
}

// say puts something of ours into the lane; a peer that provokes more than it reads
// loses the session.
func (s *session) say(encode func(dst []byte) []byte) {
	if !s.lane.add(encode) {
		s.fail(errLane)
	}
	s.wakeWriter()
}

func (s *session) onResponse(op Op, h wire.Header, body []byte) {
	r := response{sequence: h.Sequence, status: h.Status, id: len(s.ids), op: op}
	switch {
	case op == OpQuery:
		s.ids = append(s.ids, body...) // for who asked
	case op >= OpCancel:
		// No body (SMPP v3.4 §4.9.2, §4.10.2), whatever some send.
	default:
		if err := s.resp.Decode(body); err != nil {
			// The SMSC has taken or refused the submit all the same: without an id its
			// receipt will not be found, but saying anything else would double it.
			s.metrics.account.malformed(wire.CommandName(h.ID)).Inc()
			break
		}
		s.ids = append(s.ids, s.resp.MessageID...)
		if len(s.resp.TLVs) > 0 {
			if v, ok := s.resp.TLV(wire.TagCongestionState); ok && len(v) == 1 {
				s.congestion = max(s.congestion, v[0])
			}
		}
	}
	r.end = len(s.ids)
	s.responses = append(s.responses, r)
}

// onNack takes a generic_nack with the number of a submit for its refusal
// (SMPP v3.4 §4.3). It must not look like an acceptance, whatever its status.
func (s *session) onNack(h wire.Header) {
	r := response{sequence: h.Sequence, status: h.Status, id: len(s.ids), end: len(s.ids), nack: true}
	if r.status == wire.StatusOK {
		r.status = wire.StatusUnknownErr
	}
	s.responses = append(s.responses, r)
}

func (s *session) onDelivery(h wire.Header, body []byte) {
	var err error
	if h.ID == wire.DataSMID {
		err = s.data.Decode(body)
	} else {
		err = s.sm.Decode(body)
	}
	s.a.metrics.deliveries.Inc()
	status := wire.StatusOK
	switch {
	case s.broken.Load():
		return // there is no way to respond: the SMSC will send it again
	case err != nil:
		// ESME_RSYSERR and not what is really wrong with it: several carriers take
		// other statuses for final and would drop a message that nobody holds.
		s.metrics.account.malformed(wire.CommandName(h.ID)).Inc()
		status = s.a.cfg.refusal(wire.StatusSysErr)
	case s.refusing.Load():
		status = s.a.cfg.refusal(wire.StatusSysErr)
	case s.a.unanswered.Add(1) > int64(s.a.cfg.MaxUnansweredDeliver):
		s.a.unanswered.Add(-1)
		status = s.a.cfg.refusal(wire.StatusMsgQFul)
	}
	if status != wire.StatusOK {
		s.a.metrics.respondedTo(status)
		s.say(func(dst []byte) []byte { return appendDeliveryResp(dst, h.ID, h.Sequence, status) })
		return
	}
	s.deliveries.Add(1)
	s.pending = append(s.pending, incoming{id: h.ID, sequence: h.Sequence, body: body})
	s.bodies += len(body)
}

// onControl deals with all that is rare.
func (s *session) onControl(h wire.Header) {
	switch h.ID {
	case wire.EnquireLink:
		s.say(func(dst []byte) []byte { return appendPDU(dst, pdu.NewEnquireLinkResp(), h.Sequence) })
	case wire.EnquireLinkResp:
		// Having been read is all it is for.
	case wire.Unbind:
		s.a.leave(s)
		s.peerUnbind.Store(1<<32 | uint64(h.Sequence))
		s.notify()
	case wire.UnbindResp:
		s.unbound.Store(true)
		s.notify()
	case wire.AlertNotification:
		// It has no response (SMPP v3.4 §4.12), and asks for nothing: what waits for
		// the subscriber waits at the SMSC.
		s.a.metrics.alerts.Inc()
	default:
		if h.Response() {
			// A response to something that was not asked, or to nothing known: a nack
			// for it could only start a quarrel.
			s.metrics.account.malformed("response").Inc()
			return
		}
		s.say(func(dst []byte) []byte {
			dst, known := appendRefusal(dst, h)
			if !known {
				s.metrics.account.malformed("command_id").Inc()
				dst = appendNack(dst, wire.StatusInvCmdID, h.Sequence)
			}
			return dst
		})
	}
}

// giveAnswers joins the responses of this read to their submits. Their message ids
// are slices of one string.
func (s *session) giveAnswers(now time.Time) {
	if len(s.responses) == 0 {
		return
	}
	var freed, unknown int
	s.readAnswers, freed, unknown = s.ring.settle(s.responses, now, s.readAnswers[:0])
	if unknown > 0 {
		s.metrics.account.unknown.Add(float64(unknown))
	}
	if len(s.readAnswers) == 0 {
		return
	}
	ids := string(s.ids)
	throttled := 0
	for i := range s.readAnswers {
		r := &s.responses[i]
		s.readAnswers[i].MessageID = ids[r.id:r.end]
		if r.status != wire.StatusOK && s.a.cfg.Statuses.Of(r.status) == Throttle {
			throttled++
		}
	}
	trip := now.Sub(s.readAnswers[0].SentAt)
	s.trip.Store(int64(trip))
	s.a.metrics.roundTrip(trip, s.readAnswers[0].Submit.TraceID)
	s.timeouts.Store(0)
	if throttled > 0 || s.congestion >= congestionNear {
		s.a.slowDown(now, trip, throttled, s.congestion)
	}
	s.congestion = 0
	faultpoint.At("session.answers.before")
	s.release(freed)
	s.a.deliver(s.readAnswers)
}

// giveDeliveries copies what was delivered out of the read buffer, all bodies of
// this read into one, and gives it out.
func (s *session) giveDeliveries(now time.Time) {
	if len(s.pending) == 0 {
		return
	}
	bodies := make([]byte, 0, s.bodies)
	deliveries := make([]Delivery, len(s.pending))
	for i, in := range s.pending {
		start := len(bodies)
		bodies = append(bodies, in.body...)
		d := &deliveries[i]
		d.Account, d.Bind, d.CommandID, d.ReceivedAt = s.a.cfg.Name, s.bind, in.id, now
		d.Body = bodies[start:len(bodies):len(bodies)]
		d.session, d.sequence = s, in.sequence
		s.a.events.Delivered(d)
	}
	clear(s.pending)
	s.pending, s.bodies = s.pending[:0], 0
}

// slowDown lowers the pace after n throttled answers, or before there are any.
func (a *Account) slowDown(now time.Time, trip time.Duration, n int, congestion byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > 0 && a.pace.throttled(now, trip, n) || n == 0 && a.pace.congested(now, trip, congestion) {
		a.metrics.throttles.Inc()
		a.showLimit()
	}
}
