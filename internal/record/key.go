package record

import "github.com/cespare/xxhash/v2"

// Keys of the internal topics. Submissions and what answers them must meet in one
// partition number of two topics, so a key's bytes and its hash are part of the
// topics' format: changing either needs new topics.

// ReceiptKey is the key of a submission and of its receipts: the SMSC and the
// normal form of the message id. Neither may hold a NUL.
func ReceiptKey(smsc, normalID string) string {
	return "r\x00" + smsc + "\x00" + normalID
}

// SubscriberKey is the key of what one subscriber and one address of ours say to
// each other, both in their normal form and without a NUL.
func SubscriberKey(subscriber, address string) string {
	return "s\x00" + subscriber + "\x00" + address
}

// PartitionOf is the partition of a key on an internal topic: XXH64 of its bytes
// with seed 0, modulo the number of partitions. Kafka's default partitioner is not
// used as a record there packs the submissions of many keys.
func PartitionOf(key string, partitions int32) int32 {
	if partitions <= 1 {
		return 0
	}
	return int32(xxhash.Sum64String(key) % uint64(partitions))
}
