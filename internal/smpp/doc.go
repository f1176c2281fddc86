// Package smpp is an ESME's side of SMPP v3.4: sessions (one bind on one
// connection), an account (all the binds held at one SMSC, their reconnects,
// their pace), and nothing that decides what is sent or what an answer means.
//
// What it promises, and why its user can build on it:
//
//   - every Submit offered ends in exactly one Answer: NotSent, InDoubt or
//     Responded. An InDoubt may be followed by one more, marked Late, when the
//     SMSC answers after all;
//   - NotSent is said only of a submit whose last byte the transport certainly
//     did not accept;
//   - nothing is written for a revoked Claim or without a valid Lease;
//   - a deliver_sm is answered with what its receiver says, never before.
//
// The way of a submit and what a death right there (of the process, or of the
// connection) means for it:
//
//	queued      in the account's lanes. Connection dies: nothing. Process dies:
//	            never sent.
//	registered  in the session's ring, with a sequence number, its bytes perhaps
//	            encoded. Connection dies: back to the queue. Process dies: never
//	            sent.
//	handed      given to the transport's Write. Connection dies in the middle:
//	            bytes accepted up to its last one, InDoubt, else back to the
//	            queue. Process dies: in doubt, which only the intent made durable
//	            before Offer can tell.
//	unanswered  written whole. Connection dies, or RESPONSE_TIMEOUT: InDoubt.
//	doubted     its InDoubt has been given; the ring keeps it until its slot is
//	            needed again, so that a late answer can still upgrade it.
//	            Connection dies: the late answer is lost, nothing else.
//	answered    Responded. Process dies before the user has recorded it: in doubt,
//	            as for handed.
//
// Where to look: submit.go what goes in and out; account.go the account, dispatch.go
// how submits reach the writers, queue.go and pace.go what guards them; seat.go the
// owner of a bind and its reconnects, bind.go dial and bind; session.go the life of
// a session, write.go and read.go its two ends, ring.go what is unanswered, lane.go
// responses; lease.go and clock*.go the right to write.
//
// It may import the wire codec below it, gosmpp's pdu and data for the rare PDUs
// of session control, and the metrics library. It must not import kafka, record,
// or any of the stages.
package smpp
