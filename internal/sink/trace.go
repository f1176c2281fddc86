package sink

import (
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/trace"
)

// What traces say of the sink: see internal/TRACING.md. All of it hangs on message.trace, which is nil where there are none.

// traceTaken begins the trace of a message that has been prepared. One that was read and is then read by another
// replica, or again after a crash, has such a span of each: that is what happened.
func (s *Sink) traceTaken(m *message) {
	if s.trace == nil || m.rec.Value == nil {
		return
	}
	fault := ""
	if m.fault != nil {
		fault = m.fault.status
	}
	m.trace = s.trace.Take(m.rec, m, m.receivedAt, fault)
}

// requests are the names of what is sent, by smpp.Op.
var requests = [...]string{smpp.OpSubmit: "submit_sm", smpp.OpData: "data_sm", smpp.OpCancel: "cancel_sm", smpp.OpReplace: "replace_sm", smpp.OpQuery: "query_sm"}

// traceAnswer makes the span of a submit that was sent, from the hand-over to its answer. A late answer finds the submit given up, and
// its span with it.
func (s *Sink) traceAnswer(m *message, f *flight, a *smpp.Answer) {
	if a.Outcome == smpp.NotSent {
		return
	}
	t := trace.Submit{
		Name: requests[f.Op], SMSC: s.cfg.SMSCs[f.to].Name, Part: f.piece, Parts: len(m.pieces), Attempt: m.attempts,
		Sent: a.SentAt, Answered: a.At, Status: a.Status, Silent: a.Outcome == smpp.InDoubt,
	}
	switch {
	case t.Silent:
		t.Error = "no_answer"
	case s.statuses(m).Of(a.Status) != smpp.Accepted:
		t.Error = record.StatusName(a.Status)
	}
	m.trace.Submitted(&t)
}

// tracedIn is the trace of one of a commit's messages; "": of none.
func (s *Sink) tracedIn(c *commit) string {
	if s.trace == nil {
		return ""
	}
	for _, m := range c.finished {
		if id := m.trace.TraceID(); id != "" {
			return id
		}
	}
	return ""
}
