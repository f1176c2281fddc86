// Package smsc is an SMSC simulator: a server that speaks SMPP v3.4 and plays
// the habits and the faults of real ones. It serves the `simulate` and `demo`
// commands, the tests of this project, and anyone who writes an ESME.
//
// All that it reads and writes goes through the codec of
// github.com/linxGnu/gosmpp (packages pdu and data). It must not import
// internal/smpp or anything below it: the project's own codec is tested against
// this one, and two ends that share a codec also share its mistakes.
//
// # The way of a message
//
//	reader of a bind ──► fate of the submit ──► answer, now or later ──► writer of the bind
//	                              │
//	                              ▼ accepted: receipts, replies
//	                         post office (one for all binds) ──► writer of a bind that can receive
//
// Every bind has two goroutines, a reader and a writer; the post office has
// one. Nothing has a goroutine or a timer of its own per message, and every
// queue has a limit: a submit for whose receipt there is no place is refused
// with ESME_RMSGQFUL, as a real SMSC does, and so no receipt is ever lost here.
//
// # Randomness
//
// What the nth submit_sm meets depends on the seed and on n alone, never on
// timing, so a run with one bind and a given seed can be repeated.
package smsc
