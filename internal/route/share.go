package route

// maxWeight keeps every sum of weights far from the end of int64.
const maxWeight = 1 << 20

// share is the round robin's state for one set.
//
// It is the smooth kind: at each choice every usable member gains its weight, the one that has most is chosen and pays what all gained. With
// weights 5, 1, 1 that gives a a b a c a a and not a a a a a b c, so that a share also holds over short stretches, and no carrier
// sees bursts. A member that is not usable neither gains nor pays: when it comes back it has no backlog to catch up on.
//
// The same target has a state of its own in every set: traffic to one prefix does not disturb the shares of another.
type share struct {
	members []member // by priority
}

type member struct {
	target   int
	priority int
	weight   int64
	credit   int64 // the sum over a tier is always 0
}

func newShare(indexes []int, targets []Target) share {
	s := share{members: make([]member, len(indexes))}
	for i, index := range indexes {
		weight := min(max(targets[index].Weight, 1), maxWeight)
		s.members[i] = member{target: index, priority: targets[index].Priority, weight: int64(weight)}
	}
	return s
}

// pick walks tier by tier and ends at the first in which somebody is usable. It allocates nothing.
func (s *share) pick(usable func(target int) bool) (target int, ok bool) {
	var best *member
	var gained int64
	for i := range s.members {
		m := &s.members[i]
		if best != nil && m.priority != best.priority {
			break
		}
		if !usable(m.target) {
			continue
		}
		m.credit += m.weight
		gained += m.weight
		if best == nil || m.credit > best.credit {
			best = m
		}
	}
	if best == nil {
		return 0, false
	}
	best.credit -= gained
	return best.target, true
}
