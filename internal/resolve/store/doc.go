// Package store keeps the resolver's state on disk: what was submitted and waits
// for its receipt, and what waits for its other half. Ten million entries take
// disk, not memory.
//
// The state is a fold of Kafka topics, so nothing here is ever the only copy:
// losing the store costs a rebuild, never a message. Therefore writes are not
// synced and there is no write-ahead log: after a crash the store is as it was at
// some earlier batch, whole, and the position in it tells from where to fold on.
// A store that cannot be read is put aside and begun anew.
//
// Each entry is two keys. The index entry is small and lies at a random place (the
// hash of its key); the row is large and lies by the time at which it is due. So
// what is large is written in order, found by one seek when its time comes, and
// never moved about by compactions, and what is rewritten (the state of an
// entry) is a few bytes. Measured beside one large value at a random place this
// cuts the time in half.
//
// Pebble was chosen over bbolt by measurement: insert, find, update and expire
// 1,000 entries a batch in a store of a million entries, on two busy cores: 14 s of CPU
// and 26 MB of memory for Pebble, 21 s and 78 MB (besides the mapped file) for
// bbolt, whose cost a batch grows with the store, since every page it touches is
// written again. Pebble's figures today:
//
//	go test -run - -bench . -benchmem ./internal/resolve/store
//
// The package knows bytes and times. It may import the standard library and
// Pebble; nothing of Kafka, SMPP or records.
package store
