package smsc

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func TestAllFaultsOfOptionsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Options{SystemID: "much too long to be one", QueueLimit: -1, Behaviour: Behaviour{
		TPS: -1, NoAnswer: 1.5, Errors: []StatusRate{{8, 0.6}, {11, 0.6}},
		Receipts: Receipts{Outcomes: []OutcomeRate{{"ENROUTE", 1}}}, Replies: []Reply{{Keyword: "x"}}, MessageID: 99,
	}})
	if err == nil {
		t.Fatal("all was accepted")
	}
	for _, word := range []string{"SystemID", "QueueLimit", "TPS", "NoAnswer", "Errors", "Outcomes", "reply", "MessageID"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s is not in %v", word, err)
		}
	}
}

func TestDistributionsAreReadAndStayInTheirRange(t *testing.T) {
	t.Parallel()
	for text, limits := range map[string][2]time.Duration{
		"0s": {0, 0}, "20ms": {20 * time.Millisecond, 20 * time.Millisecond},
		"5ms-50ms": {5 * time.Millisecond, 50 * time.Millisecond}, "exp:10ms": {0, 100 * time.Millisecond},
	} {
		d, err := ParseDistribution(text)
		if err != nil || d.String() != text {
			t.Errorf("%q reads as %v, %v", text, d, err)
		}
		r := newRandom(1, 1)
		for range 1000 {
			if v := d.draw(&r); v < limits[0] || v > limits[1] {
				t.Fatalf("%s drew %v", text, v)
			}
		}
	}
	for _, text := range []string{"", "5", "-5ms", "50ms-5ms", "5ms-", "exp:", "exp:-1s", "normal:1s"} {
		if d, err := ParseDistribution(text); err == nil {
			t.Errorf("%q reads as %v", text, d)
		}
	}
}

func TestStatusesAreReadByNameAndNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ESME_RTHROTTLED", "rthrottled", "88", "0x58"} {
		if got, err := ParseStatus(text); err != nil || got != uint32(data.ESME_RTHROTTLED) {
			t.Errorf("%q reads as %d, %v", text, got, err)
		}
	}
	if got := StatusName(0x400); got != "0x00000400" {
		t.Errorf("a carrier's own status is called %s", got)
	}
	if got := StatusName(0x88888888); got != "0x88888888" {
		t.Errorf("a status beyond 31 bits is called %s", got)
	}
	if _, err := ParseStatus("ESME_"); err == nil {
		t.Error("ESME_ is a status")
	}
}

func TestListsOfSharesAreRead(t *testing.T) {
	t.Parallel()
	if got, err := ParseErrors("ESME_RSYSERR=0.01, 0x400=0.5"); err != nil || len(got) != 2 || got[1] != (StatusRate{0x400, 0.5}) {
		t.Errorf("errors read as %v, %v", got, err)
	}
	if got, err := ParseOutcomes("delivrd=0.9,UNDELIV=0.08,EXPIRED=0.02"); err != nil || len(got) != 3 || got[0].State != "DELIVRD" {
		t.Errorf("outcomes read as %v, %v", got, err)
	}
	if got, err := ParseRules("0000=RINVDSTADR"); err != nil || len(got) != 1 || got[0] != (Rule{"0000", 11}) {
		t.Errorf("rules read as %v, %v", got, err)
	}
	if got, err := ParseReply("VOTE:0.3=A|B"); err != nil || got.Keyword != "VOTE" || got.Rate != 0.3 || len(got.Texts) != 2 {
		t.Errorf("a reply reads as %+v, %v", got, err)
	}
	for name, err := range map[string]error{
		"a sum above one": second(ParseErrors("8=0.6,11=0.6")), "no share": second(ParseErrors("8=x")), "no pair": second(ParseErrors("8")),
		"a sum below one": second(ParseOutcomes("DELIVRD=0.9")), "no final state": second(ParseOutcomes("ENROUTE=1")),
		"no status": second(ParseRules("1=x")), "no keyword": second(ParseReply("=x")), "no text": second(ParseReply("x=")), "never": second(ParseReply("x:0=y")),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestTheAuditFileIsCompleteOnceStopped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.ndjson")
	s := start(t, Options{AuditFile: path, AuditBodies: true, Behaviour: Behaviour{Rules: []Rule{{"0000", 11}}}})
	e := bindAs(t, s, pdu.Transceiver, "a\"b")
	id := e.accepted(submission("491701", "x\"\n", 1))
	e.answer(e.delivery(), 0)
	e.submit(submission("490000", "y", 0))
	eventually(t, s, func(st Stats) bool { return st.ReceiptsAcked == 1 })
	s.Stop()

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var events []map[string]any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var event map[string]any
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if _, err := time.Parse(time.RFC3339Nano, event["at"].(string)); err != nil {
			t.Error(err)
		}
		events = append(events, event)
	}
	if len(events) != 4 {
		t.Fatalf("%d events: %v", len(events), events)
	}
	byName := map[string]map[string]any{}
	for _, event := range events {
		name := event["event"].(string)
		if event["status"] == 11.0 {
			name = "refused"
		}
		byName[name] = event
	}
	want := map[string]map[string]any{
		"submit":  {"message_id": id, "to": "491701", "from": "12345", "system_id": "a\"b", "body": "78220a", "status": 0.0, "answered": true, "registered_delivery": 1.0},
		"refused": {"message_id": "", "to": "490000", "answered": true},
		"deliver": {"kind": "receipt", "message_id": id, "stat": "DELIVRD", "try": 1.0},
		"end":     {"kind": "receipt", "message_id": id, "acked": true, "status": 0.0},
	}
	for name, fields := range want {
		for field, value := range fields {
			if got := byName[name][field]; got != value {
				t.Errorf("%s: %s is %v, want %v", name, field, got, value)
			}
		}
	}
}

func TestOnlyTheLastEventsAreKept(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 2})
	e := bindAs(t, s, pdu.Transceiver, "a")
	for _, to := range []string{"1", "2", "3"} {
		e.accepted(submission(to, "x", 0))
	}
	if got := s.Submits(); len(got) != 2 || got[0].To != "2" || got[1].To != "3" {
		t.Errorf("kept %+v", got)
	}
}

func TestTheStatusLineTellsRates(t *testing.T) {
	t.Parallel()
	line := Stats{Binds: 2, Submits: 300, Accepted: 290, Refused: 10, Throttled: 4}.Line(Stats{Submits: 100}, 2*time.Second)
	for _, part := range []string{"binds 2", "submits 100/s, total 300", "ok 290, errors 6, throttled 4"} {
		if !strings.Contains(line, part) {
			t.Errorf("%q is not in %q", part, line)
		}
	}
}
