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
// An entry is one key, the hash of the key that it is looked up under, and what
// there is of it, so that a lookup reads one block. When it is due is kept beside,
// in groups: see due.go. While rows were three times as large, they lay by the time at
// which they are due, and an index of small entries at random places led to them; with packed
// rows two keys an entry, and two blocks a lookup, cost more than moving the rows about in compactions.
//
// Pebble was chosen over bbolt by measurement, with rows beside their index: a store filled with entries,
// then 200 batches that insert, find, update and expire 1,000 each, on two busy cores.
// At one million entries Pebble took 14 s of CPU and 26 MB of memory, bbolt 21 s and
// 78 MB besides the mapped file; at three million 33 s and 26 MB against 70 s and 104 MB.
// bbolt's single batch ended sooner on that busy machine (149 against 395 ms at three
// million, while Pebble still compacted what had just been loaded); its CPU and memory,
// which grow with the store, decided. Pebble today, at one million, without a
// write-ahead log and with matches among the latest 50,000: 9,100 entries/s on a machine that had ten times
// as much to do as it has cores, 59 MB (ten million: internal/SPEED.md):
//
//	go test -run - -bench . -benchmem ./internal/resolve/store
//
// The package knows bytes and times. It may import the standard library and
// Pebble; nothing of Kafka, SMPP or records.
package store
