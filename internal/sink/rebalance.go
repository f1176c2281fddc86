package sink

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/ledger"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// limboFor bounds how long we remember a partition that was lost and given to
// nobody we know of, and limboBeside for how long beside others that the group has given us since: it
// comes back with them or a moment later, or is another replica's.
const (
	limboFor    = 15 * time.Minute
	limboBeside = time.Minute
)

// onAssigned runs before the client reads the committed offsets of what was
// added, and ends what a dead replica has left open there.
func (s *Sink) onAssigned(client context.Context, cl *kgo.Client, added map[string][]int32) {
	<-s.ready // the client joins the group while Start still holds it
	ctx, cancel := s.untilStopped(client)
	defer cancel()
	s.adopt(ctx, cl)
	// Also where nothing was added: topics may have grown, and who does not know of it
	// would go on with more than its share of the pace.
	s.countPartitions(ctx)
	if len(added) == 0 {
		s.do(ctx, func() {
			s.givenAt = time.Now()
			s.assignmentChanged()
		})
		return
	}
	s.txn.Left.End(ctx, client, cl, added)
}

func (s *Sink) leftOpen() *kafka.LeftOpen {
	return &kafka.LeftOpen{Dialer: s.dialer, Group: s.cfg.SinkGroup(), Prefix: s.txnPrefix(), Own: s.txn.Writer(), Spare: s.cfg.Topics.Results,
		Topics: []string{s.cfg.Topics.Results, s.cfg.Topics.DeadLetter, s.submitted.name},
		WriterOf: func(metadata string) string {
			m, _ := ledger.ParseMetadata(metadata) // one that cannot be read is reported by onOffsets
			return m.Writer
		}}
}

// onOffsets installs the ledgers of what was added, before its first record is
// fetched. An error sends the client back to join the group.
func (s *Sink) onOffsets(ctx context.Context, cl *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	ctx, cancel := s.untilStopped(ctx)
	defer cancel()
	offsets, err := kafka.OffsetsOf(resp)
	if err == nil {
		offsets, err = s.unforgotten(ctx, cl, offsets)
	}
	if err != nil {
		return err
	}
	metas := make(map[tp]*ledger.Meta)
	for topic, ps := range offsets {
		for partition, om := range ps {
			m, err := ledger.ParseMetadata(om.Metadata)
			if err != nil {
				s.fail(err)
				return err
			}
			metas[tp{topic, partition}] = &m
		}
	}
	ids, err := s.topicIDs(ctx, offsets)
	if err != nil {
		return err
	}
	s.ofFormerTopics(offsets, metas, ids)
	member := s.membership().MemberID
	ok := s.doSettled(ctx, func() {
		for key, m := range metas {
			om, _ := offsets.Get(key.topic, key.partition)
			s.install(key, om, m, ids[key.topic])
			s.parts[key].member = member
		}
		s.givenAt = time.Now()
		s.assignmentChanged()
	})
	if !ok {
		return context.Cause(ctx)
	}
	return nil
}

// install takes a partition over: with what we know of it, if the commit found is
// the very one that we made (nobody else had it in between), or from the
// metadata alone.
func (s *Sink) install(key tp, om kafka.OffsetMeta, m *ledger.Meta, topicID string) {
	old := s.limbo[key]
	if old == nil {
		old = s.parts[key]
	}
	delete(s.limbo, key)
	delete(s.parts, key)
	s.epoch++
	s.setEpoch(key, s.epoch)
	if old != nil && old.letGo == nil && old.ledger.Topic() == topicID {
		lost := old.behind(om)
		if lost {
			s.keep(old, om)
		}
		if lost || old.committed == om {
			s.resume(old)
			return
		}
	}
	if old != nil {
		s.endLetGo(old)
		s.forget(old)
	}
	s.takenOver = true
	p := &partition{tp: key, epoch: s.epoch, held: true, claim: new(smpp.Claim), n: m.N, committed: om, ledger: m.Restore(max(om.Offset, 0)),
		topicNo: s.topicNo(key.topic), priority: s.cfg.Sink.TopicPriorities[key.topic]}
	if err := p.ledger.SetTopic(topicID); err != nil {
		s.fail(err)
	}
	s.parts[key] = p
	if g := p.ledger.Granted(); g > 0 {
		s.log.Info("took over a partition with records in doubt", "topic", key.topic, "partition", key.partition,
			"in_doubt", g, "offset", om.Offset, "delivery_in_doubt", s.cfg.Delivery.InDoubt)
	}
}

// topicNo numbers the topics held so far.
func (s *Sink) topicNo(topic string) int {
	n, ok := s.topicNos[topic]
	if !ok {
		n = len(s.topicNos)
		s.topicNos[topic] = n
	}
	return n
}

// resume goes on with a partition that came back untouched.
func (s *Sink) resume(p *partition) {
	p.held, p.limbo, p.claim, p.epoch = true, false, new(smpp.Claim), s.epoch
	p.ledger.Touch()
	s.parts[p.tp] = p
	parked := p.parked
	p.parked = nil
	for _, m := range parked {
		m.parked = false
		switch m.state {
		case finished:
			s.draft.messages = append(s.draft.messages, m)
		case gone:
		default:
			if m.status != "" || m.rec.Value == nil { // a verdict that waits for its place in the ledger
				s.verdicts.push(m)
				continue
			}
			if m.unread {
				s.sort(m)
				continue
			}
			s.lanes.push(m)
		}
	}
}

// forget lets a partition's messages go: another owner has them.
func (s *Sink) forget(p *partition) {
	p.held, p.limbo = false, false
	for _, m := range p.parked {
		m.end()
	}
	p.parked, p.beyond, p.stalled = nil, nil, nil
	s.retries.drop(func(m *message) bool { // some would lie there until the morning
		if m.part != p {
			return false
		}
		m.end()
		return true
	})
	if p.paused {
		p.paused = false
		s.consumer.ResumeFetchPartitions(map[string][]int32{p.topic: {p.partition}})
	}
}

// withdraw takes what is queued and unsent back from the accounts.
func (s *Sink) withdraw(p *partition) {
	p.claim.Revoke()
	for _, a := range s.accounts {
		a.Withdraw(p.claim)
	}
}

// onRevoked hands partitions over cleanly: no more grants, what is unsent taken
// back, answers awaited, and a last commit in which nothing is granted. Only then
// may another replica have them.
func (s *Sink) onRevoked(ctx context.Context, _ *kgo.Client, revoked map[string][]int32) {
	var keys []tp
	for topic, ps := range revoked {
		for _, p := range ps {
			keys = append(keys, tp{topic, p})
		}
	}
	if len(keys) == 0 {
		return
	}
	s.loseStale(ctx, keys)
	ctx, cancel := context.WithTimeout(ctx, s.revokeTimeout())
	defer cancel()
	faultpoint.At("sink.revoke.begin")
	s.letGo(ctx, keys)
	faultpoint.At("sink.revoke.end")
}

// revokeTimeout is how long a hand-over waits for answers: as long as the slowest
// SMSC may take, but well within the minute that the group waits for us.
func (s *Sink) revokeTimeout() time.Duration {
	t := 5 * time.Second
	for _, c := range s.cfg.SMSCs {
		t = max(t, c.ResponseTimeout+2*time.Second)
	}
	return min(t, 40*time.Second)
}

// letGo hands partitions over (all, with nil), waiting until that is clean or
// ctx ends. Where it has a deadline, the last of its time is the commit's that is in hand by then.
func (s *Sink) letGo(ctx context.Context, keys []tp) {
	var leaving []*partition
	var waits []chan struct{}
	begun := s.do(ctx, func() {
		if keys == nil {
			for key := range s.parts {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			if p := s.parts[key]; p != nil {
				leaving, waits = append(leaving, p), append(waits, s.beginLetGo(p))
			}
		}
		s.cadence = cadence{} // at once
	})
	faultpoint.At("sink.letgo.waiting")
	wait := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		wait, cancel = context.WithDeadline(ctx, end.Add(-min(settleFor, time.Until(end)/4)))
		defer cancel()
	}
	clean := begun
	for _, w := range waits {
		clean = clean && closed(wait, w)
	}
	last := func() {
		if keys == nil { // ctx had ended before anything was begun: all are lost as they are
			keys = slices.Collect(maps.Keys(s.parts))
		}
		for _, key := range keys {
			p := s.parts[key]
			switch {
			case p == nil || begun && !slices.Contains(leaving, p): // or it was given to us anew
			case p.clean() && s.inflight == nil:
				s.handOver(p)
			default:
				s.log.Warn("a partition is handed over before all answers have come", "topic", key.topic, "partition", key.partition,
					"in_doubt", p.ledger.Granted())
				s.lose(p)
			}
		}
		s.assignmentChanged()
	}
	// The commit in hand may have written results of theirs, and is aborted where they are lost before it has its offsets.
	if clean || !s.doSettled(ctx, last) {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		s.do(final, last)
	}
}

// settleFor is how long, at the end of a hand-over that is not clean, the commit in hand is waited for at most.
const settleFor = 2 * time.Second

// closed waits for that, and tells whether ctx has ended before.
func closed(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
}

func (s *Sink) beginLetGo(p *partition) chan struct{} {
	if p.letGo != nil {
		return p.letGo
	}
	wait := make(chan struct{})
	p.letGo = wait
	s.leaving++
	s.setEpoch(p.tp, 0)
	s.withdraw(p)
	p.claim = new(smpp.Claim) // for the rest of messages that were sent in part
	p.beyond = nil
	for _, m := range p.stalled {
		if m.state == waiting {
			s.leave(m)
		}
	}
	p.stalled = nil
	var due []*message
	s.retries.drop(func(m *message) bool {
		if m.part != p {
			return false
		}
		due = append(due, m)
		return true
	})
	for _, m := range due {
		if m.state == backoff && m.owed {
			s.lanes.pushFront(m) // now rather than in a minute: the hand-over waits for it
		} else if m.state == backoff {
			s.leave(m)
		}
	}
	if s.inflight == nil && p.clean() {
		s.handOver(p)
	}
	return wait
}

// handOver ends our ownership.
func (s *Sink) handOver(p *partition) {
	delete(s.parts, p.tp)
	s.forget(p)
	s.endLetGo(p)
}

// endLetGo ends a hand-over, one way or the other.
func (s *Sink) endLetGo(p *partition) {
	if p.letGo != nil {
		close(p.letGo)
		p.letGo = nil
		s.leaving--
	}
}

// onLost is told when the group has given up on us: somebody else may own the
// partitions already. Nothing more is sent for them from here on.
func (s *Sink) onLost(ctx context.Context, _ *kgo.Client, lost map[string][]int32) {
	s.do(ctx, func() {
		for topic, ps := range lost {
			for _, partition := range ps {
				if p := s.parts[tp{topic, partition}]; p != nil {
					s.lose(p)
				}
			}
		}
		s.assignmentChanged()
	})
	if len(lost) > 0 {
		s.log.Warn("lost partitions: the group's session ended; sending nothing of theirs until they come back", "topics", lost)
	}
}

// checkLimbo forgets what did not come back.
func (s *Sink) checkLimbo(now time.Time) {
	for key, p := range s.limbo {
		given := s.givenAt.After(p.limboAt) && len(s.parts) > 0 && now.Sub(s.givenAt) > limboBeside
		if given || now.Sub(p.limboAt) > limboFor {
			delete(s.limbo, key)
			s.forget(p)
		}
	}
}

// assignmentChanged shares memory and pace by the partitions that we hold.
func (s *Sink) assignmentChanged() {
	held := len(s.parts)
	s.shareRoom(held)
	s.consumer.UpdateFetchMaxBytes(maxFetch, fetchOf(held))
	if total := s.totalPartitions.Load(); total > 0 && held > 0 {
		for _, a := range s.accounts {
			if s.heldNone && s.takenOver {
				a.SetShare(0) // what others had until now they give up slowly: so must we take it
			}
			a.SetShare(min(1, float64(held)/float64(total)))
		}
	}
	s.heldNone, s.takenOver = held == 0, false
	s.metrics.partitions.Set(float64(held))
	s.published = time.Time{}
	s.nudge()
}

// countPartitions counts all input partitions, of which ours are the share.
func (s *Sink) countPartitions(ctx context.Context) {
	names := s.cfg.Sink.Topics
	var re *regexp.Regexp
	if s.cfg.Sink.TopicsRegex != "" {
		names = nil
		re = regexp.MustCompile(s.cfg.Sink.TopicsRegex) // checked with the configuration
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	details, err := kadm.NewClient(s.consumer).ListTopics(ctx, names...)
	if err != nil {
		return
	}
	n := 0
	for name, d := range details {
		if re == nil || re.MatchString(name) {
			n += len(d.Partitions)
		}
	}
	s.totalPartitions.Store(int64(n))
}
