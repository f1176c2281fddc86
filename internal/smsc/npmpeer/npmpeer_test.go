package npmpeer

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const patience = 2 * time.Minute

// client is an ESME made of gosmpp's codec.
type client struct {
	t    *testing.T
	conn net.Conn
	last int32
}

func bind(t *testing.T, p *Peer, as pdu.BindingType, password string) (*client, data.CommandStatusType) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{t: t, conn: conn}
	req := pdu.NewBindRequest(as)
	req.SystemID, req.Password = "test", password
	c.send(req)
	// A refusal has no body, which pdu.Parse does not expect.
	var raw [16]byte
	c.deadline()
	if _, err := io.ReadFull(conn, raw[:]); err != nil {
		t.Fatal(err)
	}
	h := pdu.ParseHeader(raw)
	if _, err := io.CopyN(io.Discard, conn, int64(h.CommandLength)-16); err != nil {
		t.Fatal(err)
	}
	return c, h.CommandStatus
}

func transceiver(t *testing.T, p *Peer) *client {
	t.Helper()
	c, status := bind(t, p, pdu.Transceiver, "")
	if status != 0 {
		t.Fatalf("the bind was answered with %v", status)
	}
	return c
}

func (c *client) deadline() { _ = c.conn.SetDeadline(time.Now().Add(patience)) }

func (c *client) send(ps ...pdu.PDU) {
	c.t.Helper()
	buf := pdu.NewBuffer(nil)
	for _, p := range ps {
		if p.CanResponse() {
			c.last++
			p.SetSequenceNumber(c.last)
		}
		p.Marshal(buf)
	}
	c.deadline()
	if _, err := c.conn.Write(buf.Bytes()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() pdu.PDU {
	c.t.Helper()
	c.deadline()
	p, err := pdu.Parse(c.conn)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *client) delivery() *pdu.DeliverSM {
	c.t.Helper()
	d, ok := c.receive().(*pdu.DeliverSM)
	if !ok {
		c.t.Fatal("something other than a deliver_sm came")
	}
	return d
}

func submission(to, text string, coding data.Encoding) *pdu.SubmitSM {
	p := pdu.NewSubmitSM().(*pdu.SubmitSM)
	_ = p.SourceAddr.SetAddress("12345")
	_ = p.DestAddr.SetAddress(to)
	p.RegisteredDelivery = 1
	_ = p.Message.SetMessageWithEncoding(text, coding)
	return p
}

func events(t *testing.T, p *Peer) map[string][]Event {
	t.Helper()
	byName := make(map[string][]Event)
	if err := ReadLog(p.LogPath(), func(e Event) error {
		byName[e.Event+" "+e.Kind] = append(byName[e.Event+" "+e.Kind], e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return byName
}

func waitFor(t *testing.T, p *Peer, condition func(Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.WaitFor(ctx, condition); err != nil {
		t.Fatal(err)
	}
}

func TestSubmitsAreAnsweredLoggedAndReceipted(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{
		MessageID: "hex-dec", ReceiptDelay: [2]time.Duration{0, time.Millisecond},
		Rules: map[string]uint32{"0000": uint32(data.ESME_RINVDSTADR)}, Outcomes: map[string]string{"0001": "UNDELIV"},
	})
	c := transceiver(t, p)
	ids := make(map[string]string)
	for to, want := range map[string]string{"491700000": "", "491700001": "UNDELIV", "491700002": "DELIVRD"} {
		c.send(submission(to, "Grüße, 5 €", data.GSM7BIT))
		resp, ok := c.receive().(*pdu.SubmitSMResp)
		if !ok || (resp.CommandStatus == data.ESME_RINVDSTADR) != (want == "") {
			t.Fatalf("%s was answered with %+v", to, resp)
		}
		if want == "" {
			continue
		}
		ids[to] = resp.MessageID
		d := c.delivery()
		c.send(d.GetResponse())
		text, _ := d.Message.GetMessage()
		n, err := strconv.ParseUint(resp.MessageID, 16, 64)
		if err != nil || d.EsmClass != 4 || !strings.HasPrefix(text, fmt.Sprintf("id:%d ", n)) || !strings.Contains(text, "stat:"+want+" ") {
			t.Errorf("the receipt for %s is %q", resp.MessageID, text)
		}
	}
	waitFor(t, p, func(st Stats) bool {
		return st.Submits == 3 && st.Refused == 1 && st.ReceiptsAcked == 2 && st.Pending == 0
	})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	log := events(t, p)
	if len(log["submit "]) != 3 || len(log["deliver receipt"]) != 2 || len(log["end receipt"]) != 2 {
		t.Fatalf("logged %+v", log)
	}
	for _, e := range log["submit "] {
		if e.MessageID != ids[e.To] || e.Text != "Grüße, 5 €" || e.SystemID != "test" || e.RegisteredDelivery != 1 {
			t.Errorf("logged %+v", e)
		}
	}
	for _, e := range log["end receipt"] {
		if !e.Acked || e.Try != 1 {
			t.Errorf("logged %+v", e)
		}
	}
}

func TestTheLogTellsPartsAndBinaryBodies(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{NoReceipts: true})
	c := transceiver(t, p)
	part := submission("491701", "Вторая часть", data.UCS2)
	part.EsmClass = data.SM_UDH_GSM
	part.Message.SetUDH(pdu.UDH{pdu.NewIEConcatMessage(3, 2, 77)})
	binary := submission("491702", "", data.GSM7BIT)
	_ = binary.Message.SetMessageDataWithEncoding([]byte{0, 1, 0xff}, data.BINARY8BIT2)
	c.send(part, binary)
	c.receive()
	c.receive()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	log := events(t, p)["submit "]
	if len(log) != 2 || log[0].Ref != 77 || log[0].Total != 3 || log[0].Part != 2 || log[0].Text != "Вторая часть" || log[0].DataCoding != 8 {
		t.Fatalf("logged %+v", log)
	}
	if log[1].DataCoding != 4 || log[1].Text != "" || log[1].Body != hex.EncodeToString([]byte{0, 1, 0xff}) {
		t.Errorf("logged %+v", log[1])
	}
}

func TestMessagesComeInPartsShuffledAndEachOnce(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	texts := []string{
		strings.Repeat("0123456789", 40), strings.Repeat("€", 200), strings.Repeat("👍ж", 60), strings.Repeat("x", 152) + "[]" + strings.Repeat("y", 60),
	}
	var messages []Message
	want := make(map[string]string)
	for i := range 40 {
		from := fmt.Sprintf("49170%04d", i)
		messages = append(messages, Message{From: from, To: "12345", Text: texts[i%len(texts)]})
		want[from] = texts[i%len(texts)]
	}
	messages = append(messages, Message{From: "short", To: "12345", Text: "short"})
	n, err := p.SendMO(messages, true) // before anybody is there to take them
	if err != nil {
		t.Fatal(err)
	}
	c := transceiver(t, p)
	parts := make(map[string]map[byte]*pdu.DeliverSM)
	inOrder := true
	for range n {
		d := c.delivery()
		c.send(d.GetResponse())
		total, part, _, long := d.Message.UDH().GetConcatInfo()
		from := d.SourceAddr.Address()
		if !long {
			if text, _ := d.Message.GetMessage(); from != "short" || text != "short" {
				t.Errorf("%q from %s came alone", text, from)
			}
			continue
		}
		if parts[from] == nil {
			parts[from] = make(map[byte]*pdu.DeliverSM)
		}
		inOrder = inOrder && int(part) == len(parts[from])+1
		if parts[from][part] != nil || part > total {
			t.Errorf("part %d from %s came again", part, from)
		}
		parts[from][part] = d
	}
	if inOrder {
		t.Error("nothing was shuffled")
	}
	for from, text := range want {
		var body bytes.Buffer
		for i := range len(parts[from]) {
			octets, _ := parts[from][byte(i+1)].Message.GetMessageData()
			if len(octets) > 154 {
				t.Errorf("a part of %d octets", len(octets))
			}
			body.Write(octets)
		}
		coding := parts[from][1].Message.Encoding()
		if got, err := coding.Decode(body.Bytes()); err != nil || got != text {
			t.Errorf("the parts from %s make %q, %v", from, got, err)
		}
	}
	waitFor(t, p, func(st Stats) bool { return st.MOAcked == n && st.Pending == 0 })
}

func TestARefusedOrLostDeliveryComesAgain(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	first := transceiver(t, p)
	if _, err := p.SendMO([]Message{{From: "491701", To: "12345", Text: "hello"}}, false); err != nil {
		t.Fatal(err)
	}
	d := first.delivery()
	refusal := d.GetResponse().(*pdu.DeliverSMResp)
	refusal.CommandStatus = data.ESME_RSYSERR
	first.send(refusal)
	first.delivery() // not answered
	if n, err := p.Drop(); n != 1 || err != nil {
		t.Fatalf("%d sessions dropped, %v", n, err)
	}
	second := transceiver(t, p)
	d = second.delivery()
	second.send(d.GetResponse())
	waitFor(t, p, func(st Stats) bool { return st.MO == 3 && st.MOAcked == 1 && st.Retried == 1 && st.Pending == 0 })
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	ends := events(t, p)["end mo"]
	if len(ends) != 3 || ends[0].Status != uint32(data.ESME_RSYSERR) || ends[1].Reason != "disconnect" || !ends[2].Acked || ends[2].Try != 3 {
		t.Errorf("logged %+v", ends)
	}
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{Password: "right"})
	if _, status := bind(t, p, pdu.Transceiver, "wrong"); status != data.ESME_RINVPASWD {
		t.Errorf("a wrong password got %v", status)
	}
	if _, status := bind(t, p, pdu.Transceiver, "right"); status != 0 {
		t.Errorf("the right one got %v", status)
	}
}

func TestItKeepsUpWithManySubmits(t *testing.T) {
	t.Parallel()
	const n, window = 10_000, 500
	p := Start(t, Options{ReceiptDelay: [2]time.Duration{0, 50 * time.Millisecond}})
	c := transceiver(t, p)
	began := time.Now()
	sent, answered, receipts := 0, 0, 0
	for answered < n || receipts < n {
		var batch []pdu.PDU
		for ; sent < n && sent-answered < window && len(batch) < 100; sent++ {
			batch = append(batch, submission(fmt.Sprintf("49170%06d", sent), "Hello", data.GSM7BIT))
		}
		c.send(batch...)
		switch r := c.receive().(type) {
		case *pdu.SubmitSMResp:
			answered++
		case *pdu.DeliverSM:
			c.send(r.GetResponse())
			receipts++
		}
	}
	t.Logf("%d submits and receipts in %v", n, time.Since(began).Round(time.Millisecond))
	waitFor(t, p, func(st Stats) bool { return st.Accepted == n && st.ReceiptsAcked == n && st.Pending == 0 })
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, e := range events(t, p)["submit "] {
		seen[e.To]++
	}
	if len(seen) != n {
		t.Errorf("the log has %d destinations, want %d", len(seen), n)
	}
}

func TestAnUnknownCommandIsAnErrorAndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	if err := p.do(map[string]string{"op": "dance"}, &struct{}{}); err == nil {
		t.Error("it danced")
	}
	if st, err := p.Stats(); err != nil || st.Submits != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// The two ways to go without Node are tried in a process of their own.
func TestWithoutNodeTestsAreSkippedUnlessItIsRequired(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for required, want := range map[string]string{"": "no foreign SMSC on Node here", "apache,node": "SMPP_TEST_REQUIRE wants"} {
		cmd := exec.Command(self, "-test.run=^TestAWrongPasswordIsRefused$", "-test.v")
		cmd.Env = []string{"PATH=/nonexistent", "TMPDIR=" + t.TempDir(), "SMPP_TEST_REQUIRE=" + required}
		out, err := cmd.CombinedOutput()
		if (err != nil) != (required != "") || !strings.Contains(string(out), want) {
			t.Errorf("with SMPP_TEST_REQUIRE=%q: %v\n%s", required, err, out)
		}
	}
}
