package sink

import (
	"context"
	"sync/atomic"
	"time"
)

// How much is read ahead. While the SMSCs take it as fast as it comes, the poller simply
// does not poll as long as enough waits: what the client has fetched stays with it, and
// goes on where it was. Pausing a partition instead throws away what of it is fetched and
// decoded already (kgo v1.22), to be fetched again when it is resumed: at full speed that
// was three records decoded for each one used.
//
// Where what waits will wait for long, the partitions that have their share of it are
// paused, so that what comes in others is read at once: it may be more urgent, or for
// another SMSC, or another's.

// maxQueuedAll bounds the messages of all partitions in memory, of about 2.5 kB each
// with all that belongs to them: several commits' worth at full speed. Where partitions are
// paused each has its share of it, and more from before that and from polls that were on their way: twice as many at most.
const (
	maxQueuedAll    = 24_000
	mostQueuedOfOne = 4096
	leastQueued     = 125 // 70 ms of what one of 96 carries at 170,000 a second
)

// maxQueuedBytes bounds the records of all partitions in memory as Kafka has them, keys and headers too: each partition
// gets its share, between leastQueuedBytes and mostQueuedBytes. What a partition's last fetch brought may lie above it.
const (
	maxQueuedBytes   = 64 << 20
	mostQueuedBytes  = 16 << 20
	leastQueuedBytes = 1 << 20
)

// shareRoom shares what may be held in memory among so many partitions.
func (s *Sink) shareRoom(held int) {
	s.mostQueued = max(maxQueuedAll, leastQueued*held)
	s.mostBytes = max(maxQueuedBytes, leastQueuedBytes*held)
	s.maxQueued = max(leastQueued, min(mostQueuedOfOne, maxQueuedAll/max(held, 1)))
	s.maxBytes = max(leastQueuedBytes, min(mostQueuedBytes, maxQueuedBytes/max(held, 1)))
	s.pollSize.Store(int32(min(maxPoll, s.maxQueued/2/pollsAhead)))
}

// What one fetch brings at most, of all partitions of a broker and of each, in bytes as they are in Kafka. Much more of one than its share of what is held would
// be thrown away when it is paused: of 96 partitions, with 512 kB whatever the share, 2.6 million records were decoded for 0.8 million that were sent (SPEED.md). Less than producers' batches, which a broker does not divide, would bring one partition a fetch.
const (
	maxFetch   = 4 << 20
	mostFetch  = 512 << 10
	leastFetch = 128 << 10
)

// fetchOf is the most of one partition where so many are held.
func fetchOf(held int) int32 { return int32(max(leastFetch, min(mostFetch, 2*maxFetch/max(held, 1)))) }

// gate holds the poller back. The loop sets it, the poller waits.
type gate struct {
	closed atomic.Bool
	opened chan struct{} // cap 1
}

func (g *gate) set(open bool) {
	g.closed.Store(!open)
	if open {
		select {
		case g.opened <- struct{}{}:
		default:
		}
	}
}

// wait returns when the gate is open or ctx has ended.
func (g *gate) wait(ctx context.Context) {
	for g.closed.Load() {
		select {
		case <-g.opened:
		case <-ctx.Done():
			return
		}
	}
}

// briefly is how long what waits may be on its way without anybody being told of it.
const briefly = 250 * time.Millisecond

// regulate opens and closes the gate, and pauses and resumes partitions. It runs when
// something has come or gone, and now and then.
func (s *Sink) regulate(now time.Time) {
	s.stirred = false
	queued, waiting, bytes := s.held()
	s.outflow.holds(queued, now)
	enough := waiting >= s.mostQueued/2 || bytes >= s.mostBytes/2 || queued >= s.mostQueued
	crowded := enough && (s.spare || s.outflow.slow(max(waiting, queued/2), now))
	for _, p := range s.parts {
		s.throttle(p, crowded)
	}
	s.gate.set(!s.paused && (!enough || crowded))
}

// held counts the messages in memory, those of them that wait for anything but an answer or a commit, and the bytes of all.
func (s *Sink) held() (queued, waiting, bytes int) {
	waiting = s.lanes.count + s.verdicts.len() + len(s.retries)
	for _, p := range s.parts {
		queued += p.queued + len(p.beyond)
		waiting += len(p.stalled) + len(p.beyond)
		bytes += p.bytes
	}
	return queued, waiting, bytes
}

// throttle pauses a partition that has its share of what waits, and resumes it:
// backpressure reaches Kafka as what is not fetched, not as growing queues.
func (s *Sink) throttle(p *partition, crowded bool) {
	full := crowded && (p.queued >= s.maxQueued || p.bytes >= s.maxBytes) || len(p.beyond) > 0
	low := !full && p.queued <= s.maxQueued/2 && p.bytes <= s.maxBytes/2
	switch {
	case full && !p.paused:
		p.paused = true
		s.consumer.PauseFetchPartitions(map[string][]int32{p.topic: {p.partition}})
	case low && p.paused:
		p.paused = false
		s.consumer.ResumeFetchPartitions(map[string][]int32{p.topic: {p.partition}})
	}
}
