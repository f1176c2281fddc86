package engine

import (
	"strings"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// Question is a message whose final receipt is overdue, so that its SMSC may be asked for its state (query_sm).
type Question struct {
	SMSC      string
	Key       string // under which it is filed, and its answer must come: record.ReceiptKey
	MessageID string // as in the submit_sm_resp
	From      string // the sender, as the record has it
}

// A message is asked for when it has been without a final receipt for the SMSC's time, and again when it has been for twice that, four
// times, and so on: what is not delivered after an hour is rarely delivered a second later. The rounds are places in the index of what is
// due, one for each such age, kept in memory alone: a partition that moves is asked for anew, once a message, which does no harm.
const (
	maxRounds     = 8
	overdueAtOnce = 1000 // rows looked at by one call, for each round
)

type rounds [maxRounds]round

type round struct {
	at    int64 // the due time up to which it has asked; 0: not begun
	asked int   // how many that are due at that very time it has been through
}

// Overdue calls ask with messages of an SMSC whose receipt has been outstanding for longer than after. ask says false where it takes no
// more now; that message and those behind it come again with the next call. It changes nothing but where the rounds are.
func (e *Engine) Overdue(now time.Time, smsc string, after time.Duration, out *Output, ask func(Question) bool) error {
	out.join(e)
	if e.rounds == nil {
		e.rounds = make(map[string]*rounds)
	}
	at := e.rounds[smsc]
	if at == nil {
		at = new(rounds)
		e.rounds[smsc] = at
	}
	for k := range at {
		r := &at[k]
		age := after << k
		if age >= e.cfg.ReceiptWait || age <= 0 {
			break
		}
		until := unixMilli(now) + (e.cfg.ReceiptWait - age).Milliseconds()
		if r.at == 0 {
			// What is older than the next round's age is that round's.
			r.at = e.floors.of(store.Submitted)
			if older := age * 2; k+1 < maxRounds && older < e.cfg.ReceiptWait {
				r.at = max(r.at, until-age.Milliseconds())
			}
		}
		if !e.askRound(smsc, r, until, out, ask) {
			break
		}
	}
	return out.Err()
}

// askRound moves one round on, up to until; false where ask takes no more.
func (e *Engine) askRound(smsc string, r *round, until int64, out *Output, ask func(Question) bool) bool {
	due := out.batch.SeeDue(nil, e.cfg.Partition, store.Submitted, r.at, until, overdueAtOnce)
	for i := range due {
		d := &due[i]
		if d.Due == r.at && i < r.asked {
			continue
		}
		if d.Class != store.Origin {
			continue
		}
		entry, ok := out.batch.Coming(e.cfg.Partition, *d)
		if !ok {
			continue
		}
		var o origin
		if !readOrigin(entry.Row, entry.ID.Tail, entry.Due, &o.Submission) || o.SMSC != smsc {
			continue
		}
		if o.decode(entry.State); !o.owesFinal() {
			continue
		}
		q := Question{SMSC: smsc, Key: strings.Clone(o.Key), MessageID: strings.Clone(o.MessageID), From: strings.Clone(o.From)}
		if !ask(q) {
			first := i
			for first > 0 && due[first-1].Due == d.Due {
				first--
			}
			r.at, r.asked = d.Due, i-first
			return false
		}
	}
	r.at, r.asked = until+1, 0
	if len(due) == overdueAtOnce {
		// More of the same millisecond than one call looks at wait for the next round.
		r.at = due[len(due)-1].Due + 1
	}
	return true
}

// asked says whether what was delivered is the answer to a question of ours, and not the SMSC's own word: it has the id that we filed
// the message under, and so tells nothing about the form in which the SMSC writes ids.
func asked(d *record.Deliver) bool { return d.CommandID == wire.QuerySMResp }
