package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fault is one thing that breaks.
type fault struct {
	at   time.Duration
	what string
	do   func(w *world)
}

// refusal is a way in which a broker can refuse a request for now.
type refusal struct {
	key kmsg.Key
	top bool
	err *kerr.Error
}

// transient refusals leave the member where it is.
var transient = []refusal{
	{kmsg.OffsetCommit, false, kerr.NotCoordinator},
	{kmsg.OffsetCommit, false, kerr.CoordinatorLoadInProgress},
	{kmsg.OffsetCommit, false, kerr.CoordinatorNotAvailable},
	{kmsg.OffsetCommit, false, kerr.RequestTimedOut}, // applied all the same
	{kmsg.OffsetCommit, false, kerr.IllegalGeneration},
	{kmsg.OffsetCommit, false, kerr.RebalanceInProgress},
	{kmsg.TxnOffsetCommit, false, kerr.NotCoordinator},
	{kmsg.TxnOffsetCommit, false, kerr.CoordinatorLoadInProgress},
	{kmsg.TxnOffsetCommit, false, kerr.RequestTimedOut}, // applied all the same
	{kmsg.TxnOffsetCommit, false, kerr.IllegalGeneration},
	{kmsg.TxnOffsetCommit, false, kerr.UnknownTopicOrPartition},
	{kmsg.EndTxn, true, kerr.UnknownServerError},
	{kmsg.EndTxn, true, kerr.CoordinatorNotAvailable},
	{kmsg.EndTxn, true, kerr.ConcurrentTransactions},
	{kmsg.EndTxn, true, kerr.InvalidTxnState},
	{kmsg.EndTxn, true, kerr.InvalidProducerEpoch},
	{kmsg.Produce, false, kerr.NotLeaderForPartition},
	{kmsg.Produce, false, kerr.RequestTimedOut}, // applied all the same
	{kmsg.Produce, false, kerr.NotEnoughReplicas},
	{kmsg.Produce, false, kerr.NotEnoughReplicasAfterAppend},
	{kmsg.Produce, false, kerr.OutOfOrderSequenceNumber},
	{kmsg.Produce, false, kerr.InvalidProducerEpoch},
	{kmsg.InitProducerID, true, kerr.CoordinatorLoadInProgress},
	{kmsg.InitProducerID, true, kerr.ConcurrentTransactions},
	{kmsg.Heartbeat, true, kerr.NotCoordinator},
	{kmsg.Heartbeat, true, kerr.RebalanceInProgress},
	{kmsg.JoinGroup, true, kerr.CoordinatorLoadInProgress},
	{kmsg.SyncGroup, true, kerr.RebalanceInProgress},
	{kmsg.OffsetFetch, false, kerr.UnstableOffsetCommit},
	{kmsg.OffsetFetch, false, kerr.CoordinatorLoadInProgress},
	{kmsg.Fetch, false, kerr.NotLeaderForPartition},
	{kmsg.Fetch, false, kerr.UnknownServerError},
	{kmsg.AddPartitionsToTxn, false, kerr.ConcurrentTransactions},
	{kmsg.FindCoordinator, false, kerr.CoordinatorNotAvailable},
}

// lossy are the requests whose answer may be lost after they were applied.
var lossy = []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.OffsetCommit, kmsg.Produce, kmsg.InitProducerID, kmsg.JoinGroup, kmsg.SyncGroup,
	kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.LeaveGroup, kmsg.Fetch, kmsg.AddPartitionsToTxn}

// script draws the faults of a seed.
func script(r *rand.Rand, p *plan) []fault {
	var fs []fault
	add := func(n int, make func() (string, func(*world))) {
		for range r.IntN(n) + 1 {
			what, do := make()
			fs = append(fs, fault{at: between(r, 0, p.duration), what: what, do: do})
		}
	}
	f := p.families
	if f.smsc {
		add(5, func() (string, func(*world)) { return smscFault(r, p) })
	}
	if f.slow {
		add(3, func() (string, func(*world)) { return slowFault(r, p) })
	}
	if f.kafka {
		add(8, func() (string, func(*world)) { return kafkaFault(r, p) })
	}
	if f.away {
		add(3, func() (string, func(*world)) { return awayFault(r, p) })
	}
	if f.crash {
		add(3, func() (string, func(*world)) {
			n, loud, after := r.IntN(8), r.IntN(2) == 0, between(r, 0, 5*time.Second)
			return fmt.Sprintf("replica %d killed (its connections reset: %v), another started after %s", n, loud, after), func(w *world) {
				if rep := w.pick(n); rep != nil {
					w.kill(rep, loud)
					w.later(after, w.start)
				}
			}
		})
	}
	if f.freeze {
		add(2, func() (string, func(*world)) {
			n, d := r.IntN(8), between(r, 100*time.Millisecond, 3*p.session)
			return fmt.Sprintf("replica %d frozen for %s", n, d), func(w *world) {
				if rep := w.pick(n); rep != nil {
					w.doubted()
					w.net.freeze(rep.name, d)
				}
			}
		})
	}
	if f.membership {
		add(4, func() (string, func(*world)) {
			if n, after := r.IntN(8), between(r, 0, 3*time.Second); r.IntN(2) == 0 {
				return fmt.Sprintf("replica %d stopped, another started after %s", n, after), func(w *world) {
					if rep := w.pick(n); rep != nil {
						w.stop(rep)
						w.later(after, w.start)
					}
				}
			}
			return "a replica more", func(w *world) {
				if len(w.alive()) < 4 {
					w.start()
				}
			}
		})
	}
	if f.evicted {
		add(3, func() (string, func(*world)) { return evictedFault(r, p) })
	}
	slices.SortStableFunc(fs, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return fs
}

func smscFault(r *rand.Rand, p *plan) (string, func(*world)) {
	n, d := r.IntN(p.smscs), between(r, 50*time.Millisecond, 8*time.Second)
	each := func(w *world, fn func(*end)) {
		w.doubted()
		w.net.each("", w.smscs[n].addr, fn)
	}
	during := func(set, unset func(*habits)) func(*world) {
		return func(w *world) {
			w.doubted()
			w.smscs[n].change(set)
			w.later(d, func() { w.smscs[n].change(unset) })
		}
	}
	switch r.IntN(7) {
	case 0:
		return fmt.Sprintf("SMSC %d drops all connections", n), func(w *world) { each(w, (*end).cut) }
	case 1:
		up, octets := r.IntN(2) == 0, r.IntN(2000)
		return fmt.Sprintf("SMSC %d: connections cut after %d octets (to the SMSC: %v)", n, octets, up), func(w *world) {
			each(w, func(e *end) { e.cutAfter(up, octets) })
		}
	case 2:
		return fmt.Sprintf("SMSC %d: network stalls for %s", n, d), func(w *world) {
			w.doubted()
			for _, rep := range w.alive() {
				w.net.change(rep.name, w.smscs[n].addr, func(x *wire) { x.stalled = time.Now().Add(d) })
			}
		}
	case 3:
		return fmt.Sprintf("SMSC %d drops all and refuses connections for %s", n, d), func(w *world) {
			for _, rep := range w.alive() {
				w.net.change(rep.name, w.smscs[n].addr, func(x *wire) { x.refuse = time.Now().Add(d) })
			}
			each(w, (*end).cut)
		}
	case 4:
		return fmt.Sprintf("SMSC %d answers no submit in three for %s", n, d), during(func(h *habits) { h.noAnswer = 0.33 }, func(h *habits) { h.noAnswer = 0 })
	case 5:
		return fmt.Sprintf("SMSC %d answers late for %s", n, d), during(func(h *habits) { h.slow += 12 * time.Second }, func(h *habits) { h.slow -= 12 * time.Second })
	default:
		return fmt.Sprintf("SMSC %d refuses binds for %s, and drops all", n, d), func(w *world) {
			during(func(h *habits) { h.refuseBinds = true }, func(h *habits) { h.refuseBinds = false })(w)
			each(w, (*end).cut)
		}
	}
}

func slowFault(r *rand.Rand, p *plan) (string, func(*world)) {
	n, d, share := r.IntN(p.smscs), between(r, 50*time.Millisecond, 8*time.Second), 0.1+0.8*r.Float64()
	during := func(set, unset func(*habits)) func(*world) {
		return func(w *world) {
			w.smscs[n].change(set)
			w.later(d, func() { w.smscs[n].change(unset) })
		}
	}
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("SMSC %d throttles %.2f for %s", n, share, d), during(func(h *habits) { h.throttle = share }, func(h *habits) { h.throttle = 0 })
	case 1:
		return fmt.Sprintf("SMSC %d refuses %.2f for now for %s", n, share, d), during(func(h *habits) { h.temporary = share }, func(h *habits) { h.temporary = 0 })
	case 2:
		return fmt.Sprintf("SMSC %d refuses %.2f for good for %s", n, share, d), during(func(h *habits) { h.permanent = share }, func(h *habits) { h.permanent = 0 })
	default:
		return fmt.Sprintf("SMSC %d takes up to a second to answer for %s", n, d), during(func(h *habits) { h.slow += time.Second }, func(h *habits) { h.slow -= time.Second })
	}
}

func kafkaFault(r *rand.Rand, p *plan) (string, func(*world)) {
	n := r.IntN(8)
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("replica %d: connections to Kafka cut", n), func(w *world) {
			if rep := w.pick(n); rep != nil {
				for _, addr := range w.brokers {
					w.net.each(rep.name, addr, (*end).cut)
				}
			}
		}
	case 1:
		d := between(r, 10*time.Millisecond, p.session/4)
		return fmt.Sprintf("replica %d: Kafka stalls for %s", n, d), func(w *world) {
			if rep := w.pick(n); rep != nil {
				for _, addr := range w.brokers {
					w.net.change(rep.name, addr, func(x *wire) { x.stalled = time.Now().Add(d) })
				}
			}
		}
	case 2, 3:
		key, answer, times := lossy[r.IntN(len(lossy))], r.IntN(3) > 0, 1+r.IntN(2)
		return fmt.Sprintf("replica %d: %d %s lost (after they were applied: %v)", n, times, key.Name(), answer), func(w *world) {
			if rep := w.pick(n); rep != nil {
				for range times {
					addr := w.brokers[times%len(w.brokers)]
					w.net.change(rep.name, addr, func(x *wire) { x.lose = append(x.lose, &loss{key: int16(key), answer: answer}) })
				}
			}
		}
	case 4:
		return "coordinators and leaders move", func(w *world) {
			w.kafka.RehashCoordinators()
			w.kafka.ShufflePartitionLeaders()
		}
	default:
		x, times := transient[r.IntN(len(transient))], 1+r.IntN(3)
		topic := []string{"sms.results", "smpp.submitted", "smpp.deliver"}[r.IntN(3)]
		return fmt.Sprintf("%d %s answered %s", times, x.key.Name(), x.err.Message), func(w *world) {
			fault := kfake.Fault{Keys: []kmsg.Key{x.key}, TopLevel: x.top, Err: x.err, Count: times}
			if x.key == kmsg.Produce {
				fault.Topic = topic // not what the test itself produces
				if x.err == kerr.OutOfOrderSequenceNumber || x.err == kerr.InvalidProducerEpoch && topic == "smpp.deliver" {
					fault.When = w.batches.allFresh
				}
			}
			w.refusals = append(w.refusals, w.kafka.Fault(fault))
		}
	}
}

func awayFault(r *rand.Rand, p *plan) (string, func(*world)) {
	n, d := r.IntN(8), between(r, p.session/2, 4*p.session)
	if r.IntN(4) == 0 {
		return "a member is unknown to Kafka", func(w *world) {
			w.refusals = append(w.refusals, w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.UnknownMemberID, Count: 1}))
		}
	}
	all := r.IntN(3) == 0
	return fmt.Sprintf("replica %d (all: %v): Kafka stalls for %s", n, all, d), func(w *world) {
		rep := w.pick(n)
		for _, x := range w.alive() {
			if all || x == rep {
				for _, addr := range w.brokers {
					w.net.change(x.name, addr, func(x *wire) { x.stalled = time.Now().Add(d) })
				}
			}
		}
	}
}

// evictedFault makes a replica lose its generation while it and its SMSCs go on. Most of the
// time its answers are late besides, so that it holds much that is granted and not sent.
func evictedFault(r *rand.Rand, p *plan) (string, func(*world)) {
	n, d, late := r.IntN(8), p.session+between(r, 0, p.session), between(r, 500*time.Millisecond, 4*time.Second)
	what, how := "", (func(w *world, name string))(nil)
	switch r.IntN(2) {
	case 0:
		what = "taken out of its group"
		how = func(w *world, name string) { w.running.Go(func() { w.evict(name, w.cfg.SinkGroup()) }) }
	default:
		what = fmt.Sprintf("its heartbeats lost for %s", d)
		how = func(w *world, name string) {
			for _, addr := range w.brokers {
				w.net.change(name, addr, func(x *wire) { x.unheard = time.Now().Add(d) })
			}
		}
	}
	if r.IntN(4) == 0 {
		late = 0
	}
	return fmt.Sprintf("replica %d: %s; its SMSCs stall for %s", n, what, late), func(w *world) {
		rep := w.pick(n)
		if rep == nil {
			return
		}
		w.doubted()
		for _, s := range w.smscs {
			w.net.change(rep.name, s.addr, func(x *wire) { x.stalled = time.Now().Add(late) })
		}
		how(w, rep.name)
	}
}
