package engine

import (
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// agreement tells how the addresses of a receipt and of a message go together.
type agreement uint8

const (
	disagree agreement = iota
	noTelling
	agree
)

// choose picks the submission that a receipt belongs to, nil if none does. All of them
// are filed under the receipt's id; that alone can mislead while the form of the ids is
// not known, since the decimal of one id may be the hexadecimal of another.
//
// What speaks for a submission, the weightiest first: its id reads as the receipt's in the
// form that is known; the addresses agree; the final receipt is still to come; it is filed
// under the id as it is, not as it might be written; it is the latest.
func choose(forms *Forms, in *received, origins []origin) *origin {
	known, fixed := forms.of(in.smsc)
	var best *origin
	bestScore := -1
	for i := range origins {
		o := &origins[i]
		who := addressesAgree(in, o)
		shown := sms.FormUnknown
		if known != sms.FormUnknown {
			shown = sms.FormOf(o.MessageID, in.Receipt.MessageID)
		}
		fits := fixed || known != sms.FormUnknown && (shown == known || shown == sms.FormUnknown)
		if in.asked { // of the message that was filed first under this key, and of no other
			if o.PrimaryKey != "" {
				continue
			}
			fits = true
		}
		if !fits && !plausible(in, o, who, known != sms.FormUnknown) {
			continue
		}
		score := 0
		if fits {
			score += 16
		}
		score += 4 * int(who)
		if !o.final {
			score += 2
		}
		if o.PrimaryKey == "" {
			score++
		}
		if score >= bestScore { // of equals the latest
			best, bestScore = o, score
		}
	}
	return best
}

// plausible judges a submission by what there is besides a known form. An id that is long
// or has letters, and is written in the receipt as in the response, is proof enough.
func plausible(in *received, o *origin, who agreement, formKnown bool) bool {
	if who == agree {
		return true
	}
	if o.PrimaryKey != "" || formKnown {
		return !formKnown && who == noTelling
	}
	return who == noTelling || distinctive(in.ReceiptID)
}

// distinctive ids do not meet by chance.
func distinctive(id string) bool {
	if len(id) >= 9 {
		return true
	}
	return strings.Trim(id, "0123456789") != ""
}

// addressesAgree compares the message's destination with the receipt's source, as
// SMPP has it (v3.4 §4.6.1), and with its destination, as some carriers do. Numbers are
// compared from the end: one side may have them national, the other international.
func addressesAgree(in *received, o *origin) agreement {
	to := sms.NormalNumber(o.To)
	a, b := sameNumber(to, in.From), sameNumber(to, in.To)
	return max(a, b)
}

func sameNumber(normal, addr string) agreement {
	addr = sms.NormalNumber(addr)
	if normal == addr {
		return agree
	}
	x, y := strings.TrimLeft(normal, "0"), strings.TrimLeft(addr, "0")
	if len(x) < len(y) {
		x, y = y, x
	}
	switch {
	case y == "" || strings.Trim(y, "0123456789") != "":
		return noTelling // empty, or a name
	case len(y) >= 6 && strings.HasSuffix(x, y):
		return agree
	}
	return disagree
}
