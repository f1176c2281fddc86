package sink

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Status is the sink at a glance.
type Status struct {
	Partitions []PartitionStatus
	Waiting    int // records without a grant
	Retrying   int
	Granted    int // granted and without an outcome
	// Committing tells that the last commit that was due succeeded.
	Committing bool
}

// PartitionStatus is one partition held.
type PartitionStatus struct {
	Topic     string
	Partition int32
	Committed int64
	Lag       int64
	Granted   int
	Paused    bool
}

// Status returns a snapshot at most half a second old.
func (s *Sink) Status() Status { return *s.state.Load() }

// publish renews the snapshot and the gauges.
func (s *Sink) publish(now time.Time) {
	if now.Sub(s.published) < 500*time.Millisecond {
		return
	}
	s.published, s.stirred = now, true
	s.draft.age(&s.submitted)
	st := &Status{Waiting: s.lanes.count + s.verdicts.len(), Retrying: len(s.retries), Committing: s.aborts < 3}
	s.metrics.lag.Reset()
	for _, p := range s.parts {
		ps := PartitionStatus{Topic: p.topic, Partition: p.partition, Committed: p.committed.Offset,
			Lag: max(0, p.high-max(p.ledger.C(), 0)), Granted: p.ledger.Granted(), Paused: p.paused || s.gate.closed.Load()}
		st.Granted += ps.Granted
		st.Partitions = append(st.Partitions, ps)
		s.metrics.lag.WithLabelValues(p.topic, strconv.Itoa(int(p.partition))).Set(float64(ps.Lag))
	}
	slices.SortFunc(st.Partitions, func(a, b PartitionStatus) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	s.metrics.waiting.Set(float64(st.Waiting))
	s.metrics.granted.Set(float64(st.Granted))
	s.metrics.retrying.Set(float64(st.Retrying))
	s.state.Store(st)
}
