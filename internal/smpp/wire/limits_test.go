package wire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAFieldOverItsLimitIsRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	run := func(n int) []byte { return bytes.Repeat([]byte{'1'}, n) }
	sm := func(change func(*SM)) func([]byte) ([]byte, error) {
		return func(dst []byte) ([]byte, error) {
			m := goldenMessage()
			change(&m)
			return m.AppendSubmit(dst, 1)
		}
	}
	data := func(d DataSM) func([]byte) ([]byte, error) {
		return func(dst []byte) ([]byte, error) { return d.AppendData(dst, 1) }
	}
	resp := func(r SubmitResp) func([]byte) ([]byte, error) {
		return func(dst []byte) ([]byte, error) { return r.Append(dst, 1, StatusOK) }
	}
	for _, tc := range []struct {
		encode func([]byte) ([]byte, error)
		want   *FieldError // nil: fits
	}{
		{sm(func(m *SM) { m.ServiceType = run(5) }), nil},
		{sm(func(m *SM) { m.ServiceType = run(6) }), &FieldError{"service_type", 6, 5, TooLong}},
		{sm(func(m *SM) { m.Source.Addr = run(20) }), nil},
		{sm(func(m *SM) { m.Source.Addr = run(21) }), &FieldError{"source_addr", 21, 20, TooLong}},
		{sm(func(m *SM) { m.Dest.Addr = run(20) }), nil},
		{sm(func(m *SM) { m.Dest.Addr = run(21) }), &FieldError{"destination_addr", 21, 20, TooLong}},
		{sm(func(m *SM) { m.ScheduleDeliveryTime = nil }), nil},
		{sm(func(m *SM) { m.ScheduleDeliveryTime = run(15) }), &FieldError{"schedule_delivery_time", 15, 16, WrongLength}},
		{sm(func(m *SM) { m.ValidityPeriod = run(17) }), &FieldError{"validity_period", 17, 16, WrongLength}},
		{sm(func(m *SM) { m.ShortMessage = run(254) }), nil},
		{sm(func(m *SM) { m.ShortMessage = run(255) }), &FieldError{"short_message", 255, 254, TooLong}},
		{sm(func(m *SM) { m.TLVs = []TLV{{0x1401, run(65535)}} }), nil},
		{sm(func(m *SM) { m.TLVs = []TLV{{0x1401, run(65536)}} }), &FieldError{"TLV 0x1401", 65536, 65535, TooLong}},
		{sm(func(m *SM) { m.TLVs = []TLV{{0x1401, run(65535)}, {0x1402, run(65535)}} }),
			&FieldError{"command_length", 81 + 2*65539, int(MaxPDU), TooLong}},
		{sm(func(m *SM) { m.ServiceType = []byte("A\x00") }), &FieldError{"service_type", 2, 5, HoldsNUL}},
		{sm(func(m *SM) { m.Source.Addr = []byte("\x001") }), &FieldError{"source_addr", 2, 20, HoldsNUL}},
		{sm(func(m *SM) { m.Dest.Addr = []byte("1\x001") }), &FieldError{"destination_addr", 3, 20, HoldsNUL}},
		{sm(func(m *SM) { m.ScheduleDeliveryTime = make([]byte, 16) }), &FieldError{"schedule_delivery_time", 16, 16, HoldsNUL}},
		{sm(func(m *SM) { m.ValidityPeriod = make([]byte, 16) }), &FieldError{"validity_period", 16, 16, HoldsNUL}},
		{data(DataSM{Source: Address{Addr: run(64)}, Dest: Address{Addr: run(64)}}), nil},
		{data(DataSM{ServiceType: run(6)}), &FieldError{"service_type", 6, 5, TooLong}},
		{data(DataSM{Source: Address{Addr: run(65)}}), &FieldError{"source_addr", 65, 64, TooLong}},
		{data(DataSM{Dest: Address{Addr: run(65)}}), &FieldError{"destination_addr", 65, 64, TooLong}},
		{data(DataSM{TLVs: []TLV{{0x424, run(65536)}}}), &FieldError{"TLV 0x0424", 65536, 65535, TooLong}},
		{data(DataSM{TLVs: []TLV{{0x424, run(65535)}, {0x424, run(5000)}}}), &FieldError{"command_length", 26 + 65539 + 5004, int(MaxPDU), TooLong}},
		{resp(SubmitResp{MessageID: run(64)}), nil},
		{resp(SubmitResp{MessageID: run(65)}), &FieldError{"message_id", 65, 64, TooLong}},
		{resp(SubmitResp{MessageID: []byte("1\x00")}), &FieldError{"message_id", 2, 64, HoldsNUL}},
		{resp(SubmitResp{TLVs: []TLV{{0x1d, run(65536)}}}), &FieldError{"TLV 0x001d", 65536, 65535, TooLong}},
		{resp(SubmitResp{TLVs: []TLV{{0x1d, run(65535)}, {0x1d, run(5000)}}}), &FieldError{"command_length", 17 + 65539 + 5004, int(MaxPDU), TooLong}},
	} {
		// Room behind the buffer shows a write that was taken back.
		room := append([]byte("before"), make([]byte, 200)...)
		got, err := tc.encode(room[:6])
		if tc.want == nil {
			if err != nil || len(got) == 6 {
				t.Errorf("refused what fits: %v", err)
			}
			continue
		}
		var field *FieldError
		if !errors.As(err, &field) || *field != *tc.want {
			t.Errorf("got %+v, want %+v", err, tc.want)
		}
		if string(got) != "before" || !bytes.Equal(room[6:], make([]byte, 200)) {
			t.Errorf("%v: dst was written to: %q", err, got)
		}
	}
}

func TestAFieldErrorSaysWhatToDoAndHidesTheContent(t *testing.T) {
	t.Parallel()
	number := "491701234567890123456789"
	_, err := (&SM{Dest: Address{Addr: []byte(number)}}).AppendSubmit(nil, 1)
	if got, want := fmt.Sprint(err), "destination_addr has 24 octets: shorten it to 20"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = (&SM{ValidityPeriod: []byte("24h")}).AppendSubmit(nil, 1)
	if got, want := fmt.Sprint(err), "validity_period has 3 octets: leave it empty or give exactly 16"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = (&SM{Source: Address{Addr: []byte("a\x00b")}}).AppendSubmit(nil, 1)
	if got, want := fmt.Sprint(err), "source_addr holds a NUL: remove it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNextSplitsWhatOneReadBrought(t *testing.T) {
	t.Parallel()
	var buf []byte
	for seq := range uint32(5) {
		m := goldenMessage()
		m.ShortMessage = []byte(strings.Repeat("x", int(seq)*20))
		var err error
		if buf, err = m.AppendDeliver(buf, seq); err != nil {
			t.Fatal(err)
		}
		buf = AppendHeaderOnly(buf, EnquireLink, StatusOK, seq)
	}
	// Whatever the place where a read ends, the PDUs come out the same, and nothing is lost between them.
	for cut := range len(buf) + 1 {
		var got [][]byte
		rest := slices.Clone(buf[:cut])
		take := func() {
			for {
				pdu, after, err := Next(rest)
				if errors.Is(err, ErrShort) {
					if FrameLen(rest) <= len(rest) {
						t.Fatalf("cut at %d: FrameLen %d, yet %d octets are too few", cut, FrameLen(rest), len(rest))
					}
					return
				}
				if err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if cap(pdu) != len(pdu) || FrameLen(rest) != len(pdu) {
					t.Fatalf("cut at %d: PDU of %d octets has capacity %d, FrameLen %d", cut, len(pdu), cap(pdu), FrameLen(rest))
				}
				got = append(got, slices.Clone(pdu))
				rest = after
			}
		}
		take()
		rest = append(rest, buf[cut:]...)
		take()
		if len(got) != 10 || !bytes.Equal(slices.Concat(got...), buf) || len(rest) != 0 {
			t.Fatalf("cut at %d: %d PDUs, %d octets left", cut, len(got), len(rest))
		}
	}
}

func TestNextReportsLostFramingAtTheLength(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"\x00\x00\x00\x0F", "\x00\x01\x11\x70", "HTTP/1.1 400", "\x00\x00\x00\x00\x00\x00\x00\x00"} {
		pdu, rest, err := Next([]byte(in))
		if !errors.Is(err, ErrLength) || pdu != nil || string(rest) != in || FrameLen([]byte(in)) != HeaderLen {
			t.Errorf("%q: %x, %x, %v", in, pdu, rest, err)
		}
	}
	for _, in := range []string{"", "\x00", "\x00\x00\x00", "\x00\x00\x00\x10", "\x00\x01\x11\x6F" + strings.Repeat("x", 100)} {
		if _, rest, err := Next([]byte(in)); !errors.Is(err, ErrShort) || string(rest) != in {
			t.Errorf("%q: %x, %v", in, rest, err)
		}
	}
}
