package smpp

// queue is the four lanes of an account's submits, the highest priority first and
// in order within a lane. Its size is bounded by who offers, through Budget. Not
// safe for concurrent use: the account's mutex guards it.
type queue struct {
	lanes [Priorities]deque
	n     int
}

func laneOf(s *Submit) int { return min(int(s.Priority), Priorities-1) }

func (q *queue) pushBack(s *Submit) {
	q.lanes[laneOf(s)].pushBack(s)
	q.n++
}

// pushFront puts a batch that was taken back where it came from, in its order.
func (q *queue) pushFront(batch []*Submit) {
	for i := len(batch) - 1; i >= 0; i-- {
		q.lanes[laneOf(batch[i])].pushFront(batch[i])
	}
	q.n += len(batch)
}

// front returns the submit to go next, nil if there is none, and its lane.
func (q *queue) front() (*Submit, *deque) {
	for i := Priorities - 1; i >= 0; i-- {
		if l := &q.lanes[i]; l.n > 0 {
			return l.buf[l.head], l
		}
	}
	return nil, nil
}

func (q *queue) drop(l *deque) {
	l.popFront()
	q.n--
}

// takeAll appends all submits to dst and leaves none.
func (q *queue) takeAll(dst []*Submit) []*Submit {
	for {
		s, lane := q.front()
		if s == nil {
			return dst
		}
		dst = append(dst, s)
		q.drop(lane)
	}
}

// takeRevoked appends the submits whose claim is revoked to dst; the others keep
// their order.
func (q *queue) takeRevoked(dst []*Submit) []*Submit {
	for i := range q.lanes {
		l := &q.lanes[i]
		for range l.n {
			s := l.popFront()
			if s.Claim.Revoked() {
				dst = append(dst, s)
				q.n--
			} else {
				l.pushBack(s)
			}
		}
	}
	return dst
}

// deque is a ring that grows by doubling and shrinks to nothing big when it has
// been emptied, so that one burst is not paid for ever.
type deque struct {
	buf  []*Submit // length a power of two
	head int
	n    int
}

const dequeKeep = 4096 // entries that an empty deque may keep

func (d *deque) pushBack(s *Submit) {
	d.grow()
	d.buf[(d.head+d.n)&(len(d.buf)-1)] = s
	d.n++
}

func (d *deque) pushFront(s *Submit) {
	d.grow()
	d.head = (d.head - 1) & (len(d.buf) - 1)
	d.buf[d.head] = s
	d.n++
}

func (d *deque) popFront() *Submit {
	s := d.buf[d.head]
	d.buf[d.head] = nil
	d.head = (d.head + 1) & (len(d.buf) - 1)
	d.n--
	if d.n == 0 && len(d.buf) > dequeKeep {
		*d = deque{}
	}
	return s
}

func (d *deque) grow() {
	if d.n < len(d.buf) {
		return
	}
	buf := make([]*Submit, max(64, 2*len(d.buf)))
	for i := range d.n {
		buf[i] = d.buf[(d.head+i)&(len(d.buf)-1)]
	}
	d.buf, d.head = buf, 0
}
