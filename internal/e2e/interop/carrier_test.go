package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
)

// Commands and statuses that a carrier needs (SMPP v3.4 §5.1.2.1, §5.1.3).
const (
	bindReceiver, bindTransmitter, bindTransceiver = 1, 2, 9
	submitSM, deliverSM, unbind, enquireLink       = 4, 5, 6, 0x15
	responseBit                                    = 1 << 31

	statusAlreadyBound, statusInvalidDestination, statusThrottled = 0x05, 0x0b, 0x58
)

// carrier is an SMSC with one habit that a test gives it. It writes its PDUs by hand, since no
// codec would write what carriers do.
type carrier struct {
	t        *testing.T
	listener net.Listener
	running  sync.WaitGroup

	// bind answers the nth bind, from 1; nil accepts all.
	bind func(n int) (status uint32, body []byte)
	// latin1 is what data_coding 0 means there, in the place of the GSM alphabet.
	latin1 bool
	// submit is what is written for a submit_sm; nil accepts it under the next id.
	submit func(l *link, s submission) []byte

	mu      sync.Mutex
	links   []*link
	submits []submission
	answers map[uint32]uint32 // status of each deliver_sm_resp, by sequence_number
	unbinds int               // unbind_resp that came
	last    uint32            // sequence_number of our own requests
}

// link is one bind.
type link struct {
	net.Conn
	number  int // from 1
	command uint32
}

// submission is a submit_sm that came.
type submission struct {
	link     int
	sequence uint32
	id       string // as the default answer has it
	submit
}

func newCarrier(t *testing.T) *carrier {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &carrier{t: t, listener: l, answers: map[uint32]uint32{}}
	c.running.Go(c.accept)
	t.Cleanup(func() {
		_ = l.Close()
		for _, link := range c.bound() {
			_ = link.Close()
		}
		c.running.Wait()
	})
	return c
}

func (c *carrier) accept() {
	for n := 1; ; n++ {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.running.Go(func() { c.serve(&link{Conn: conn, number: n}) })
	}
}

// serve plays the SMSC on one connection until it ends.
func (c *carrier) serve(l *link) {
	defer l.Close()
	for {
		command, status, sequence, body, err := readPDU(l)
		if err != nil {
			return
		}
		switch command {
		case bindReceiver, bindTransmitter, bindTransceiver:
			if !c.bindRequest(l, command, sequence) {
				return
			}
		case submitSM:
			_, _ = l.Write(c.submitted(l, sequence, body)) // an error ends the next read
		case enquireLink:
			_, _ = l.Write(pdu(enquireLink|responseBit, 0, sequence))
		case unbind:
			_, _ = l.Write(pdu(unbind|responseBit, 0, sequence))
			return
		case unbind | responseBit:
			c.mu.Lock()
			c.unbinds++
			c.mu.Unlock()
			return
		case deliverSM | responseBit:
			c.mu.Lock()
			c.answers[sequence] = status
			c.mu.Unlock()
		}
	}
}

func (c *carrier) bindRequest(l *link, command, sequence uint32) bool {
	var status uint32
	body := []byte("carrier\x00")
	if c.bind != nil {
		if s, b := c.bind(l.number); s != 0 {
			status, body = s, b
		}
	}
	l.command = command
	if status == 0 {
		c.mu.Lock()
		c.links = append(c.links, l)
		c.mu.Unlock()
	}
	_, err := l.Write(pdu(command|responseBit, status, sequence, body))
	return err == nil && status == 0
}

func (c *carrier) submitted(l *link, sequence uint32, body []byte) []byte {
	s := submission{link: l.number, sequence: sequence, submit: parseSubmit(c.t, body, c.latin1)}
	c.mu.Lock()
	s.id = fmt.Sprintf("id%d", len(c.submits)+1)
	c.submits = append(c.submits, s)
	c.mu.Unlock()
	if c.submit != nil {
		return c.submit(l, s)
	}
	return s.accepted(s.id)
}

// accepted is a submit_sm_resp with an id.
func (s submission) accepted(id string) []byte {
	return pdu(submitSM|responseBit, 0, s.sequence, append([]byte(id), 0))
}

// refused is a submit_sm_resp with a status, and a body where there is one.
func (s submission) refused(status uint32, body ...byte) []byte {
	return pdu(submitSM|responseBit, status, s.sequence, body)
}

func (c *carrier) bound() []*link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.links)
}

func (c *carrier) received() []submission {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.submits)
}

// awaitBinds returns the first n binds once they are there.
func (c *carrier) awaitBinds(n int) []*link {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d binds", n), func() bool { return len(c.bound()) >= n })
	return c.bound()
}

// deliver sends a deliver_sm, with TLVs as octets where there are some, and waits until it is acknowledged.
func (c *carrier) deliver(l *link, from string, esmClass, dataCoding byte, message []byte, tlvs ...byte) {
	c.t.Helper()
	c.mu.Lock()
	c.last++
	sequence := c.last
	c.mu.Unlock()
	body := slices.Concat([]byte{0, 1, 1}, []byte(from), []byte{0, 0, 0}, []byte(shortCode),
		[]byte{0, esmClass, 0, 0, 0, 0, 0, 0, dataCoding, 0, byte(len(message))}, message, tlvs)
	if _, err := l.Write(pdu(deliverSM, 0, sequence, body)); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "deliver_sm_resp", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, answered := c.answers[sequence]
		return answered
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if status := c.answers[sequence]; status != 0 {
		c.t.Errorf("deliver_sm was answered with status %d", status)
	}
}

// receipt sends a receipt of SMPP v3.4 appendix B.
func (c *carrier) receipt(l *link, of submission, id, stat string) {
	c.t.Helper()
	c.deliver(l, of.to, 4, 0, fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2603011200 done date:2603011201 stat:%s err:000 text:", id, stat))
}

func pdu(command, status, sequence uint32, body ...[]byte) []byte {
	b := make([]byte, 16, 64)
	b = append(b, bytes.Join(body, nil)...)
	for i, v := range []uint32{uint32(len(b)), command, status, sequence} {
		binary.BigEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func readPDU(r io.Reader) (command, status, sequence uint32, body []byte, err error) {
	var header [16]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, 0, 0, nil, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length < 16 || length > 1<<17 {
		return 0, 0, 0, nil, fmt.Errorf("command_length %d", length)
	}
	body = make([]byte, length-16)
	_, err = io.ReadFull(r, body)
	return binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint32(header[12:]), body, err
}

// parseSubmit reads the mandatory fields (SMPP v3.4 §4.4.1). It runs beside the test, which it must not end.
func parseSubmit(t *testing.T, b []byte, latin1 bool) (s submit) {
	text := func() string {
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			t.Errorf("a C-octet string without an end: %x", b)
			b = make([]byte, 64)
			return ""
		}
		v := string(b[:i])
		b = b[i+1:]
		return v
	}
	octets := func(n int) []byte {
		if len(b) < n {
			t.Errorf("submit_sm ends %d octets early", n-len(b))
			return make([]byte, n)
		}
		v := b[:n]
		b = b[n:]
		return v
	}
	text()
	octets(2)
	s.from = text()
	octets(2)
	s.to = text()
	esmClass := octets(3)[0]
	text()
	text()
	fixed := octets(5)
	s.registered, s.dataCoding = fixed[0], fixed[2]
	s.form, s.octets = cutHeader(t, esmClass, octets(int(fixed[4])))
	coding := s.dataCoding
	if coding == 0 && latin1 {
		coding = 3
	}
	s.text = decode(t, coding, s.octets)
	s.tlvs = b
	return s
}

// world is a broker and the connector between it and a carrier.
type world struct {
	t         *testing.T
	broker    *kafkatest.Broker
	carrier   *carrier
	connector *process
	client    *kgo.Client
}

// meet runs the connector with one account, named carrier, at the carrier.
func meet(t *testing.T, c *carrier, env ...string) *world {
	t.Helper()
	w := &world{t: t, broker: newBroker(t), carrier: c}
	w.connector = runConnector(t, w.broker, append([]string{"SMSC_0_NAME=carrier", "SMSC_0_ADDRESS=" + c.listener.Addr().String(), "SMSC_0_SYSTEM_ID=esme",
		"SMSC_0_PASSWORD=secret", "SMSC_0_SOURCE_ADDRESS=" + shortCode, "SMSC_0_RESPONSE_TIMEOUT=60s", "SMSC_0_BIND_TIMEOUT=60s"}, env...)...)
	w.client = kafkatest.Client(t, w.broker, kgo.DefaultProduceTopic("sms.outbound"))
	return w
}

// send produces n records with the same text, to numbers of their own, with the ids m0, m1, ….
func (w *world) send(n int, text string) {
	w.t.Helper()
	var records []*kgo.Record
	for i := range n {
		value, err := json.Marshal(map[string]string{"id": idOf(i), "to": destination(i), "text": text})
		if err != nil {
			w.t.Fatal(err)
		}
		records = append(records, &kgo.Record{Key: []byte(destination(i)), Value: value})
	}
	if err := w.client.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func idOf(i int) string { return fmt.Sprintf("m%d", i) }

func destination(i int) string { return fmt.Sprintf("+4917600%05d", i) }

// results are those of n records, by id; each has one.
func (w *world) results(n int) map[string]record.Result {
	w.t.Helper()
	all := map[string]record.Result{}
	for _, r := range decoded(w.t, w.broker, "sms.results", n, record.DecodeResult) {
		if _, twice := all[r.ID]; twice {
			w.t.Errorf("%s has two results", r.ID)
		}
		all[r.ID] = r
	}
	return all
}

func (w *world) receipts(n int) []record.Receipt {
	w.t.Helper()
	return decoded(w.t, w.broker, "sms.receipts", n, record.DecodeReceipt)
}

func (w *world) inbound(n int) []record.Inbound {
	w.t.Helper()
	return decoded(w.t, w.broker, "sms.inbound", n, record.DecodeInbound)
}

// sentOnce checks that each record was accepted without a doubt, and that the carrier got it once. What came back unwritten from
// a bind that ended counts as an attempt; many of them are a storm.
func (w *world) sentOnce(n int) {
	w.t.Helper()
	for id, r := range w.results(n) {
		if r.Status != record.Accepted || r.PossibleDuplicate || r.Attempts > 5 {
			w.t.Errorf("%s: %+v", id, r)
		}
	}
	times := map[string]int{}
	for _, s := range w.carrier.received() {
		times[s.to]++
	}
	for i := range n {
		if got := times[destination(i)[1:]]; got != 1 {
			w.t.Errorf("m%d was submitted %d times", i, got)
		}
	}
}
