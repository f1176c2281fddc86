package pcap_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/pcap"
)

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	long := bytes.Repeat([]byte("0123456789"), 700)
	var b bytes.Buffer
	err := pcap.Write(&b, 2775, []pcap.Chunk{
		{Data: []byte("hello"), At: start}, {Data: []byte("welcome"), At: start.Add(time.Second), FromServer: true}, {Data: long, At: start.Add(2 * time.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	streams, err := pcap.Read(bytes.NewReader(b.Bytes()))
	if err != nil || len(streams) != 2 {
		t.Fatalf("%d streams, %v", len(streams), err)
	}
	for _, s := range streams {
		want, at := "hello"+string(long), start.Add(2*time.Second)
		if s.From.Port() == 2775 {
			want, at = "welcome", start.Add(time.Second)
		}
		if string(s.Data) != want || !s.At(len(s.Data)-1).Equal(at) {
			t.Errorf("%s: %d octets, the last at %s", s.From, len(s.Data), s.At(len(s.Data)-1))
		}
	}
	// The same in the other byte order, and what was cut off while it was written.
	swapped := bytes.Clone(b.Bytes())
	flip := func(at, n int) {
		for i, j := at, at+n-1; i < j; i, j = i+1, j-1 {
			swapped[i], swapped[j] = swapped[j], swapped[i]
		}
	}
	for _, f := range [][2]int{{0, 4}, {4, 2}, {6, 2}, {16, 4}, {20, 4}} {
		flip(f[0], f[1])
	}
	for at := 24; at+16 <= len(swapped); {
		n := int(binary.LittleEndian.Uint32(swapped[at+8:]))
		for i := range 4 {
			flip(at+4*i, 4)
		}
		at += 16 + n
	}
	other, err := pcap.Read(bytes.NewReader(swapped))
	if err != nil || len(other) != 2 || !bytes.Equal(other[0].Data, streams[0].Data) {
		t.Errorf("the other byte order: %v", err)
	}
	if _, err := pcap.Read(bytes.NewReader(b.Bytes()[:b.Len()-30])); err != nil {
		t.Errorf("cut off: %v", err)
	}
	for name, c := range map[string]struct{ data, want string }{
		"pcapng": {"\x0a\x0d\x0d\x0a" + strings.Repeat("\x00", 40), "tshark"}, "text": {strings.Repeat("text", 10), "no capture"}, "empty": {"", "shorter"},
	} {
		if _, err := pcap.Read(strings.NewReader(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := pcap.Write(&b, 2775, []pcap.Chunk{{Data: []byte("hello")}, {Data: []byte("x"), FromServer: true}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		streams, err := pcap.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		total := 0
		for _, s := range streams {
			total += len(s.Data)
			_ = s.At(0)
		}
		if total > len(data) {
			t.Fatalf("%d octets out of %d", total, len(data))
		}
	})
}
