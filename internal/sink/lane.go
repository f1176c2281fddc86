package sink

// fifo is a queue of messages that reuses its memory.
type fifo struct {
	items []*message
	head  int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(m *message) { f.items = append(f.items, m) }

func (f *fifo) pop() *message {
	m := f.items[f.head]
	f.items[f.head] = nil
	f.head++
	if f.head == len(f.items) {
		f.items, f.head = f.items[:0], 0
	} else if f.head >= 4096 && f.head*2 >= len(f.items) {
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	return m
}

// pushFront puts messages back in front, in their order.
func (f *fifo) pushFront(ms []*message) {
	if len(ms) == 0 {
		return
	}
	if f.head >= len(ms) {
		f.head -= len(ms)
		copy(f.items[f.head:], ms)
		return
	}
	f.items = append(append(make([]*message, 0, len(ms)+f.len()), ms...), f.items[f.head:]...)
	f.head = 0
}

// lanes hold what waits for a grant: by priority, then by where it may go, so
// that what waits for one SMSC stands in nobody else's way.
type lanes struct {
	byPriority [4]map[int]*fifo // key: candidate set, or -1-target where the record names its route
	count      int
}

func laneKey(m *message) int {
	if m.set >= 0 {
		return m.set
	}
	return -1 - m.target
}

func lanePriority(m *message) int { return max(m.out.Priority, 0) & 3 }

func (l *lanes) of(m *message) *fifo {
	p := lanePriority(m)
	if l.byPriority[p] == nil {
		l.byPriority[p] = make(map[int]*fifo)
	}
	f := l.byPriority[p][laneKey(m)]
	if f == nil {
		f = &fifo{}
		l.byPriority[p][laneKey(m)] = f
	}
	return f
}

func (l *lanes) push(m *message) {
	m.state = waiting
	l.of(m).push(m)
	l.count++
}

// pushFront puts one back first: what was sent before goes before what was not.
func (l *lanes) pushFront(m *message) {
	m.state = waiting
	l.of(m).pushFront([]*message{m})
	l.count++
}
