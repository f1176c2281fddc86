package wire

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// A session writes all its PDUs into one buffer, which holds what earlier ones left.
func TestNothingOfABuffersFormerContentIsSent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t).sm
		d := DataSM{ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass, DataCoding: m.DataCoding, TLVs: m.TLVs}
		r := SubmitResp{MessageID: drawCString(t, "message_id", 64), TLVs: m.TLVs}
		for name, encode := range map[string]func([]byte) ([]byte, error){
			"submit_sm":      func(dst []byte) ([]byte, error) { return m.AppendSubmit(dst, 1) },
			"data_sm":        func(dst []byte) ([]byte, error) { return d.AppendData(dst, 1) },
			"submit_sm_resp": func(dst []byte) ([]byte, error) { return r.Append(dst, 1, StatusOK) },
		} {
			want, err := encode(make([]byte, 0, MaxPDU)) // which is all zeros
			if err != nil {
				t.Fatal(err)
			}
			got, err := encode(append([]byte("before"), bytes.Repeat([]byte{0xA5}, int(MaxPDU))...)[:6])
			if err != nil || !bytes.Equal(got[6:], want) || string(got[:6]) != "before" {
				t.Fatalf("%s in a used buffer: %x, %v; in a new one %x", name, got, err, want)
			}
		}
	})
}

func TestANULIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		for at := -1; at < n; at++ {
			for _, c := range []byte{0x01, 0x7F, 0x80, 0x81, 0xFF} {
				v := bytes.Repeat([]byte{c}, n)
				if at >= 0 {
					v[at] = 0
				}
				if got, want := holdsNUL(v), at >= 0; got != want {
					t.Fatalf("%x: %v", v, got)
				}
			}
		}
	}
}

// What size finds and what fault names are two pieces of code: one must not refuse what the other has nothing to say against, nor let
// pass what it would refuse.
func TestWhatDoesNotFitIsNamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t).sm
		for _, f := range []*[]byte{&m.ServiceType, &m.Source.Addr, &m.Dest.Addr, &m.ScheduleDeliveryTime, &m.ValidityPeriod, &m.ShortMessage} {
			if rapid.IntRange(0, 4).Draw(t, "other") == 0 {
				*f = rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 300).Draw(t, "field")
			}
		}
		for i := range m.TLVs {
			if rapid.IntRange(0, 4).Draw(t, "long") == 0 {
				m.TLVs[i].Value = make([]byte, rapid.IntRange(60_000, 70_000).Draw(t, "octets"))
			}
		}
		size, fits := m.size()
		var named *FieldError
		if !errors.As(m.fault(size), &named) {
			t.Fatalf("fault says %v", m.fault(size))
		}
		// The PDU as a whole is what fault names when it has found nothing.
		if sound := named.Field == fieldCommandLength && size <= int(MaxPDU); fits != sound {
			t.Fatalf("fits: %v, fault: %v, size %d", fits, named, size)
		}
	})
}
