package smppproxy

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Action is what is done with a PDU instead of handing it on.
type Action uint8

// The actions.
const (
	CutBefore  Action = iota + 1 // the connection ends, and the PDU with it
	CutAfter                     // the connection ends right behind it
	Swallow                      // it is never handed on
	Late                         // it is handed on after Delay; others overtake it
	Twice                        // it is handed on, and once more after Delay
	Shuffle                      // it waits for others, at most Delay, and they go in random order
	HalfCut                      // half of it, then the connection ends
	HalfSilent                   // half of it, then nothing more in this direction, though the connection stays
	Refuse                       // a request is not handed on but answered with Status, and Body
	Nack                         // the same by generic_nack, with the request's sequence_number
	Before                       // Bytes come before it
)

// shuffled is how many PDUs Shuffle gathers at most.
const shuffled = 32

// Rule breaks PDUs of one command as they pass, in either direction.
type Rule struct {
	Command uint32
	// After lets so many pass first.
	After int
	// Share is the part of them, 0 to 1, that is broken. 0 means each one.
	Share float64
	// Times is how often the rule is played at most; 0 sets no limit.
	Times int

	Do     Action
	Delay  time.Duration
	Status uint32
	Body   []byte
	Bytes  []byte
}

// rules decides, for all connections of a proxy.
type rules struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	active []standing
	played map[Action]int
}

// standing is a rule and how far it is.
type standing struct {
	Rule
	seen, done int
}

func (r *rules) set(list []Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = r.active[:0]
	for _, rule := range list {
		r.active = append(r.active, standing{Rule: rule})
	}
}

// judge returns the first rule that wants the PDU, nil for none.
func (r *rules) judge(f frame) *Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.active {
		s := &r.active[i]
		if s.Command != f.command() || s.Times > 0 && s.done >= s.Times {
			continue
		}
		if s.seen++; s.seen <= s.After || s.Share > 0 && r.rnd.Float64() >= s.Share {
			continue
		}
		s.done++
		r.played[s.Do]++
		return &s.Rule
	}
	return nil
}

func (r *rules) shuffle(fs []frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rnd.Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
}

func (r *rules) random(n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.rnd.Uint32())
	}
	return b
}
