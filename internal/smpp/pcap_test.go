package smpp_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// patience bounds every wait for a simulator, and is how long an account waits for it; no test depends on its length.
const patience = 2 * time.Minute

// tape records what passes over one connection, in the order in which this end saw it.
type tape struct {
	net.Conn
	mu     *sync.Mutex
	chunks *[]pcap.Chunk
}

func (c tape) note(fromServer bool, b []byte) {
	if len(b) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.chunks = append(*c.chunks, pcap.Chunk{FromServer: fromServer, Data: append([]byte(nil), b...), At: time.Now()})
}

func (c tape) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.note(true, b[:n])
	return n, err
}

// Write notes first: the answer must not stand before what it answers.
func (c tape) Write(b []byte) (int, error) {
	c.note(false, b)
	return c.Conn.Write(b)
}

// ears takes what an account tells; every delivery is acknowledged.
type ears struct {
	answers    chan smpp.Answer
	deliveries chan uint32 // command ids
	bound      chan struct{}
	once       sync.Once
}

func (e *ears) Answered(_ *smpp.Account, answers []smpp.Answer) {
	for _, a := range answers {
		e.answers <- a
	}
}

func (e *ears) Delivered(d *smpp.Delivery) {
	d.Respond(wire.StatusOK)
	e.deliveries <- d.CommandID
}

func (e *ears) StateChanged(a *smpp.Account) {
	if a.Ready() {
		e.once.Do(func() { close(e.bound) })
	}
}

// submitsOfAllKinds is one message in each encoding and each way to be long.
func submitsOfAllKinds(t *testing.T) []*smpp.Submit {
	t.Helper()
	var all []*smpp.Submit
	add := func(p sms.Parts, fill func(part int, m *wire.SM)) {
		for i := range p.UD {
			m := wire.SM{
				Source: wire.Address{TON: 5, Addr: []byte("MyBrand")}, Dest: wire.Address{TON: 1, NPI: 1, Addr: []byte("491511234567")},
				RegisteredDelivery: 1, DataCoding: p.DataCoding,
			}
			if p.UDHI {
				m.ESMClass = 0x40
			}
			fill(i, &m)
			all = append(all, &smpp.Submit{SM: m})
		}
	}
	long := strings.Repeat("{long} and with an accent é, ", 20)
	for _, mode := range []sms.Concat{sms.UDH8, sms.UDH16, sms.SAR, sms.Payload} {
		for _, text := range []struct {
			text string
			enc  sms.Encoding
		}{
			{"Hello [world] €", sms.GSM7}, {"Größe", sms.Latin1}, {"Привет 🎉 世界", sms.UCS2},
			{long, sms.GSM7}, {long, sms.Latin1}, {strings.Repeat("Ваш заказ готов 🎉 ", 20), sms.UCS2},
		} {
			p, err := sms.Split(text.text, text.enc, mode, 0x1234)
			if err != nil {
				t.Fatal(err)
			}
			add(p, func(i int, m *wire.SM) { fillBody(m, &p, i) })
		}
		p, err := sms.SplitBinary([]byte(strings.Repeat("\x00\x01\xfe\xff", 60)), mode, 7)
		if err != nil {
			t.Fatal(err)
		}
		add(p, func(i int, m *wire.SM) { fillBody(m, &p, i) })
	}
	// Every field that a record can set.
	p, err := sms.Split("all fields", sms.GSM7, sms.UDH8, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	add(p, func(_ int, m *wire.SM) {
		m.ServiceType, m.ProtocolID, m.PriorityFlag, m.DataCoding = []byte("CMT"), 0x41, 3, 0x10
		m.ScheduleDeliveryTime, m.ValidityPeriod = []byte(sms.FormatAbsolute(at)), []byte(sms.FormatRelative(26*time.Hour))
		m.ShortMessage = p.UD[0]
		m.TLVs = []wire.TLV{{Tag: 0x0204, Value: []byte{0, 9}}, {Tag: 0x1400, Value: []byte("vendor\x00")}}
	})
	return all
}

func fillBody(m *wire.SM, p *sms.Parts, i int) {
	switch {
	case p.Concat == sms.Payload && len(p.UD[i]) > 140:
		m.TLVs = []wire.TLV{{Tag: 0x0424, Value: p.UD[i]}}
		return
	case p.Concat == sms.SAR && len(p.UD) > 1:
		m.TLVs = []wire.TLV{
			{Tag: 0x020C, Value: []byte{byte(p.Ref >> 8), byte(p.Ref)}},
			{Tag: 0x020E, Value: []byte{byte(len(p.UD))}}, {Tag: 0x020F, Value: []byte{byte(i + 1)}},
		}
	}
	m.ShortMessage = p.UD[i]
}

// TestWiresharkUnderstandsAllThatASessionWrites is a second opinion on the codec, from a dissector that nobody here wrote.
func TestWiresharkUnderstandsAllThatASessionWrites(t *testing.T) {
	t.Parallel()
	s, err := smsc.New(smsc.Options{Behaviour: smsc.Behaviour{
		Receipts: smsc.Receipts{Form: smsc.FormBoth}, EnquireLink: 200 * time.Millisecond, Retry: smsc.Retry{Timeout: patience},
		Rules: []smsc.Rule{{Suffix: "0000", Status: 0x0B}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()

	submits := submitsOfAllKinds(t)
	refused := *submits[0]
	refused.SM.Dest.Addr = []byte("49151000000000")
	submits = append(submits, &refused)
	e := &ears{answers: make(chan smpp.Answer, len(submits)), deliveries: make(chan uint32, 4*len(submits)), bound: make(chan struct{})}
	var mu sync.Mutex
	var chunks []pcap.Chunk
	account := smpp.NewAccount(smpp.AccountConfig{
		Name: "x", Addresses: []string{s.Addr()}, SystemID: "esme", Password: "secret", SystemType: "t", Window: 10, EnquireLink: 30 * time.Millisecond,
		ResponseTimeout: patience, BindTimeout: patience, WriteTimeout: patience, RequeueFor: patience,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return tape{conn, &mu, &chunks}, nil
		},
	}, e, nil, nil, nil)
	if err := account.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	next := func(what string, ready func() bool) {
		t.Helper()
		if !ready() {
			t.Fatalf("no %s within %s", what, patience)
		}
	}
	next("bind", func() bool {
		select {
		case <-e.bound:
			return true
		case <-ctx.Done():
			return false
		}
	})
	account.Offer(submits)
	for range submits {
		next("answer", func() bool {
			select {
			case a := <-e.answers:
				if ok := a.Submit != &refused; a.Outcome != smpp.Responded || ok != (a.Status == wire.StatusOK) {
					t.Errorf("%+v", a)
				}
				return true
			case <-ctx.Done():
				return false
			}
		})
	}
	for _, text := range []string{"a reply", "ein längerer Text 🎉 " + strings.Repeat("in parts ", 30)} {
		if err := s.SendMO("491511234567", "32323", text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitFor(ctx, func(st smsc.Stats) bool {
		return st.ReceiptsAcked == uint64(len(submits)-1) && st.MOAcked >= 6 && st.Queue+st.InFlight == 0
	}); err != nil {
		t.Fatal(err)
	}
	recorded := func(group, command byte) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range chunks {
			if !c.FromServer && len(c.Data) >= 8 && c.Data[4] == group && c.Data[7] == command {
				return true
			}
		}
		return false
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	next("enquire_link of either side", func() bool {
		for !recorded(0, 0x15) || !recorded(0x80, 0x15) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return false
			}
		}
		return true
	})
	if err := account.Stop(ctx); err != nil && err != io.EOF {
		t.Fatal(err)
	}

	mu.Lock()
	defer mu.Unlock()
	counts, err := pcap.Check(t, 2775, chunks)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"0x00000004", "0x80000004", "0x00000005", "0x80000005", "0x00000006", "0x80000006", "0x00000009", "0x80000009", "0x00000015", "0x80000015"} {
		if !strings.Contains(strings.ToLower(counts), id) {
			t.Errorf("the capture has no PDU %s:\n%s", id, counts)
		}
	}
	t.Logf("\n%s", counts)
}
