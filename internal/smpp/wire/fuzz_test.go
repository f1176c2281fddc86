package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func seedBodies(f *testing.F) {
	m := goldenMessage()
	whole, err := m.AppendSubmit(nil, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[HeaderLen:])
	f.Add(whole[HeaderLen : len(whole)-3])
	f.Add(smBody("12345", 5, "hello"))
	f.Add(smBody("12345", 6, "hello"))
	f.Add(smBody("", 0, "\x04\x24\x00\x02hi\x00"))
	f.Add(smBody("12345", 0, "\x00\x1e\xff\xff"))
	f.Add(bytes.Repeat([]byte{'1'}, 300))
	f.Add([]byte{})
}

// checkRefused holds for every error of a decoder.
func checkRefused(t *testing.T, err error, body []byte) {
	t.Helper()
	var decode *DecodeError
	if !errors.As(err, &decode) {
		t.Fatalf("not a DecodeError: %v", err)
	}
	if decode.Offset < 0 || decode.Offset > len(body) || decode.Status() == StatusOK || decode.Error() == "" {
		t.Fatalf("%#v for a body of %d octets", decode, len(body))
	}
}

func checkAliases(t *testing.T, body []byte, parts [][]byte) {
	t.Helper()
	for _, s := range parts {
		// Room behind a field would be its neighbour's octets.
		if !aliases(body, s) || cap(s) != len(s) {
			t.Fatalf("%q with capacity %d reaches beyond itself", s, cap(s))
		}
	}
}

// usedSM is a message that was decoded into before: nothing of it may show in the next.
func usedSM() SM {
	m := goldenMessage()
	m.Trailing = []byte("stale")
	return m
}

func FuzzSMDecode(f *testing.F) {
	seedBodies(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		// The decoder sees the middle of a larger buffer, as it does in a session.
		body := append(append([]byte("before"), in...), "after"...)[6 : 6+len(in)]
		fresh, used := SM{}, usedSM()
		err := fresh.Decode(body)
		if again := used.Decode(body); (err == nil) != (again == nil) || !equalSM(&fresh, &used) || !bytes.Equal(fresh.Trailing, used.Trailing) {
			t.Fatalf("a used message decodes to %+v, %v; a fresh one to %+v, %v", used, again, fresh, err)
		}
		if !bytes.Equal(in, body) {
			t.Fatal("the body was written to")
		}
		checkLikeGosmpp(t, body, &fresh, err)
		if err != nil {
			checkRefused(t, err, body)
			if empty := (SM{}); !equalSM(&fresh, &empty) {
				t.Fatalf("a refused message left %+v", fresh)
			}
			return
		}
		checkAliases(t, body, slicesOf(&fresh))

		b, err := fresh.AppendDeliver(nil, 1)
		if err != nil {
			var field *FieldError
			if !errors.As(err, &field) || len(b) != 0 {
				t.Fatalf("%v, %d octets", err, len(b))
			}
			return // tolerated, but not to be sent on as it is
		}
		if want := append(slices.Clip(b[:HeaderLen]), body[:len(body)-len(fresh.Trailing)]...); !bytes.Equal(b, want) {
			t.Fatalf("written again as %x, was %x", b, want)
		}
		var back SM
		if err := back.Decode(b[HeaderLen:]); err != nil || !equalSM(&fresh, &back) {
			t.Fatalf("decoded again to %+v, %v", back, err)
		}
	})
}

// checkLikeGosmpp holds what we read against gosmpp: what it reads we must read, and to the same fields.
func checkLikeGosmpp(t *testing.T, body []byte, m *SM, err error) {
	t.Helper()
	if err == nil && m.ESMClass&data.SM_UDH_GSM != 0 {
		return // it reads the UDH as well, and refuses messages for it
	}
	whole := append(appendHeader(nil, HeaderLen+len(body), DeliverSM, StatusOK, 1), body...)
	if len(whole) > data.MAX_PDU_LEN {
		return
	}
	p, theirs := pdu.Parse(bytes.NewReader(whole))
	if theirs != nil {
		return
	}
	d := p.(*pdu.DeliverSM)
	if err != nil {
		var decode *DecodeError
		if errors.As(err, &decode) && decode.Fault == TooLong {
			return
		}
		t.Fatalf("gosmpp reads %+v, we say %v", d, err)
	}
	text, _ := d.Message.GetMessageData()
	if d.ServiceType != string(m.ServiceType) || d.SourceAddr.Address() != string(m.Source.Addr) || d.DestAddr.Address() != string(m.Dest.Addr) ||
		d.EsmClass != m.ESMClass || d.ProtocolID != m.ProtocolID || d.PriorityFlag != m.PriorityFlag ||
		d.ScheduleDeliveryTime != string(m.ScheduleDeliveryTime) || d.ValidityPeriod != string(m.ValidityPeriod) ||
		d.RegisteredDelivery != m.RegisteredDelivery || d.ReplaceIfPresentFlag != m.ReplaceIfPresent ||
		d.Message.SmDefaultMsgID != m.DefaultMsgID || !bytes.Equal(text, m.ShortMessage) {
		t.Fatalf("we read %+v, gosmpp %+v", m, d)
	}
}

func FuzzDataSMDecode(f *testing.F) {
	seedBodies(f)
	d := DataSM{Source: Address{Addr: []byte("1")}, TLVs: []TLV{{TagMessagePayload, []byte("hi")}}}
	b, err := d.AppendData(nil, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[HeaderLen:])
	f.Fuzz(func(t *testing.T, body []byte) {
		body = slices.Clip(body)
		before := slices.Clone(body)
		fresh, used := DataSM{}, DataSM{ServiceType: []byte("stale"), ESMClass: 9, TLVs: []TLV{{Tag: 9}}, Trailing: []byte("stale")}
		err := fresh.Decode(body)
		if again := used.Decode(body); (err == nil) != (again == nil) || !equalDataSM(&fresh, &used) || !bytes.Equal(fresh.Trailing, used.Trailing) {
			t.Fatalf("a used message decodes to %+v, %v; a fresh one to %+v, %v", used, again, fresh, err)
		}
		if !bytes.Equal(body, before) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			checkRefused(t, err, body)
			return
		}
		sm := fresh.SM()
		checkAliases(t, body, slicesOf(&sm))
		b, err := fresh.AppendData(nil, 1)
		if err != nil {
			var field *FieldError
			if !errors.As(err, &field) || len(b) != 0 {
				t.Fatalf("%v, %d octets", err, len(b))
			}
			return
		}
		if !bytes.Equal(b[HeaderLen:], body[:len(body)-len(fresh.Trailing)]) {
			t.Fatalf("written again as %x, was %x", b[HeaderLen:], body)
		}
		var back DataSM
		if err := back.Decode(b[HeaderLen:]); err != nil || !equalDataSM(&fresh, &back) {
			t.Fatalf("decoded again to %+v, %v", back, err)
		}
	})
}

func FuzzSubmitRespDecode(f *testing.F) {
	for _, s := range []string{"", "\x00", "10C8F40D", "10C8F40D\x00", "42\x00\x00\x1d\x00\x04full\x00", "42\x00\x00\x1d\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		body = slices.Clip(body)
		before := slices.Clone(body)
		fresh, used := SubmitResp{}, SubmitResp{MessageID: []byte("stale"), TLVs: []TLV{{Tag: 9}}, Trailing: []byte("stale")}
		err := fresh.Decode(body)
		if again := used.Decode(body); (err == nil) != (again == nil) || !equalResp(&fresh, &used) || !bytes.Equal(fresh.Trailing, used.Trailing) {
			t.Fatalf("a used response decodes to %+v, %v; a fresh one to %+v, %v", used, again, fresh, err)
		}
		if !bytes.Equal(body, before) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			checkRefused(t, err, body)
			return
		}
		checkAliases(t, body, append(valuesOf(fresh.TLVs), fresh.MessageID, fresh.Trailing))
		for _, status := range []uint32{StatusOK, StatusSysErr} {
			b, err := fresh.Append(nil, 1, status)
			if err != nil {
				var field *FieldError
				if !errors.As(err, &field) || len(b) != 0 {
					t.Fatalf("%v, %d octets", err, len(b))
				}
				return
			}
			var back SubmitResp
			if err := back.Decode(b[HeaderLen:]); err != nil || !equalResp(&fresh, &back) {
				t.Fatalf("decoded again to %+v, %v", back, err)
			}
		}
	})
}

func FuzzNext(f *testing.F) {
	f.Add(AppendDeliverResp(AppendHeaderOnly(nil, EnquireLink, StatusOK, 1), 2, StatusOK))
	f.Add([]byte{0, 0, 0, 15})
	f.Add([]byte{0, 0, 0, 17, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		in = slices.Clip(in)
		buf, taken := in, 0
		for {
			pdu, rest, err := Next(buf)
			if err != nil {
				if pdu != nil || !bytes.Equal(rest, buf) {
					t.Fatalf("%v with %x, %x", err, pdu, rest)
				}
				if errors.Is(err, ErrShort) && FrameLen(buf) <= len(buf) {
					t.Fatalf("FrameLen %d, yet %d octets are too few", FrameLen(buf), len(buf))
				}
				break
			}
			if len(pdu) < HeaderLen || len(pdu) > int(MaxPDU) || len(pdu)+len(rest) != len(buf) || !aliases(in, pdu) {
				t.Fatalf("PDU of %d octets, %d left of %d", len(pdu), len(rest), len(buf))
			}
			if h, err := ParseHeader(pdu); err != nil || int(h.Length) != len(pdu) {
				t.Fatalf("header %+v, %v", h, err)
			}
			taken += len(pdu)
			buf = rest
		}
		if taken+len(buf) != len(in) {
			t.Fatalf("%d octets taken, %d left of %d", taken, len(buf), len(in))
		}
	})
}
