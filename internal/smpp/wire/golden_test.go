package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// octets joins lines of hexadecimal; whatever follows a # is a comment.
func octets(t testing.TB, lines string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(line, "#")
		v, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, v...)
	}
	return b
}

// The PDUs below are written down field by field from the tables of SMPP v3.4, so that a field left out or in the wrong place fails here
// even if encoder and decoder agree with each other.

const goldenSM = `
	43 4D 54 00             # service_type "CMT"
	05                      # source_addr_ton: alphanumeric
	00                      # source_addr_npi
	41 63 6D 65 00          # source_addr "Acme"
	01                      # dest_addr_ton: international
	01                      # dest_addr_npi: ISDN
	34 39 31 37 30 00       # destination_addr "49170"
	43                      # esm_class
	7F                      # protocol_id
	03                      # priority_flag
	32 36 30 31 30 32 30 33 30 34 30 35 30 30 30 2B 00 # schedule_delivery_time "260102030405000+"
	30 30 30 30 30 30 30 31 30 30 30 30 30 30 30 52 00 # validity_period "000000010000000R"
	01                      # registered_delivery
	02                      # replace_if_present_flag
	F1                      # data_coding
	09                      # sm_default_msg_id
	04                      # sm_length
	00 68 00 E9             # short_message
	14 00 00 02 0A 0B       # carrier's TLV
	02 04 00 02 00 2A       # user_message_reference
	14 00 00 00             # the carrier's TLV again, empty
`

func goldenMessage() SM {
	return SM{
		ServiceType: []byte("CMT"),
		Source:      Address{TON: 5, NPI: 0, Addr: []byte("Acme")},
		Dest:        Address{TON: 1, NPI: 1, Addr: []byte("49170")},
		ESMClass:    0x43, ProtocolID: 0x7F, PriorityFlag: 3,
		ScheduleDeliveryTime: []byte("260102030405000+"),
		ValidityPeriod:       []byte("000000010000000R"),
		RegisteredDelivery:   1, ReplaceIfPresent: 2, DataCoding: 0xF1, DefaultMsgID: 9,
		ShortMessage: []byte{0, 'h', 0, 0xE9},
		TLVs: []TLV{
			{Tag: 0x1400, Value: []byte{0x0A, 0x0B}},
			{Tag: TagUserMessageReference, Value: []byte{0, 42}},
			{Tag: 0x1400},
		},
	}
}

func TestSubmitAndDeliverHaveTheOctetsOfTheSpecification(t *testing.T) {
	t.Parallel()
	m := goldenMessage()
	for _, tc := range []struct {
		name, header string
		encode       func([]byte, uint32) ([]byte, error)
	}{
		{"submit_sm", "00000061 00000004 00000000 7FFFFFFF", m.AppendSubmit},
		{"deliver_sm", "00000061 00000005 00000000 7FFFFFFF", m.AppendDeliver},
	} {
		want := octets(t, tc.header+"\n"+goldenSM)
		before := []byte("before")
		got, err := tc.encode(slices.Clone(before), MaxSequence)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if !bytes.Equal(got, append(before, want...)) {
			t.Errorf("%s:\n got %x\nwant %x", tc.name, got[len(before):], want)
		}
		var back SM
		if err := back.Decode(want[HeaderLen:]); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if !equalSM(&m, &back) || back.Trailing != nil {
			t.Errorf("%s decoded to %+v", tc.name, back)
		}
	}
}

func TestTheShortestSubmitHasThirtyThreeOctets(t *testing.T) {
	t.Parallel()
	var m, back SM
	got, err := m.AppendSubmit(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := octets(t, "00000021 00000004 00000000 00000001  00 000000 000000 000000 00 00 00000000 00")
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if err := back.Decode(got[HeaderLen:]); err != nil || !equalSM(&m, &back) {
		t.Errorf("decoded to %+v, %v", back, err)
	}
}

func TestDataSMHasTheOctetsOfTheSpecification(t *testing.T) {
	t.Parallel()
	want := octets(t, `
		00 00 00 2A 00 00 01 03 00 00 00 00 00 00 00 0D
		00                      # service_type
		02 08 31 32 33 00       # source
		00 01 34 35 00          # destination
		04                      # esm_class
		01                      # registered_delivery
		08                      # data_coding
		04 24 00 02 00 41       # message_payload
		04 27 00 01 02          # message_state`)
	d := DataSM{
		Source: Address{TON: 2, NPI: 8, Addr: []byte("123")}, Dest: Address{NPI: 1, Addr: []byte("45")},
		ESMClass: 4, RegisteredDelivery: 1, DataCoding: 8,
		TLVs: []TLV{{TagMessagePayload, []byte{0, 'A'}}, {TagMessageState, []byte{2}}},
	}
	got, err := d.AppendData(nil, 13)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %x, %v\nwant %x", got, err, want)
	}
	var back DataSM
	if err := back.Decode(want[HeaderLen:]); err != nil || !equalDataSM(&d, &back) {
		t.Errorf("decoded to %+v, %v", back, err)
	}
	sm := back.SM()
	if string(sm.UserData()) != "\x00A" || sm.DataCoding != 8 || string(sm.Source.Addr) != "123" || sm.RegisteredDelivery != 1 || len(sm.ShortMessage) != 0 {
		t.Errorf("as a deliver_sm: %+v", sm)
	}
}

func TestResponsesHaveTheOctetsOfTheSpecification(t *testing.T) {
	t.Parallel()
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	withID := SubmitResp{MessageID: []byte("10C8F40D")}
	withTLV := DataResp{TLVs: []TLV{{TagDeliveryFailureReason, []byte{1}}}}
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		{"submit_sm_resp", must(withID.Append(nil, 7, StatusOK)), "00000019 80000004 00000000 00000007 3130433846343044 00"},
		{"submit_sm_resp without an id", must(new(SubmitResp).Append(nil, 7, StatusOK)), "00000011 80000004 00000000 00000007 00"},
		{"submit_sm_resp that refuses", must(new(SubmitResp).Append(nil, 7, StatusThrottled)), "00000010 80000004 00000058 00000007"},
		{"submit_sm_resp that refuses with an id", must(withID.Append(nil, 7, StatusSubmitFail)), "00000019 80000004 00000045 00000007 3130433846343044 00"},
		{"deliver_sm_resp", AppendDeliverResp(nil, 8, StatusOK), "00000011 80000005 00000000 00000008 00"},
		{"deliver_sm_resp that refuses", AppendDeliverResp(nil, 8, StatusSysErr), "00000011 80000005 00000008 00000008 00"},
		{"data_sm_resp", AppendDataResp(nil, 9, StatusOK), "00000011 80000103 00000000 00000009 00"},
		{"data_sm_resp that refuses and says why", must(withTLV.Append(nil, 9, StatusDeliveryFailure)), "00000016 80000103 000000FE 00000009 00 0425000101"},
		{"enquire_link", AppendHeaderOnly(nil, EnquireLink, StatusOK, 10), "00000010 00000015 00000000 0000000A"},
		{"generic_nack", AppendHeaderOnly(nil, GenericNack, StatusInvCmdID, 11), "00000010 80000000 00000003 0000000B"},
	} {
		if want := octets(t, tc.want); !bytes.Equal(tc.got, want) {
			t.Errorf("%s: got %x, want %x", tc.name, tc.got, want)
		}
	}
}

func TestTheHeaderOfTheSpecificationsSampleIsRead(t *testing.T) {
	t.Parallel()
	// SMPP v3.4 §3.2.3, the sample PDU.
	sample := octets(t, `
		00 00 00 2F 00 00 00 02 00 00 00 00 00 00 00 01
		53 4D 50 50 33 54 45 53 54 00 73 65 63 72 65 74 30 38 00 53 55 42 4D 49 54 31 00 00 01 01 00`)
	h, err := ParseHeader(sample)
	if want := (Header{Length: 0x2F, ID: BindTransmitter, Sequence: 1}); err != nil || h != want {
		t.Errorf("got %+v, %v", h, err)
	}
	if h.Response() {
		t.Error("bind_transmitter taken for a response")
	}
	pdu, rest, err := Next(sample)
	if err != nil || !bytes.Equal(pdu, sample) || len(rest) != 0 {
		t.Errorf("Next: %x, %x, %v", pdu, rest, err)
	}
}

func TestAHeaderOutOfBoundsIsReturnedWithItsError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		length uint32
		want   error
	}{
		{0, ErrLength}, {15, ErrLength}, {16, nil}, {uint32(MaxPDU), nil}, {uint32(MaxPDU) + 1, ErrLength}, {0xFFFFFFFF, ErrLength},
	} {
		b := AppendHeaderOnly(nil, DeliverSMResp, StatusSysErr, 99)
		b[0], b[1], b[2], b[3] = byte(tc.length>>24), byte(tc.length>>16), byte(tc.length>>8), byte(tc.length)
		h, err := ParseHeader(b)
		if !errors.Is(err, tc.want) || h.Length != tc.length || h.Sequence != 99 || !h.Response() {
			t.Errorf("length %d: %+v, %v", tc.length, h, err)
		}
	}
	if _, err := ParseHeader(make([]byte, HeaderLen-1)); !errors.Is(err, ErrShort) {
		t.Errorf("15 octets: %v", err)
	}
}

func TestMaxPDUHoldsTheLongestSubmitThatTheSpecificationAllows(t *testing.T) {
	t.Parallel()
	long := func(n int) []byte { return bytes.Repeat([]byte{'1'}, n) }
	m := SM{
		ServiceType: long(5), Source: Address{Addr: long(20)}, Dest: Address{Addr: long(20)},
		ScheduleDeliveryTime: long(16), ValidityPeriod: long(16), ShortMessage: long(254),
		TLVs: []TLV{{TagMessagePayload, long(65535)}, {0x1400, long(4092)}},
	}
	b, err := m.AppendSubmit(nil, 1)
	if err != nil || len(b) != int(MaxPDU) {
		t.Fatalf("%d octets, %v; want %d", len(b), err, MaxPDU)
	}
	if MaxPDU > 70000 {
		t.Errorf("MaxPDU is %d: buffers are planned for 70,000", MaxPDU)
	}
	var back SM
	if pdu, rest, err := Next(b); err != nil || len(rest) != 0 {
		t.Error(err)
	} else if err := back.Decode(pdu[HeaderLen:]); err != nil || !equalSM(&m, &back) {
		t.Errorf("decode: %v", err)
	}
}
