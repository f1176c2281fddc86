package delivery_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/delivery"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

const receipt = "id:10C8F40D sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:"

func body(t testing.TB, sm wire.SM) []byte {
	t.Helper()
	b, err := sm.AppendDeliver(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return b[wire.HeaderLen:]
}

var at = time.Date(2026, 1, 1, 0, 2, 0, 0, time.UTC)

func TestAReceiptIsReadWhereverItsTextStands(t *testing.T) {
	t.Parallel()
	udh := append([]byte{0x03, 0x24, 0x01, 0x01}, receipt...) // a national shift table before the text
	for name, sm := range map[string]wire.SM{
		"short_message":   {ESMClass: 0x04, ShortMessage: []byte(receipt)},
		"behind a header": {ESMClass: 0x44, ShortMessage: udh},
		"message_payload": {ESMClass: 0x04, TLVs: []wire.TLV{{Tag: wire.TagMessagePayload, Value: []byte(receipt)}}},
		"TLVs alone": {ESMClass: 0x04, TLVs: []wire.TLV{{Tag: wire.TagReceiptedMessageID, Value: []byte("10C8F40D\x00")},
			{Tag: wire.TagMessageState, Value: []byte{2}}}},
	} {
		var r delivery.Reader
		d, err := r.Read(wire.DeliverSM, body(t, sm), at, nil)
		if err != nil || !d.IsReceipt || d.ReceiptID != "10c8f40d" || d.Receipt.State != "DELIVERED" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestAPartSaysOfWhichMessageItIs(t *testing.T) {
	t.Parallel()
	var r delivery.Reader
	d, err := r.Read(wire.DeliverSM, body(t, wire.SM{ESMClass: 0x40, ShortMessage: []byte{5, 0, 3, 7, 2, 1, 'h', 'i'}}), at, nil)
	if err != nil || d.Concat != (delivery.Concat{Kind: '8', Ref: 7, Total: 2, Seq: 1}) || string(d.UserData) != "hi" || d.IsReceipt {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = r.Read(wire.DeliverSM, body(t, wire.SM{ShortMessage: []byte("hi"), TLVs: []wire.TLV{
		{Tag: wire.TagSARMsgRefNum, Value: []byte{1, 2}}, {Tag: wire.TagSARTotalSegments, Value: []byte{3}}, {Tag: wire.TagSARSegmentSeqnum, Value: []byte{3}}}}), at, nil)
	if err != nil || d.Concat != (delivery.Concat{Kind: 's', Ref: 0x102, Total: 3, Seq: 3}) {
		t.Errorf("%+v, %v", d, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(false, body(f, wire.SM{ESMClass: 0x04, ShortMessage: []byte(receipt)}))
	f.Add(false, body(f, wire.SM{ESMClass: 0x40, ShortMessage: []byte{5, 0, 3, 7, 2, 1, 'h', 'i'}}))
	f.Add(true, []byte{})
	f.Fuzz(func(t *testing.T, data bool, b []byte) {
		id := wire.DeliverSM
		if data {
			id = wire.DataSMID
		}
		keep := bytes.Clone(b)
		var r delivery.Reader
		d, err := r.Read(id, b, at, nil)
		if !bytes.Equal(b, keep) {
			t.Fatal("the body was written to")
		}
		if err == nil && d.Concat.Kind != 0 && (d.Concat.Total < 2 || d.Concat.Seq < 1 || d.Concat.Seq > d.Concat.Total) {
			t.Fatalf("part %d of %d", d.Concat.Seq, d.Concat.Total)
		}
	})
}
