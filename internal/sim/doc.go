// Package sim runs sink, ledger, SMPP sessions, source and resolver against kfake and
// scripted SMSCs on a network that is only memory, in time that is only counted
// (testing/synctest), under faults that are drawn from a seed.
//
//	go test ./internal/sim                                     the seeds that ever failed, then some hundred
//	go test ./internal/sim -seeds 100000 -timeout 3h           the many, in two processes at a time
//	go test ./internal/sim -first 10005000 -seeds 100000 -within 4m   as many as four minutes have room for; it says where to go on
//	go test ./internal/sim -seed 4711 -v -count 20             one, with what was broken when
//
// A seed names a world (replicas, SMSCs, records, latencies) and a script of faults over a
// minute of its time: see world and script. A model of the ledger (model_test.go) looks at
// every commit as the broker applies it and at every submit as an SMSC gets it; when the
// last fault is over all must come to rest, and the audit (audit_test.go) compares what
// was asked, what was sent and what was published.
//
// What repeats and what does not: the world, the script, the SMSCs' decisions and virtual
// time are functions of the seed alone. The order in which goroutines that are ready at
// the same moment run, Go's map order and select, and the jitter of retries
// (math/rand/v2, which cannot be seeded) are not. A failing seed therefore fails again
// often, not always: replay it with -count. What failed is printed at once.
//
// kfake's groups are mended for these tests: see kfakeMends.
//
// The package has tests only. They may import every room.
package sim
