package record

// Spare holds what waits to be used again by the transactions that come: three times what one of them has taken of late, since two are on their
// way at a time, one of them taken in two. What came all at once once is not kept for ever.
//
// The zero value is ready for use, and is not for several goroutines at a time.
type Spare[T any] struct {
	free  []T
	taken int // since the last Turn
	most  int // between two Turns, of late
}

// Take returns one that waits, or a zero value: the caller makes one then.
func (s *Spare[T]) Take() T {
	s.taken++
	n := len(s.free)
	if n == 0 {
		var none T
		return none
	}
	v := s.free[n-1]
	clear(s.free[n-1:])
	s.free = s.free[:n-1]
	return v
}

// Put takes one back that nobody uses any more, if fewer than most are here.
func (s *Spare[T]) Put(v T, most int) {
	if len(s.free) < most {
		s.free = append(s.free, v)
	}
}

// Turn is called where a transaction has taken what it needs.
func (s *Spare[T]) Turn() {
	s.most, s.taken = max(s.most, s.taken), 0
}

// Age is called twice a second, and lets go of what the transactions of late have no use for.
func (s *Spare[T]) Age() {
	s.most -= (s.most + 7) / 8
	if keep := 3*s.most + 1; len(s.free) > keep {
		clear(s.free[keep:])
		s.free = s.free[:keep]
	}
}
