package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/source"
)

// queries asks SMSCs for messages whose receipts are overdue (SMSC_<n>_QUERY_AFTER), between the resolver, which knows them, and the
// accounts. A final state that an SMSC answers with is made durable in <name>.deliver, as the receipt that it amounts to, and takes the
// way of all receipts from there: so it is published once, joined to its message, and settles it.
//
//	died, or no answer, or not final    nothing is known; asked again in a later round
//	died before Kafka held the answer   the same
//	the receipt comes after all         it is another word of the SMSC's, and published as well
type queries struct {
	accounts map[string]*smpp.Account
	source   *source.Source
	counted  *prometheus.CounterVec

	mu    sync.Mutex
	under map[string]*asking
}

// asking bounds what an SMSC is asked.
type asking struct {
	open   int // questions without an answer
	second int64
	asked  int // in that second
}

// An account's submits come first: queries are few, wait at the end of its queue, and take their part of its pace.
const (
	queriesOpen      = 10 // by SMSC
	queriesPerSecond = 10
)

func newQueries(accounts []*smpp.Account, src *source.Source, reg prometheus.Registerer) *queries {
	q := &queries{accounts: make(map[string]*smpp.Account), source: src, under: make(map[string]*asking),
		counted: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{Name: "smpp_connector_queries_total",
			Help: "query_sm by what came of them: final, open, refused, unanswered."}, []string{"smsc", "outcome"})}
	for _, a := range accounts {
		q.accounts[a.Name()] = a
		q.under[a.Name()] = &asking{}
	}
	return q
}

// question is the owner of a query_sm.
type question struct {
	engine.Question
	q *queries
}

// ask is the resolver's Query.
func (q *queries) ask(x engine.Question) bool {
	a := q.accounts[x.SMSC]
	if a == nil || !a.Ready() || !q.take(x.SMSC, time.Now()) {
		return false
	}
	s := &smpp.Submit{Op: smpp.OpQuery, MessageID: []byte(x.MessageID), Owner: &question{x, q}}
	if from, err := sms.ParseAddress(x.From, true); err == nil {
		s.SM.Source = wire.Address{TON: from.TON, NPI: from.NPI, Addr: []byte(from.Addr)}
	}
	a.Offer([]*smpp.Submit{s})
	return true
}

func (q *queries) take(smsc string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.under[smsc]
	if second := now.Unix(); second != u.second {
		u.second, u.asked = second, 0
	}
	if u.open >= queriesOpen || u.asked >= queriesPerSecond {
		return false
	}
	u.open++
	u.asked++
	return true
}

// answered takes what became of queries out of a batch of answers.
func (q *queries) answered(answers []smpp.Answer) {
	for i := range answers {
		a := &answers[i]
		if a.Submit.Op != smpp.OpQuery {
			continue
		}
		if x, ok := a.Submit.Owner.(*question); ok && x.q == q && !a.Late {
			q.settle(x, a)
		}
	}
}

func (q *queries) settle(x *question, a *smpp.Answer) {
	q.mu.Lock()
	q.under[x.SMSC].open--
	q.mu.Unlock()
	outcome := "unanswered"
	if a.Outcome == smpp.Responded {
		outcome = "refused"
		var r wire.QueryResp
		if a.Status == wire.StatusOK && r.Decode([]byte(a.MessageID)) == nil {
			outcome = "open"
			if state, known := sms.StateOf(int(r.MessageState)); known && state.Final() && state != sms.StateUnknown {
				outcome = "final"
				q.source.Queried(x.SMSC, x.Key, receiptOf(x.Key, &r), a.At)
			}
		}
	}
	q.counted.WithLabelValues(x.SMSC, outcome).Inc()
}

// receiptOf writes a query_sm_resp as the body of the deliver_sm that would have told the same.
func receiptOf(key string, r *wire.QueryResp) []byte {
	id := key[strings.LastIndexByte(key, 0)+1:]
	sm := wire.SM{
		ESMClass: 0x04, // SMPP v3.4 §5.2.12: a delivery receipt
		TLVs: []wire.TLV{
			{Tag: wire.TagReceiptedMessageID, Value: append([]byte(id), 0)},
			{Tag: wire.TagMessageState, Value: []byte{r.MessageState}},
		},
	}
	text := "id:" + id
	if done := finalDate(r.FinalDate); done != "" {
		text += " done date:" + done
	}
	if stat := receiptStats[min(int(r.MessageState), len(receiptStats)-1)]; stat != "" {
		text += " stat:" + stat
	}
	if text += fmt.Sprintf(" err:%03d text:", r.ErrorCode); len(text) <= int(wire.LimitShortMessage) {
		sm.ShortMessage = []byte(text)
	}
	pdu, err := sm.AppendDeliver(nil, 0)
	if err != nil { // an id is 255 octets at most: nothing here is too long
		return nil
	}
	return pdu[wire.HeaderLen:]
}

// receiptStats are by message_state (SMPP v3.4 §5.2.28, appendix B).
var receiptStats = [...]string{2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 8: "REJECTD", 9: ""}

// finalDate writes an absolute time (SMPP v3.4 §7.1.1) as receipts have it, in UTC; "" where it is none.
func finalDate(b []byte) string {
	const form = "060102150405"
	if len(b) < len(form) {
		return ""
	}
	t, err := time.Parse(form, string(b[:len(form)]))
	if err != nil {
		return ""
	}
	if zone := bytes.TrimSuffix(b[len(form):], []byte{0}); len(zone) == 4 { // tenths, quarters of an hour, sign
		quarters, err := strconv.Atoi(string(zone[1:3]))
		if err == nil && zone[3] == '+' {
			t = t.Add(-time.Duration(quarters) * 15 * time.Minute)
		} else if err == nil && zone[3] == '-' {
			t = t.Add(time.Duration(quarters) * 15 * time.Minute)
		}
	}
	return t.Format(form)
}
