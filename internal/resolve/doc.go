// Package resolve joins receipts to the messages that they belong to and the parts of
// inbound messages to each other, through whichever bind or replica they came.
//
// It is the third stage: a member of the group connect-<name>-source that consumes
// `<name>.deliver` and `<name>.submitted`. Both have the same number of partitions and
// are assigned by range, so that whoever has partition p of the one has that of the
// other. What belongs together is decided by [engine]; here are the group, the
// transaction and the restoring.
//
// The path of a record: poll, apply to the partition's engine, one transaction of all
// that came of it with both topics' offsets, then the local store. A takeover:
//
//  1. The committed offsets are stable: no transaction of a former owner is open. Where
//     one is, its writer (in the offsets' metadata) is fenced.
//  2. The ends of `submitted` and `waiting` are read. They count what is not stable yet.
//  3. `submitted` is folded from the store's position, `waiting` from its start, up to
//     those ends, and nothing is put out.
//  4. Both topics of the group are consumed from the committed offsets. The state is
//     ahead of them, and what it knows already changes nothing.
//
// One goroutine, the loop, owns the live engines. The callbacks of the group run only
// when the loop lets them, between two batches (kgo.BlockRebalanceOnPoll), so they may
// drop engines; a restore runs beside it on engines that nobody else knows yet.
//
// The package may import config, kafka, record, sms and its own sub-packages; not
// sink or source.
package resolve
