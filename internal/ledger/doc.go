// Package ledger keeps, for one input partition, what may be sent and what is
// done, and writes it as the metadata string of a committed offset.
//
// An SMS that has left cannot be rolled back. So the intent to send an offset
// (a grant) is committed to Kafka before its first byte goes out, and a
// successor reads from the committed metadata alone what it must know:
//
//   - below C, and in S: done, its result is committed, never sent again;
//   - in G: granted, perhaps sent: in doubt;
//   - anything else: never sent by anybody.
//
// The package is pure: it imports the standard library only, does no input or
// output, takes no time and starts no goroutine. A Ledger is not safe for
// concurrent use; its owner locks.
package ledger
