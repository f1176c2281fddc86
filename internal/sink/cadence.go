package sink

import "time"

// cadence is when commits may begin.
//
// DELIVERY_COMMIT_INTERVAL lies between the beginnings of two transactions; one that was refused does not count. Grants alone are no transaction, and whoever
// waits for one waits to be sent: what can be written to a socket at once need not wait for the next transaction. A part of the interval lies between them,
// so that a trickle of records does not make a commit of each (TestWhatCanBeSentAtOnceDoesNotWaitForTheNextTransaction).
type cadence struct {
	transaction time.Time // the last that was not refused began
	commit      time.Time // the last of any kind began
	held        time.Time // none before: the last was refused, or there is nobody to commit as
}

const (
	grantsPerInterval = 4

	// handOverInterval takes the interval's place while partitions are handed over, if that is longer: another replica waits for the last commit, or
	// whoever stops us, and not for longer than revokeTimeout (TestAHandOverDoesNotWaitForTheNextTransaction).
	handOverInterval = 100 * time.Millisecond

	// leastPause lies between a commit that was refused and the next.
	leastPause = 20 * time.Millisecond
)

// nextCommits are when the next transaction and the next grants alone may begin.
func (s *Sink) nextCommits() (transaction, grants time.Time) {
	interval := s.cfg.Delivery.CommitInterval
	if s.leaving > 0 {
		interval = min(interval, handOverInterval)
	}
	return s.cadence.transaction.Add(interval), s.cadence.commit.Add(interval / grantsPerInterval)
}

// begins is told of a commit that begins.
func (d *cadence) begins(c *commit, now time.Time) {
	d.commit, c.before = now, d.transaction
	if c.transaction() {
		d.transaction = now
	}
}

// refused is told of one of which nothing happened.
func (d *cadence) refused(c *commit, until time.Time) {
	d.held = until
	if c.transaction() {
		d.transaction = c.before
	}
}
