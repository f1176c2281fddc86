package interop

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

// cancel_sm, replace_sm and query_sm at the npm package, and a receiver that it calls by outbind.
func TestTheRestOfTheProtocolWithNPM(t *testing.T) {
	t.Parallel()
	const kept, lost = "01", "02" // last digits: a message that stays at the SMSC; one whose receipt is lost
	s := npmpeer.Start(t, npmpeer.Options{MessageID: "hex", Remember: 100, Outcomes: map[string]string{kept: "ENROUTE"}, Silent: []string{lost}})
	b := newBroker(t)
	waits := freeAddress(t)
	c := runConnector(t, b, "READY_REQUIRES=kafka",
		"SMSC_0_NAME=npm", "SMSC_0_ADDRESS="+s.Addr(), "SMSC_0_SYSTEM_ID=esme", "SMSC_0_PASSWORD=secret", "SMSC_0_SOURCE_ADDRESS="+shortCode,
		"SMSC_0_QUERY_AFTER=1s", "SMSC_0_RESPONSE_TIMEOUT=60s", "SMSC_0_BIND_TIMEOUT=60s",
		"SMSC_1_NAME=called", "SMSC_1_ADDRESS="+s.Addr(), "SMSC_1_SYSTEM_ID=called", "SMSC_1_PASSWORD=secret", "SMSC_1_BIND=receiver", "SMSC_1_BIND_TIMEOUT=60s",
		"SMSC_1_OUTBIND_LISTEN="+waits, "SMSC_1_OUTBIND_SYSTEM_ID=npm", "SMSC_1_OUTBIND_PASSWORD=knock")
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"))
	send := func(records ...map[string]string) {
		t.Helper()
		for _, r := range records {
			value, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	results := func(n int) map[string]record.Result {
		t.Helper()
		all := map[string]record.Result{}
		for _, r := range decoded(t, b, "sms.results", n, record.DecodeResult) {
			all[r.ID] = r
		}
		return all
	}

	send(map[string]string{"id": "unwanted", "to": "+4917600001" + kept, "text": "hello", "route": "npm"},
		map[string]string{"id": "wrong", "to": "+4917600002" + kept, "text": "At 4", "route": "npm"},
		map[string]string{"id": "overdue", "to": "+4917600003" + lost, "text": "hello", "route": "npm"})
	ids := map[string]string{}
	for id, r := range results(3) {
		if r.Status != record.Accepted || len(r.Parts) != 1 {
			t.Fatalf("%s: %+v", id, r)
		}
		ids[id] = r.Parts[0].MessageID
	}
	send(map[string]string{"id": "cancel", "action": "cancel", "to": "+4917600001" + kept, "message_id": ids["unwanted"], "smsc": "npm"},
		map[string]string{"id": "replace", "action": "replace", "to": "+4917600002" + kept, "message_id": ids["wrong"], "smsc": "npm", "text": "At 5 [sharp]"},
		map[string]string{"id": "delivered", "action": "cancel", "to": "+4917600003" + lost, "message_id": ids["overdue"], "smsc": "npm"},
		map[string]string{"id": "nobody's", "action": "cancel", "to": "+4917600001" + kept, "message_id": "1234", "smsc": "npm"})
	got := results(7)
	for id, want := range map[string][2]string{"cancel": {"accepted", "ESME_ROK"}, "replace": {"accepted", "ESME_ROK"},
		"delivered": {"rejected", "ESME_RCANCELFAIL"}, "nobody's": {"rejected", "ESME_RINVMSGID"}} {
		if r := got[id]; string(r.Status) != want[0] || len(r.Parts) != 1 || r.Parts[0].StatusName != want[1] || r.SMSC != "npm" {
			t.Errorf("%s: %+v, want %v", id, r, want)
		}
	}
	// One came by itself after the cancel, the other was asked for; what is under way is told by neither.
	state := map[string]string{}
	for _, r := range decoded(t, b, "sms.receipts", 2, record.DecodeReceipt) {
		if !r.Correlated || !r.Final || r.MessageID != ids[r.ID] || r.SMSC != "npm" {
			t.Errorf("%+v", r)
		}
		state[r.ID] = string(r.State)
	}
	if state["unwanted"] != "DELETED" || state["overdue"] != "DELIVERED" {
		t.Errorf("the final states are %v", state)
	}

	// With a wrong password it is sent away without a bind; its messages come with the right one.
	if err := s.Outbind(waits, "npm", "guess"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SendMO([]npmpeer.Message{{From: subscriber + "1", To: shortCode, Text: "Ja, gerne! [5 €]", SystemID: "called"}}, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Outbind(waits, "npm", "knock"); err != nil {
		t.Fatal(err)
	}
	if in := decoded(t, b, "sms.inbound", 1, record.DecodeInbound)[0]; in.SMSC != "called" || in.Text != "Ja, gerne! [5 €]" || in.From != subscriber+"1" {
		t.Errorf("what came by outbind: %+v", in)
	}
	st, err := s.Stats()
	if err != nil || st.Binds != 2 {
		t.Errorf("%d binds, want the transceiver and the receiver that was called with the right password: %v", st.Binds, err)
	}
	c.terminate()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	said := map[string][]npmpeer.Event{}
	if err := npmpeer.ReadLog(s.LogPath(), func(e npmpeer.Event) error {
		said[e.Event] = append(said[e.Event], e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(said["cancel"]); n != 3 {
		t.Errorf("%d cancel_sm, want 3", n)
	}
	if r := said["replace"]; len(r) != 1 || r[0].Text != "At 5 [sharp]" || r[0].MessageID != ids["wrong"] || r[0].From != shortCode || r[0].Status != 0 {
		t.Errorf("replace_sm: %+v", r)
	}
	if !slices.ContainsFunc(said["query"], func(e npmpeer.Event) bool {
		return e.MessageID == ids["overdue"] && e.From == shortCode && e.Status == 0
	}) {
		t.Errorf("query_sm: %+v", said["query"])
	}
}
