// Package engine decides what a receipt belongs to and which parts make a message.
//
// One Engine holds the state of one partition number p of `<name>.submitted` and
// `<name>.deliver`, in which whatever belongs together meets. The state is a fold
// of two logs: `<name>.submitted`-p (what was submitted, and what was settled of it)
// and `<name>.waiting`-p (what waits now: receipts that came before their submission,
// parts of messages). It is rebuilt by FoldSubmitted and FoldWaiting, which put
// nothing out, and carried on by ApplySubmitted, ApplyDeliver and Tick, whose output
// gathers in an Output. Whoever holds the engine commits an Output in one Kafka
// transaction with the offsets of what was applied, and only then to the store:
//
//	died before the transaction ended    nothing happened; the same is applied again
//	died after it, before Commit         the store is behind; the logs bring it up
//
// The order is never the other way round: a store ahead of Kafka would take a
// receipt for published that nobody has seen.
//
// How fast that is with ten million submissions is in internal/SPEED.md; with a million and one engine:
//
//	go test -run - -bench . -benchmem ./internal/resolve/engine
//
// The package does no input or output but to its store, and takes the time as an
// argument. It may import record, sms, smpp/wire and the store; it must not import
// Kafka's clients, internal/kafka, sink or source.
package engine
