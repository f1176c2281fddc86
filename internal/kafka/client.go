package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/plugin/kprom"
	"github.com/twmb/franz-go/plugin/kslog"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// Dialer makes the clients of one connector: the same brokers, security, log
// and metrics for each.
type Dialer struct {
	Config config.Kafka
	Log    *slog.Logger
	Reg    prometheus.Registerer // nil: no client metrics
	// Dial opens a connection; nil: net.Dialer. TLS is not added on top of it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	authOnce sync.Once
	auth     sasl.Mechanism
	authErr  error
	parent   *Dialer // whose authentication it shares

	cuts atomic.Uint64 // of the first in the line of parents
}

// OnBrokerDisconnect counts the connections that any client of ours has lost: see Transactor.confirm.
func (d *Dialer) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { d.origin().cuts.Add(1) }

func (d *Dialer) origin() *Dialer {
	for d.parent != nil {
		d = d.parent
	}
	return d
}

// mechanism is made once: all clients share a token.
func (d *Dialer) mechanism() (sasl.Mechanism, error) {
	if d.parent != nil {
		return d.parent.mechanism()
	}
	d.authOnce.Do(func() { d.auth, d.authErr = authentication(d.Config.SASL) })
	return d.auth, d.authErr
}

// Client opens a client named for its purpose, such as "sink-consumer"; the
// name is its client.id and the client_id label of its metrics. The brokers
// are dialled on first use.
func (d *Dialer) Client(name string, opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{
		kgo.SeedBrokers(d.Config.Brokers...),
		kgo.ClientID(name),
		// A coordinator or leader that moves is looked up again at once; the
		// default of 5 s would be the pause that users see.
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryBackoffFn(Backoff),
		kgo.MaxVersions(versions()),
		kgo.WithLogger(newQuiet(kslog.New(d.Log.With("client", name)))),
		kgo.WithHooks(d),
	}
	if d.Dial != nil {
		all = append(all, kgo.Dialer(d.Dial))
	} else if d.Config.TLS.Enabled {
		tc, err := d.Config.TLS.Config()
		if err != nil {
			return nil, fmt.Errorf("kafka TLS: %w", err)
		}
		all = append(all, kgo.DialTLSConfig(tc))
	}
	mechanism, err := d.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		all = append(all, kgo.SASL(mechanism))
	}
	if d.Reg != nil {
		all = append(all, kgo.WithHooks(kprom.NewMetrics("smpp_connector_kafka",
			kprom.Registerer(prometheus.WrapRegistererWith(prometheus.Labels{"client": name}, d.Reg)),
			kprom.FetchAndProduceDetail(kprom.ByTopic, kprom.Records, kprom.UncompressedBytes))))
	}
	cl, err := kgo.NewClient(append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client %s: %w", name, err)
	}
	return cl, nil
}

// Unmeasured is the same without metrics, for clients that come and go: a
// registry takes the metrics of a name once.
func (d *Dialer) Unmeasured() *Dialer {
	return &Dialer{Config: d.Config, Log: d.Log, Dial: d.Dial, parent: d}
}

// With is the same with metrics that go elsewhere.
func (d *Dialer) With(reg prometheus.Registerer) *Dialer {
	return &Dialer{Config: d.Config, Log: d.Log, Reg: reg, Dial: d.Dial, parent: d}
}

// NewClient opens a client with neither metrics nor a log of its own.
func NewClient(cfg config.Kafka, opts ...kgo.Opt) (*kgo.Client, error) {
	d := Dialer{Config: cfg, Log: slog.New(slog.DiscardHandler)}
	return d.Client("smpp-connector", opts...)
}

// versions are all that the client library knows, but offsets are committed and
// read by the names of topics: the versions after these carry topic ids only,
// which the raw requests of this package have not.
func versions() *kversion.Versions {
	v := kversion.Tip()
	v.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9)
	v.SetMaxKeyVersion(int16(kmsg.OffsetFetch), 9)
	v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 5)
	// The library's list ends at version 0, and with less than 1 its groups are classic whatever is asked for.
	v.SetMaxKeyVersion(int16(kmsg.ConsumerGroupHeartbeat), 1)
	v.SetMaxKeyVersion(int16(kmsg.DescribeQuorum), 1) // which the list leaves out
	return v
}

// Backoff is the wait before the n-th try (from 1): 2 ms, doubling to 250 ms.
//
// franz-go begins at 250 ms. That is right for a broker that is down, and wrong
// for CONCURRENT_TRANSACTIONS, which a real broker answers for the few
// milliseconds in which it still writes the markers of the last transaction:
// it cost half of the throughput and a p99 of half a second.
func Backoff(n int) time.Duration {
	d := 2 * time.Millisecond << min(max(n-1, 0), 7)
	return min(d, 250*time.Millisecond)
}

// quiet moves the client's lines down: each join and each fetch session to debug,
// and its warnings too, of which it writes dozens a second while a broker is
// away. That Kafka does not answer is said once, by whoever needs it. Of its errors
// each is told once a minute: a group that cannot be joined is one four times a second.
type quiet struct {
	kgo.Logger
	told *sync.Map // when, by message: the client has some dozens, all constants
}

const tellEvery = time.Minute

func newQuiet(l kgo.Logger) quiet { return quiet{l, new(sync.Map)} }

func (q quiet) Log(level kgo.LogLevel, msg string, kv ...any) {
	switch level {
	case kgo.LogLevelError:
		level = kgo.LogLevelWarn
		now := time.Now()
		last, again := q.told.LoadOrStore(msg, now)
		switch {
		case again && now.Sub(last.(time.Time)) < tellEvery:
			level = kgo.LogLevelDebug
		case again:
			q.told.Store(msg, now)
		}
	case kgo.LogLevelWarn, kgo.LogLevelInfo:
		level = kgo.LogLevelDebug
	}
	q.Logger.Log(level, msg, kv...)
}
