// Package source takes every deliver_sm and data_sm off the wire, makes it
// durable in Kafka as it came, and only then answers the SMSC.
//
// It interprets as little as it can: just enough to choose the partition, so
// that a receipt meets its submission and the parts of a message meet each
// other. What a carrier sent can be read again after a parser was mended.
//
// Where the process may die, and what is then so:
//
//	before Kafka holds it          no answer was given: the SMSC sends it again
//	after, before the answer       the same: a message is published as often as it
//	                               comes, a receipt repeated word for word once
//	after the answer               Kafka holds it
//
// The package may import config, kafka, record, sms and smpp; not sink or resolve.
package source

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Bounds on what waits for Kafka. Beyond them the SMSC is told to try again, at once.
const (
	maxRecords = 20_000
	maxBytes   = 64 << 20
)

// DefaultDurable is how long Kafka may take to hold a message before the SMSC is
// told to send it again; SMSCs give up waiting after 10 s or more.
const DefaultDurable = 8 * time.Second

// Options are what a source needs.
type Options struct {
	Config     *config.Config
	Dialer     *kafka.Dialer
	Partitions int32 // of <name>.deliver
	Durable    time.Duration
	Log        *slog.Logger
	Reg        prometheus.Registerer
}

// Source is one replica's source.
type Source struct {
	topic      string
	partitions int32
	durable    time.Duration
	dialer     *kafka.Dialer
	log        *slog.Logger
	producer   *kgo.Client
	smaller    atomic.Pointer[smaller] // nil: the topic takes the producer's batches
	shrinking  sync.Mutex
	all        []*kgo.Client // those that smaller was
	stopped    bool
	readers    sync.Pool   // of *delivery.Reader
	purging    atomic.Bool // the topic's place in the producer, just now
	away       atomic.Bool // that Kafka does not take our records has been said
	received   *prometheus.CounterVec
	refused    *prometheus.CounterVec
	seconds    prometheus.Histogram
	grammars   map[string]*sms.Grammar // by SMSC; read only
}

// grammarsOf is how each SMSC writes its receipts.
func grammarsOf(c *config.Config) map[string]*sms.Grammar {
	m := make(map[string]*sms.Grammar, len(c.SMSCs))
	for i := range c.SMSCs {
		if p := c.SMSCs[i].Habits; p != nil {
			m[c.SMSCs[i].Name] = p.Receipts
		}
	}
	return m
}

// New makes a source; Start connects it.
func New(o Options) *Source {
	f := promauto.With(o.Reg)
	if o.Durable <= 0 {
		o.Durable = DefaultDurable
	}
	return &Source{
		grammars: grammarsOf(o.Config),
		readers:  sync.Pool{New: func() any { return new(delivery.Reader) }},
		topic:    o.Config.InternalTopic("deliver"), partitions: o.Partitions, durable: o.Durable, dialer: o.Dialer, log: o.Log,
		received: f.NewCounterVec(prometheus.CounterOpts{Name: "smpp_connector_source_delivered_total",
			Help: "deliver_sm and data_sm made durable and acknowledged."}, []string{"smsc", "kind"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "smpp_connector_source_refused_total",
			Help: "deliver_sm and data_sm that the SMSC was told to send again."}, []string{"smsc", "reason"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "smpp_connector_source_durable_seconds",
			Help: "From a deliver_sm to its response.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
	}
}

// Start makes the producer.
func (s *Source) Start(context.Context) error {
	cl, err := s.dialer.Client("source-producer", s.producing()...)
	if err != nil {
		return err
	}
	s.producer = cl
	return nil
}

func (s *Source) producing() []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.MaxBufferedRecords(maxRecords), kgo.MaxBufferedBytes(maxBytes),
		kgo.RecordDeliveryTimeout(s.durable),
		// A record that timed out in flight may be in the topic all the same. The
		// SMSC is told to send it again, so it may be there twice, which is allowed;
		// waiting on would leave the SMSC without any answer, which is not.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(0),
	}
}

// Stop waits, until ctx ends, for what is on its way to Kafka. The sessions have
// been told to take no more before.
func (s *Source) Stop(ctx context.Context) {
	if s.producer == nil {
		return
	}
	s.shrinking.Lock()
	s.stopped = true
	all := append(s.all, s.producer)
	s.shrinking.Unlock()
	for _, cl := range all {
		_ = cl.Flush(ctx)
		cl.Close()
	}
}

// Delivered takes one message. It does not block: the answer follows from the
// producer's promise.
func (s *Source) Delivered(d *smpp.Delivery) {
	key, kind := s.keyOf(d)
	env := record.Deliver{SMSC: d.Account, Bind: d.Bind, CommandID: d.CommandID, ReceivedAt: faultpoint.Wall(d.ReceivedAt), Body: d.Body}
	r := &kgo.Record{Topic: s.topic, Partition: record.PartitionOf(key, s.partitions), Key: []byte(key),
		Value: env.Append(make([]byte, 0, len(d.Body)+len(d.Account)+32)), Timestamp: d.ReceivedAt}
	faultpoint.At("source.produce.before")
	s.produce(r, func(_ *kgo.Record, err error) {
		switch {
		case err == nil:
			faultpoint.At("source.respond.before")
			s.received.WithLabelValues(d.Account, kind).Inc()
			s.seconds.Observe(time.Since(d.ReceivedAt).Seconds())
			if s.away.Load() && s.away.Swap(false) {
				s.log.Info("Kafka takes what the SMSCs deliver again")
			}
			d.Respond(wire.StatusOK)
			faultpoint.At("source.respond.after")
		case errors.Is(err, kgo.ErrMaxBuffered):
			s.refused.WithLabelValues(d.Account, "full").Inc()
			d.Refuse(wire.StatusMsgQFul)
		default:
			// Several carriers take other statuses as final and throw the message away.
			s.refused.WithLabelValues(d.Account, "kafka").Inc()
			if !s.away.Swap(true) { // once an outage, not once a message
				s.log.Warn("Kafka does not take what the SMSCs deliver; they are told to send it again until it does", "smsc", d.Account, "error", kafka.Remedy(err))
			}
			d.Refuse(wire.StatusSysErr)
			if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
				s.takeUpAnew()
			}
		}
	})
}

// takeUpAnew has the producer forget a topic that was deleted, and find the one of that name that was created since: by itself it asks for the former
// one for ever. What it holds for it is refused, and so sent again.
func (s *Source) takeUpAnew() {
	if s.purging.Swap(true) {
		return
	}
	go func() { // not here: this is the goroutine that tells what becomes of the records, which the purge waits for
		s.producer.PurgeTopicsFromProducing(s.topic)
		if by := s.smaller.Load(); by != nil {
			by.cl.PurgeTopicsFromProducing(s.topic)
		}
		time.AfterFunc(time.Second, func() { s.purging.Store(false) })
	}()
}

// Queried makes a state durable that an SMSC was asked for: body is that of the deliver_sm that would have told it, key that of the message.
// Whether that comes about is nobody's to wait for: while it does not, the message is asked for again.
func (s *Source) Queried(smsc, key string, body []byte, at time.Time) {
	env := record.Deliver{SMSC: smsc, CommandID: wire.QuerySMResp, ReceivedAt: faultpoint.Wall(at), Body: body}
	r := &kgo.Record{Topic: s.topic, Partition: record.PartitionOf(key, s.partitions), Key: []byte(key), Value: env.Append(nil), Timestamp: at}
	s.produce(r, func(_ *kgo.Record, err error) {
		if err != nil {
			s.refused.WithLabelValues(smsc, "query").Inc()
		}
	})
}

// keyOf finds the key that brings together what belongs together. What cannot
// be read at all is kept under the SMSC's name, for the resolver to publish raw.
func (s *Source) keyOf(d *smpp.Delivery) (key, kind string) {
	r, _ := s.readers.Get().(*delivery.Reader) // sessions deliver at the same time
	defer s.readers.Put(r)
	in, err := r.Read(d.CommandID, d.Body, d.ReceivedAt, s.grammars[d.Account])
	switch {
	case err != nil:
		s.log.Warn("a deliver_sm that cannot be read is published as it came", "smsc", d.Account, "bytes", len(d.Body), "error", err)
		return record.SubscriberKey(d.Account, ""), "unreadable"
	case in.IsReceipt && in.ReceiptID != "":
		return record.ReceiptKey(d.Account, in.ReceiptID), "receipt"
	case in.IsReceipt:
		kind = "receipt"
	default:
		kind = "message"
	}
	return record.SubscriberKey(sms.NormalNumber(in.From), sms.NormalNumber(in.To)), kind
}
