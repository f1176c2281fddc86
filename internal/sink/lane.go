package sink

// lanes hold what waits for a grant: by priority, then by where it may go, so
// that what waits for one SMSC stands in nobody else's way.
type lanes struct {
	byPriority [4]map[int]*lane // key: candidate set, or -1-target where the record names its route
	count      int
}

func laneKey(m *message) int {
	if m.set >= 0 {
		return m.set
	}
	return -1 - m.target
}

// lanePriority is what the record says, or else its topic (SINK_PRIORITY_TOPICS).
func lanePriority(m *message) int {
	if p := m.out.Priority; p >= 0 {
		return p & 3
	}
	return m.part.priority & 3
}

func (l *lanes) of(m *message) *lane {
	p := lanePriority(m)
	if l.byPriority[p] == nil {
		l.byPriority[p] = make(map[int]*lane)
	}
	f := l.byPriority[p][laneKey(m)]
	if f == nil {
		f = &lane{}
		l.byPriority[p][laneKey(m)] = f
	}
	return f
}

func (l *lanes) push(m *message) {
	m.state = waiting
	l.of(m).push(m)
	l.count++
}

// pushFront puts one back before the others of its topic and sender: what was sent
// before goes before what was not.
func (l *lanes) pushFront(m *message) {
	m.state = waiting
	l.of(m).pushFront(m)
	l.count++
}

// lane is what waits for the same SMSCs with the same priority. Its topics share it
// fairly, and within a topic its senders do: a backlog of one holds nobody else back.
// What is shared are PDUs, so that a sender of long messages has no more of the pace than
// one of short ones (start-time fair queueing, Goyal et al. 1996: the least served is next,
// and who comes anew begins where the others are).
//
// Within a topic and sender the order is that in which the records were read.
type lane struct {
	topics []*topicFlow // by partition.topicNo; nil: nothing of it was ever here
	round  round[*topicFlow]
	n      int
}

type topicFlow struct {
	share
	senders [senderFlows]*senderFlow
	round   round[*senderFlow]
	n       int
}

type senderFlow struct {
	share
	messages fifo[*message]
}

// senderFlows bounds the senders of a topic that are told apart. Those that share a
// place share its part.
const senderFlows = 64

// share is what a flow has had.
type share struct {
	served int64 // PDUs
	listed bool  // in its round
}

func (s *share) had() *share { return s }

type flow interface {
	had() *share
	empty() bool
}

func (t *topicFlow) empty() bool  { return t.n == 0 }
func (s *senderFlow) empty() bool { return s.messages.len() == 0 }

// round is the flows among which the next is chosen. They are few: one that is empty
// leaves when it is met.
type round[F flow] struct {
	flows []F
	at    int64 // what the flow served last had had before
}

func (r *round[F]) list(f F) {
	if h := f.had(); !h.listed {
		h.listed, h.served = true, max(h.served, r.at)
		r.flows = append(r.flows, f)
	}
}

// next is the flow served least; there is one that is not empty.
func (r *round[F]) next() F {
	var best F
	var least *share
	for i := 0; i < len(r.flows); {
		f := r.flows[i]
		h := f.had()
		if f.empty() {
			h.listed = false
			last := len(r.flows) - 1
			r.flows[i] = r.flows[last]
			clear(r.flows[last:])
			r.flows = r.flows[:last]
			continue
		}
		if least == nil || h.served < least.served {
			best, least = f, h
		}
		i++
	}
	return best
}

func (r *round[F]) charge(f F, pdus int) {
	r.at = f.had().served
	f.had().served += int64(pdus)
}

func (r *round[F]) refund(f F, pdus int) {
	f.had().served -= int64(pdus)
	r.at = min(r.at, f.had().served)
}

func pdus(m *message) int { return max(1, len(m.pieces)) }

func (l *lane) len() int { return l.n }

// flows finds the places of a message.
func (l *lane) flows(m *message) (*topicFlow, *senderFlow) {
	no := m.part.topicNo
	for len(l.topics) <= no {
		l.topics = append(l.topics, nil)
	}
	t := l.topics[no]
	if t == nil {
		t = &topicFlow{}
		l.topics[no] = t
	}
	s := t.senders[m.sender%senderFlows]
	if s == nil {
		s = &senderFlow{}
		t.senders[m.sender%senderFlows] = s
	}
	return t, s
}

// enter makes room for one more in both rounds.
func (l *lane) enter(t *topicFlow, s *senderFlow) {
	l.round.list(t)
	t.round.list(s)
	l.n++
	t.n++
}

func (l *lane) push(m *message) {
	t, s := l.flows(m)
	l.enter(t, s)
	s.messages.push(m)
}

func (l *lane) pushFront(m *message) {
	t, s := l.flows(m)
	l.enter(t, s)
	s.messages.pushFront(m)
}

// putBack undoes pops, the last one first.
func (l *lane) putBack(ms []*message) {
	for i := len(ms) - 1; i >= 0; i-- {
		t, s := l.flows(ms[i])
		l.round.refund(t, pdus(ms[i]))
		t.round.refund(s, pdus(ms[i]))
		l.enter(t, s)
		s.messages.pushFront(ms[i])
	}
}

// pop takes the next one; the lane is not empty.
func (l *lane) pop() *message {
	t := l.round.next()
	s := t.round.next()
	m := s.messages.pop()
	l.round.charge(t, pdus(m))
	t.round.charge(s, pdus(m))
	l.n--
	t.n--
	return m
}

// senderNo is the place of a sender among those of its topic.
func senderNo(from string) uint8 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(from) {
		h = (h ^ uint32(from[i])) * 16777619
	}
	return uint8(h>>16) % senderFlows
}
