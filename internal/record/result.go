package record

import (
	"strconv"
	"time"
)

// The values of Result.Status.
const (
	Accepted   = "accepted"   // the SMSC took every part
	Rejected   = "rejected"   // the SMSC refused for good
	Invalid    = "invalid"    // the record could not be encoded or lacks a field
	Expired    = "expired"    // its time was over before it could be sent
	Unroutable = "unroutable" // no SMSC for it
	Suppressed = "suppressed" // the recipient has opted out
	InDoubt    = "in_doubt"   // it may or may not have reached the SMSC, and was held
)

// Result is what became of an outbound record, exactly one for each. JSON fields,
// in this order: id, status, smsc, to, from, parts, encoding, transliterated, attempts,
// possible_duplicate, error, source, received_at, submitted_at, answered_at,
// metadata. id, status, attempts, possible_duplicate and source are always there.
type Result struct {
	ID                string
	Status            string // Accepted and the constants beside it
	SMSC              string
	To                string
	From              string
	Parts             []PartResult
	Encoding          string
	Transliterated    []string // what became of characters of the text, as `’→'`
	Attempts          int      // how often it, or the parts of it that were left, was given to an SMSC; 0 if never
	PossibleDuplicate bool
	Error             string // a sentence
	Source            Source
	ReceivedAt        time.Time
	SubmittedAt       time.Time
	AnsweredAt        time.Time
	Metadata          []byte // a compact JSON object; nil absent
}

// PartResult is one part's answer. JSON fields: part, message_id, command_status,
// status_name; the last two are left out where no answer came.
type PartResult struct {
	Part          int // from 1
	MessageID     string
	CommandStatus uint32
	StatusName    string // "" stands for StatusName(CommandStatus)
	Answered      bool
}

// AppendJSON appends the result as one JSON object.
func (r *Result) AppendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), r.ID)
	dst = appendString(append(dst, `,"status":`...), r.Status)
	dst = appendText(dst, `"smsc":`, r.SMSC)
	dst = appendText(dst, `"to":`, r.To)
	dst = appendText(dst, `"from":`, r.From)
	if len(r.Parts) > 0 {
		dst = append(dst, `,"parts":[`...)
		for i := range r.Parts {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.Parts[i].appendJSON(dst)
		}
		dst = append(dst, ']')
	}
	dst = appendText(dst, `"encoding":`, r.Encoding)
	if len(r.Transliterated) > 0 {
		dst = append(dst, `,"transliterated":[`...)
		for i, change := range r.Transliterated {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, change)
		}
		dst = append(dst, ']')
	}
	dst = strconv.AppendInt(append(dst, `,"attempts":`...), int64(r.Attempts), 10)
	dst = appendFlag(dst, `"possible_duplicate":`, r.PossibleDuplicate)
	dst = appendText(dst, `"error":`, r.Error)
	dst = appendSource(append(dst, `,"source":`...), &r.Source)
	dst = appendInstant(dst, `"received_at":`, r.ReceivedAt)
	dst = appendInstant(dst, `"submitted_at":`, r.SubmittedAt)
	dst = appendInstant(dst, `"answered_at":`, r.AnsweredAt)
	dst = appendRaw(dst, `"metadata":`, r.Metadata)
	return append(dst, '}')
}

// Name is the name of the status.
func (p *PartResult) Name() string {
	if p.StatusName != "" {
		return p.StatusName
	}
	return StatusName(p.CommandStatus)
}

func (p *PartResult) appendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"part":`...), int64(p.Part), 10)
	dst = appendText(dst, `"message_id":`, p.MessageID)
	if p.Answered {
		dst = strconv.AppendUint(append(dst, `,"command_status":`...), uint64(p.CommandStatus), 10)
		dst = appendString(append(dst, `,"status_name":`...), p.Name())
	}
	return append(dst, '}')
}
