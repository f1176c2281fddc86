package smsc

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// FuzzPDU reads anything as a PDU: no panic, and of what the codec makes a
// submit_sm without a user data header, the own reading of its body agrees.
func FuzzPDU(f *testing.F) {
	add := func(p pdu.PDU) {
		buf := pdu.NewBuffer(nil)
		p.Marshal(buf)
		f.Add(buf.Bytes())
	}
	plain := submission("491701", "hello", 1)
	add(plain)
	part := submission("491701", "", 0)
	part.EsmClass = data.SM_UDH_GSM
	part.Message.SetUDH(pdu.UDH{pdu.NewIEConcatMessage(3, 2, 7)})
	add(part)
	payload := submission("491701", "", 0)
	payload.RegisterOptionalParam(pdu.Field{Tag: pdu.TagMessagePayload, Data: []byte("a long one")})
	payload.RegisterOptionalParam(pdu.Field{Tag: pdu.TagSarMsgRefNum, Data: []byte{0, 1}})
	add(payload)
	add(pdu.NewDataSM())
	add(pdu.NewBindTransceiver())
	add(pdu.NewSubmitMulti())
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0xff})

	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < headerLen {
			return
		}
		if _, err := parseHeader(raw); err != nil && int32(binary.BigEndian.Uint32(raw)) >= headerLen && int32(binary.BigEndian.Uint32(raw)) <= maxPDU {
			t.Fatalf("a length in bounds is refused: %v", err)
		}
		raw = bytes.Clone(raw[:min(len(raw), maxPDU)])
		binary.BigEndian.PutUint32(raw, uint32(len(raw)))
		h, err := parseHeader(raw)
		if err != nil {
			t.Fatal(err)
		}
		p, err := decode(h, raw)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *pdu.SubmitSM:
			m, err := messageOfSubmit(p, raw)
			if err != nil {
				t.Fatalf("the codec reads what submitFields refuses: %v", err)
			}
			if body, _ := p.Message.GetMessageData(); p.EsmClass&data.SM_UDH_GSM == 0 && len(body) > 0 && !bytes.Equal(body, m.text) {
				t.Fatalf("the codec reads %x, submitFields %x", body, m.text)
			}
			(&Behaviour{Replies: []Reply{{Keyword: "x", Texts: []string{"y"}}}}).reply(&m, &random{})
			receiptText(&m, "id", outcomeByStat["DELIVRD"], 0)
		case *pdu.DataSM:
			messageOfData(p)
		}
	})
}

func TestASegmentedMessageByTLVsIsRecognised(t *testing.T) {
	t.Parallel()
	p := submission("491701", "part", 0)
	p.RegisterOptionalParam(pdu.Field{Tag: pdu.TagSarMsgRefNum, Data: []byte{1, 2}})
	p.RegisterOptionalParam(pdu.Field{Tag: pdu.TagSarTotalSegments, Data: []byte{4}})
	p.RegisterOptionalParam(pdu.Field{Tag: pdu.TagSarSegmentSeqnum, Data: []byte{3}})
	buf := pdu.NewBuffer(nil)
	p.Marshal(buf)
	m, err := messageOfSubmit(p, buf.Bytes())
	if err != nil || m.ref != 0x0102 || m.total != 4 || m.part != 3 {
		t.Errorf("read as %+v, %v", m, err)
	}
}

func TestTheQueuesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	h := heap[int]{less: func(a, b *int) bool { return *a < *b }}
	var q fifo[int]
	r := newRandom(3, 3)
	for i := range 10_000 {
		h.push(r.below(1000))
		q.push(i)
	}
	for i, last := 0, -1; i < 10_000; i++ {
		v := h.pop()
		if v < last {
			t.Fatalf("%d came after %d", v, last)
		}
		last = v
		if got := q.pop(); got != i {
			t.Fatalf("%d came, want %d", got, i)
		}
	}
	if q.len() != 0 || cap(q.items) > 4096 {
		t.Errorf("an empty queue holds room for %d", cap(q.items))
	}
}
