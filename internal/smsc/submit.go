package smsc

import (
	"strings"
	"time"

	"github.com/linxGnu/gosmpp/data"
)

// fate is what becomes of one submit.
type fate struct {
	status    uint32
	id        string // as the response tells it; empty when refused
	receiptID string // as the receipt tells it
	silent    bool   // accepted, and never answered
	drop      bool   // the connection ends with it
	parcels   []*parcel
	end       outcome       // of an accepted one
	delay     time.Duration // until then
}

// submitted handles a submit_sm or data_sm. False ends the connection in order;
// ending it at once is done here.
func (b *bind) submitted(m *message) bool {
	s := b.s
	if !b.transmitter {
		b.write1(m.response, uint32(data.ESME_RINVBNDSTS), m.sequence)
		return true
	}
	s.count.submits.Add(1)
	beh, n, now := s.behaviour.Load(), s.submitted.Add(1), s.now()
	r := newRandom(s.seed, n)
	f := b.judge(beh, m, n, now, &r)
	s.count.add(&f)

	answered := !f.silent && (!f.drop || beh.Drop.AfterAnswer)
	s.audit.submit(b, m, &f, answered)
	s.memory.add(b, m, &f, now)

	a := answer{due: now + beh.Latency.draw(&r), order: n, command: m.response, sequence: m.sequence, status: f.status, id: f.id, load: byte(beh.Congestion)}
	first := r.chance(beh.Receipts.BeforeResponse)
	switch {
	case f.drop && !beh.Drop.AfterAnswer:
		s.count.dropped.Add(1)
		b.close()
		s.office.post(f.parcels, now)
		return false
	case f.drop:
		s.count.dropped.Add(1)
		b.answerLast(a)
		s.office.post(f.parcels, now)
		return false
	case f.silent:
		s.office.post(f.parcels, now)
	case first && len(f.parcels) > 0:
		// The post office sends the answer on once the receipt is written.
		f.parcels[0].due, f.parcels[0].held = now, &heldAnswer{b, a}
		s.office.post(f.parcels, now)
	default:
		a.parcels = f.parcels
		b.answer(a, now)
	}
	return true
}

// judge decides. The order of the draws is part of what a seed means.
func (b *bind) judge(beh *Behaviour, m *message, n uint64, now time.Duration, r *random) fate {
	s := b.s
	var f fate
	if !s.limit.allow(now, beh.TPS) || beh.Window > 0 && b.unanswered() >= beh.Window {
		f.status = uint32(data.ESME_RTHROTTLED)
		return f
	}
	if f.status = beh.refusal(m.to.Address(), r); f.status != 0 {
		return f
	}
	f.silent = r.chance(beh.NoAnswer)
	f.drop = beh.Drop.Every > 0 && n%beh.Drop.Every == 0
	f.drop = r.chance(beh.Drop.Rate) || f.drop
	f.id, f.receiptID = beh.MessageID.ids(s.firstID+s.accepted.Add(1), r)
	var full bool
	if f.parcels, full = b.consequences(beh, m, &f, now, r); full {
		// The id is lost, which costs nothing.
		return fate{status: uint32(data.ESME_RMSGQFUL), drop: f.drop}
	}
	return f
}

// refusal is the status that the rules and the error rates give a destination.
func (beh *Behaviour) refusal(destination string, r *random) uint32 {
	for i := range beh.Rules {
		if strings.HasSuffix(destination, beh.Rules[i].Suffix) {
			return beh.Rules[i].Status
		}
	}
	if len(beh.Errors) == 0 {
		return 0
	}
	x := r.float()
	for i := range beh.Errors {
		if x -= beh.Errors[i].Rate; x < 0 {
			return beh.Errors[i].Status
		}
	}
	return 0
}

// consequences makes the receipts and replies of an accepted message; full
// says that there was no place for them.
func (b *bind) consequences(beh *Behaviour, m *message, f *fate, now time.Duration, r *random) (parcels []*parcel, full bool) {
	end := beh.outcome(r)
	f.end = end
	final, intermediate := wanted(m.registered, end)
	if beh.Receipts.Off {
		final, intermediate = false, false
	}
	reply := ""
	if len(beh.Replies) > 0 && end.stat == "DELIVRD" {
		reply = beh.reply(m, r)
	}
	if !final && !intermediate && reply == "" {
		if b.s.opts.Remember > 0 {
			f.delay = beh.Receipts.Delay.draw(r)
		}
		return nil, false
	}
	delay := beh.Receipts.Delay.draw(r)
	f.delay = delay
	if intermediate {
		p := b.receipt(beh, m, f, outcomeByStat["ENROUTE"], delay/2, r)
		p.due = now + delay/2
		parcels = append(parcels, p)
	}
	if final {
		p := b.receipt(beh, m, f, end, delay, r)
		p.due = now + delay
		parcels = append(parcels, p)
	}
	if reply != "" {
		due := now + beh.ReplyDelay.draw(r)
		for _, p := range b.s.moParcels(m.to.Address(), m.from.Address(), reply) {
			p.account, p.due = b.systemID, due
			parcels = append(parcels, p)
		}
	}
	return parcels, !b.s.office.reserve(len(parcels))
}

func (c *counters) add(f *fate) {
	switch {
	case f.status == 0:
		c.accepted.Add(1)
		if f.silent {
			c.unanswered.Add(1)
		}
	case f.status == uint32(data.ESME_RTHROTTLED):
		c.throttled.Add(1)
		c.refused.Add(1)
	default:
		c.refused.Add(1)
	}
}
