// Package sink takes outbound records from Kafka to the SMSC and writes what came
// of each, exactly once.
//
// The way of a record:
//
//	poll ─► prepare (decode, route, encode) ─► lanes ─► grant ─► COMMIT ─► account ─► SMSC
//	                                                               ▲                   │
//	                        results, submitted, dead letters ──────┘ ◄──── answers ────┘
//
// One goroutine, the loop, owns all state: ledgers, lanes, messages. It never
// blocks. Around it: the poller decodes and encodes; the committer runs one
// transaction at a time; the sessions of smpp bring answers in batches; the
// group's callbacks ask the loop and wait.
//
// Where the process may die, and what is then so:
//
//	after poll, before the commit of the grant     never sent; the successor sends it
//	after that commit, before the answer           granted: in doubt, the successor sees G
//	after the answer, before the commit of results granted: in doubt, though answered
//	inside a commit                                before EndTxn: as before it; after: as after it
//	after the commit of results                    done; never sent again
//
// The package may import config, kafka, ledger, number, profile, record, route, sms and smpp; not
// source or resolve.
package sink
