package faults

import (
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// auditReceipts: each final receipt that was acknowledged, of a part that a result names, is published once, joined to its record.
func (a *auditor) auditReceipts() {
	type owner struct {
		r    *result
		part int
	}
	owners := map[part]owner{}
	for i := range a.books.results {
		r := &a.books.results[i]
		for _, p := range r.Parts {
			if p.MessageID != "" {
				owners[part{r.SMSC, p.MessageID}] = owner{r, p.Part}
			}
		}
	}
	given := map[part]bool{} // ids that the SMSCs have given
	for _, s := range a.books.submits {
		if s.MessageID != "" {
			given[part{s.smsc, s.MessageID}] = true
		}
	}
	published, alone := map[part]int{}, map[part]int{}
	for i := range a.books.receipts {
		rc := &a.books.receipts[i]
		at := part{rc.SMSC, rc.MessageID}
		if !rc.Correlated {
			// Of a message that a process had sent when it died, and whose answer it never told anybody, no result names the id:
			// there is no submission to join its receipt to.
			if _, known := owners[at]; !a.hold.uncorrelated && (known || !given[at]) {
				a.fault("a receipt of %s was not joined to its submission", rc.MessageID)
			}
			if alone[at]++; rc.Final && alone[at] > 1 {
				a.receiptsDoubled++
				a.fault("%d final receipts for message id %s, without its submission", alone[at], at.messageID)
			}
			continue
		}
		if rc.Final {
			published[at]++
		}
		if !given[at] {
			a.fault("a receipt for message id %q, which %s never gave", rc.MessageID, rc.SMSC)
		}
		o, ok := owners[at]
		if !ok {
			a.fault("a receipt for message id %q is joined to %s, whose result does not name it", rc.MessageID, rc.ID)
			continue
		}
		if rc.ID != o.r.ID || rc.Part != o.part || rc.Parts != len(o.r.Parts) || !sameJSON(rc.Metadata, o.r.Metadata) || rc.Source == nil ||
			placeOf(*rc.Source) != placeOf(o.r.Source) || rc.To != o.r.To || rc.From != o.r.From {
			a.fault("the receipt for message id %s is misjoined: %s part %d of %d, and it is %s part %d of %d",
				rc.MessageID, rc.ID, rc.Part, rc.Parts, o.r.ID, o.part, len(o.r.Parts))
		}
	}
	acked := map[part]bool{}
	for _, d := range a.books.delivers {
		if d.Kind == smsc.KindReceipt && d.Acked && final(d.Stat) {
			acked[part{d.smsc, d.MessageID}] = true
		}
	}
	for at := range owners {
		switch n := published[at]; {
		case n > 1:
			a.receiptsDoubled += n - 1
			a.fault("%d final receipts for message id %s", n, at.messageID)
		case n == 0 && acked[at]:
			a.receiptsLost++
			a.fault("the receipt for message id %s was acknowledged and is lost", at.messageID)
		}
	}
}

// auditInbound: a message that was acknowledged is published, once if the SMSC sent it once, else no more often than it was sent.
func (a *auditor) auditInbound() {
	type tries struct{ acked, sent map[byte]int }
	sent := map[string]*tries{}
	for _, d := range a.books.delivers {
		if d.Kind != smsc.KindMO {
			continue
		}
		from := sms.NormalNumber(d.From)
		if sent[from] == nil {
			sent[from] = &tries{map[byte]int{}, map[byte]int{}}
		}
		sent[from].sent[d.Part]++
		if d.Acked {
			sent[from].acked[d.Part]++
		}
	}
	got := map[string][]*record.Inbound{}
	for i := range a.books.inbound {
		in := &a.books.inbound[i]
		from := sms.NormalNumber(in.From)
		got[from] = append(got[from], in)
	}
	known := map[string]bool{}
	for _, m := range a.messages {
		known[m.from] = true
		t := sent[m.from]
		if t == nil {
			continue // never sent: the row ended the flow early
		}
		most, all := 0, true
		for part, n := range t.sent {
			most = max(most, n)
			all = all && t.acked[part] > 0
		}
		whole := 0
		for _, in := range got[m.from] {
			if strings.TrimPrefix(in.To, "+") != m.to || in.Complete && in.Text != m.text {
				a.fault("the message from %s came out as %q to %s", m.from, in.Text, in.To)
			}
			if in.Complete {
				whole++
			} else {
				a.fault("the message from %s is published incomplete, without parts %v", m.from, in.Missing)
			}
		}
		switch {
		case whole == 0 && all:
			a.inboundLost++
			a.fault("the message from %s was acknowledged and is lost", m.from)
		case whole > most:
			a.inboundDoubled += whole - most
			a.fault("the message from %s was sent %d times and is published %d times", m.from, most, whole)
		}
	}
	for from := range got {
		if !known[from] {
			a.fault("a message from %s, who has not written", from)
		}
	}
}
