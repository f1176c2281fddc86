package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestPartsOfALongMessageAreJoinedInWhateverOrderTheyCome(t *testing.T) {
	w := setup(t)
	w.submit(message{id: "asked", smsc: "a", response: "77aa", to: "+491701234567", from: "12345", receipts: "none", metadata: `{"q":"1"}`})
	w.deliverPart("491701234567", "12345", 7, 3, 3, "three")
	w.run()
	w.deliverPart("491701234567", "12345", 7, 3, 1, "one ")
	w.run()
	w.restart()
	w.deliverPart("491701234567", "12345", 7, 3, 1, "one ")
	w.deliverPart("491701234567", "12345", 7, 3, 2, "two ")
	w.run()
	if len(w.inbound) != 1 {
		t.Fatalf("%d messages", len(w.inbound))
	}
	m := w.inbound[0].Value
	if m.Text != "one two three" || m.Parts != 3 || !m.Complete || m.Missing != nil || m.From != "491701234567" || m.To != "12345" || string(w.inbound[0].Key) != m.From ||
		m.InReplyTo == nil || m.InReplyTo.ID != "asked" || string(m.InReplyTo.Metadata) != `{"q":"1"}` || m.Encoding != "gsm7" {
		t.Fatalf("message %+v", m)
	}
	p := record.PartitionOf(record.SubscriberKey("491701234567", "12345"), 3)
	if want := fmt.Sprintf("smpp.deliver-%d-0", p); m.ID != want {
		t.Fatalf("id %s, want that of the part that came first, %s", m.ID, want)
	}
	w.pass(11 * time.Hour)
	if len(w.inbound) != 1 || w.events.RepeatedParts != 1 {
		t.Fatalf("later: %+v, %+v", w.inbound, w.events)
	}
}

func TestAMessageThatDoesNotBecomeWholeSaysWhatIsMissing(t *testing.T) {
	w := setup(t)
	w.deliverPart("4917", "1", 7, 4, 3, "c")
	w.pass(9 * time.Hour)
	w.deliverPart("4917", "1", 7, 4, 1, "a")
	w.pass(59 * time.Minute)
	if len(w.inbound) != 0 {
		t.Fatal("published too early")
	}
	w.pass(time.Minute)
	if len(w.inbound) != 1 {
		t.Fatalf("%d messages", len(w.inbound))
	}
	if m := w.inbound[0].Value; m.Complete || !slices.Equal(m.Missing, []int{2, 4}) || m.Text != "ac" || m.Parts != 4 {
		t.Fatalf("message %+v", m)
	}
}

func TestAPartDeliveredAgainAfterItsMessageWasJoinedMakesNoMessage(t *testing.T) {
	w := setup(t)
	w.deliverPart("4917", "1", 7, 2, 1, "a")
	w.deliverPart("4917", "1", 7, 2, 2, "b")
	w.run()
	w.restart()
	w.deliverPart("4917", "1", 7, 2, 2, "b")
	w.pass(21 * time.Hour)
	w.pass(21 * time.Hour)
	if len(w.inbound) != 1 || w.events.RepeatedParts != 1 {
		t.Fatalf("%+v, %+v", w.inbound, w.events)
	}
}

func TestAWholeMessageThatComesAgainIsPublishedAgain(t *testing.T) {
	w := setup(t)
	for range 2 {
		w.deliverPart("4917", "1", 7, 2, 2, "b")
		w.deliverPart("4917", "1", 7, 2, 1, "a")
	}
	w.pass(21 * time.Hour)
	if len(w.inbound) != 2 || w.inbound[0].Value.Text != "ab" || w.inbound[1].Value.Text != "ab" || w.inbound[0].Value.ID == w.inbound[1].Value.ID {
		t.Fatalf("%+v", w.inbound)
	}
}

func TestTwoMessagesWithOneReferenceAreNotMixed(t *testing.T) {
	w := setup(t)
	w.deliverPart("4917", "1", 7, 2, 1, "lost half of ")
	w.deliverPart("4917", "1", 7, 2, 1, "new ")
	w.deliverPart("4917", "1", 7, 2, 2, "whole")
	w.deliverPart("4917", "1", 7, 2, 2, "after")
	w.deliverPart("4917", "1", 7, 2, 1, "another ")
	w.run()
	var texts []string
	for _, m := range w.inbound {
		texts = append(texts, fmt.Sprint(m.Value.Text, m.Value.Complete))
	}
	if want := []string{"lost half of false", "new wholetrue", "another aftertrue"}; !slices.Equal(texts, want) {
		t.Fatalf("messages %q, want %q", texts, want)
	}
}

func TestASurrogatePairCutBetweenPartsIsWhole(t *testing.T) {
	w := setup(t)
	var ucs2 []byte
	for _, u := range utf16.Encode([]rune("vote 🗳 now")) {
		ucs2 = append(ucs2, byte(u>>8), byte(u))
	}
	const cut = 12 // inside the pair
	for seq, half := range [][]byte{ucs2[:cut], ucs2[cut:]} {
		w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, DataCoding: 8, ShortMessage: half, TLVs: []wire.TLV{
			{Tag: wire.TagSARMsgRefNum, Value: []byte{1, 2}}, {Tag: wire.TagSARTotalSegments, Value: []byte{2}}, {Tag: wire.TagSARSegmentSeqnum, Value: []byte{byte(seq + 1)}}}})
	}
	w.run()
	if len(w.inbound) != 1 || w.inbound[0].Value.Text != "vote 🗳 now" || w.inbound[0].Value.Encoding != "ucs2" || w.inbound[0].Value.DataCoding != 8 {
		t.Fatalf("%+v", w.inbound)
	}
}

func TestAMessageInThePayloadTLVIsRead(t *testing.T) {
	w := setup(t)
	w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, TLVs: []wire.TLV{
		{Tag: wire.TagMessagePayload, Value: []byte("long")}, {Tag: 0x1400, Value: []byte("x")}}})
	w.run()
	if len(w.inbound) != 1 || w.inbound[0].Value.Text != "long" || len(w.inbound[0].Value.Raw.TLVs) != 1 || w.inbound[0].Value.Parts != 1 || !w.inbound[0].Value.Complete {
		t.Fatalf("%+v", w.inbound)
	}
}

func TestWhatCannotBeReadIsPublishedAsItCame(t *testing.T) {
	w := setup(t)
	d := record.Deliver{SMSC: "a", CommandID: wire.DeliverSM, ReceivedAt: w.now, Body: []byte{1, 2, 3}}
	w.partitions[1].deliver = append(w.partitions[1].deliver, d.Append(nil), []byte{99, 1}, nil)
	w.deliverPart("4917", "1", 7, 1, 1, "and it goes on")
	w.run()
	if len(w.inbound) != 4 || w.events.Unreadable != 3 {
		t.Fatalf("%+v", w.inbound)
	}
	got := map[string]record.Inbound{}
	for _, m := range w.inbound {
		got[m.Value.ID] = m.Value
	}
	if m := got["smpp.deliver-1-0"]; !m.IsPayload || string(m.Payload) != "\x01\x02\x03" || m.SMSC != "a" || m.Complete {
		t.Fatalf("%+v", m)
	}
}

func TestBinaryIsPayload(t *testing.T) {
	w := setup(t)
	w.deliver("a", &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, DataCoding: 4, ShortMessage: []byte{0, 1, 0xff}})
	w.run()
	if m := w.inbound[0].Value; !m.IsPayload || string(m.Payload) != "\x00\x01\xff" || m.Encoding != "binary" || m.DataCoding != 4 || !m.Complete {
		t.Fatalf("%+v", m)
	}
}

func TestAPutAndADeleteInOneOutputCancelOut(t *testing.T) {
	w := setup(t)
	w.deliverPart("4917", "1", 7, 2, 1, "a")
	w.deliverPart("4917", "1", 7, 2, 2, "b")
	w.run() // one output
	n := 0
	for _, tp := range w.partitions {
		n += len(tp.waiting)
	}
	if n != 1 { // the memory of the joined message
		t.Fatalf("%d records for `waiting`, want 1", n)
	}
}
