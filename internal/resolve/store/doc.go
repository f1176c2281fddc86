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
// Pebble was chosen over bbolt by measurement, in this layout: a store filled with entries,
// then 200 batches that insert, find, update and expire 1,000 each, on two busy cores.
// At one million entries Pebble took 14 s of CPU and 26 MB of memory, bbolt 21 s and
// 78 MB besides the mapped file; at three million 33 s and 26 MB against 70 s and 104 MB.
// bbolt's single batch ended sooner on that busy machine (149 against 395 ms at three
// million, while Pebble still compacted what had just been loaded); its CPU and memory,
// which grow with the store, decided. Pebble today, at one million, without a
// write-ahead log and with matches among the latest 50,000: 24,000 entries/s, 13 MB:
//
//	go test -run - -bench . -benchmem ./internal/resolve/store
//
// The package knows bytes and times. It may import the standard library and
// Pebble; nothing of Kafka, SMPP or records.
package store
