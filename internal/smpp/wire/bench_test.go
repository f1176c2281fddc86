package wire

import (
	"bytes"
	"testing"

	"github.com/linxGnu/gosmpp/pdu"
)

// The messages that most traffic consists of: a submit_sm of one part that asks for a receipt, and the receipt that comes for it.

const benchText = "Your parcel 4711 arrives today between 14:00 and 16:00. Reply STOP to end these messages. 12345678901234567890123456789012345678901234567890"

func benchSubmit() SM {
	return SM{
		Source: Address{TON: 5, Addr: []byte("Acme")}, Dest: Address{TON: 1, NPI: 1, Addr: []byte("491701234567")},
		RegisteredDelivery: 1, ShortMessage: []byte(benchText),
	}
}

func benchReceipt() SM {
	return SM{
		Source: Address{TON: 1, NPI: 1, Addr: []byte("491701234567")}, Dest: Address{TON: 5, Addr: []byte("Acme")},
		ESMClass:     4,
		ShortMessage: []byte("id:281605133 sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:DELIVRD err:000 text:Your parcel 4711 arr"),
		TLVs:         []TLV{{TagReceiptedMessageID, []byte("10C8F40D\x00")}, {TagMessageState, []byte{2}}, {TagNetworkErrorCode, []byte{3, 0, 0}}},
	}
}

// gosmppOf is gosmpp's form of one of our PDUs.
func gosmppOf(tb testing.TB, b []byte) pdu.PDU {
	tb.Helper()
	p, err := pdu.Parse(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func encoded(tb testing.TB, b []byte, err error) []byte {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	submit, receipt, resp := benchSubmit(), benchReceipt(), SubmitResp{MessageID: []byte("10C8F40D")}
	payload := DataSM{Dest: Address{Addr: []byte("491701234567")}, TLVs: []TLV{{TagMessagePayload, []byte(benchText)}}}
	submitPDU, err := submit.AppendSubmit(nil, 1)
	submitPDU = encoded(t, submitPDU, err)
	receiptPDU, err := receipt.AppendDeliver(nil, 1)
	receiptPDU = encoded(t, receiptPDU, err)
	respPDU, err := resp.Append(nil, 1, StatusOK)
	respPDU = encoded(t, respPDU, err)
	payloadPDU, err := payload.AppendData(nil, 1)
	payloadPDU = encoded(t, payloadPDU, err)

	dst := make([]byte, 0, 4096)
	stream := bytes.Join([][]byte{submitPDU, receiptPDU, respPDU}, nil)
	var sm SM
	var ds DataSM
	var sr SubmitResp
	var failed error
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	for name, fn := range map[string]func(){
		"encode submit_sm":      func() { _, err := submit.AppendSubmit(dst, 1); note(err) },
		"encode deliver_sm":     func() { _, err := receipt.AppendDeliver(dst, 1); note(err) },
		"encode submit_sm_resp": func() { _, err := resp.Append(dst, 1, StatusOK); note(err) },
		"encode data_sm":        func() { _, err := payload.AppendData(dst, 1); note(err) },
		"encode short responses": func() {
			AppendDataResp(AppendDeliverResp(AppendHeaderOnly(dst, EnquireLink, StatusOK, 1), 1, StatusOK), 1, StatusOK)
		},
		"decode submit_sm":      func() { note(sm.Decode(submitPDU[HeaderLen:])) },
		"decode deliver_sm":     func() { note(sm.Decode(receiptPDU[HeaderLen:])) },
		"decode submit_sm_resp": func() { note(sr.Decode(respPDU[HeaderLen:])) },
		"decode data_sm":        func() { note(ds.Decode(payloadPDU[HeaderLen:])) },
		"framing": func() {
			for buf := stream; len(buf) > 0; {
				b, rest, err := Next(buf)
				if err == nil {
					_, err = ParseHeader(b)
				}
				if err != nil {
					note(err)
					return
				}
				buf = rest
			}
		},
	} {
		fn() // the TLVs get their capacity
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

func BenchmarkEncode(b *testing.B) {
	submit, receipt, resp := benchSubmit(), benchReceipt(), SubmitResp{MessageID: []byte("10C8F40D")}
	for _, bc := range []struct {
		name   string
		encode func([]byte) ([]byte, error)
	}{
		{"submit_sm", func(dst []byte) ([]byte, error) { return submit.AppendSubmit(dst, 1) }},
		{"submit_sm_resp", func(dst []byte) ([]byte, error) { return resp.Append(dst, 1, StatusOK) }},
		{"deliver_sm", func(dst []byte) ([]byte, error) { return receipt.AppendDeliver(dst, 1) }},
	} {
		whole, err := bc.encode(nil)
		whole = encoded(b, whole, err)
		b.Run(bc.name+"/wire", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(whole)))
			dst := make([]byte, 0, 4096)
			for b.Loop() {
				if _, err := bc.encode(dst); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bc.name+"/gosmpp", func(b *testing.B) {
			// At its best: the PDU is built once, and the buffer is used again.
			b.ReportAllocs()
			b.SetBytes(int64(len(whole)))
			p, buf := gosmppOf(b, whole), pdu.NewBuffer(make([]byte, 0, 4096))
			for b.Loop() {
				buf.Reset()
				p.Marshal(buf)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	submit, receipt, resp := benchSubmit(), benchReceipt(), SubmitResp{MessageID: []byte("10C8F40D")}
	var sm SM
	var sr SubmitResp
	submitPDU, submitErr := submit.AppendSubmit(nil, 1)
	respPDU, respErr := resp.Append(nil, 1, StatusOK)
	receiptPDU, receiptErr := receipt.AppendDeliver(nil, 1)
	for _, bc := range []struct {
		name   string
		whole  []byte
		decode func([]byte) error
	}{
		{"submit_sm", encoded(b, submitPDU, submitErr), sm.Decode},
		{"submit_sm_resp", encoded(b, respPDU, respErr), sr.Decode},
		{"deliver_sm", encoded(b, receiptPDU, receiptErr), sm.Decode},
	} {
		b.Run(bc.name+"/wire", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bc.whole)))
			for b.Loop() {
				// All that a session does for a PDU: framing, header, body.
				frame, _, err := Next(bc.whole)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := ParseHeader(frame); err != nil {
					b.Fatal(err)
				}
				if err := bc.decode(frame[HeaderLen:]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bc.name+"/gosmpp", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bc.whole)))
			r := bytes.NewReader(nil)
			for b.Loop() {
				r.Reset(bc.whole)
				if _, err := pdu.Parse(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
