package smppproxy

import (
	"bufio"
	"sync"
)

// flow is one direction of a connection.
type flow struct {
	c        *conn
	from, to *end
	in       *bufio.Reader
	out      []byte // whole PDUs to be handed on in one write

	mu       sync.Mutex // gathered is flushed by a timer too
	gathered []frame
}

func (f *flow) run() {
	for {
		pdu, err := readFrame(f.in)
		if err != nil || !f.c.p.pass(f.c.gone) {
			return
		}
		if !f.handle(pdu) {
			return
		}
		if !more(f.in) || len(f.out) > maxBatch {
			if f.flush() != nil {
				return
			}
		}
	}
}

func (f *flow) flush() error {
	if len(f.out) == 0 {
		return nil
	}
	err := f.to.write(f.out)
	f.out = f.out[:0]
	return err
}

// handle does with one PDU what its rule wants. False ends the connection.
func (f *flow) handle(pdu frame) bool {
	if own := f.c.unbinding.Load(); own != 0 && pdu.command() == UnbindResp && pdu.sequence() == own {
		return false // the answer to our unbind: the SMSC knows of neither
	}
	rule := f.c.p.rules.judge(pdu)
	if rule == nil {
		f.out = append(f.out, pdu...)
		return true
	}
	if rule.Do == Before {
		f.out = append(append(f.out, rule.Bytes...), pdu...)
		return true
	}
	if f.flush() != nil {
		return false
	}
	to := f.to
	switch rule.Do {
	case CutBefore:
		return false
	case CutAfter:
		_ = to.write(pdu)
		return false
	case Swallow:
	case Late:
		f.c.later(rule.Delay, func() { _ = to.write(pdu) })
	case Twice:
		f.c.later(rule.Delay, func() { _ = to.write(pdu) })
		return to.write(pdu) == nil
	case Shuffle:
		f.gather(pdu, rule)
	case HalfCut:
		_ = to.half(pdu, false)
		return false
	case HalfSilent:
		return to.half(pdu, true) == nil
	case Refuse:
		return f.from.write(PDU(pdu.command()|responseBit, rule.Status, pdu.sequence(), rule.Body...)) == nil
	case Nack:
		return f.from.write(PDU(GenericNack, rule.Status, pdu.sequence(), rule.Body...)) == nil
	}
	return true
}

// gather keeps a PDU until there are enough to be shuffled, or the first has waited
// long enough.
func (f *flow) gather(pdu frame, rule *Rule) {
	f.mu.Lock()
	f.gathered = append(f.gathered, pdu)
	n := len(f.gathered)
	f.mu.Unlock()
	switch n {
	case 1:
		f.c.later(rule.Delay, f.scatter)
	case shuffled:
		f.scatter()
	}
}

func (f *flow) scatter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.c.p.rules.shuffle(f.gathered)
	for _, pdu := range f.gathered {
		_ = f.to.write(pdu) // the pump meets the error too
	}
	f.gathered = f.gathered[:0]
}
