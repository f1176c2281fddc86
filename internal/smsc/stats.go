package smsc

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Stats counts since Start. Binds, Receivers, Queue and InFlight are of the moment.
type Stats struct {
	Binds        int    // bound sessions now
	Receivers    int    // of them such that can receive
	BindsTotal   uint64 // binds accepted
	BindsRefused uint64
	Dropped      uint64 // connections that the simulator closed to play a fault

	Submits    uint64 // submit_sm and data_sm received from bound transmitters
	Accepted   uint64 // of them given a message id, whether or not that was told
	Refused    uint64 // answered with a status other than ESME_ROK, throttled ones included
	Throttled  uint64 // answered with ESME_RTHROTTLED
	Unanswered uint64 // accepted, with an answer that is never sent (connections lost on the way not counted)

	ReceiptsSent  uint64 // deliver_sm with a receipt written, every try counted
	ReceiptsAcked uint64 // receipts acknowledged with ESME_ROK
	MOSent        uint64 // deliver_sm with a message written, every try and part counted
	MOAcked       uint64
	Retried       uint64 // tries that ended in a negative or missing answer
	GivenUp       uint64 // deliveries given up after Retry.Max such tries

	Queried, Cancelled, Replaced uint64 // query_sm, cancel_sm and replace_sm that did what they asked for

	Queue     int    // deliver_sm that wait to be sent
	InFlight  int    // deliver_sm sent and not answered
	Malformed uint64 // PDUs that could not be read
}

// counters are written by readers, writers and the post office.
type counters struct {
	bindsTotal, bindsRefused, dropped                 atomic.Uint64
	submits, accepted, refused, throttled, unanswered atomic.Uint64
	receiptsSent, receiptsAcked, moSent, moAcked      atomic.Uint64
	retried, givenUp, malformed                       atomic.Uint64
	queried, cancelled, replaced                      atomic.Uint64
}

// Stats reads all counters.
func (s *SMSC) Stats() Stats {
	c := &s.count
	st := Stats{
		BindsTotal: c.bindsTotal.Load(), BindsRefused: c.bindsRefused.Load(), Dropped: c.dropped.Load(),
		Submits: c.submits.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Throttled: c.throttled.Load(), Unanswered: c.unanswered.Load(),
		ReceiptsSent: c.receiptsSent.Load(), ReceiptsAcked: c.receiptsAcked.Load(),
		MOSent: c.moSent.Load(), MOAcked: c.moAcked.Load(),
		Retried: c.retried.Load(), GivenUp: c.givenUp.Load(), Malformed: c.malformed.Load(),
		Queried: c.queried.Load(), Cancelled: c.cancelled.Load(), Replaced: c.replaced.Load(),
	}
	st.Binds, st.Receivers, st.Queue, st.InFlight = s.office.sizes()
	return st
}

// Line tells in one line what happened between the previous and this reading,
// which lie elapsed apart.
func (st Stats) Line(previous Stats, elapsed time.Duration) string {
	perSecond := func(now, before uint64) float64 {
		if elapsed <= 0 {
			return 0
		}
		return float64(now-before) / elapsed.Seconds()
	}
	return fmt.Sprintf("binds %d · submits %.0f/s, total %d · ok %d, errors %d, throttled %d, unanswered %d · receipts %d sent, %d acked · mo %d sent, %d acked · queue %d, in flight %d · retried %d, given up %d",
		st.Binds, perSecond(st.Submits, previous.Submits), st.Submits,
		st.Accepted-st.Unanswered, st.Refused-st.Throttled, st.Throttled, st.Unanswered,
		st.ReceiptsSent, st.ReceiptsAcked, st.MOSent, st.MOAcked, st.Queue, st.InFlight, st.Retried, st.GivenUp)
}
