package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// habits are how an SMSC behaves at the moment.
type habits struct {
	fast, slow  time.Duration // an answer takes between the two
	noAnswer    float64       // shares of submits
	throttle    float64
	temporary   float64
	permanent   float64
	refuseBinds bool
	deaf        bool // to enquire_link
}

// smsc is a scripted SMSC on gosmpp's codec. What it decides about a submit depends on
// the seed, the message and how often that came, not on who came first.
type smsc struct {
	w    *world
	name string
	addr string
	ln   *listener

	mu      sync.Mutex
	now     habits
	binds   []*bind
	turn    int
	submits []submit
	seen    map[string]int // by destination and part
	parcels []*parcel
	ids     int
	done    chan struct{}
	running sync.WaitGroup
}

// submit is one submit_sm as it came.
type submit struct {
	record   int
	part     int
	from     string // the replica
	wrote    time.Time
	id       string
	status   uint32
	answered bool
}

// parcel is a deliver_sm and what became of it.
type parcel struct {
	body    []byte // a marshalled deliver_sm
	mark    string // found again in the topics
	receipt string // the message id
	record  int    // of a receipt
	sent    int
	acked   int
}

// bind is one connection.
type bind struct {
	s    *smsc
	e    *end
	out  chan []byte
	gone chan struct{}
	once sync.Once

	mu       sync.Mutex
	receives bool
	sequence uint32
	waiting  map[uint32]chan uint32
}

func newSMSC(w *world, name, addr string, h habits) *smsc {
	s := &smsc{w: w, name: name, addr: addr, now: h, seen: make(map[string]int), done: make(chan struct{})}
	ln, _ := w.net.listen("", addr)
	s.ln = ln.(*listener)
	s.running.Go(s.accept)
	return s
}

func (s *smsc) change(fn func(*habits)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.now)
}

// stop ends all and returns when nothing of it runs.
func (s *smsc) stop() {
	close(s.done)
	s.ln.Close()
	s.mu.Lock()
	binds := s.binds
	s.mu.Unlock()
	for _, b := range binds {
		b.close()
	}
	s.running.Wait()
}

func (s *smsc) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		b := &bind{s: s, e: c.(*end), out: make(chan []byte, 4096), gone: make(chan struct{}), waiting: make(map[uint32]chan uint32)}
		s.mu.Lock()
		s.binds = append(s.binds, b)
		s.mu.Unlock()
		s.running.Go(b.read)
		s.running.Go(b.write)
	}
}

func (b *bind) close() {
	b.once.Do(func() {
		close(b.gone)
		b.e.Close()
	})
}

func (b *bind) write() {
	for {
		select {
		case p := <-b.out:
			if _, err := b.e.Write(p); err != nil {
				b.close()
				return
			}
		case <-b.gone:
			return
		}
	}
}

func (b *bind) send(p []byte) {
	select {
	case b.out <- p:
	case <-b.gone:
	}
}

func (b *bind) read() {
	defer b.close()
	defer b.s.forget(b)
	head := make([]byte, 16)
	for {
		wrote, err := b.fill(head)
		if err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head)
		if n < 16 || n > 1<<16 {
			b.s.w.violated("%s was sent a PDU of %d octets", b.s.name, n)
			return
		}
		raw := make([]byte, n)
		copy(raw, head)
		if _, err := b.fill(raw[16:]); err != nil {
			return
		}
		if !b.handle(raw, wrote) {
			return
		}
	}
}

// fill reads a whole slice, and tells when its first octet was written.
func (b *bind) fill(p []byte) (first time.Time, err error) {
	for at := 0; at < len(p); {
		n, wrote, err := b.e.read(p[at:])
		if err != nil {
			return first, err
		}
		if at == 0 {
			first = wrote
		}
		at += n
	}
	return first, nil
}

func (s *smsc) forget(b *bind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.binds {
		if x == b {
			s.binds = append(s.binds[:i:i], s.binds[i+1:]...)
		}
	}
}

func header(n int, command, status, sequence uint32) []byte {
	p := make([]byte, 16, n)
	binary.BigEndian.PutUint32(p, uint32(n))
	binary.BigEndian.PutUint32(p[4:], command)
	binary.BigEndian.PutUint32(p[8:], status)
	binary.BigEndian.PutUint32(p[12:], sequence)
	return p
}

func (b *bind) handle(raw []byte, wrote time.Time) bool {
	command, status := binary.BigEndian.Uint32(raw[4:]), binary.BigEndian.Uint32(raw[8:])
	sequence := binary.BigEndian.Uint32(raw[12:])
	if command&0x8000_0000 != 0 {
		b.mu.Lock()
		ch := b.waiting[sequence]
		delete(b.waiting, sequence)
		b.mu.Unlock()
		if ch != nil {
			ch <- status
		}
		return true
	}
	p, err := pdu.Parse(bytes.NewReader(raw))
	if err != nil {
		b.s.w.violated("%s was sent a PDU that gosmpp cannot read: %v", b.s.name, err)
		return false
	}
	b.s.mu.Lock()
	h := b.s.now
	b.s.mu.Unlock()
	switch p := p.(type) {
	case *pdu.BindRequest:
		answer := uint32(0)
		if h.refuseBinds {
			answer = uint32(data.ESME_RSYSERR)
		}
		b.send(append(header(21, command|0x8000_0000, answer, sequence), "smsc\x00"...))
		if answer == 0 {
			b.mu.Lock()
			b.receives = p.BindingType != pdu.Transmitter
			b.mu.Unlock()
		}
	case *pdu.EnquireLink:
		if !h.deaf {
			b.send(header(16, command|0x8000_0000, 0, sequence))
		}
	case *pdu.Unbind:
		b.send(header(16, command|0x8000_0000, 0, sequence))
		b.mu.Lock()
		b.receives = false
		b.mu.Unlock()
	case *pdu.SubmitSM:
		b.submitted(p, h, sequence, wrote)
	default:
		b.s.w.violated("%s was sent a %T", b.s.name, p)
	}
	return true
}

// submitted decides about a submit_sm, and lets the model look at it first.
func (b *bind) submitted(p *pdu.SubmitSM, h habits, sequence uint32, wrote time.Time) {
	s := b.s
	to := p.DestAddr.Address()
	u := submit{from: b.e.from, wrote: wrote, part: 1}
	if _, err := fmt.Sscanf(to, "4917%d", &u.record); err != nil {
		s.w.violated("%s was sent a message to %q", s.name, to)
		return
	}
	u.record -= 100_000
	if udh := p.Message.UDH(); len(udh) > 0 {
		if seq, ok := concat(udh); ok {
			u.part = seq
		}
	}
	s.w.model.submitted(s.w, u)
	s.mu.Lock()
	key := fmt.Sprintf("%s/%d", to, u.part)
	s.seen[key]++
	r := draw(s.w.seed, s.name, key, s.seen[key])
	switch x := r.Float64(); {
	case x < h.throttle:
		u.status = uint32(data.ESME_RTHROTTLED)
	case x < h.throttle+h.temporary:
		u.status = uint32(data.ESME_RMSGQFUL)
	case x < h.throttle+h.temporary+h.permanent:
		u.status = uint32(data.ESME_RINVDSTADR)
	}
	u.answered = u.status != 0 || r.Float64() >= h.noAnswer
	if u.status == 0 {
		s.ids++
		u.id = fmt.Sprintf("%s-%d", s.name, 1000+s.ids)
	}
	s.submits = append(s.submits, u)
	wantsReceipt := p.RegisteredDelivery&3 != 0
	s.mu.Unlock()

	latency := h.fast + time.Duration(r.Float64()*float64(h.slow-h.fast))
	if u.answered {
		resp := append(append(header(17+len(u.id), 0x8000_0004, u.status, sequence), u.id...), 0)
		time.AfterFunc(latency, func() {
			select {
			case <-b.gone:
			case b.out <- resp:
			default:
			}
		})
	} else {
		s.w.doubted()
	}
	if u.status == 0 && wantsReceipt && s.w.plan.resolver {
		text := "id:" + u.id + " sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:DELIVRD err:000 text:"
		d := newDeliver(to, "12345", text)
		d.EsmClass = 4
		s.post(d, &parcel{receipt: u.id, record: u.record, mark: u.id}, latency+time.Duration(r.Float64()*float64(2*time.Second)))
	}
}

// concat finds the number of a part in a user data header.
func concat(udh pdu.UDH) (seq int, ok bool) {
	for _, e := range udh {
		switch {
		case e.ID == 0 && len(e.Data) == 3:
			return int(e.Data[2]), true
		case e.ID == 8 && len(e.Data) == 4:
			return int(e.Data[3]), true
		}
	}
	return 0, false
}

func newDeliver(from, to, text string) *pdu.DeliverSM {
	d := pdu.NewDeliverSM().(*pdu.DeliverSM)
	_ = d.SourceAddr.SetAddress(from)
	_ = d.DestAddr.SetAddress(to)
	_ = d.Message.SetMessageDataWithEncoding([]byte(text), data.GSM7BIT)
	return d
}

// post delivers until it is acknowledged.
func (s *smsc) post(d *pdu.DeliverSM, p *parcel, after time.Duration) {
	buf := pdu.NewBuffer(nil)
	d.Marshal(buf)
	p.body = buf.Bytes()
	s.mu.Lock()
	s.parcels = append(s.parcels, p)
	s.mu.Unlock()
	s.running.Go(func() {
		for wait := after; ; wait = 500 * time.Millisecond {
			select {
			case <-time.After(wait):
			case <-s.done:
				return
			}
			if b := s.receiver(); b != nil && s.try(b, p) {
				return
			}
		}
	})
}

func (s *smsc) receiver() *bind {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.binds {
		s.turn++
		b := s.binds[s.turn%len(s.binds)]
		b.mu.Lock()
		ok := b.receives
		b.mu.Unlock()
		if ok {
			return b
		}
	}
	return nil
}

func (s *smsc) try(b *bind, p *parcel) bool {
	answer := make(chan uint32, 1)
	b.mu.Lock()
	b.sequence++
	sequence := b.sequence
	b.waiting[sequence] = answer
	b.mu.Unlock()
	raw := bytes.Clone(p.body)
	binary.BigEndian.PutUint32(raw[12:], sequence)
	s.mu.Lock()
	p.sent++
	s.mu.Unlock()
	b.send(raw)
	limit := time.NewTimer(12 * time.Second)
	defer limit.Stop()
	select {
	case status := <-answer:
		s.mu.Lock()
		defer s.mu.Unlock()
		if status == 0 {
			p.acked++
		}
		return status == 0
	case <-b.gone:
	case <-s.done:
	case <-limit.C:
	}
	return false
}

// pending counts what nobody has acknowledged yet.
func (s *smsc) pending() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parcels {
		if p.acked == 0 {
			n++
		}
	}
	return n
}

// subscriber sends a message in.
func (s *smsc) subscriber(n int, after time.Duration) {
	mark := fmt.Sprintf("mo-%s-%d-", s.name, n)
	s.post(newDeliver(fmt.Sprintf("4916%06d", n), "12345", mark), &parcel{mark: mark, record: -1}, after)
}

// draw returns the randomness of one decision, which its name alone determines.
func draw(seed uint64, name ...any) *rand.Rand {
	h := fnv.New64a()
	for _, n := range name {
		fmt.Fprint(h, "|", n)
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
