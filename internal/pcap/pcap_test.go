package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

const port = 2775

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func encode(p pdu.PDU, sequence int32) []byte {
	p.SetSequenceNumber(sequence)
	b := pdu.NewBuffer(nil)
	p.Marshal(b)
	return b.Bytes()
}

// submit returns the PDUs of a message, one a part.
func submit(t *testing.T, text string, enc data.Encoding) [][]byte {
	t.Helper()
	s := pdu.NewSubmitSM().(*pdu.SubmitSM)
	_ = s.SourceAddr.SetAddress("12345")
	_ = s.DestAddr.SetAddress("491700000001")
	s.DestAddr.SetTon(1)
	s.DestAddr.SetNpi(1)
	s.RegisteredDelivery = 1
	if err := s.Message.SetLongMessageWithEnc(text, enc); err != nil {
		t.Fatal(err)
	}
	parts, err := s.Split()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for i, p := range parts {
		all = append(all, encode(p, int32(i+2)))
	}
	return all
}

func conversation(t *testing.T) []Chunk {
	t.Helper()
	bind := pdu.NewBindTransceiver().(*pdu.BindRequest)
	bind.SystemID, bind.Password = "esme", "secret"
	chunks := []Chunk{
		{Data: encode(bind, 1), At: start},
		{Data: encode(bind.GetResponse(), 1), At: start.Add(time.Millisecond), FromServer: true},
	}
	var burst []byte
	for range 20 { // together far more than one segment holds, and cut in the middle of a PDU
		for _, p := range submit(t, strings.Repeat("Grüße aus Köln ", 30), data.UCS2) {
			burst = append(burst, p...)
		}
	}
	deliver := pdu.NewDeliverSM().(*pdu.DeliverSM)
	_ = deliver.SourceAddr.SetAddress("491700000001")
	_ = deliver.DestAddr.SetAddress("12345")
	_ = deliver.Message.SetMessageWithEncoding("Ja", data.GSM7BIT)
	return append(chunks,
		Chunk{Data: burst, At: start.Add(2 * time.Millisecond)},
		Chunk{Data: encode(deliver, 7), At: start.Add(3 * time.Millisecond), FromServer: true},
		Chunk{Data: encode(pdu.NewEnquireLink(), 8), At: start.Add(4 * time.Millisecond)},
	)
}

func TestTsharkReadsEveryPDUOfAConversation(t *testing.T) {
	t.Parallel()
	counts, err := Check(t, port, conversation(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 0x00000009", "1 0x80000009", "1 0x00000005", "1 0x00000015", "0x00000004"} {
		if !strings.Contains(counts, want) {
			t.Errorf("no %q in\n%s", want, counts)
		}
	}
	parts := len(submit(t, strings.Repeat("Grüße aus Köln ", 30), data.UCS2))
	if fields := strings.Fields(counts); !contains(fields, parts*20, "0x00000004") {
		t.Errorf("not %d submit_sm in\n%s", parts*20, counts)
	}
}

func contains(fields []string, count int, id string) bool {
	for i := 1; i < len(fields); i++ {
		if fields[i] == id && fields[i-1] == strconv.Itoa(count) {
			return true
		}
	}
	return false
}

func TestTsharkFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := submit(t, "Hello", data.GSM7BIT)[0]
	shortened := append([]byte(nil), good[:len(good)-3]...) // command_length fits, sm_length does not
	binary.BigEndian.PutUint32(shortened, uint32(len(shortened)))
	for name, chunk := range map[string][]byte{
		"a short message shorter than its length": shortened,
		"a PDU whose end never comes":             good[:len(good)-3],
		"no PDU at all":                           nil,
		"no SMPP":                                 []byte("GET / HTTP/1.1\r\nHost: smsc\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if counts, err := Check(t, port, []Chunk{{Data: chunk, At: start}}); err == nil {
				t.Fatalf("tshark found nothing wrong:\n%s", counts)
			}
		})
	}
}

// The capture read back without tshark: every length, checksum and sequence number, and the two streams.
func TestTheCaptureHoldsBothStreamsInSegmentsWithRightChecksums(t *testing.T) {
	t.Parallel()
	chunks := conversation(t)
	var file bytes.Buffer
	if err := Write(&file, port, chunks); err != nil {
		t.Fatal(err)
	}
	b := file.Bytes()[fileHeaderLen:]
	var streams [2][]byte
	expected := map[uint16]uint32{}
	for len(b) > 0 {
		length := binary.LittleEndian.Uint32(b[8:])
		frame := b[packetHeadLen : packetHeadLen+length]
		b = b[packetHeadLen+length:]
		ip, tcp := frame[ethernetLen:], frame[ethernetLen+ipLen:]
		if got := int(binary.BigEndian.Uint16(ip[2:])); got != len(ip) {
			t.Fatalf("IP length %d of %d", got, len(ip))
		}
		if fold(sum(0, ip[:ipLen])) != 0xffff {
			t.Fatal("IP checksum is wrong")
		}
		pseudo := append(append([]byte(nil), ip[12:20]...), 0, 6, byte(len(tcp)>>8), byte(len(tcp)))
		if fold(sum(sum(0, pseudo), tcp)) != 0xffff {
			t.Fatal("TCP checksum is wrong")
		}
		from, to := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
		sequence, ack := binary.BigEndian.Uint32(tcp[4:]), binary.BigEndian.Uint32(tcp[8:])
		if want, ok := expected[from]; ok && sequence != want {
			t.Fatalf("sequence %d from port %d, want %d", sequence, from, want)
		}
		if tcp[13]&flagACK != 0 && ack != expected[to] {
			t.Fatalf("acknowledged %d of port %d, want %d", ack, to, expected[to])
		}
		payload := tcp[tcpLen:]
		if len(payload) > segmentLen {
			t.Fatalf("a segment of %d bytes", len(payload))
		}
		expected[from] = sequence + uint32(len(payload))
		if tcp[13]&(flagSYN|flagFIN) != 0 {
			expected[from]++
		}
		side := 0
		if from == port {
			side = 1
		}
		streams[side] = append(streams[side], payload...)
	}
	var want [2][]byte
	for _, c := range chunks {
		side := 0
		if c.FromServer {
			side = 1
		}
		want[side] = append(want[side], c.Data...)
	}
	if !bytes.Equal(streams[0], want[0]) || !bytes.Equal(streams[1], want[1]) {
		t.Fatal("the streams are not what was written")
	}
}

type fullDisk struct{ room int }

var errFull = errors.New("full")

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		return 0, errFull
	}
	d.room -= len(b)
	return len(b), nil
}

func TestAnErrorOfTheWriterIsReturned(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 10, 4096, 8192} {
		if err := Write(&fullDisk{room}, port, conversation(t)); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
	if err := Write(io.Discard, port, nil); err != nil {
		t.Error(err)
	}
}
