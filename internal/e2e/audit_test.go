package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

// books are all that the topics and the SMSC say.
type books struct {
	outbound []*kgo.Record
	results  map[string][]record.Result // by id
	keys     map[string][]byte          // of the result, by id
	receipts []record.Receipt
	inbound  []record.Inbound
	dead     map[string]*kgo.Record // by "topic-partition-offset" of the original
	submits  map[string][]npmpeer.Event
	stats    map[string]string // the SMSC's own receipts: final stat by message id
	log      []npmpeer.Event
}

func readBooks(t *testing.T, b *kafkatest.Broker, log string) *books {
	t.Helper()
	k := &books{results: map[string][]record.Result{}, keys: map[string][]byte{}, dead: map[string]*kgo.Record{}, submits: map[string][]npmpeer.Event{}, stats: map[string]string{}}
	k.outbound = kafkatest.ReadAll(t, b, "sms.outbound")
	for _, r := range kafkatest.ReadAll(t, b, "sms.results") {
		v, err := record.DecodeResult(r.Value)
		if err != nil {
			t.Fatalf("a result does not decode: %v", err)
		}
		k.results[v.ID] = append(k.results[v.ID], v)
		k.keys[v.ID] = r.Key
	}
	for _, r := range kafkatest.ReadAll(t, b, "sms.receipts") {
		v, err := record.DecodeReceipt(r.Value)
		if err != nil {
			t.Fatalf("a receipt does not decode: %v", err)
		}
		k.receipts = append(k.receipts, v)
	}
	for _, r := range kafkatest.ReadAll(t, b, "sms.inbound") {
		v, err := record.DecodeInbound(r.Value)
		if err != nil {
			t.Fatalf("an inbound message does not decode: %v", err)
		}
		k.inbound = append(k.inbound, v)
	}
	for _, r := range kafkatest.ReadAll(t, b, "sms.deadletter") {
		h := headers(r)
		at := h["__connect.errors.topic"] + "-" + h["__connect.errors.partition"] + "-" + h["__connect.errors.offset"]
		if k.dead[at] != nil {
			t.Errorf("two dead letters of %s", at)
		}
		k.dead[at] = r
	}
	if err := npmpeer.ReadLog(log, func(e npmpeer.Event) error {
		k.log = append(k.log, e)
		switch {
		case e.Event == "submit":
			k.submits[e.To] = append(k.submits[e.To], e)
		case e.Event == "deliver" && e.Kind == "receipt" && final(e.Stat):
			k.stats[e.MessageID] = e.Stat
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return k
}

func final(stat string) bool { return stat != "ENROUTE" && stat != "ACCEPTD" }

func headers(r *kgo.Record) map[string]string {
	h := map[string]string{}
	for _, x := range r.Headers {
		h[x.Key] = string(x.Value)
	}
	return h
}

func defaultID(r *kgo.Record) string { return fmt.Sprintf("%s-%d-%d", r.Topic, r.Partition, r.Offset) }

// one returns the one result of a record.
func (k *books) one(t *testing.T, id string) record.Result {
	t.Helper()
	rs := k.results[id]
	if len(rs) != 1 {
		t.Fatalf("%s has %d results: %+v", id, len(rs), rs)
	}
	return rs[0]
}

// checkCampaign compares every record with its result, its dead letter, what the
// SMSC got, and its receipts. faults: the run had crashes, so that what says
// possible_duplicate may have been sent more than once.
func (k *books) checkCampaign(t *testing.T, want []expected, faults bool) (duplicates int) {
	t.Helper()
	byLine := make(map[string]expected, len(want))
	for _, e := range want {
		byLine[string(e.line)] = e
	}
	if n := len(k.outbound); n != len(want) {
		t.Fatalf("%d outbound records, %d expected", n, len(want))
	}
	receipts := map[string][]record.Receipt{}
	for _, r := range k.receipts {
		if r.Correlated && r.Final {
			receipts[r.MessageID] = append(receipts[r.MessageID], r)
		}
		if !r.Correlated && !faults {
			t.Errorf("a receipt was not joined: %+v", r)
		}
	}
	for _, rec := range k.outbound {
		e, ok := byLine[string(rec.Value)]
		if !ok {
			t.Fatalf("an outbound record that nobody produced: %s", rec.Value)
		}
		id := e.id
		if id == "" {
			id = defaultID(rec)
		}
		res := k.one(t, id)
		if res.Status != e.status || res.Source.Topic != rec.Topic || res.Source.Partition != rec.Partition || res.Source.Offset != rec.Offset {
			t.Fatalf("%s: %+v, want %s", id, res, e.status)
		}
		if !bytes.Equal(k.keys[id], rec.Key) {
			t.Errorf("%s: the result's key is %q, the record's %q", id, k.keys[id], rec.Key)
		}
		d := k.dead[defaultID(rec)]
		if (d != nil) != (e.status != "accepted") {
			t.Errorf("%s is %s; dead letter: %v", id, e.status, d != nil)
		}
		if d != nil {
			if !bytes.Equal(d.Value, rec.Value) || !bytes.Equal(d.Key, rec.Key) || headers(d)["smpp.status"] != e.status || headers(d)["__connect.errors.exception.message"] == "" {
				t.Errorf("%s: the dead letter is not the original with its reason: %v", id, headers(d))
			}
		}
		if e.status != "accepted" {
			if res.Error == "" {
				t.Errorf("%s: %s without a reason", id, res.Status)
			}
			if n := len(k.submits[e.to]); e.to != "" && e.status != "rejected" && n > 0 {
				t.Errorf("%s is %s and was submitted %d times", id, e.status, n)
			}
			continue
		}
		duplicates += k.checkSubmits(t, e, res, faults)
		for _, p := range res.Parts {
			rs := receipts[p.MessageID]
			switch {
			case e.receipts == "none":
				if len(rs) != 0 {
					t.Errorf("%s: receipts that nobody asked for: %+v", id, rs)
				}
				continue
			case len(rs) != 1:
				t.Fatalf("%s part %d, message id %s: %d final receipts: %+v", id, p.Part, p.MessageID, len(rs), rs)
			}
			r := rs[0]
			if r.ID != id || r.Part != p.Part || r.Parts != len(res.Parts) || !bytes.Equal(r.Metadata, res.Metadata) || r.To != res.To || r.From != res.From ||
				r.Source == nil || r.Source.Offset != rec.Offset || r.State != stateOf(k.stats[p.MessageID]) {
				t.Errorf("%s: misjoined: %+v of %+v; the SMSC said %s", id, r, res, k.stats[p.MessageID])
			}
		}
	}
	return duplicates
}

func stateOf(stat string) string {
	return map[string]string{"DELIVRD": "DELIVERED", "UNDELIV": "UNDELIVERABLE", "EXPIRED": "EXPIRED"}[stat]
}

// checkSubmits compares a result with what the SMSC got; it returns 1 if the SMSC
// got any part of it more than once.
func (k *books) checkSubmits(t *testing.T, e expected, res record.Result, faults bool) int {
	t.Helper()
	times, text := map[byte]int{}, map[byte]string{}
	ids := map[string]bool{}
	for _, s := range k.submits[e.to] {
		times[s.Part]++
		text[s.Part] = s.Text
		ids[s.MessageID] = true
	}
	if len(times) != len(res.Parts) {
		t.Fatalf("%s: %d parts in the result, the SMSC got %v", res.ID, len(res.Parts), times)
	}
	whole := ""
	for _, p := range slices.Sorted(maps.Keys(text)) {
		whole += text[p]
	}
	if whole != e.text {
		t.Errorf("%s: the SMSC got %q, want %q", res.ID, whole, e.text)
	}
	for _, p := range res.Parts {
		if !ids[p.MessageID] {
			t.Errorf("%s part %d: the SMSC never gave the message id %q", res.ID, p.Part, p.MessageID)
		}
	}
	for part, n := range times {
		if n > 1 {
			if !res.PossibleDuplicate || !faults {
				t.Fatalf("%s part %d was sent %d times; possible_duplicate %v", res.ID, part, n, res.PossibleDuplicate)
			}
			return 1
		}
	}
	if res.PossibleDuplicate && !faults {
		t.Errorf("%s says possible_duplicate, and nothing happened", res.ID)
	}
	return 0
}

// checkInbound: every message from a subscriber exactly once, whole.
func (k *books) checkInbound(t *testing.T, sent []npmpeer.Message) {
	t.Helper()
	got := map[string]int{}
	for _, m := range k.inbound {
		if !m.Complete || m.SMSC != "foreign" {
			t.Errorf("incomplete: %+v", m)
		}
		got[sms.NormalNumber(m.From)+"|"+m.To+"|"+m.Text]++
	}
	for _, m := range sent {
		key := sms.NormalNumber(m.From) + "|" + m.To + "|" + m.Text
		if got[key] != 1 {
			t.Errorf("message from %s came %d times", m.From, got[key])
		}
		delete(got, key)
	}
	for key := range got {
		t.Errorf("a message that nobody sent: %s", key)
	}
}
