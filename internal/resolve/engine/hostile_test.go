package engine

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// brokersLimit is Kafka's default of max.message.bytes, less what a batch of one record adds.
const brokersLimit = 1_048_588 - 200

// publishable holds for every record that comes of what an SMSC sends: valid JSON, and small enough for Kafka once its
// TLVs and user data headers are left out, which the resolver does when it must. A record that stays too large would be tried for ever.
func publishable(t testing.TB, w *world) {
	t.Helper()
	check := func(key, value []byte) {
		t.Helper()
		if !json.Valid(value) {
			t.Fatalf("not JSON: %.200q", value)
		}
		if len(key)+len(value) > brokersLimit {
			t.Fatalf("a record of %d bytes", len(key)+len(value))
		}
	}
	for i := range w.receipts {
		r := w.receipts[i]
		r.Value.Raw = record.Raw{}
		check(r.Key, r.Value.AppendJSON(nil))
	}
	for i := range w.inbound {
		m := w.inbound[i]
		m.Value.Raw.TLVs, m.Value.Raw.UDH = nil, nil
		check(m.Key, m.Value.AppendJSON(nil))
	}
}

// sarPart is a part by the SAR TLVs that carries a whole message_payload.
func sarPart(total, seq byte, payload []byte) *wire.SM {
	return &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, DataCoding: 3, TLVs: []wire.TLV{
		{Tag: wire.TagSARMsgRefNum, Value: []byte{0, 1}}, {Tag: wire.TagSARTotalSegments, Value: []byte{total}}, {Tag: wire.TagSARSegmentSeqnum, Value: []byte{seq}},
		{Tag: wire.TagMessagePayload, Value: payload},
	}}
}

func TestALongMessageOfHugePartsIsPublishedInPiecesThatKafkaTakes(t *testing.T) {
	w := setup(t)
	const total = 40
	payload := bytes.Repeat([]byte{1}, 60_000) // a control character takes six octets in JSON
	for seq := range byte(total) {
		w.deliver("a", sarPart(total, seq+1, payload))
	}
	w.pass(11 * time.Hour)
	publishable(t, w)
	parts := map[int]bool{}
	for _, m := range w.inbound {
		if m.Value.Complete || m.Value.Parts != total {
			t.Fatalf("%d parts, complete: %v", m.Value.Parts, m.Value.Complete)
		}
		missing := map[int]bool{}
		for _, n := range m.Value.Missing {
			missing[n] = true
		}
		for n := 1; n <= total; n++ {
			if !missing[n] {
				if parts[n] {
					t.Errorf("part %d was published twice", n)
				}
				parts[n] = true
			}
		}
	}
	if len(parts) != total {
		t.Errorf("%d parts of %d were published", len(parts), total)
	}
}

func TestTheLongestMessageThatAPhoneCanSendIsJoined(t *testing.T) {
	w := setup(t)
	for seq := 255; seq >= 1; seq-- {
		w.deliverPart("4917", "1", 7, 255, byte(seq), "a hundred and thirty-four octets, which is what is left of a hundred and forty beside the header of a part: so much text, and not one more.")
	}
	w.run()
	if len(w.inbound) != 1 || !w.inbound[0].Value.Complete || w.inbound[0].Value.Parts != 255 {
		t.Fatalf("%d messages", len(w.inbound))
	}
}

func TestWhatIsNoDeliveryAtAllIsPublishedWithinBounds(t *testing.T) {
	w := setup(t)
	w.partitions[0].deliver = append(w.partitions[0].deliver, bytes.Repeat([]byte{0xff}, 1_000_000), nil, []byte{1})
	w.run()
	publishable(t, w)
	if len(w.inbound) != 3 || w.events.Unreadable != 3 {
		t.Fatalf("%d messages, %+v", len(w.inbound), w.events)
	}
}

// FuzzDeliver takes any body through the join, next to a submission that it may be the receipt of and a part that it may be the other
// half of. Whatever it is, it is published once, as a record that Kafka takes, and in the end nothing of it is left.
func FuzzDeliver(f *testing.F) {
	add := func(sm *wire.SM) {
		pdu, err := sm.AppendDeliver(nil, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(false, pdu[wire.HeaderLen:])
	}
	from, to := wire.Address{Addr: []byte("4917")}, wire.Address{Addr: []byte("1")}
	add(&wire.SM{Source: from, Dest: to, ESMClass: esmReceipt, ShortMessage: []byte(receiptText("10C8F40D", "DELIVRD"))})
	add(&wire.SM{Source: from, Dest: to, ESMClass: esmReceipt, ShortMessage: []byte(receiptText("281605133", "ENROUTE"))})
	add(&wire.SM{Source: from, Dest: to, ESMClass: 0x40, ShortMessage: []byte("\x05\x00\x03\x01\x02\x02other half")})
	add(&wire.SM{Source: from, Dest: to, DataCoding: 8, ShortMessage: []byte("\xd8\x3d")})
	add(&wire.SM{Source: from, Dest: to, ShortMessage: []byte("\x1b[31m\r\n\x00")})
	add(sarPart(2, 1, []byte("payload")))
	f.Add(true, []byte("\x00\x00\x004917\x00\x00\x001\x00\x00\x00\x00\x00\x1e\x00\x0910C8F40D\x00\x04\x27\x00\x01\x02"))
	f.Add(false, []byte("no NUL"))
	db := newStore(f)
	f.Fuzz(func(t *testing.T, data bool, body []byte) {
		if len(body) > int(wire.MaxPDU)-wire.HeaderLen {
			return // no session lets it through
		}
		w := newWorld(t, db, 1, nil)
		w.submit(message{id: "m1", smsc: "a", response: "10C8F40D", to: "+4917", from: "1", receipts: "final", metadata: `{"k":"v"}`})
		w.deliverPart("4917", "1", 1, 2, 1, "half")
		d := record.Deliver{SMSC: "a", CommandID: wire.DeliverSM, ReceivedAt: w.now, Body: body}
		if data {
			d.CommandID = wire.DataSMID
		}
		tp := w.partitions[0]
		tp.deliver = append(tp.deliver, d.Append(nil))
		w.run()
		w.restart() // what waits is known again from the topics
		w.pass(80 * time.Hour)
		w.pass(80 * time.Hour)
		publishable(t, w)
		if c := tp.e.Counts(); c.Early != 0 || c.Others != 0 {
			t.Fatalf("left: %+v", c)
		}
		// The half and the body: two messages, one that both make, or one and a receipt, or one if the body repeats the half.
		told := 0
		for _, r := range w.receipts {
			if !r.Unanswered {
				told++
			}
		}
		for _, m := range w.inbound {
			told += m.Value.Parts - len(m.Value.Missing)
		}
		if want := 2 - w.events.RepeatedParts; told != want {
			t.Fatalf("%d of %d were published: %d messages, %d receipts, %+v", told, want, len(w.inbound), len(w.receipts), w.events)
		}
	})
}
