package redrive

import (
	"slices"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// Filter says which dead letters are meant. An empty field asks for nothing; all that are given must hold.
type Filter struct {
	Since, Until time.Time // of the record's timestamp, which is the original's; Until itself is outside
	Statuses     []string  // of the result, such as "rejected"
	Commands     []uint32  // command_status
	SMSCs        []string
	Topics       []string // where the record came from
	IDs          map[string]bool
	Reader       record.Reader // reads the ids
}

// Empty tells that nothing is asked for.
func (f *Filter) Empty() bool {
	return f.Since.IsZero() && f.Until.IsZero() && len(f.Statuses)+len(f.Commands)+len(f.SMSCs)+len(f.Topics)+len(f.IDs) == 0
}

func (f *Filter) matches(l *letter) bool {
	switch {
	case !f.Since.IsZero() && l.rec.Timestamp.Before(f.Since),
		!f.Until.IsZero() && !l.rec.Timestamp.Before(f.Until),
		len(f.Statuses) > 0 && !slices.Contains(f.Statuses, l.status),
		len(f.Commands) > 0 && (l.command < 0 || !slices.Contains(f.Commands, uint32(l.command))),
		len(f.SMSCs) > 0 && !slices.Contains(f.SMSCs, l.smsc),
		len(f.Topics) > 0 && !slices.Contains(f.Topics, l.topic):
		return false
	}
	return len(f.IDs) == 0 || f.hasID(l)
}

// hasID knows a record by its own id, and one that names none by the place that it had at first.
func (f *Filter) hasID(l *letter) bool {
	if from := l.from(); from != "" && f.IDs[from] {
		return true
	}
	var o record.Outbound
	_ = f.Reader.Decode(&o, l.rec.Value, l, true) // one that is invalid may have a readable id nevertheless
	return o.ID != "" && f.IDs[o.ID]
}

// Reason is why a dead letter is left where it is.
type Reason uint8

// The reasons, in the order in which they are looked at.
const (
	Asked         Reason = iota // it is put back
	OtherSink                   // of a connector of another name
	NotAsked                    // the filter does not match
	InDoubt                     // it may have been sent, and --status does not name in_doubt
	Already                     // an earlier run has put it back
	TooOften                    // it has come back as often as is allowed
	NoValue                     // its value was too large to be kept, or it has none
	NoTopic                     // no header says where it came from
	NotAnInput                  // it came from a topic that the sink does not read
	TooLarge                    // its topic does not take it, even alone
	reasons       = iota
	inDoubtStatus = "in_doubt"
)

var reasonTexts = [reasons]string{
	OtherSink:  "of a connector of another name",
	NotAsked:   "not asked for",
	InDoubt:    "in doubt, so that they may have been sent: only with --status in_doubt",
	Already:    "put back before",
	TooOften:   "put back as often as --max-redrives allows, and failed again",
	NoValue:    "without a value, as it was too large for the topic",
	NoTopic:    "without __connect.errors.topic: say where to with --to",
	NotAnInput: "from a topic that is not among SINK_TOPICS: name one with --to",
	TooLarge:   "too large for the topic that they would go back to: raise its max.message.bytes",
}

func (r Reason) String() string { return reasonTexts[r] }
