package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// keyword has the simulator's subscribers answer with reply.
const keyword = "PING"

var (
	asciiText = strings.Repeat("A long message in ASCII, which is the same in both alphabets. ", 6)
	reply     = strings.Repeat("Schöne Grüße zurück, 5 € {kein Scherz}. ", 6)
)

// incoming is a message that a foreign ESME submits.
type incoming struct {
	to, text   string
	dataCoding byte
}

func messagesOf(gsm, ucs2 string) []incoming {
	return []incoming{
		{"491700000001", "Hello from another stack", 0},
		{"491700000002", gsm, 0},
		{"491700000003", ucs2, 8},
		{"491700000004", keyword, 0},
	}
}

// audited is a line of the simulator's log.
type audited struct {
	Event      string `json:"event"` // submit; deliver and, when a try has ended, end
	Kind       string `json:"kind"`  // receipt or mo
	MessageID  string `json:"message_id"`
	From       string `json:"from"`
	To         string `json:"to"`
	ESMClass   byte   `json:"esm_class"`
	DataCoding byte   `json:"data_coding"`
	Registered byte   `json:"registered_delivery"`
	Body       string `json:"body"`
	Ref        int    `json:"ref"`
	Total      int    `json:"total"`
	Part       int    `json:"part"`
	Status     uint32 `json:"status"`
	Acked      bool   `json:"acked"`
	Reason     string `json:"reason"`
}

// readAudit returns the submits and how the deliver_sm ended, in order. The simulator has ended.
func readAudit(t *testing.T, path string) (submits []submit, ends []audited) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a audited
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		switch a.Event {
		case "end":
			ends = append(ends, a)
		case "submit":
			s := submit{from: a.From, to: a.To, messageID: a.MessageID, dataCoding: a.DataCoding, registered: a.Registered}
			s.form, s.octets = cutHeader(t, a.ESMClass, unhex(t, a.Body))
			if f := (form{s.form.kind, a.Ref, a.Total, a.Part}); s.form.kind != "" && f != s.form {
				t.Errorf("to %s: the simulator reads the header as %+v, it is %+v", a.To, f, s.form)
			} else if a.Total > 0 && s.form.kind == "" {
				s.form = form{"sar", a.Ref, a.Total, a.Part}
			}
			s.text = decode(t, a.DataCoding, s.octets)
			submits = append(submits, s)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return submits, ends
}

// toSimulator is a row: a foreign ESME at the simulator, whose ids have the given form.
func toSimulator(t *testing.T, ids string, messages []incoming, start func(t *testing.T, port string) *peer) {
	s, address, audit := simulate(t, "--account", "esme:secret", "--message-id", ids, "--receipt-form", "both", "--receipt-delay", "20ms",
		"--reply", keyword+"="+reply, "--reply-delay", "20ms", "--mo-shuffle")
	x := newTap(t, address)
	c := start(t, x.port())
	c.await("bound", 1)
	parts := 0
	for _, m := range messages {
		c.tell("submit %s %s %d %s", shortCode, m.to, m.dataCoding, hex.EncodeToString([]byte(m.text)))
	}
	for _, m := range messages {
		parts += partsOf(m)
	}
	responses := c.await("response", parts)
	receipts := c.await("receipt", parts)
	mo := c.await("mo", 2)
	awaitAcknowledged(t, audit, parts+2)
	c.end()
	c.await("unbound", 1)
	s.terminate()

	submits, ends := readAudit(t, audit)
	checkIncoming(t, messages, submits)
	for _, end := range ends {
		if !end.Acked {
			t.Errorf("a %s ended with status %d %s", end.Kind, end.Status, end.Reason)
		}
	}
	told := map[string]bool{} // ids in responses
	for _, r := range responses {
		told[r.MessageID] = true
		if !slices.ContainsFunc(submits, func(s submit) bool { return s.to == r.To && s.messageID == r.MessageID }) {
			t.Errorf("the peer was told the id %q for %s, which the simulator did not give", r.MessageID, r.To)
		}
	}
	for _, r := range receipts {
		id, stat := receiptFields(r)
		if !told[id] || stat != "DELIVRD" || r.TLVID != id || r.TLVState != 2 {
			t.Errorf("the peer reads a receipt as %+v, of id %q and stat %q; ids: %v", r, id, stat, told)
		}
		delete(told, id)
	}
	if len(told) > 0 {
		t.Errorf("without a receipt: %v", told)
	}
	var heard []submit
	for _, e := range mo {
		m := submit{from: e.From, to: e.From, dataCoding: e.DataCoding}
		m.form, m.octets = cutHeader(t, e.ESMClass, unhex(t, e.Body))
		m.text = decode(t, e.DataCoding, m.octets)
		heard = append(heard, m)
		if e.To != shortCode {
			t.Errorf("a message came for %s", e.To)
		}
	}
	if m := join(t, heard)["491700000004"]; m.text != reply {
		t.Errorf("the reply was read as %q, want %q", m.text, reply)
	}
	x.judge(t, 1)
}

// awaitAcknowledged waits until every deliver_sm is answered, and at least n: a peer may tell of one before it answers it.
func awaitAcknowledged(t *testing.T, audit string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d acknowledged deliver_sm", n), func() bool {
		b, err := os.ReadFile(audit)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged := bytes.Count(b, []byte(`"acked":true`))
		return acknowledged >= n && acknowledged == bytes.Count(b, []byte(`"event":"deliver"`))
	})
}

// eventually polls a condition that no signal tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("there is still no: %s", what)
		case <-tick.C:
		}
	}
}

// partsOf is how many parts a message has; each library leaves a little less room than the next.
func partsOf(m incoming) int {
	octets, single, part := 0, 160, 153
	if m.dataCoding == 8 {
		single, part = 140, 134
		for _, r := range m.text {
			octets += 2
			if r > 0xffff {
				octets += 2
			}
		}
	} else {
		for _, r := range m.text {
			octets++
			if strings.ContainsRune("^{}\\[~]|€", r) {
				octets++
			}
		}
	}
	if octets <= single {
		return 1
	}
	return (octets + part - 1) / part
}

func checkIncoming(t *testing.T, messages []incoming, submits []submit) {
	t.Helper()
	read := join(t, submits)
	for _, m := range messages {
		if got := read[m.to]; got.text != m.text || got.dataCoding != m.dataCoding {
			t.Errorf("to %s: the simulator got %q with data_coding %d, want %q", m.to, got.text, got.dataCoding, m.text)
		}
	}
	if len(read) != len(messages) {
		t.Errorf("messages to %d destinations, want %d", len(read), len(messages))
	}
}

var receiptText = regexp.MustCompile(`id:(\S+) .*stat:(\S+)`)

// receiptFields are the id and the stat as the peer reads them, or of a text that it leaves to its user.
func receiptFields(e event) (id, stat string) {
	if e.Text == nil {
		return e.MessageID, e.Stat
	}
	if m := receiptText.FindStringSubmatch(*e.Text); m != nil {
		return m[1], m[2]
	}
	return "", fmt.Sprintf("none in %q", *e.Text)
}
