package smsc

// random is SplitMix64: eight bytes of state on the stack, so that every submit
// can have a stream of its own, seeded by its number. That keeps runs
// repeatable whichever bind a submit came over, and needs no lock.
type random struct{ state uint64 }

func newRandom(seed, n uint64) random {
	r := random{seed ^ n*0x9e3779b97f4a7c15}
	r.state = r.next() // streams of neighbouring n would otherwise overlap
	return r
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// float is in [0, 1).
func (r *random) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// chance is true with probability p. It draws nothing when p is 0 or less.
func (r *random) chance(p float64) bool { return p > 0 && r.float() < p }

// below is in [0, n); n must be above 0.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }
