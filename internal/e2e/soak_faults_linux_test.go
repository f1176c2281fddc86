package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// soakFault is something that can go wrong. Those of the SMSC and of the network last a while and end by themselves, while others come.
type soakFault struct {
	name   string
	weight int // how often, against the others
	do     func(s *soak)
}

var soakFaults = []soakFault{
	{"the SMSC drops all connections", 6, func(s *soak) { s.smsc.DropAll() }},
	{"the SMSC unbinds all", 3, func(s *soak) { s.smsc.UnbindAll() }},
	{"the SMSC holds its answers back", 6, func(s *soak) {
		s.smsc.Pause()
		s.later(s.smsc.Resume)
	}},
	{"the SMSC throttles", 6, func(s *soak) {
		s.behave(func(b *smsc.Behaviour) { b.TPS = float64(*soakRate) / 4 })
		s.later(func() { s.behave(func(b *smsc.Behaviour) { b.TPS = 0 }) })
	}},
	{"the SMSC refuses", 6, func(s *soak) {
		s.behave(func(b *smsc.Behaviour) {
			b.Errors = []smsc.StatusRate{{Status: uint32(data.ESME_RSYSERR), Rate: 0.05}, {Status: uint32(data.ESME_RMSGQFUL), Rate: 0.05}, {Status: uint32(data.ESME_RINVDSTADR), Rate: 0.01}}
		})
		s.later(func() { s.behave(func(b *smsc.Behaviour) { b.Errors = nil }) })
	}},
	{"the SMSC drops connections in place of answers", 4, func(s *soak) {
		s.behave(func(b *smsc.Behaviour) { b.Drop.Every = uint64(*soakRate) })
		s.later(func() { s.behave(func(b *smsc.Behaviour) { b.Drop.Every = 0 }) })
	}},
	{"the SMSC does not answer some", 2, func(s *soak) {
		s.behave(func(b *smsc.Behaviour) { b.NoAnswer = 0.002 })
		s.later(func() { s.behave(func(b *smsc.Behaviour) { b.NoAnswer = 0 }) })
	}},
	{"a replica is killed and started again", 8, func(s *soak) {
		s.victim.kill()
		s.wait(s.upTo(3 * time.Second))
		s.victim.start()
	}},
	{"a replica is killed, and its partitions go to others", 2, func(s *soak) {
		s.victim.kill()
		s.wait(8 * time.Second) // its session lasts six
		s.victim.start()
	}},
	{"SIGTERM, and started again", 6, func(s *soak) {
		if code := s.victim.terminate(); code != 0 {
			s.audit.fault("exit code %d after SIGTERM", code)
		}
		s.wait(s.upTo(3 * time.Second))
		s.victim.start()
	}},
	{"a third replica comes or goes", 8, func(s *soak) {
		if s.visiting = !s.visiting; s.visiting {
			s.guest.start()
		} else if code := s.guest.terminate(); code != 0 {
			s.audit.fault("the third replica: exit code %d after SIGTERM", code)
		}
	}},
	{"all connections to Kafka cut", 5, func(s *soak) { s.proxy.Cut() }},
	{"Kafka stalls", 3, func(s *soak) {
		s.proxy.Stall()
		s.later(s.proxy.Resume)
	}},
	{"answers of Kafka lost after they were applied", 5, func(s *soak) {
		for _, key := range []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Produce, kmsg.OffsetCommit} {
			s.proxy.Fault(kafkaproxy.Fault{Keys: []kmsg.Key{key}, Do: kafkaproxy.CutAfter, Skip: s.rnd.IntN(50)})
		}
	}},
}

// brokerEvery is how often the broker is killed: it is away for some ten seconds then.
const brokerEvery = 4 * time.Minute

// breakThings goes on until ctx ends. It is the test's own goroutine, which the broker and the replicas belong to.
func (s *soak) breakThings(ctx context.Context) {
	total := 0
	for _, f := range soakFaults {
		total += f.weight
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		pause.Reset(soakMostTimes/2 + s.upTo(soakMostTimes))
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if time.Since(s.brokerAt) > min(brokerEvery, *soakFor/3) {
			s.play("the broker is killed and started again")
			s.broker.Kill()
			s.wait(s.upTo(5 * time.Second))
			s.broker.Restart()
			s.brokerAt = time.Now()
			continue
		}
		n := s.rnd.IntN(total)
		for _, f := range soakFaults {
			if n -= f.weight; n < 0 {
				s.play(f.name)
				f.do(s)
				break
			}
		}
		for _, r := range s.replicas() {
			r.alive()
		}
	}
}

func (s *soak) upTo(d time.Duration) time.Duration { return time.Duration(s.rnd.Int64N(int64(d))) }

// wait lets a fault last.
func (s *soak) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

// later ends a fault after one to four seconds, while others come.
func (s *soak) later(end func()) {
	time.AfterFunc(time.Second+s.upTo(3*time.Second), end)
}

func (s *soak) behave(fn func(*smsc.Behaviour)) {
	if err := s.smsc.Change(fn); err != nil {
		s.audit.fault("%v", err)
	}
}

// heal ends all that may still be on. What was to end it later does so once more, without harm.
func (s *soak) heal() {
	s.smsc.Resume()
	s.proxy.Resume()
	s.behave(func(b *smsc.Behaviour) {
		b.TPS, b.Errors, b.Drop.Every, b.NoAnswer = 0, nil, 0, 0
	})
}

func (s *soak) play(name string) {
	s.count[name]++
	s.t.Logf("%s %s", time.Now().UTC().Format(time.TimeOnly), name)
}

// played says what was broken how often.
func (s *soak) played() string {
	var out strings.Builder
	all := 0
	for _, name := range slices.Sorted(maps.Keys(s.count)) {
		all += s.count[name]
		fmt.Fprintf(&out, "%5d  %s\n", s.count[name], name)
	}
	return fmt.Sprintf("%d faults:\n%s", all, out.String())
}
