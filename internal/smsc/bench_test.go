package smsc

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// BenchmarkSimulator drives the simulator over loopback with a client that
// costs next to nothing: PDUs encoded beforehand, many a write, a window of
// 1,000. With GOMAXPROCS=1 it is submits per second of one core, the client's
// part included:
//
//	GOMAXPROCS=1 go test ./internal/smsc -run '^$' -bench Simulator -benchmem
func BenchmarkSimulator(b *testing.B) {
	for _, c := range []struct {
		name       string
		registered byte
		window     int
		audit      bool
		options    Options
	}{
		{"answers", 0, 1000, false, Options{}},
		{"answers after 5 to 50 ms, window 10000", 0, 10000, false, Options{Behaviour: Behaviour{Latency: Uniform(5*time.Millisecond, 50*time.Millisecond)}}},
		{"answers and receipts", 1, 1000, false, Options{}},
		{"answers, receipts and audit file", 1, 1000, true, Options{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.options
			if c.audit {
				o.AuditFile = b.TempDir() + "/audit.ndjson"
			}
			s := start(b, o)
			conn := rawBind(b, s)
			b.ReportAllocs()
			b.ResetTimer()
			rawLoad(b, conn, b.N, c.window, c.registered)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submits/s")
		})
	}
}

// rawBind binds a transceiver on a plain connection.
func rawBind(tb testing.TB, s *SMSC) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	req := pdu.NewBindRequest(pdu.Transceiver)
	req.SystemID = "bench"
	buf := pdu.NewBuffer(nil)
	req.Marshal(buf)
	if _, err := conn.Write(buf.Bytes()); err != nil {
		tb.Fatal(err)
	}
	if _, err := pdu.Parse(conn); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// rawLoad sends n submits and reads until each has its answer and, where they
// are asked for, its receipt, which it acknowledges.
func rawLoad(tb testing.TB, conn net.Conn, n, window int, registered byte) {
	tb.Helper()
	p := pdu.NewSubmitSM().(*pdu.SubmitSM)
	_ = p.SourceAddr.SetAddress("12345")
	_ = p.DestAddr.SetAddress("491701234567")
	p.RegisteredDelivery = registered
	_ = p.Message.SetMessageWithEncoding("Your parcel arrives today between 10 and 12. Track it at example.com/t/4711", data.GSM7BIT)
	buf := pdu.NewBuffer(nil)
	p.Marshal(buf)
	template := buf.Bytes()

	in := bufio.NewReaderSize(conn, 256<<10)
	var out []byte
	want := n
	if registered != 0 {
		want += n
	}
	sent, answered, receipts := 0, 0, 0
	for answered+receipts < want {
		// Receipts count for the window too, or they would pile up in the simulator.
		for sent < n && sent-answered < window && (registered == 0 || sent-receipts < window) {
			sent++
			out = append(out, template...)
			binary.BigEndian.PutUint32(out[len(out)-len(template)+12:], uint32(sent))
		}
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				tb.Fatal(err)
			}
			out = out[:0]
		}
		for {
			h, err := in.Peek(headerLen)
			if err != nil {
				tb.Fatal(err)
			}
			length, command := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
			switch command {
			case uint32(data.DELIVER_SM):
				resp := make([]byte, 0, 17)
				resp = binary.BigEndian.AppendUint32(resp, 17)
				resp = binary.BigEndian.AppendUint32(resp, command|responseBit)
				resp = binary.BigEndian.AppendUint32(resp, 0)
				resp = append(resp, h[12:16]...)
				out = append(append(out, resp...), 0)
				receipts++
			default:
				if status := binary.BigEndian.Uint32(h[8:]); status != 0 {
					tb.Fatalf("a submit was answered with %s", StatusName(status))
				}
				answered++
			}
			if _, err := io.CopyN(io.Discard, in, int64(length)); err != nil {
				tb.Fatal(err)
			}
			if in.Buffered() < headerLen {
				break
			}
		}
	}
}
