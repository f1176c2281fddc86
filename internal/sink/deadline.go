package sink

import (
	"fmt"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// A message has two deadlines. expires_at is a time of day. validity is a duration: how
// long the message is of use from when we took it in (received_at in its result). What of
// it has gone by here, in a lane, in backoff, in the queue of an account, is taken off what
// the SMSC is told in validity_period; once it has all gone by the message is not sent.
// After a crash or a takeover it counts anew, since Kafka holds no other start of it that
// could be trusted: a record's timestamp may be of any age. Who needs a deadline that
// holds across restarts gives expires_at.
//
// Both are looked at before a grant, after its commit, when the message's next try is due
// at the latest, and by the account when a submit's turn to be written comes. In limbo,
// where nothing can be written about it, a message waits for its partition's return.

// validUntil is the end of the validity; false: there is none that we count. With a
// deliver_at still to come validity is the SMSC's to count.
func (m *message) validUntil() (time.Time, bool) {
	if m.out.Validity <= 0 || m.out.DeliverAt.After(m.receivedAt) {
		return time.Time{}, false
	}
	return m.receivedAt.Add(m.out.Validity), true
}

// mayExpire tells whether the message has a deadline.
func (m *message) mayExpire() bool {
	_, valid := m.validUntil()
	return valid || !m.out.ExpiresAt.IsZero()
}

func (m *message) expired(now time.Time) bool {
	left, ok := m.timeLeft(now)
	return ok && left <= 0
}

// timeLeft is the time until the first of its deadlines; false: it has none.
func (m *message) timeLeft(now time.Time) (time.Duration, bool) {
	until, valid := m.validUntil()
	left := until.Sub(now)
	if exp := m.out.ExpiresAt; !exp.IsZero() {
		if day := exp.Sub(faultpoint.Wall(now)); !valid || day < left {
			return day, true
		}
	}
	return left, valid
}

// expires is the first of its deadlines, zero without one.
func (m *message) expires() time.Time {
	until, valid := m.validUntil()
	if exp := m.out.ExpiresAt; !exp.IsZero() && (!valid || exp.Before(until)) {
		return exp
	}
	return until
}

// renewValidity puts what is left of the validity into the PDUs to come. The SMSC counts
// in seconds, and from when it has the message.
func (m *message) renewValidity(now time.Time) {
	until, valid := m.validUntil()
	if !valid || now.Sub(m.receivedAt) < time.Second {
		return
	}
	m.body.sm.ValidityPeriod = []byte(sms.FormatRelative(max(until.Sub(now), time.Second)))
}

// whyExpired is the error of its result.
func (m *message) whyExpired() string {
	if exp := m.out.ExpiresAt; !exp.IsZero() && m.expires().Equal(exp) {
		return fmt.Sprintf("expires_at %s has passed before it could be sent", exp.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("its validity of %s has passed before it could be sent", m.out.Validity)
}
