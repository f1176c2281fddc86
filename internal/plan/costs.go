package plan

import "time"

// What things cost, as measured; the page and the command that say so stand beside each. A figure here that is measured anew
// is changed there and here together.
const (
	// CPU time of ours, on a machine of two cores. README.md, Speed: window 500, 1.56 to 1.7 s per 100,000 messages of one part, with a transaction
	// each 20 ms; at full speed it is a third of that. Planned for is the dearer.
	messageCPU = 15600 * time.Nanosecond
	// A part more: the submission that is filed for it, 2.4 µs in the resolver's store, and 0.5 µs in the session. SPEED.md, The resolver's store.
	partCPU = 2900 * time.Nanosecond
	// A receipt: source, resolver and store. README.md, Speed: window 500, 4.7 s per 100,000 with a receipt for each message and 1.6 s without.
	receiptCPU = 32 * time.Microsecond
	// The share of its cores that a replica is planned to use: the rest is for a takeover, and for garbage collection in bursts.
	planned = 0.6
	// Messages a second that one replica was seen to carry, with an SMSC that answers at once: 127,000 (SPEED.md, table) and 145,000 with one bind, 166,000 to
	// 179,000 with two.
	replicaRate = 145_000

	// The share of the windows that is planned to be in use. SPEED.md, table: 99.7 % were reached.
	windowUse = 0.8

	// Offsets beyond the lowest open one that a partition's ledger holds, at least. DESIGN.md, Which SMSC.
	ledgerSpan = 15_000
	// RESPONSE_TIMEOUT: how long one message without an answer keeps a partition's ledger open.
	slowest = 10 * time.Second
	// Few partitions share unevenly, and their number is not easily changed.
	partitionsEach = 3

	// Records a second that a broker of two shared cores copied in transactions of 1,000. README.md, Speed, has 79,000; other runs had 60,000 to 99,000.
	brokerRate  = 65_000
	replication = 3

	// Bytes on the disk of STATE_DIR for a submission that is filed, and for the memory of the last message to a subscriber: 90 together, shared
	// here by what the two hold. SPEED.md, The resolver's store.
	filedBytes, lastBytes = 61, 29
	// Entries a second that a replica folds when it has lost its store. SPEED.md, The resolver's store, has three times as many with a log in
	// memory; what reading it from brokers leaves of that was not measured, so this is what the store did before it was made faster.
	foldRate = 220_000

	// KAFKA_SESSION_TIMEOUT: after which a dead replica's partitions go to others.
	session = 10 * time.Second
)
