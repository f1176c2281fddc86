package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// inboundParts makes the deliver_sm of a message whose parts are named in one of five ways.
func inboundParts(t *testing.T, way int, from string, ref uint16, texts ...string) []*pdu.DeliverSM {
	t.Helper()
	var out []*pdu.DeliverSM
	for i, text := range texts {
		total, seq := byte(len(texts)), byte(i+1)
		sm := wire.SM{Source: wire.Address{TON: 1, NPI: 1, Addr: []byte(from)}, Dest: wire.Address{Addr: []byte("12345")}, ESMClass: 0x40}
		ud := []byte(text)
		switch way {
		case 0: // 8 bits
			ud = append([]byte{5, 0, 3, byte(ref), total, seq}, ud...)
		case 1: // 16 bits, not first
			ud = append([]byte{12, 5, 4, 0x15, 0x8A, 0, 0, 8, 4, byte(ref >> 8), byte(ref), total, seq}, ud...)
		case 2: // a national single shift table before it
			ud = append([]byte{8, 0x24, 1, byte(sms.Turkish), 0, 3, byte(ref), total, seq}, ud...)
		case 3: // 8 bits, in message_payload
			sm.TLVs = []wire.TLV{{Tag: wire.TagMessagePayload, Value: append([]byte{5, 0, 3, byte(ref), total, seq}, ud...)}}
			ud = nil
		case 4: // TLVs
			sm.ESMClass = 0
			sm.TLVs = []wire.TLV{{Tag: wire.TagSARMsgRefNum, Value: []byte{byte(ref >> 8), byte(ref)}},
				{Tag: wire.TagSARTotalSegments, Value: []byte{total}}, {Tag: wire.TagSARSegmentSeqnum, Value: []byte{seq}}}
		}
		sm.ShortMessage = ud
		octets, err := sm.AppendDeliver(nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pdu.Parse(bytes.NewReader(octets))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.(*pdu.DeliverSM))
	}
	return out
}

// The parts of many messages, named in every way, come shuffled over the binds of two replicas, and some of them twice.
func TestLongMessagesOfEveryFormAreJoinedOverBindsAndReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	for range 2 {
		w.bound(w.replica("SMSC_0_BINDS=2"), "smsc0", 2)
	}
	var parts []*pdu.DeliverSM
	want := map[string]string{} // text by sender and way
	for way := range 5 {
		for n := range 8 {
			from := fmt.Sprintf("49151%07d", n/2) // two messages of a subscriber in each way
			texts := []string{fmt.Sprintf("<%d.%d> first ", way, n), "second ", "and last"}
			if way == 2 {
				texts[1] = "\x1bs\x1bi " // şı
			}
			for _, p := range inboundParts(t, way, from, uint16(16*way+n), texts...) {
				parts = append(parts, p)
				if len(parts)%7 == 0 {
					parts = append(parts, p)
				}
			}
			if way == 2 {
				texts[1] = "şı "
			}
			whole := texts[0] + texts[1] + texts[2]
			want[whole] = from
		}
	}
	rand.New(rand.NewPCG(4, 2)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if err := w.smscs[0].SendPDU("", parts...); err != nil {
		t.Fatal(err)
	}
	binds := map[int]bool{}
	for _, v := range w.read("sms.inbound", len(want)) {
		m, err := record.DecodeInbound(v)
		if err != nil {
			t.Fatal(err)
		}
		if from, there := want[m.Text]; !there || from != m.From || !m.Complete || m.Parts != 3 || m.Encoding != "gsm7" {
			t.Errorf("published %+v", m)
		}
		delete(want, m.Text)
	}
	for _, d := range w.smscs[0].Delivers() {
		binds[d.Bind] = true
	}
	if len(want) > 0 {
		t.Errorf("%d messages were not published: %v", len(want), want)
	}
	if len(binds) < 2 {
		t.Errorf("all parts came over one bind: this run shows nothing")
	}
}
