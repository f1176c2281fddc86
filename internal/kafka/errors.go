package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	// ErrAborted says that nothing of the commit happened; the same may be tried again.
	ErrAborted = errors.New("kafka: the transaction was aborted")
	// ErrNotMember says that the group's generation is no longer the one that the
	// commit was made for, and that nothing of it happened. It is transient in
	// a rebalance: take the membership anew and try again for what is still held.
	ErrNotMember = errors.New("kafka: not a member of this generation of the group")
	// ErrUnknown says that the context ended before the outcome could be read
	// back. Committed or aborted, never half; the committed metadata will tell.
	ErrUnknown = errors.New("kafka: the outcome of the commit is not known")
	// ErrTooLarge says that a record is larger than the broker takes, which no
	// repetition will change.
	ErrTooLarge = errors.New("kafka: a record is too large for its topic")
)

type verdict uint8

const (
	// retry the same request: the coordinator is moving, loading, or still
	// busy with our last transaction's markers.
	retry verdict = iota
	// notMember: another generation, or none of ours.
	notMember
	// broken: this producer id is of no more use; make a new client.
	broken
	// tooLarge: the record will never fit.
	tooLarge
	// denied: not before somebody gives us the right to.
	denied
)

// classify has one branch for each reason.
func classify(err error) verdict {
	switch {
	case errors.Is(err, kerr.IllegalGeneration), // a rebalance has begun or ended
		errors.Is(err, kerr.UnknownMemberID),     // the session timed out
		errors.Is(err, kerr.FencedInstanceID),    // a static member has come back elsewhere
		errors.Is(err, kerr.StaleMemberEpoch),    // KIP-848's IllegalGeneration
		errors.Is(err, kerr.FencedMemberEpoch),   // KIP-848: dead to the group
		errors.Is(err, kerr.RebalanceInProgress): // joined, not yet synced
		return notMember
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return tooLarge
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed),
		errors.Is(err, kerr.TransactionalIDAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return denied
	case errors.Is(err, kerr.InvalidProducerEpoch), // fenced: by a successor, or by our own re-init
		errors.Is(err, kerr.ProducerFenced),
		errors.Is(err, kerr.InvalidProducerIDMapping), // the broker has forgotten the id
		errors.Is(err, kerr.InvalidTxnState),          // timed out on the broker
		errors.Is(err, kerr.TransactionAbortable),     // KIP-890: abort and begin anew
		errors.Is(err, kerr.OutOfOrderSequenceNumber),
		errors.Is(err, kerr.UnknownProducerID):
		return broken
	}
	return retry
}
