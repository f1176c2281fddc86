package sink

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// optOuts is SINK_OPTOUTS_TOPIC: who must not be written to. Its key is a number, for every sender, or number/sender, for that one; a record without
// a value takes the key out again. A message is held against it as it is granted, so what was granted before goes out; one to somebody on the list
// has the result suppressed.
//
// Every replica has the whole list. It reads it before it grants anything, and looks for what is new once a second. Where it cannot, nothing is
// granted any more once its knowledge is older than optOutsTrusted: to write to somebody who has said no is what the list is there to prevent.
// Nothing is lost meanwhile, the records wait in Kafka.
type optOuts struct {
	topic   string
	dialled func(string) string // a number of the list in the form in which messages have theirs
	exempt  []string            // input topics that are not held against it
	log     *slog.Logger
	seed    maphash.Seed

	now    func() time.Duration // goes on while the process or the machine is stopped
	whole  atomic.Int64         // by now: when all of the topic had been read for the last time; 0: never, or not since it was begun anew
	behind bool                 // the loop's: at this grant the list may lack what it should have

	// The follower's: what was told.
	warned, keyless bool

	mu  sync.RWMutex // the loop holds it for a grant, the follower for a record
	out map[uint64]struct{}
}

const (
	// optOutsTrusted is longer than a broker takes to start again.
	optOutsTrusted = 30 * time.Second
	// maxOptOuts bounds the memory of the list, to some 600 MB (BenchmarkOptOuts).
	maxOptOuts = 16 << 20
)

// newOptOuts returns nil, which holds nobody back, where there is no topic.
func newOptOuts(c *config.OptOuts, dialled func(string) string, now func() time.Duration, log *slog.Logger) *optOuts {
	if c.Topic == "" {
		return nil
	}
	return &optOuts{topic: c.Topic, dialled: dialled, exempt: c.ExemptTopics, now: now, log: log, seed: maphash.MakeSeed(), out: make(map[uint64]struct{})}
}

// key is what an entry is kept as: 64 bits of a hash, which another number shares with one of maxOptOuts entries once in 10^12. So no list of people
// stands in memory. sender may be empty.
func (o *optOuts) key(number, sender string) uint64 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	_, _ = h.WriteString(sms.NormalNumber(number))
	if sender != "" {
		_ = h.WriteByte('/')
		_, _ = h.WriteString(sms.NormalNumber(sender))
	}
	return h.Sum64()
}

// take is given a record of the topic.
func (o *optOuts) take(r *kgo.Record) {
	number, sender, _ := strings.Cut(string(r.Key), "/")
	if number == "" {
		if !o.keyless {
			o.keyless = true
			o.log.Warn("a record of the opt-outs has no number for a key, and counts for nothing (said once)", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
		}
		return
	}
	key := o.key(o.dialled(number), sender)
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.Value == nil {
		delete(o.out, key)
	} else if len(o.out) < maxOptOuts {
		o.out[key] = struct{}{}
	}
}

// anew forgets all: the topic is read from its start. Nothing is granted until that is through.
func (o *optOuts) anew() {
	o.whole.Store(0)
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.out)
}

func (o *optOuts) len() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.out)
}

// unknown tells that the list may lack what it has had for a while.
func (o *optOuts) unknown() bool {
	whole := time.Duration(o.whole.Load())
	return whole == 0 || o.now()-whole > optOutsTrusted
}

// hold keeps the list as it is while a grant is made.
func (o *optOuts) hold() (release func()) {
	if o == nil {
		return func() {}
	}
	o.behind = o.unknown()
	o.mu.RLock()
	return o.mu.RUnlock
}

// waits tells that a message has to wait until the list is known.
func (o *optOuts) waits(m *message) bool { return o != nil && o.behind && o.concerns(m) }

// concerns tells whether a message is held against the list at all. A cancel reaches nobody, and a replace changes what comes in any case. What an
// SMSC has in part is seen through.
func (o *optOuts) concerns(m *message) bool {
	return m.out.Action == record.Submit && m.count(accepted) == 0 && !slices.Contains(o.exempt, m.rec.Topic)
}

// has tells whether a message's recipient is on the list, for all senders or for the one given, where one is. The list is held.
func (o *optOuts) has(m *message, sender string) bool {
	if o == nil || len(o.out) == 0 || !o.concerns(m) {
		return false
	}
	_, out := o.out[o.key(m.number, "")]
	if !out && sender != "" {
		_, out = o.out[o.key(m.number, sender)]
	}
	return out
}

func (s *Sink) finishOptedOut(m *message) {
	why := "the recipient has opted out (SINK_OPTOUTS_TOPIC)"
	if m.sentAny() {
		s.finish(m, "in_doubt", why+"; it may have been sent before")
		return
	}
	s.finish(m, record.Suppressed, why)
}

// followOptOuts keeps the list until ctx ends.
func (s *Sink) followOptOuts(ctx context.Context) {
	o := s.optOuts
	f := kafka.Follower{Client: s.optOutsClient, Topic: o.topic, Take: o.take, Anew: o.anew}
	f.Whole = func() {
		n, waited := o.len(), o.unknown()
		if n >= maxOptOuts {
			s.fail(fmt.Errorf("topic %s (SINK_OPTOUTS_TOPIC) has more than %d entries, which is more than is kept in memory: delete those that are not needed", o.topic, maxOptOuts))
			return
		}
		o.whole.Store(int64(o.now()))
		s.metrics.optOuts.Set(float64(n))
		if waited {
			o.warned = false
			o.log.Info("the opt-outs are read", "topic", o.topic, "entries", n)
			s.nudge()
		}
	}
	f.Trouble = func(err error) {
		if o.unknown() && !o.warned {
			o.warned = true
			o.log.Warn("the opt-outs cannot be read, and what is held against them is not sent until they can", "topic", o.topic, "error", err)
		}
	}
	f.Run(ctx)
}

// dialled is a number in the form in which messages have theirs.
func (s *Sink) dialled(number string) string {
	if s.country == nil {
		return number
	}
	normal, err := s.country.Normal(number)
	if err != nil {
		return number
	}
	return normal
}
