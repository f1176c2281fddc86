package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// one is the only result of a record.
func one(t *testing.T, got map[string][]record.Result, id string) record.Result {
	t.Helper()
	if len(got[id]) != 1 {
		t.Fatalf("%s has %d results, want 1", id, len(got[id]))
	}
	return got[id][0]
}

func TestACancelAndAReplaceGoToTheSMSCThatHasTheMessageAndHaveOneResultEach(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Remember: 100, Behaviour: smsc.Behaviour{Receipts: smsc.Receipts{Delay: smsc.Constant(time.Hour)}}})
	x.start()
	x.produce(`{"id":"a","to":"+491701","text":"first","receipts":"final"}`, `{"id":"b","to":"+491702","text":"second"}`)
	got := x.results(2)
	a, bID := one(t, got, "a").Parts[0].MessageID, one(t, got, "b").Parts[0].MessageID
	x.produce(
		fmt.Sprintf(`{"id":"cancel","action":"cancel","to":"+491701","message_id":%q,"smsc":"carrier","metadata":{"why":"too late"}}`, a),
		fmt.Sprintf(`{"id":"replace","action":"replace","to":"+491702","message_id":%q,"text":"another [text]"}`, bID),
		`{"id":"unknown","action":"cancel","to":"+491703","message_id":"nothing"}`,
		fmt.Sprintf(`{"id":"long","action":"replace","to":"+491702","message_id":%q,"text":%q}`, bID, strings.Repeat("x", 161)),
		fmt.Sprintf(`{"id":"coding","action":"replace","to":"+491702","message_id":%q,"text":"Привет"}`, bID),
		`{"id":"nobody","action":"cancel","to":"+491703","message_id":"1","smsc":"nobody"}`,
	)
	got = x.results(8)
	cancel, replace := one(t, got, "cancel"), one(t, got, "replace")
	if cancel.Status != "accepted" || cancel.SMSC != "carrier" || len(cancel.Parts) != 1 || cancel.Parts[0].MessageID != a || cancel.Encoding != "" ||
		string(cancel.Metadata) != `{"why":"too late"}` {
		t.Errorf("%+v", cancel)
	}
	if m, _ := x.smc.Message(a); m.State != "DELETED" {
		t.Errorf("the cancelled message is %+v", m)
	}
	if replace.Status != "accepted" || replace.Parts[0].MessageID != bID || replace.Encoding != "gsm7" {
		t.Errorf("%+v", replace)
	}
	if m, _ := x.smc.Message(bID); string(m.Text) != "another \x1b<text\x1b>" || m.Replaced != 1 {
		t.Errorf("the replaced message is %+v", m)
	}
	for id, want := range map[string][2]string{
		"unknown": {"rejected", "ESME_RINVMSGID"}, "long": {"invalid", "one message"}, "coding": {"invalid", "encoding"}, "nobody": {"unroutable", "nobody"},
	} {
		if r := one(t, got, id); string(r.Status) != want[0] || !strings.Contains(r.Error, want[1]) {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if n := len(x.smc.Submits()); n != 2 {
		t.Errorf("%d messages were submitted, want 2", n)
	}
}

func TestARefusalAfterADoubtSaysThatTheCancelMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{Remember: 100, Behaviour: smsc.Behaviour{Receipts: smsc.Receipts{Delay: smsc.Constant(time.Hour)}}})
	x.start()
	x.produce(`{"id":"a","to":"+491701","text":"first"}`)
	id := one(t, x.results(1), "a").Parts[0].MessageID
	if err := x.smc.Change(func(b *smsc.Behaviour) { b.DropManaged = 1 }); err != nil {
		t.Fatal(err)
	}
	x.produce(fmt.Sprintf(`{"id":"cancel","action":"cancel","to":"+491701","message_id":%q}`, id))
	r := one(t, x.results(2), "cancel")
	if r.Status != "rejected" || !r.PossibleDuplicate || r.Attempts < 2 || !strings.Contains(r.Error, "may have been carried out") {
		t.Errorf("%+v", r)
	}
	if m, _ := x.smc.Message(id); m.State != "DELETED" {
		t.Errorf("the message is %+v", m)
	}
}

func TestMessagesGoByDataSMWhereThatIsPreferredAndCanCarryThem(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	x := setup(t, b, smsc.Options{AuditBodies: true}, "SMSC_0_SUBMIT_WITH=data_sm")
	x.start()
	x.produce(`{"id":"short","to":"+491701","text":"by data sm","validity":"90s"}`,
		`{"id":"long","to":"+491702","text":"`+strings.Repeat("x", 200)+`"}`,
		`{"id":"later","to":"+491703","text":"by submit_sm","deliver_at":"2099-01-01T00:00:00Z"}`,
		`{"id":"pid","to":"+491704","text":"by submit_sm","protocol_id":65}`)
	got := x.results(4)
	for id, rs := range got {
		if len(rs) != 1 || rs[0].Status != "accepted" || rs[0].Parts[0].MessageID == "" {
			t.Errorf("%s: %+v", id, rs)
		}
	}
	by := map[string]int{}
	for _, s := range x.smc.Submits() {
		if s.ByData {
			by["data_sm"]++
		} else {
			by["submit_sm"]++
		}
		if s.To == "491701" && string(s.Body) != "by data sm" {
			t.Errorf("%+v", s)
		}
		if s.To == "491702" && (s.Total != 2 || s.Length < 40) {
			t.Errorf("%+v", s)
		}
	}
	if by["data_sm"] != 3 || by["submit_sm"] != 2 {
		t.Errorf("%v", by)
	}
}
