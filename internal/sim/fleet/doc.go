// Package fleet has tests alone: a hundred replicas in virtual time, with the ledger that the sink has and the balancer that its
// client has, and nothing else of either. It shows at that size what the whole can only be run for at a few: that partitions are spread
// evenly and move sparingly, that a takeover sends nothing anew but what it names as in doubt, and that these are no more than planned.
// How replicas share a pace at that size is shown beside the pace, in internal/smpp.
package fleet
