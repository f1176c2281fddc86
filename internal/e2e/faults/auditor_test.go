package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// faultless are the books of three records and one message from a subscriber with which nothing is wrong: a record that was
// sent once, one that was sent twice and says so, one that is invalid.
func faultless() *books {
	b := &books{messages: numbered(1, 1), visible: map[place]time.Time{}}
	at := time.Unix(1_700_000_000, 0)
	for i := range 3 {
		value := usual(i)
		if i == 2 {
			value = usual(96)
		}
		r := &kgo.Record{Topic: "sms.outbound", Offset: int64(i), Key: fmt.Appendf(nil, "k%d", i), Value: value}
		var out record.Outbound
		_ = out.Decode(value)
		b.outbound = append(b.outbound, r)
		res := result{record.Result{ID: out.ID, Status: "accepted", SMSC: "smsc0", To: out.To, From: "32323", Metadata: out.Metadata,
			Source: record.Source{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}}, r.Key}
		b.visible[placeOf(res.Source)] = at.Add(time.Minute)
		if i == 2 {
			res.Status = "invalid"
			h := func(k, v string) kgo.RecordHeader {
				return kgo.RecordHeader{Key: "__connect.errors." + k, Value: []byte(v)}
			}
			b.dead = append(b.dead, &kgo.Record{Headers: []kgo.RecordHeader{h("topic", r.Topic), h("partition", "0"), h("offset", "2")}})
			b.results = append(b.results, res)
			continue
		}
		id := fmt.Sprintf("id%d", i)
		res.Parts = []record.PartResult{{Part: 1, MessageID: id, Answered: true}}
		b.submits = append(b.submits, submit{"smsc0", smsc.Submit{At: at, To: out.To, MessageID: id}})
		if i == 1 {
			res.PossibleDuplicate = true
			b.submits = append(b.submits, submit{"smsc0", smsc.Submit{At: at, To: out.To, MessageID: "unheard"}})
		}
		b.results = append(b.results, res)
		src := res.Source
		b.receipts = append(b.receipts, record.Receipt{ID: out.ID, MessageID: id, Part: 1, Parts: 1, Final: true, Correlated: true,
			SMSC: "smsc0", To: res.To, From: res.From, Source: &src, Metadata: res.Metadata})
		b.delivers = append(b.delivers, delivery{"smsc0", smsc.Delivery{Kind: smsc.KindReceipt, MessageID: id, Stat: "DELIVRD", Acked: true}})
	}
	m := b.messages[0]
	b.delivers = append(b.delivers, delivery{"smsc0", smsc.Delivery{Kind: smsc.KindMO, From: m.from, Acked: true}})
	b.inbound = append(b.inbound, record.Inbound{From: "+" + m.from, To: m.to, Text: m.text, Complete: true})
	return b
}

func TestTheAuditorFindsNothingInBooksThatAreInOrder(t *testing.T) {
	v := faultless().audit(new(hold))
	if len(v.faults) > 0 || v.records != 3 || v.lost+v.doubled+v.silent+v.late+v.inboundLost+v.inboundDoubled+v.receiptsLost+v.receiptsDoubled > 0 || v.doubt != 1 {
		t.Fatalf("%+v", v)
	}
}

func TestTheAuditorSeesEachKindOfDamage(t *testing.T) {
	later := time.Unix(1_700_000_000, 0).Add(time.Hour)
	for _, c := range []struct {
		name   string
		damage func(b *books)
		number func(v *verdict) int // that counts it; nil: words alone
		words  string
	}{
		{"a result is missing", func(b *books) { b.results = b.results[1:] }, func(v *verdict) int { return v.lost }, "has no result"},
		{"a result is there twice", func(b *books) { b.results = append(b.results, b.results[0]) }, func(v *verdict) int { return v.doubled }, "has 2 results"},
		{"a submit more than the result says", func(b *books) { b.results[1].PossibleDuplicate = false }, func(v *verdict) int { return v.silent }, "does not say so"},
		{"accepted and never sent", func(b *books) { b.submits = b.submits[1:] }, func(v *verdict) int { return v.lost }, "the SMSCs took 0"},
		{"a message id that the SMSC never gave", func(b *books) { b.results[0].Parts[0].MessageID = "else" }, nil, "never given the message id"},
		{"a submit after the result", func(b *books) { b.submits[2].At = later }, func(v *verdict) int { return v.late }, "was visible"},
		{"a submit to nobody", func(b *books) {
			b.submits = append(b.submits, submit{"smsc0", smsc.Submit{To: "4900", MessageID: "x"}})
		}, nil, "nobody has written"},
		{"an invalid record was sent", func(b *books) {
			b.submits = append(b.submits, submit{"smsc0", smsc.Submit{To: number(96), MessageID: "x"}})
		}, nil, "an SMSC took it"},
		{"another's result", func(b *books) { b.results[0].ID = "m7" }, nil, "another's"},
		{"another's key", func(b *books) { b.results[0].key = []byte("k7") }, nil, "another's"},
		{"a rejection that nobody made", func(b *books) { b.results[0].Status = "rejected" }, nil, "rejected"},
		{"a dead letter is missing", func(b *books) { b.dead = nil }, nil, "has 0 dead letters"},
		{"a dead letter too many", func(b *books) { b.dead = append(b.dead, b.dead[0]) }, nil, "has 2 dead letters"},
		{"a result of nothing", func(b *books) { b.outbound = b.outbound[1:] }, nil, "nobody produced"},
		{"a tombstone with a result", func(b *books) { b.outbound[0].Value = nil }, nil, "tombstone"},
		{"a receipt is lost", func(b *books) { b.receipts = b.receipts[1:] }, func(v *verdict) int { return v.receiptsLost }, "is lost"},
		{"a receipt is there twice", func(b *books) { b.receipts = append(b.receipts, b.receipts[0]) }, func(v *verdict) int { return v.receiptsDoubled }, "2 final receipts"},
		{"a receipt of another's", func(b *books) { b.receipts[0].ID = "m1" }, nil, "misjoined"},
		{"a receipt without its submission", func(b *books) { b.receipts[0].Correlated = false }, nil, "not joined"},
		{"a receipt of nothing", func(b *books) { b.receipts[0].MessageID = "x" }, nil, "never gave"},
		{"a message from a subscriber is lost", func(b *books) { b.inbound = nil }, func(v *verdict) int { return v.inboundLost }, "is lost"},
		{"a message from a subscriber is there twice", func(b *books) { b.inbound = append(b.inbound, b.inbound[0]) }, func(v *verdict) int { return v.inboundDoubled }, "published 2 times"},
		{"a message from a subscriber is cut", func(b *books) { b.inbound[0].Text = "ans" }, nil, "came out as"},
		{"a message from a subscriber is incomplete", func(b *books) { b.inbound[0].Complete = false }, nil, "incomplete"},
		{"a message that nobody has written", func(b *books) { b.inbound = append(b.inbound, record.Inbound{From: "4911"}) }, nil, "has not written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := faultless()
			c.damage(b)
			v := b.audit(new(hold))
			if !slices.ContainsFunc(v.faults, func(f string) bool { return strings.Contains(f, c.words) }) {
				t.Errorf("no fault says %q: %q", c.words, v.faults)
			}
			if c.number != nil && c.number(v) != 1 {
				t.Errorf("counted %d times: %+v", c.number(v), v)
			}
		})
	}
}

func TestTheAuditorHoldsARowToWhatItAsksFor(t *testing.T) {
	if v := faultless().audit(&hold{noDoubt: true}); len(v.faults) != 1 {
		t.Errorf("a result in doubt where none may be: %q", v.faults)
	}
	b := faultless()
	b.results[0].PossibleDuplicate = true
	if v := b.audit(&hold{maxDoubt: 1}); len(v.faults) != 1 {
		t.Errorf("two results in doubt where one may be: %q", v.faults)
	}
	b = faultless()
	b.delivers[2].Acked = false
	b.delivers = append(b.delivers, delivery{"smsc0", smsc.Delivery{Kind: smsc.KindMO, From: b.messages[0].from, Acked: true}})
	b.inbound = append(b.inbound, b.inbound[0])
	if v := b.audit(new(hold)); len(v.faults) != 0 {
		t.Errorf("a message that the SMSC sent twice may be published twice: %q", v.faults)
	}
}
