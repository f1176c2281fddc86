package kafkatest

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sessions evicts members of classic groups that have died while they joined, as Apache Kafka does at the end of their session.
//
// kfake starts a member's session timer when an answer to it has been written ((*group).reply). Where the connection is gone by then, as
// that of a process is which died while its JoinGroup was waiting, no timer runs: the member stays until the rebalance timeout, a
// minute, and every other that joins meanwhile starts that minute anew.
type sessions struct {
	cluster *kfake.Cluster

	mu     sync.Mutex
	seen   map[member]*lastSeen
	epochs map[string]*epoch

	stop context.CancelFunc
	done chan struct{}
}

type member struct{ group, id string }

type lastSeen struct {
	at      time.Time
	session time.Duration
}

// epoch is a group's generation, and when it was first seen.
type epoch struct {
	n  int32
	at time.Time
}

func watchSessions(c *kfake.Cluster) (*sessions, error) {
	// Here, and not beside the test: one that looks for goroutines that were left behind knows those that are there when it begins.
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ClientID("kafkatest-sessions"))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &sessions{cluster: c, seen: make(map[member]*lastSeen), epochs: make(map[string]*epoch), stop: stop, done: make(chan struct{})}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
			s.saw(req)
			return nil, nil, false
		})
	}
	go func() { // ends with close
		defer close(s.done)
		defer cl.Close()
		s.run(ctx, cl)
	}()
	return s, nil
}

func (s *sessions) close() {
	s.stop()
	<-s.done
}

func (s *sessions) saw(req kmsg.Request) {
	var m member
	var session time.Duration
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		m, session = member{r.Group, r.MemberID}, time.Duration(r.SessionTimeoutMillis)*time.Millisecond
	case *kmsg.SyncGroupRequest:
		m = member{r.Group, r.MemberID}
	case *kmsg.HeartbeatRequest:
		m = member{r.Group, r.MemberID}
	}
	if m.id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.seen[m]
	if l == nil {
		if session == 0 {
			return // of a former life of the broker, which restores its timer
		}
		l = new(lastSeen)
		s.seen[m] = l
	}
	l.at = time.Now()
	if session > 0 {
		l.session = session
	}
}

func (s *sessions) run(ctx context.Context, cl *kgo.Client) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, m := range s.dead() {
			req := kmsg.NewPtrLeaveGroupRequest()
			req.Group, req.MemberID = m.group, m.id
			leaving := kmsg.NewLeaveGroupRequestMember()
			leaving.MemberID = m.id
			req.Members = append(req.Members, leaving)
			lctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, _ = req.RequestWith(lctx, cl) // again at the next tick, while it is a member
			cancel()
		}
	}
}

// dead are the members that were silent for longer than their session although what they had asked was answered: one whose
// JoinGroup still waits for the others says nothing, and lives. It is answered when a generation begins, so its session counts from then on: it may
// have waited for longer than that, and its SyncGroup be on its way.
func (s *sessions) dead() []member {
	now := time.Now()
	s.mu.Lock()
	groups := make(map[string]bool)
	for m := range s.seen {
		groups[m.group] = true
	}
	s.mu.Unlock()
	members := make(map[member]bool)
	for g := range groups {
		info := s.cluster.GroupInfo(g) // not under mu: it waits for the loop in which saw runs
		if info == nil {
			continue
		}
		if e := s.epochs[g]; e == nil || e.n != info.Epoch {
			s.epochs[g] = &epoch{info.Epoch, now}
		}
		for i := range info.Members {
			members[member{g, info.Members[i].MemberID}] = true
		}
	}
	var dead []member
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, l := range s.seen {
		silent := now.Sub(l.at)
		switch e := s.epochs[m.group]; {
		case silent > time.Minute && !members[m]:
			delete(s.seen, m) // gone long since
		case members[m] && e != nil && e.at.After(l.at) && now.Sub(e.at) > l.session+250*time.Millisecond:
			dead = append(dead, m)
		}
	}
	return dead
}
