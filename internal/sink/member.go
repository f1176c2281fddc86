package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// A member that the coordinator evicts while it waits to join is told so in the
// answer to its JoinGroup. The client then joins anew under another id, and calls
// neither OnPartitionsLost nor anything else (kgo v1.22, cooperative): what we hold
// was somebody else's meanwhile, perhaps still is, and the generation that Kafka
// checks is valid again. A commit would overwrite the other's ledger, and every
// result since would be there twice. So each partition remembers the member that it
// was given to.

func (s *Sink) membership() kafka.Membership {
	return kafka.MembershipOf(s.consumer, s.cfg.SinkGroup())
}

// mayCommit tells whether a commit as this member can speak for all that we hold:
// not until adopt has looked, or what is another member's has been taken away.
func (s *Sink) mayCommit(m kafka.Membership) bool {
	if !m.Valid() {
		return false
	}
	for _, p := range s.parts {
		if p.member != m.MemberID {
			return false
		}
	}
	return true
}

// adopt goes on, as the member that we are now, with what we hold as the one that
// we were. It runs when the group has just confirmed that all of it is ours; if
// the commit found is still the one that we made, nobody had it in between.
func (s *Sink) adopt(ctx context.Context, cl *kgo.Client) {
	member := s.membership().MemberID
	held := make(map[string][]int32)
	ok := s.doSettled(ctx, func() {
		for key, p := range s.parts {
			if p.member != member {
				held[key.topic] = append(held[key.topic], key.partition)
			}
		}
	})
	if !ok || len(held) == 0 {
		return // or the assignment is over, and we are asked again at the next
	}
	assigned := ctx
	ctx, cancel := context.WithTimeout(ctx, kafka.TransactionTimeout)
	defer cancel()
	offsets, err := kafka.Stable(ctx, cl, s.cfg.SinkGroup(), held)
	if err == nil {
		offsets, err = s.unforgotten(ctx, cl, offsets)
	}
	if assigned.Err() != nil {
		return
	}
	if err != nil {
		s.fail(fmt.Errorf("the group took this replica for a new member, and what was committed meanwhile could not be read: %w", err))
		return
	}
	s.do(ctx, func() {
		for topic, ps := range held {
			for _, partition := range ps {
				p := s.parts[tp{topic, partition}]
				if p == nil {
					continue
				}
				om, _ := offsets.Get(topic, partition)
				if p.behind(om) {
					s.keep(p, om)
				} else if om != p.committed {
					// The client goes on reading where it stood; only a new start
					// reads what the other has left.
					s.fail(fmt.Errorf("%s[%d] was another replica's while the group had evicted this one", topic, partition))
					return
				}
				p.member = member
				p.ledger.Touch()
			}
		}
	})
}

// loseStale treats what is taken away, but was given to the member that we were,
// as lost: there must be no last commit.
func (s *Sink) loseStale(ctx context.Context, keys []tp) {
	m := s.membership()
	s.do(ctx, func() {
		for _, key := range keys {
			if p := s.parts[key]; p != nil && m.Valid() && p.member != m.MemberID {
				s.lose(p)
			}
		}
	})
}

// lose parks a partition that somebody else may own already. Nothing more is sent
// or committed for it, unless it comes back as we left it. One that was being handed over
// may come back too: the broker that does not take the last commit knows of no hand-over.
func (s *Sink) lose(p *partition) {
	s.setEpoch(p.tp, 0)
	delete(s.parts, p.tp)
	p.held = false
	s.withdraw(p)
	s.endLetGo(p)
	p.limbo, p.limboAt = true, time.Now()
	s.limbo[p.tp] = p
}
