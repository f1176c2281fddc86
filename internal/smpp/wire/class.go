package wire

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Class is what a command_status in the answer to a submit_sm means for what
// happens next.
type Class uint8

const (
	Accepted  Class = iota
	Throttle        // not now, and slower
	Temporary       // not now
	Permanent       // never
)

var classNames = [...]string{Accepted: "accepted", Throttle: "throttle", Temporary: "temporary", Permanent: "permanent"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// ParseClass reads a name as String writes it.
func ParseClass(s string) (Class, bool) {
	i := slices.Index(classNames[:], s)
	return Class(max(i, 0)), i >= 0
}

// Backoff is the wait before the next try of what was refused for now: about First after
// the first refusal, twice as long after each, Most at most.
type Backoff struct{ First, Most time.Duration }

// StatusRule is what the statuses from First to Last mean at one SMSC.
type StatusRule struct {
	First, Last uint32
	Class       Class
	Backoff     Backoff // the zero value: that of the class
}

// Statuses is what command_status means at one SMSC. The zero value knows no status but
// ESME_ROK and calls every other permanent. It is read only once it is made, and safe for
// concurrent use.
type Statuses struct {
	rules   []StatusRule // by First, without overlap
	backoff [len(classNames)]Backoff
}

// NewStatuses makes a table. Of rules that overlap the later one counts. ESME_ROK is
// accepted, whatever the rules say, and no other status is.
func NewStatuses(rules []StatusRule, throttle, temporary Backoff) *Statuses {
	t := &Statuses{}
	t.backoff[Throttle], t.backoff[Temporary] = throttle, temporary
	for _, r := range rules {
		if r.First > r.Last || r.Class == Accepted {
			continue
		}
		kept := make([]StatusRule, 0, len(t.rules)+2)
		for _, old := range t.rules { // what the new one leaves of each
			if left := old; left.First < r.First {
				left.Last = min(old.Last, r.First-1)
				kept = append(kept, left)
			}
			if right := old; right.Last > r.Last {
				right.First = max(old.First, r.Last+1)
				kept = append(kept, right)
			}
		}
		t.rules = append(kept, r)
	}
	slices.SortFunc(t.rules, func(a, b StatusRule) int { return cmp.Compare(a.First, b.First) })
	return t
}

// Of is the class of a status.
func (t *Statuses) Of(status uint32) Class {
	if status == StatusOK {
		return Accepted
	}
	if r := t.rule(status); r != nil {
		return r.Class
	}
	return Permanent
}

// Backoff is the wait before the next try of what was refused with this status.
func (t *Statuses) Backoff(status uint32) Backoff {
	if r := t.rule(status); r != nil && r.Backoff != (Backoff{}) {
		return r.Backoff
	}
	return t.backoff[t.Of(status)]
}

// rule is the one that holds the status. A table has some ten of them, and all but the first refusals are far apart.
func (t *Statuses) rule(status uint32) *StatusRule {
	for i := range t.rules {
		if r := &t.rules[i]; status <= r.Last {
			if status < r.First {
				return nil
			}
			return r
		}
	}
	return nil
}

// Rules are the rules as they are in force, by their first status.
func (t *Statuses) Rules() []StatusRule { return slices.Clone(t.rules) }

// ParseStatus reads a command_status as StatusName writes it, such as "ESME_RTHROTTLED" or "0x00000400", or as a decimal number.
func ParseStatus(s string) (uint32, bool) {
	if n, err := strconv.ParseUint(s, 0, 32); err == nil {
		return uint32(n), true
	}
	for status, text := range statuses {
		if strings.EqualFold(text.name, s) {
			return status, true
		}
	}
	return 0, false
}

// StatusNames are the names that ParseStatus knows, in the order of their numbers.
func StatusNames() []string {
	numbers := make([]uint32, 0, len(statuses))
	for n := range statuses {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = statuses[n].name
	}
	return names
}

// Standard is what statuses mean where nothing is known of the SMSC (SMPP v3.4 §5.1.3 names the statuses; it does not say which of
// them pass):
//
//	throttle    ESME_RTHROTTLED, ESME_RMSGQFUL
//	temporary   ESME_RSYSERR, ESME_RX_T_APPN: the SMSC's own trouble;
//	            ESME_RINVBNDSTS: the bind was lost without our knowing;
//	            ESME_RSERTYPUNAVAIL (v5.0): unavailable just now
//	permanent   all others. ESME_RSUBMITFAIL and ESME_RUNKNOWNERR too: carriers use
//	            them for recipients that do not exist, and a retry would come back
//	            refused for a day.
var Standard = NewStatuses([]StatusRule{
	{First: StatusThrottled, Last: StatusThrottled, Class: Throttle},
	{First: StatusMsgQFul, Last: StatusMsgQFul, Class: Throttle},
	{First: StatusSysErr, Last: StatusSysErr, Class: Temporary},
	{First: StatusXTAppn, Last: StatusXTAppn, Class: Temporary},
	{First: StatusInvBndSts, Last: StatusInvBndSts, Class: Temporary},
	{First: StatusSerTypUnavail, Last: StatusSerTypUnavail, Class: Temporary},
}, Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second}, Backoff{First: 500 * time.Millisecond, Most: time.Minute})
