package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Command is what one replica was told and all must do.
type Command struct {
	State   string `json:"state,omitempty"`   // of a part, for good: RUNNING, PAUSED, STOPPED
	Restart string `json:"restart,omitempty"` // once: the member of the group that is to start anew, or "all"
	Level   string `json:"level,omitempty"`   // once: the log's level
}

// Control is the topic <name>.control, one partition, compacted: the state that an operator has given to the sink or the source. Every replica
// reads all of it, so that any may be asked, and a replica that starts later does as the others do. It is what the config topic is to
// Kafka Connect.
//
// A command is durable once Send has returned. A replica that dies before it has read it reads it when it starts; commands of which
// one time is enough (a restart, a log level) are skipped then.
type Control struct {
	dialer *Dialer
	topic  string
	log    *slog.Logger
	handle func(key string, c Command, live bool)

	client  *kgo.Client
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewControl makes one; handle is called by one goroutine at a time, for what was there before Start with live false.
func NewControl(d *Dialer, topic string, log *slog.Logger, handle func(key string, c Command, live bool)) *Control {
	return &Control{dialer: d, topic: topic, log: log, handle: handle}
}

// controlLimit bounds how long a start waits to learn the states. Beyond that it fails: to run what an operator has stopped
// would be worse than to start later.
const controlLimit = 30 * time.Second

// Start reads what is there and follows what comes.
func (c *Control) Start(ctx context.Context) error {
	at, err := c.catchUp(ctx)
	if err != nil {
		return fmt.Errorf("reading topic %s, which holds what operators have paused or stopped: %w", c.topic, Remedy(err))
	}
	cl, err := c.dialer.Client("control-reader", kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topic: {0: kgo.NewOffset().At(at)}}),
		kgo.FetchMaxWait(5*time.Second), kgo.DefaultProduceTopic(c.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordDeliveryTimeout(20*time.Second))
	if err != nil {
		return err
	}
	c.client = cl
	rctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.running.Go(func() {
		for rctx.Err() == nil {
			c.follow(cl.PollFetches(rctx))
		}
	})
	return nil
}

// catchUp reads the states that are there, and returns the offset behind them.
func (c *Control) catchUp(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	cl, err := c.dialer.Unmeasured().Client("control-start")
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	ends, err := adm.ListEndOffsets(ctx, c.topic)
	if err != nil {
		return 0, err
	}
	end, ok := ends.Lookup(c.topic, 0)
	if !ok || end.Err != nil {
		return 0, errors.Join(errors.New("its end cannot be read"), end.Err)
	}
	starts, err := adm.ListStartOffsets(ctx, c.topic)
	if err != nil {
		return 0, err
	}
	start, _ := starts.Lookup(c.topic, 0)
	r := Reader{Client: cl, Compacted: true}
	return r.ReadTo(ctx, c.topic, 0, start.Offset, end.Offset, func(rec *kgo.Record) error {
		c.take(rec, false)
		return nil
	})
}

// follow hands on what was fetched.
func (c *Control) follow(fetches kgo.Fetches) {
	fetches.EachError(func(_ string, _ int32, err error) {
		if !errors.Is(err, context.Canceled) {
			c.log.Debug("reading the control topic failed, trying again", "error", err)
			_ = Sleep(context.Background(), 100*time.Millisecond) // one that fails at once must not make a busy loop
		}
	})
	fetches.EachRecord(func(r *kgo.Record) { c.take(r, true) })
}

func (c *Control) take(r *kgo.Record, live bool) {
	var cmd Command
	if json.Unmarshal(r.Value, &cmd) == nil { // of a later release, or a tombstone: not for us
		c.handle(string(r.Key), cmd, live)
	}
}

// Send tells every replica.
func (c *Control) Send(ctx context.Context, key string, cmd Command) error {
	value, err := json.Marshal(cmd)
	if err != nil {
		return err
	}
	if err := c.client.ProduceSync(ctx, &kgo.Record{Partition: 0, Key: []byte(key), Value: value}).FirstErr(); err != nil {
		return fmt.Errorf("writing to topic %s: %w", c.topic, Remedy(err))
	}
	return nil
}

// Stop ends the reading. It may be called again.
func (c *Control) Stop() {
	if c.client == nil {
		return
	}
	c.stop()
	c.running.Wait()
	c.client.Close()
}

// Member is one member of a group.
type Member struct {
	ID, Host string
	Assigned map[string][]int32
}

// Members are the members of a group of either protocol, in the order of their ids.
func Members(ctx context.Context, cl *kgo.Client, group string, consumerProtocol bool) ([]Member, error) {
	adm := kadm.NewClient(cl)
	var all []Member
	if consumerProtocol {
		described, err := adm.DescribeConsumerGroups(ctx, group)
		if err != nil {
			return nil, err
		}
		for _, m := range described[group].Members {
			member := Member{ID: m.MemberID, Host: m.ClientHost, Assigned: map[string][]int32{}}
			for topic, ps := range m.Assignment {
				member.Assigned[topic] = slices.Sorted(maps.Keys(ps))
			}
			all = append(all, member)
		}
		return sorted(all), nil
	}
	described, err := adm.DescribeGroups(ctx, group)
	if err != nil {
		return nil, err
	}
	for _, m := range described[group].Members {
		member := Member{ID: m.MemberID, Host: m.ClientHost, Assigned: map[string][]int32{}}
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range a.Topics {
				member.Assigned[t.Topic] = t.Partitions
			}
		}
		all = append(all, member)
	}
	return sorted(all), nil
}

func sorted(ms []Member) []Member {
	slices.SortFunc(ms, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return ms
}
