package wire

import (
	"bytes"
	"testing"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
	"pgregory.net/rapid"
)

// gosmpp's codec is the oracle here. Where it knows less than the wire does, the generators stay within what it can tell: it keeps TLVs in
// a map (no order, no repetition), drops empty ones, reads their lengths as signed, and forgets a data_coding that it has no alphabet for.

// drawn is one message as both codecs get it.
type drawn struct {
	sm   SM
	udh  pdu.UDH // with SM.ESMClass 0x40: the beginning of SM.ShortMessage
	text []byte  // the rest of it
	seq  uint32
}

func drawCString(t *rapid.T, label string, max int) []byte {
	return rapid.SliceOfN(rapid.ByteRange(1, 255), 0, max).Draw(t, label)
}

func drawTime(t *rapid.T, label string) []byte {
	if rapid.Bool().Draw(t, label+" absent") {
		return nil
	}
	return rapid.SliceOfN(rapid.ByteRange(' ', '~'), 16, 16).Draw(t, label)
}

func drawAddress(t *rapid.T, label string, max int) Address {
	b := rapid.Byte()
	return Address{TON: b.Draw(t, label+" ton"), NPI: b.Draw(t, label+" npi"), Addr: drawCString(t, label, max)}
}

func drawTLVs(t *rapid.T) []TLV {
	tlv := rapid.Custom(func(t *rapid.T) TLV {
		return TLV{Tag: rapid.Uint16().Draw(t, "tag"), Value: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "value")}
	})
	return rapid.SliceOfNDistinct(tlv, 0, 6, func(t TLV) uint16 { return t.Tag }).Draw(t, "tlvs")
}

func drawMessage(t *rapid.T) drawn {
	b := rapid.Byte()
	d := drawn{
		sm: SM{
			ServiceType: drawCString(t, "service_type", 5),
			Source:      drawAddress(t, "source", 20),
			Dest:        drawAddress(t, "dest", 20),
			ESMClass:    b.Draw(t, "esm_class"), ProtocolID: b.Draw(t, "protocol_id"), PriorityFlag: b.Draw(t, "priority_flag"),
			ScheduleDeliveryTime: drawTime(t, "schedule"), ValidityPeriod: drawTime(t, "validity"),
			RegisteredDelivery: b.Draw(t, "registered_delivery"), ReplaceIfPresent: b.Draw(t, "replace"),
			DataCoding: b.Draw(t, "data_coding"), DefaultMsgID: b.Draw(t, "default_msg_id"),
			TLVs: drawTLVs(t),
		},
		seq: rapid.Uint32Range(1, MaxSequence).Draw(t, "seq"),
	}
	if d.sm.ESMClass&data.SM_UDH_GSM == 0 {
		d.text = rapid.SliceOfN(rapid.Byte(), 0, 254).Draw(t, "short_message")
		d.sm.ShortMessage = d.text
		return d
	}
	// gosmpp takes the header of a part apart, so it must be a sound one.
	d.udh = pdu.UDH{pdu.NewIEConcatMessage(b.Draw(t, "total"), b.Draw(t, "part"), b.Draw(t, "ref"))}
	d.text = rapid.SliceOfN(rapid.Byte(), 0, 248).Draw(t, "text")
	raw, err := d.udh.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	d.sm.ShortMessage = append(raw, d.text...)
	return d
}

func (d *drawn) gosmppMessage(t *rapid.T) pdu.ShortMessage {
	m, err := pdu.NewBinaryShortMessageWithEncoding(d.text, data.NewCustomEncoding(d.sm.DataCoding, data.ASCII))
	if err != nil {
		t.Fatal(err)
	}
	m.SmDefaultMsgID = d.sm.DefaultMsgID
	if d.udh != nil {
		m.SetUDH(d.udh)
	}
	return m
}

func gosmppAddress(t *rapid.T, a Address) pdu.Address {
	// Unmarshal, since SetAddress holds the addresses of a data_sm to the limit of a submit_sm.
	var out pdu.Address
	if err := out.Unmarshal(pdu.NewBuffer(append(append([]byte{a.TON, a.NPI}, a.Addr...), 0))); err != nil {
		t.Fatal(err)
	}
	return out
}

func register(p pdu.PDU, tlvs []TLV) {
	for _, tlv := range tlvs {
		p.RegisterOptionalParam(pdu.Field{Tag: pdu.Tag(tlv.Tag), Data: tlv.Value})
	}
}

func checkTLVs(t *rapid.T, ours []TLV, theirs map[pdu.Tag]pdu.Field) {
	if len(ours) != len(theirs) {
		t.Fatalf("%d TLVs, gosmpp has %d", len(ours), len(theirs))
	}
	for _, tlv := range ours {
		if f, ok := theirs[pdu.Tag(tlv.Tag)]; !ok || !bytes.Equal(f.Data, tlv.Value) {
			t.Fatalf("TLV 0x%04x: %x, gosmpp has %x, %v", tlv.Tag, tlv.Value, f.Data, ok)
		}
	}
}

func checkAddress(t *rapid.T, field string, ours Address, theirs pdu.Address) {
	if ours.TON != theirs.Ton() || ours.NPI != theirs.Npi() || string(ours.Addr) != theirs.Address() {
		t.Fatalf("%s: %+v, gosmpp has %+v", field, ours, theirs)
	}
}

func checkMessage(t *rapid.T, m *SM, theirs *pdu.ShortMessage) {
	var got []byte
	if udh := theirs.UDH(); len(udh) > 0 {
		got, _ = udh.MarshalBinary()
	}
	text, _ := theirs.GetMessageData()
	if got = append(got, text...); !bytes.Equal(got, m.ShortMessage) {
		t.Fatalf("short_message: %x, gosmpp has %x", m.ShortMessage, got)
	}
	if theirs.SmDefaultMsgID != m.DefaultMsgID {
		t.Fatalf("sm_default_msg_id: %d, gosmpp has %d", m.DefaultMsgID, theirs.SmDefaultMsgID)
	}
	if enc := theirs.Encoding(); enc != nil && enc.DataCoding() != m.DataCoding {
		t.Fatalf("data_coding: %d, gosmpp has %d", m.DataCoding, enc.DataCoding())
	}
}

func checkFlags(t *rapid.T, m *SM, serviceType, schedule, validity string, flags ...byte) {
	if string(m.ServiceType) != serviceType || string(m.ScheduleDeliveryTime) != schedule || string(m.ValidityPeriod) != validity {
		t.Fatalf("strings: %+v, gosmpp has %q, %q, %q", m, serviceType, schedule, validity)
	}
	if ours := []byte{m.ESMClass, m.ProtocolID, m.PriorityFlag, m.RegisteredDelivery, m.ReplaceIfPresent}; !bytes.Equal(ours, flags) {
		t.Fatalf("flags: %x, gosmpp has %x", ours, flags)
	}
}

// parse has gosmpp read one of our PDUs, which must be all of b.
func parse[T pdu.PDU](t *rapid.T, b []byte, seq, status uint32) T {
	r := bytes.NewReader(b)
	p, err := pdu.Parse(r)
	if err != nil {
		t.Fatalf("gosmpp: %v\n%x", err, b)
	}
	if h := p.GetHeader(); r.Len() != 0 || int(h.CommandLength) != len(b) || uint32(h.SequenceNumber) != seq || uint32(h.CommandStatus) != status {
		t.Fatalf("%d octets left, header %+v", r.Len(), h)
	}
	return p.(T)
}

// frame has gosmpp write a PDU and takes its body off as a session does.
func frame(t *rapid.T, p pdu.PDU, id, seq, status uint32) []byte {
	buf := pdu.NewBuffer(nil)
	p.Marshal(buf)
	b, rest, err := Next(buf.Bytes())
	if err != nil || len(rest) != 0 {
		t.Fatalf("framing: %v, %d octets left", err, len(rest))
	}
	h, err := ParseHeader(b)
	if want := (Header{Length: uint32(len(b)), ID: id, Status: status, Sequence: seq}); err != nil || h != want {
		t.Fatalf("header %+v, want %+v, %v", h, want, err)
	}
	return b[HeaderLen:]
}

func TestGosmppReadsOurSubmitSM(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		b, err := d.sm.AppendSubmit(nil, d.seq)
		if err != nil {
			t.Fatal(err)
		}
		p := parse[*pdu.SubmitSM](t, b, d.seq, StatusOK)
		checkFlags(t, &d.sm, p.ServiceType, p.ScheduleDeliveryTime, p.ValidityPeriod, p.EsmClass, p.ProtocolID, p.PriorityFlag, p.RegisteredDelivery, p.ReplaceIfPresentFlag)
		checkAddress(t, "source", d.sm.Source, p.SourceAddr)
		checkAddress(t, "dest", d.sm.Dest, p.DestAddr)
		checkMessage(t, &d.sm, &p.Message)
		checkTLVs(t, d.sm.TLVs, p.OptionalParameters)
	})
}

func TestGosmppReadsOurDeliverSM(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		b, err := d.sm.AppendDeliver(nil, d.seq)
		if err != nil {
			t.Fatal(err)
		}
		p := parse[*pdu.DeliverSM](t, b, d.seq, StatusOK)
		checkFlags(t, &d.sm, p.ServiceType, p.ScheduleDeliveryTime, p.ValidityPeriod, p.EsmClass, p.ProtocolID, p.PriorityFlag, p.RegisteredDelivery, p.ReplaceIfPresentFlag)
		checkAddress(t, "source", d.sm.Source, p.SourceAddr)
		checkAddress(t, "dest", d.sm.Dest, p.DestAddr)
		checkMessage(t, &d.sm, &p.Message)
		checkTLVs(t, d.sm.TLVs, p.OptionalParameters)
	})
}

// sameSM compares what we read with what was drawn; the order of TLVs is gosmpp's map's.
func sameSM(t *rapid.T, got SM, want *SM) {
	theirs := map[pdu.Tag]pdu.Field{}
	for _, tlv := range want.TLVs {
		theirs[pdu.Tag(tlv.Tag)] = pdu.Field{Tag: pdu.Tag(tlv.Tag), Data: tlv.Value}
	}
	checkTLVs(t, got.TLVs, theirs)
	got.TLVs = want.TLVs
	if !equalSM(&got, want) || got.Trailing != nil {
		t.Fatalf("got %+v, want %+v", got, *want)
	}
}

func TestWeReadGosmppsSubmitSM(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		p := pdu.NewSubmitSM().(*pdu.SubmitSM)
		p.SetSequenceNumber(int32(d.seq))
		p.ServiceType, p.SourceAddr, p.DestAddr = string(d.sm.ServiceType), gosmppAddress(t, d.sm.Source), gosmppAddress(t, d.sm.Dest)
		p.EsmClass, p.ProtocolID, p.PriorityFlag = d.sm.ESMClass, d.sm.ProtocolID, d.sm.PriorityFlag
		p.ScheduleDeliveryTime, p.ValidityPeriod = string(d.sm.ScheduleDeliveryTime), string(d.sm.ValidityPeriod)
		p.RegisteredDelivery, p.ReplaceIfPresentFlag = d.sm.RegisteredDelivery, d.sm.ReplaceIfPresent
		p.Message = d.gosmppMessage(t)
		register(p, d.sm.TLVs)
		var m SM
		if err := m.Decode(frame(t, p, SubmitSM, d.seq, StatusOK)); err != nil {
			t.Fatal(err)
		}
		sameSM(t, m, &d.sm)
	})
}

func TestWeReadGosmppsDeliverSM(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawMessage(t)
		p := pdu.NewDeliverSM().(*pdu.DeliverSM)
		p.SetSequenceNumber(int32(d.seq))
		p.ServiceType, p.SourceAddr, p.DestAddr = string(d.sm.ServiceType), gosmppAddress(t, d.sm.Source), gosmppAddress(t, d.sm.Dest)
		p.EsmClass, p.ProtocolID, p.PriorityFlag = d.sm.ESMClass, d.sm.ProtocolID, d.sm.PriorityFlag
		p.ScheduleDeliveryTime, p.ValidityPeriod = string(d.sm.ScheduleDeliveryTime), string(d.sm.ValidityPeriod)
		p.RegisteredDelivery, p.ReplaceIfPresentFlag = d.sm.RegisteredDelivery, d.sm.ReplaceIfPresent
		p.Message = d.gosmppMessage(t)
		register(p, d.sm.TLVs)
		var m SM
		if err := m.Decode(frame(t, p, DeliverSM, d.seq, StatusOK)); err != nil {
			t.Fatal(err)
		}
		sameSM(t, m, &d.sm)
	})
}

func TestDataSMAgreesWithGosmppBothWays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.Byte()
		d := DataSM{
			ServiceType: drawCString(t, "service_type", 5),
			Source:      drawAddress(t, "source", 64), Dest: drawAddress(t, "dest", 64),
			ESMClass: b.Draw(t, "esm_class"), RegisteredDelivery: b.Draw(t, "registered_delivery"), DataCoding: b.Draw(t, "data_coding"),
			TLVs: drawTLVs(t),
		}
		seq := rapid.Uint32Range(1, MaxSequence).Draw(t, "seq")
		raw, err := d.AppendData(nil, seq)
		if err != nil {
			t.Fatal(err)
		}
		p := parse[*pdu.DataSM](t, raw, seq, StatusOK)
		if p.ServiceType != string(d.ServiceType) || p.EsmClass != d.ESMClass || p.RegisteredDelivery != d.RegisteredDelivery || p.DataCoding != d.DataCoding {
			t.Fatalf("%+v, gosmpp has %+v", d, p)
		}
		checkAddress(t, "source", d.Source, p.SourceAddr)
		checkAddress(t, "dest", d.Dest, p.DestAddr)
		checkTLVs(t, d.TLVs, p.OptionalParameters)

		var back DataSM
		if err := back.Decode(frame(t, p, DataSMID, seq, StatusOK)); err != nil {
			t.Fatal(err)
		}
		sm := d.SM()
		sameSM(t, back.SM(), &sm)
	})
}

func TestSubmitSMRespAgreesWithGosmppBothWays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := SubmitResp{MessageID: drawCString(t, "message_id", 64), TLVs: drawTLVs(t)}
		seq := rapid.Uint32Range(1, MaxSequence).Draw(t, "seq")
		status := rapid.Uint32().Draw(t, "status")
		raw, err := r.Append(nil, seq, status)
		if err != nil {
			t.Fatal(err)
		}
		p := parse[*pdu.SubmitSMResp](t, raw, seq, status)
		if p.MessageID != string(r.MessageID) {
			t.Fatalf("message_id %q, gosmpp has %q", r.MessageID, p.MessageID)
		}
		checkTLVs(t, r.TLVs, p.OptionalParameters)

		var back SubmitResp
		if err := back.Decode(frame(t, p, SubmitSMResp, seq, status)); err != nil || !bytes.Equal(back.MessageID, r.MessageID) || back.Trailing != nil {
			t.Fatalf("got %+v, %v", back, err)
		}
		checkTLVs(t, back.TLVs, p.OptionalParameters)
	})
}

func TestDataSMRespAgreesWithGosmppBothWays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := DataResp{MessageID: drawCString(t, "message_id", 64), TLVs: drawTLVs(t)}
		seq := rapid.Uint32Range(1, MaxSequence).Draw(t, "seq")
		status := rapid.Uint32().Draw(t, "status")
		raw, err := r.Append(nil, seq, status)
		if err != nil {
			t.Fatal(err)
		}
		p := parse[*pdu.DataSMResp](t, raw, seq, status)
		if p.MessageID != string(r.MessageID) {
			t.Fatalf("message_id %q, gosmpp has %q", r.MessageID, p.MessageID)
		}
		checkTLVs(t, r.TLVs, p.OptionalParameters)
		var back DataResp
		if err := back.Decode(frame(t, p, DataSMResp, seq, status)); err != nil || !bytes.Equal(back.MessageID, r.MessageID) {
			t.Fatalf("got %+v, %v", back, err)
		}
		checkTLVs(t, back.TLVs, p.OptionalParameters)
	})
}

func TestGosmppReadsOurShortResponses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seq := rapid.Uint32Range(1, MaxSequence).Draw(t, "seq")
		status := rapid.Uint32().Draw(t, "status")
		if p := parse[*pdu.DeliverSMResp](t, AppendDeliverResp(nil, seq, status), seq, status); p.MessageID != "" {
			t.Fatalf("deliver_sm_resp has message_id %q", p.MessageID)
		}
		if p := parse[*pdu.DataSMResp](t, AppendDataResp(nil, seq, status), seq, status); p.MessageID != "" {
			t.Fatalf("data_sm_resp has message_id %q", p.MessageID)
		}
		parse[*pdu.EnquireLink](t, AppendHeaderOnly(nil, EnquireLink, status, seq), seq, status)
		parse[*pdu.EnquireLinkResp](t, AppendHeaderOnly(nil, EnquireLinkResp, status, seq), seq, status)
		parse[*pdu.UnbindResp](t, AppendHeaderOnly(nil, UnbindResp, status, seq), seq, status)
		parse[*pdu.GenericNack](t, AppendHeaderOnly(nil, GenericNack, status, seq), seq, status)
	})
}
