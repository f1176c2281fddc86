package interop

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// event is a line that a peer says; Event tells which fields it has.
type event struct {
	Event string `json:"event"` // listening, bind, submit, receipt, mo; bound, response, unbound; error

	Port     int    `json:"port"`
	SystemID string `json:"system_id"`

	From               string  `json:"from"`
	To                 string  `json:"to"`
	MessageID          string  `json:"message_id"`
	ESMClass           byte    `json:"esm_class"`
	DataCoding         byte    `json:"data_coding"`
	RegisteredDelivery byte    `json:"registered_delivery"`
	Body               string  `json:"body"`    // hexadecimal, with its header
	Payload            *string `json:"payload"` // the same of message_payload
	SAR                string  `json:"sar"`     // reference, parts, part
	Text               *string `json:"text"`    // as the peer reads it

	Stat     string `json:"stat"`
	TLVID    string `json:"tlv_id"`
	TLVState int    `json:"tlv_state"`
	Part     int    `json:"part"`
	Number   int    `json:"number"`
}

// peer is a program of the folders java and python. It ends with its stdin.
type peer struct {
	*process
	in io.WriteCloser

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, with each event
	events  []event
	closed  bool
}

func startPeer(t *testing.T, cmd *exec.Cmd) *peer {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w := io.Pipe()
	cmd.Stdout = w
	p := &peer{in: in, changed: make(chan struct{})}
	heard := make(chan struct{})
	go func() { // ends with out, which is closed below
		defer close(heard)
		p.listen(out)
	}()
	p.process = launch(t, "peer", cmd)
	go func() { // ends with the process
		<-p.done
		_ = w.Close()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = out.Close()
		<-heard
	})
	return p
}

func (p *peer) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			text := fmt.Sprintf("%v: %s", err, lines.Bytes())
			e = event{Event: "error", Text: &text}
		}
		p.note(func() { p.events = append(p.events, e) })
	}
	p.note(func() { p.closed = true })
}

func (p *peer) note(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// await returns the first n events of a name once they are there.
func (p *peer) await(name string, n int) []event {
	p.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		p.mu.Lock()
		var found []event
		for _, e := range p.events {
			if e.Event == "error" {
				p.mu.Unlock()
				p.t.Fatalf("the peer reports: %s", *e.Text)
			}
			if e.Event == name {
				found = append(found, e)
			}
		}
		changed, closed := p.changed, p.closed
		p.mu.Unlock()
		if len(found) >= n {
			return found
		}
		if closed {
			p.t.Fatalf("the peer has ended after %d of %d events %q", len(found), n, name)
		}
		select {
		case <-changed:
		case <-limit.C:
			p.t.Fatalf("%d of %d events %q in time", len(found), n, name)
		}
	}
}

// tell says a line.
func (p *peer) tell(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatalf("the peer does not listen: %v", err)
	}
}

// end closes its stdin and waits until it has ended.
func (p *peer) end() {
	p.t.Helper()
	_ = p.in.Close()
	p.ended()
}

// addr is where a server listens.
func (p *peer) addr() string { return fmt.Sprintf("127.0.0.1:%d", p.await("listening", 1)[0].Port) }

// send lets a server send messages, and returns when each PDU is acknowledged.
func (p *peer) send(messages []mobileOriginated) []mobileOriginated {
	p.t.Helper()
	word := func(b []byte) string {
		if len(b) == 0 {
			return "-"
		}
		return hex.EncodeToString(b)
	}
	n := 0
	for i, m := range messages {
		for _, d := range m.pdus(p.t, 0x1f0+i) {
			n++
			p.tell("mo %s %d %s %s %d %d %s %s %s", longMessages[i%len(longMessages)], n, m.from, shortCode, d.esmClass, d.dataCoding, word(d.body), d.sar, word(d.payload))
		}
	}
	p.await("mo", n)
	return messages
}

// submits are all submit_sm that a server has told of.
func (p *peer) submits() []submit {
	p.t.Helper()
	var all []submit
	for _, e := range p.await("submit", 0) {
		s := submit{account: e.SystemID, from: e.From, to: e.To, messageID: e.MessageID, dataCoding: e.DataCoding, registered: e.RegisteredDelivery}
		octets := unhex(p.t, e.Body)
		if e.Payload != nil {
			if len(octets) > 0 {
				p.t.Errorf("to %s: both short_message and message_payload", e.To)
			}
			octets = unhex(p.t, *e.Payload)
		}
		s.form, s.octets = cutHeader(p.t, e.ESMClass, octets)
		if n := strings.Split(e.SAR, ","); len(n) == 3 {
			s.form = form{ref: number(p.t, n[0]), total: number(p.t, n[1]), part: number(p.t, n[2]), kind: "sar"}
		}
		if e.Payload != nil {
			s.form.kind = "payload"
		}
		s.text = decode(p.t, e.DataCoding, s.octets)
		if e.Text != nil && *e.Text != s.text {
			p.t.Errorf("to %s: the peer reads %q, gosmpp %q", e.To, *e.Text, s.text)
		}
		all = append(all, s)
	}
	return all
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
