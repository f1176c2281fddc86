package smsc

import (
	"sync"
	"time"

	"github.com/linxGnu/gosmpp/pdu"
)

// parcel is one deliver_sm on its way to an ESME, from the moment it is known
// of until it is acknowledged or given up. The post office owns it.
type parcel struct {
	id        uint64
	kind      Kind
	from      string
	raw       []byte // marshalled; only the sequence_number changes from try to try
	account   string // system_id of the binds it may go to; empty: any
	origin    *bind  // of a receipt: the bind of the submit
	via       Via
	together  *group // parts that keep to one bind
	messageID string // of a receipt: as the submit_sm_resp told it
	stat      string
	part      byte
	total     byte
	due       time.Duration
	held      *heldAnswer
	repeat    bool // to be sent once more after its acknowledgement
	tries     int
	failures  int
	void      bool // its message was cancelled before it was written

	// While it is sent and not answered.
	on         *bind
	sequence   uint32
	sentAt     time.Duration
	deadline   time.Duration
	next, prev *parcel // in the order of sending
}

// group is what the parts of one message share.
type group struct{ bind *bind }

// heldAnswer is a submit_sm_resp that waits for its receipt to be written.
type heldAnswer struct {
	bind   *bind
	answer answer
}

func newParcel(d *pdu.DeliverSM) *parcel {
	buf := pdu.NewBuffer(make([]byte, 0, 256))
	d.Marshal(buf)
	return &parcel{raw: buf.Bytes(), from: d.SourceAddr.Address()}
}

// mailbox is the post office's part of a bind.
type mailbox struct {
	joined      bool
	queue       fifo[*parcel] // for this bind, window full
	sent        map[uint32]*parcel
	first, last *parcel // of sent, oldest first
}

// office delivers parcels to the binds that can receive: by time, one window a
// bind, again when the answer is negative or missing, and on another bind
// when one is lost.
//
// Lock order: office.mu, then bind.mu. A reader must not call in here while
// it holds bind.mu.
type office struct {
	s    *SMSC
	wake chan struct{}

	mu        sync.Mutex
	reserved  int // parcels there are, wherever they wait; bounded by QueueLimit
	inFlight  int
	lastID    uint64
	bound     int
	receivers []*bind
	turn      int
	later     heap[*parcel]
	waiting   fifo[*parcel] // no bind can receive them
}

func newOffice(s *SMSC) *office {
	return &office{s: s, wake: make(chan struct{}, 1), later: heap[*parcel]{less: func(a, b **parcel) bool {
		return (*a).due < (*b).due || (*a).due == (*b).due && (*a).id < (*b).id
	}}}
}

// reserve makes room for n parcels, or reports that there is none.
func (o *office) reserve(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reserved+n > o.s.opts.QueueLimit {
		return false
	}
	o.reserved += n
	return true
}

// post takes parcels for which room was reserved.
func (o *office) post(parcels []*parcel, now time.Duration) {
	if len(parcels) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range parcels {
		o.lastID++
		p.id = o.lastID
		o.schedule(p, now)
	}
}

// schedule assigns a parcel that is due, and keeps another for later.
func (o *office) schedule(p *parcel, now time.Duration) {
	if p.due <= now {
		o.assign(p)
		return
	}
	o.later.push(p)
	if o.later.items[0] == p {
		o.signal()
	}
}

func (o *office) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // it has not taken the last token yet
	}
}

// run is the office's goroutine: it sends what falls due and misses answers
// that do not come.
func (o *office) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(max(o.round(), grain))
		// No look more often than every grain, however much is posted.
		select {
		case <-o.s.quit:
			return
		case <-timer.C:
			continue
		case <-o.wake:
		}
		timer.Reset(grain)
		select {
		case <-o.s.quit:
			return
		case <-timer.C:
		}
	}
}

// round does what is due and tells how long there is until the next.
func (o *office) round() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.s.now()
	for len(o.later.items) > 0 && o.later.items[0].due <= now {
		o.assign(o.later.pop())
	}
	wait := time.Hour
	for _, b := range o.receivers {
		for p := b.mail.first; p != nil && p.deadline <= now; p = b.mail.first {
			o.take(p)
			o.s.audit.ended(p, nil, "timeout")
			o.failed(p, now)
			o.pump(b)
		}
		if p := b.mail.first; p != nil {
			wait = min(wait, p.deadline-now)
		}
	}
	if len(o.later.items) > 0 {
		wait = min(wait, o.later.items[0].due-now)
	}
	return wait
}

// assign gives a parcel to a bind, or lets it wait for one.
func (o *office) assign(p *parcel) {
	if p.void {
		o.release(p)
		o.reserved--
		return
	}
	b := o.choose(p)
	if b == nil {
		o.release(p)
		o.waiting.push(p)
		return
	}
	b.mail.queue.push(p)
	o.pump(b)
	// Sent or not: to hold the answer until the ESME makes room in the window
	// could lock the two up for good.
	o.release(p)
}

// release sends the submit_sm_resp on that waited for this receipt.
func (o *office) release(p *parcel) {
	if h := p.held; h != nil {
		p.held = nil
		h.bind.answer(h.answer, o.s.now())
		h.bind.signal()
	}
}

// choose picks the bind for a parcel: nil when none can take it.
func (o *office) choose(p *parcel) *bind {
	if p.together != nil && p.together.bind != nil && p.together.bind.mail.joined {
		return p.together.bind
	}
	if p.via == ViaSame && p.origin.mail.joined && p.origin.receiver {
		return p.origin
	}
	var chosen *bind
	for i := range o.receivers {
		b := o.receivers[(o.turn+i)%len(o.receivers)]
		if p.account != "" && b.systemID != p.account {
			continue
		}
		if b == p.origin && p.via == ViaOther {
			if chosen == nil {
				chosen = b // for want of a better one
			}
			continue
		}
		if chosen == nil || chosen == p.origin && p.via == ViaOther {
			chosen = b
		}
		if len(b.mail.sent) < o.s.opts.DeliverWindow {
			chosen = b
			break
		}
	}
	o.turn++
	if p.together != nil {
		p.together.bind = chosen
	}
	return chosen
}

// pump writes what the window of a bind has room for.
func (o *office) pump(b *bind) {
	m, wrote := &b.mail, false
	for m.queue.len() > 0 && len(m.sent) < o.s.opts.DeliverWindow {
		p := m.queue.items[m.queue.head]
		if p.void {
			m.queue.pop()
			o.reserved--
			continue
		}
		sequence, err := b.deliver(p.raw)
		if err != nil {
			break // its reader is about to call leave, which gives all to others
		}
		m.queue.pop()
		now := o.s.now()
		p.on, p.sequence, p.sentAt = b, sequence, now
		p.deadline = now + o.s.behaviour.Load().Retry.Timeout
		p.tries++
		m.sent[sequence] = p
		if p.prev = m.last; p.prev != nil {
			p.prev.next = p
		} else {
			m.first = p
		}
		m.last = p
		o.inFlight++
		if p.kind == KindReceipt {
			o.s.count.receiptsSent.Add(1)
		} else {
			o.s.count.moSent.Add(1)
		}
		if m.first == p {
			o.signal() // its deadline may be the next thing to happen
		}
		o.s.audit.sent(p)
		wrote = true
	}
	if wrote {
		b.signal()
	}
}

// take removes a parcel from the ones that wait for an answer.
func (o *office) take(p *parcel) {
	m := &p.on.mail
	delete(m.sent, p.sequence)
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		m.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		m.last = p.prev
	}
	p.next, p.prev = nil, nil
	o.inFlight--
}

// answered takes a deliver_sm_resp. One that comes after the timeout, or that
// nothing was sent for, is ignored.
func (o *office) answered(b *bind, sequence, status uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := b.mail.sent[sequence]
	if !ok {
		return
	}
	o.take(p)
	o.s.audit.ended(p, &status, "")
	if status != 0 {
		o.failed(p, o.s.now())
		o.pump(b)
		return
	}
	if p.kind == KindReceipt {
		o.s.count.receiptsAcked.Add(1)
	} else {
		o.s.count.moAcked.Add(1)
	}
	if p.repeat {
		p.repeat, p.tries, p.failures = false, 0, 0
		o.assign(p)
	} else {
		o.reserved--
	}
	o.pump(b)
}

// failed tries a parcel again later, or gives it up.
func (o *office) failed(p *parcel, now time.Duration) {
	retry := o.s.behaviour.Load().Retry
	o.s.count.retried.Add(1)
	if p.failures++; p.failures >= retry.Max {
		o.s.count.givenUp.Add(1)
		o.reserved--
		return
	}
	p.due = now + retry.Delay
	// Never at once, whatever Delay says: the caller may be in a loop over
	// what is due.
	o.later.push(p)
	o.signal()
}

// join makes a bind known. What waited for one like it is sent.
func (o *office) join(b *bind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bound++
	b.mail.joined = true
	if !b.receiver {
		return
	}
	o.receivers = append(o.receivers, b)
	for range o.waiting.len() {
		o.assign(o.waiting.pop())
	}
}

// leave takes a bind out; what it had and what it did not answer goes to
// others. It may be called more than once.
func (o *office) leave(b *bind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !b.mail.joined {
		return
	}
	b.mail.joined = false
	o.bound--
	for i, r := range o.receivers {
		if r == b {
			o.receivers = append(o.receivers[:i], o.receivers[i+1:]...)
			break
		}
	}
	var orphans []*parcel
	for p := b.mail.first; p != nil; p = b.mail.first {
		o.take(p)
		o.s.audit.ended(p, nil, "disconnect")
		orphans = append(orphans, p)
	}
	for b.mail.queue.len() > 0 {
		orphans = append(orphans, b.mail.queue.pop())
	}
	for _, p := range orphans {
		o.assign(p)
	}
}

// crowded says that half of all places are taken. Unsolicited messages stop
// there: they must not take the places of receipts while nobody can receive.
func (o *office) crowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reserved > o.s.opts.QueueLimit/2
}

func (o *office) sizes() (binds, receivers, queue, inFlight int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bound, len(o.receivers), o.reserved - o.inFlight, o.inFlight
}
