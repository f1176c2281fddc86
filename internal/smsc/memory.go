package smsc

import (
	"bytes"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// memory is what the simulator knows of the messages that it has accepted, for
// query_sm, cancel_sm and replace_sm (SMPP v3.4 §4.8 to §4.10): the last
// Options.Remember of them, whatever becomes of them.
type memory struct {
	s    *SMSC
	most int

	mu   sync.Mutex
	byID map[string]*known
	ids  fifo[string] // oldest first
}

// known is one message.
type known struct {
	bind *bind
	m    message // its slices are copies
	id   fate
	end  outcome
	due  time.Duration // when it ends
	// last is its final receipt, on its way; nil where none was asked for.
	last     *parcel
	replaced int
}

// Message is what the simulator knows of a message that it was told to remember.
type Message struct {
	State    string // ENROUTE, or one of the final states of SMPP v3.4 appendix B
	Text     []byte // without a user data header; the last one it was replaced with
	Replaced int    // times
}

// Message tells of one of the last Options.Remember messages, by the id in its response.
func (s *SMSC) Message(id string) (Message, bool) {
	k, ok := s.memory.get(id)
	if !ok {
		return Message{}, false
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return Message{State: k.state(s.now()).stat, Text: bytes.Clone(k.m.text), Replaced: k.replaced}, true
}

func newMemory(s *SMSC) *memory {
	return &memory{s: s, most: s.opts.Remember, byID: make(map[string]*known)}
}

// add remembers an accepted message.
func (y *memory) add(b *bind, m *message, f *fate, now time.Duration) {
	if y.most <= 0 || f.id == "" {
		return
	}
	k := &known{bind: b, m: *m, id: fate{id: f.id, receiptID: f.receiptID}, end: f.end, due: now + f.delay}
	k.m.raw, k.m.text = nil, bytes.Clone(m.text)
	for _, p := range f.parcels {
		if p.kind == KindReceipt && p.stat == f.end.stat {
			k.last = p
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.byID[f.id] = k
	y.ids.push(f.id)
	if y.ids.len() > y.most {
		delete(y.byID, y.ids.pop())
	}
}

func (y *memory) get(id string) (*known, bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	k, ok := y.byID[id]
	return k, ok
}

func (k *known) state(now time.Duration) outcome {
	if now < k.due {
		return outcomeByStat["ENROUTE"]
	}
	return k.end
}

// query answers a query_sm.
func (b *bind) query(p *pdu.QuerySM) {
	k, status := b.find(p.MessageID, p.SourceAddr.Address(), uint32(data.ESME_RQUERYFAIL))
	// With its body whatever the status: there are ESMEs that insist on it.
	resp := p.GetResponse().(*pdu.QuerySMResp)
	resp.CommandStatus, resp.MessageID, resp.MessageState = data.CommandStatusType(status), p.MessageID, outcomeByStat["UNKNOWN"].state
	if status == 0 {
		now := b.s.now()
		b.s.memory.mu.Lock()
		state := k.state(now)
		if state.final {
			resp.FinalDate = time.Now().UTC().Add(k.due-now).Format("060102150405") + "000+"
		}
		b.s.memory.mu.Unlock()
		resp.MessageState, resp.ErrorCode = state.state, state.errCode()
		b.s.count.queried.Add(1)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		resp.Marshal(b.out)
	}
}

// cancel answers a cancel_sm. What is not final ends as DELETED, and its receipt
// says so, where one was asked for.
func (b *bind) cancel(p *pdu.CancelSM) {
	sequence := uint32(p.SequenceNumber)
	k, status := b.find(p.MessageID, p.SourceAddr.Address(), uint32(data.ESME_RCANCELFAIL))
	now := b.s.now()
	y := b.s.memory
	y.mu.Lock()
	var receipt *parcel
	switch {
	case status != 0:
	case k.state(now).final, p.DestAddr.Address() != "" && p.DestAddr.Address() != k.m.to.Address():
		status = uint32(data.ESME_RCANCELFAIL)
	default:
		k.end, k.due = outcomeByStat["DELETED"], now
		if k.last != nil && b.s.office.void(k.last) {
			r := newRandom(b.s.seed^0x63616e63, uint64(sequence))
			receipt = k.bind.receipt(b.s.behaviour.Load(), &k.m, &k.id, k.end, 0, &r)
			receipt.due = now
			k.last = receipt
		}
	}
	y.mu.Unlock()
	if status == 0 {
		b.s.count.cancelled.Add(1)
	}
	if !b.cutShort() {
		b.write1(data.CANCEL_SM_RESP, status, sequence)
	}
	if receipt != nil && b.s.office.reserve(1) {
		b.s.office.post([]*parcel{receipt}, now)
	}
}

// replace answers a replace_sm. Its text is in the data_coding of the original.
func (b *bind) replace(p *pdu.ReplaceSM) {
	sequence := uint32(p.SequenceNumber)
	k, status := b.find(p.MessageID, p.SourceAddr.Address(), uint32(data.ESME_RREPLACEFAIL))
	text, err := p.Message.GetMessageData()
	y := b.s.memory
	y.mu.Lock()
	switch {
	case status != 0:
	case err != nil, k.state(b.s.now()).final:
		status = uint32(data.ESME_RREPLACEFAIL)
	default:
		k.m.text = bytes.Clone(text)
		k.replaced++
	}
	y.mu.Unlock()
	if status == 0 {
		b.s.count.replaced.Add(1)
	}
	if !b.cutShort() {
		b.write1(data.REPLACE_SM_RESP, status, sequence)
	}
}

// find looks a message up for its own sender; without a memory there is nothing but refused.
func (b *bind) find(id, from string, refused uint32) (*known, uint32) {
	if !b.transmitter {
		return nil, uint32(data.ESME_RINVBNDSTS)
	}
	if b.s.opts.Remember == 0 {
		return nil, refused
	}
	k, ok := b.s.memory.get(id)
	switch {
	case !ok:
		return nil, uint32(data.ESME_RINVMSGID)
	case k.m.from.Address() != from || k.bind.systemID != b.systemID:
		return nil, refused
	}
	return k, 0
}

// cutShort closes the connection where Behaviour.DropManaged says so.
func (b *bind) cutShort() bool {
	if n := int64(b.s.behaviour.Load().DropManaged); n == 0 || b.s.managed.Add(1) > n {
		return false
	}
	b.close()
	return true
}

// void takes a receipt back that is not written yet.
func (o *office) void(p *parcel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.tries > 0 {
		return false
	}
	p.void = true
	return true
}
