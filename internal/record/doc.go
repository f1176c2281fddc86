// Package record knows the records that the connector reads and writes: the
// outbound message, its result, its receipts, the inbound message and the dead
// letter, in the JSON form that users see, and the binary forms of the
// connector's own topics.
//
// It is pure: bytes in, bytes out, no input or output, no clock. It imports the
// standard library and a hash; it must not import the packages that talk to
// Kafka or to an SMSC (internal/kafka, internal/smpp), so that what a record
// means never depends on how it travels.
//
// # JSON
//
// One object a record, UTF-8. Times are RFC 3339 with milliseconds in UTC
// ("2026-01-02T15:04:05.000Z"). On output an absent field is left out and the
// fields come in the order of the structs' documentation. On input unknown
// fields are ignored, null counts as absent, and a key given twice counts as its
// last: whatever the earlier one was, even of a wrong type, does not matter.
//
// # Aliasing
//
// Decoding copies nothing that it can point at: strings and byte slices of a
// decoded value alias the bytes given, which must therefore never be written
// again. The values of records polled by franz-go satisfy this, as long as no
// pool of buffers is configured on the client. Keeping one short string keeps
// the whole value in memory; who keeps it for long clones it (strings.Clone).
package record
