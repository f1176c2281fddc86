package sink

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/number"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// How many records one poll returns at most: an eighth of a partition's share. A poll mostly brings records of one partition, and those that are on their
// way when it is paused lie above its share: half of it. Until enough waits for anybody to be paused, half of maxQueuedAll may be of few partitions.
// So twice maxQueuedAll is the most of all. With polls of 2,000 whatever the share, 96 partitions took a gigabyte.
const (
	maxPoll = 500

	// pollsAhead: the one that fills the share, one in the poller's hand, and those that wait for the loop.
	pollsAhead     = 2 + batchesWaiting
	batchesWaiting = 2
)

// batch is what one poll brought of one partition, prepared.
type batch struct {
	tp
	epoch    int64
	high     int64
	messages []message
}

// poll fetches and prepares until ctx ends. It holds at most what two polls
// bring; the loop closes the gate while enough waits.
func (s *Sink) poll(ctx context.Context) {
	for {
		if s.gate.wait(ctx); ctx.Err() != nil {
			return
		}
		fetches := s.consumer.PollRecords(ctx, int(s.pollSize.Load()))
		if fetches.IsClientClosed() {
			return
		}
		var batches []batch
		// Rebalances are blocked from the poll on until AllowRebalance: the epoch
		// read here is that of the assignment that these records were fetched
		// under. Read later, an old batch could be taken for one of a new
		// assignment, and the offsets before it for a gap: lost.
		fetches.EachPartition(func(ft kgo.FetchTopicPartition) {
			if ft.Err != nil {
				s.fetchFailed(ctx, ft)
			}
			if len(ft.Records) == 0 {
				return
			}
			s.troubles.over(ft.Topic)
			key := tp{ft.Topic, ft.Partition}
			batches = append(batches, batch{tp: key, epoch: s.epochOf(key), high: ft.HighWatermark, messages: fromRecords(ft.Records)})
		})
		s.consumer.AllowRebalance()
		now := time.Now()
		for i := range batches {
			for j := range batches[i].messages {
				if m := &batches[i].messages[j]; !m.control {
					s.prepare(m, now, true)
					s.traceTaken(m)
				}
			}
			select {
			case s.batches <- batches[i]:
			case <-ctx.Done():
				return
			}
		}
	}
}

func fromRecords(rs []*kgo.Record) []message {
	ms := make([]message, len(rs))
	for i, r := range rs {
		ms[i].rec, ms[i].control, ms[i].size = r, r.Attrs.IsControl(), len(r.Key)+len(r.Value)
		for _, h := range r.Headers {
			ms[i].size += len(h.Key) + len(h.Value)
		}
	}
	return ms
}

func (s *Sink) fetchFailed(ctx context.Context, ft kgo.FetchTopicPartition) {
	if errors.Is(ft.Err, context.Canceled) || errors.Is(ft.Err, context.DeadlineExceeded) {
		return
	}
	s.metrics.fetchErrors.Inc()
	var loss *kgo.ErrDataLoss
	switch {
	case errors.As(ft.Err, &loss):
		s.log.Warn("records are gone from the topic before they were read: its retention is shorter than the backlog",
			"topic", ft.Topic, "partition", ft.Partition, "error", ft.Err)
	case errors.Is(ft.Err, kerr.UnknownTopicID), errors.Is(ft.Err, kerr.UnknownTopicOrPartition):
		s.takeUpAnew(ctx, ft.Topic)
	case kerr.IsRetriable(ft.Err):
		s.log.Debug("fetch failed, trying again", "topic", ft.Topic, "partition", ft.Partition, "error", ft.Err)
	case s.troubles.new(ft.Topic, ft.Err):
		s.log.Error("fetching records failed; trying on", "topic", ft.Topic, "partition", ft.Partition, "error", kafka.Remedy(ft.Err))
	}
	_ = kafka.Sleep(context.Background(), 20*time.Millisecond) // a broker that refuses at once must not make a busy loop
}

// prepare decodes, routes and encodes: the work that needs no state. It may wait a moment for a record's schema where that is allowed, which
// is not in the loop.
func (s *Sink) prepare(m *message, now time.Time, mayWait bool) {
	m.receivedAt, m.encodedFor = now, -1
	if m.rec.Value == nil {
		return // skipped and counted by the loop
	}
	err := s.input.Decode(&m.out, m.rec.Value, m, mayWait)
	if m.unread = errors.Is(err, record.ErrNotYet); m.unread {
		return
	}
	if m.out.ID == "" {
		m.out.ID = defaultID(m.rec)
	}
	if err != nil {
		m.fault = &fault{status: "invalid", err: err}
		return
	}
	if m.number = m.out.To; s.country != nil {
		if m.number, err = s.country.Normal(m.out.To); err != nil {
			m.fault = &fault{status: "invalid", err: numberFault(err)}
			return
		}
	}
	if m.out.Action != record.Submit || m.out.Route != "" {
		if m.fault = s.subject(m); m.fault != nil {
			return
		}
	} else {
		set, ok := s.table.Lookup(sms.NormalNumber(m.number))
		if !ok {
			m.fault = &fault{status: "unroutable", err: errNoRoute}
			return
		}
		m.set, m.target = set, s.routed[s.table.Sets()[set].Targets[0]]
	}
	m.sender = senderNo(m.out.From)
	if s.quiet != nil {
		m.zones = s.quiet.zonesOf(sms.NormalNumber(m.number))
	}
	s.encodeFor(m, m.target)
}

var errNoRoute = errors.New(`field "to": no SMSC has a route for this destination: set or widen SMSC_<n>_ROUTES`)

// encodeFor encodes the message for an account, once for all with equal habits.
func (s *Sink) encodeFor(m *message, target int) {
	if m.encodedFor >= 0 && s.habits[m.encodedFor] == s.habits[target] {
		return
	}
	b, err := encode(&m.out, m.number, s.habits[target], reference(m.rec.Topic, m.rec.Partition, m.rec.Offset), m.receivedAt)
	if err != nil {
		m.fault = &fault{status: "invalid", err: err}
		return
	}
	m.body, m.encodedFor = b, target
	m.pieces = make([]piece, len(b.parts.UD))
}

// numberFault says what is wrong with to, and nothing of the number.
func numberFault(err error) error {
	var wrong *number.Error
	if !errors.As(err, &wrong) {
		return err
	}
	return &record.FieldError{Field: "to", Value: "a number of its own form", Remedy: wrong.Error()}
}
