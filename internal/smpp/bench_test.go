package smpp

import (
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// stub is an SMSC on a loopback socket that answers at once and costs next to
// nothing: it looks at four octets of each submit.
type stub struct {
	net.Listener
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func newStub(tb testing.TB) *stub {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &stub{Listener: l}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(c) })
		}
	})
	tb.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *stub) serve(c net.Conn) {
	defer c.Close()
	in, out := make([]byte, 256<<10), make([]byte, 0, 256<<10)
	end := 0
	for {
		n, err := c.Read(in[end:])
		if err != nil {
			return
		}
		end += n
		at := 0
		out = out[:0]
		for end-at >= wire.HeaderLen {
			length := int(binary.BigEndian.Uint32(in[at:]))
			if end-at < length {
				break
			}
			id, sequence := binary.BigEndian.Uint32(in[at+4:]), binary.BigEndian.Uint32(in[at+12:])
			switch id {
			case wire.SubmitSM:
				out = wire.AppendHeaderOnly(out, wire.SubmitSMResp, 0, sequence)
				out[len(out)-13] = 27
				out = append(out, "0123456789\x00"...)
			case wire.BindTransceiver, wire.BindTransmitter, wire.BindReceiver:
				out = wire.AppendHeaderOnly(out, id|0x8000_0000, 0, sequence)
				out[len(out)-13] = 17
				out = append(out, 0)
			case wire.EnquireLink, wire.Unbind:
				out = wire.AppendHeaderOnly(out, id|0x8000_0000, 0, sequence)
			}
			at += length
		}
		end = copy(in, in[at:end])
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

// pump is Events that offers each submit again as soon as it is answered.
type pump struct {
	batch    []*Submit
	left     atomic.Int64 // still to be offered
	answered atomic.Int64
	total    int64
	done     chan struct{}
	up       chan struct{}
	once     sync.Once
}

func (p *pump) Answered(a *Account, answers []Answer) {
	p.batch = p.batch[:0]
	for i := range answers {
		if answers[i].Outcome != Responded {
			panic(answers[i].Reason)
		}
		p.batch = append(p.batch, answers[i].Submit)
	}
	if left := p.left.Add(-int64(len(p.batch))); left < 0 {
		p.batch = p.batch[:max(0, len(p.batch)+int(left))]
	}
	a.Offer(p.batch)
	if p.answered.Add(int64(len(answers))) == p.total {
		close(p.done)
	}
}
func (p *pump) Delivered(d *Delivery)   { d.Respond(0) }
func (p *pump) StateChanged(a *Account) { p.once.Do(func() { close(p.up) }) }

// run sends n submits through a bound account, window after window.
func (p *pump) run(a *Account, n, window int) {
	p.total = int64(n)
	first := min(n, 2*window)
	p.left.Store(int64(n - first))
	p.answered.Store(0)
	p.done = make(chan struct{})
	a.Offer(benchMessages(first))
	<-p.done
}

func benchMessages(n int) []*Submit {
	all := make([]*Submit, n)
	for i := range all {
		all[i] = &Submit{SM: wire.SM{
			Source: wire.Address{TON: 5, Addr: []byte("sender")}, Dest: wire.Address{TON: 1, NPI: 1, Addr: []byte("491700000000")},
			RegisteredDelivery: 1,
			ShortMessage:       []byte("Your parcel has arrived. Track it at https://example.com/t/0123456789 or reply STOP to opt out."),
		}}
	}
	return all
}

const benchWindow = 1000

func boundPump(tb testing.TB) (*Account, *pump) {
	s := newStub(tb)
	p := &pump{up: make(chan struct{})}
	a := NewAccount(AccountConfig{
		Name: "stub", Addresses: []string{s.Addr().String()}, Window: benchWindow,
		// A pump takes no answer but the stub's, however long that is held up.
		BindTimeout: 5 * time.Minute, ResponseTimeout: 5 * time.Minute, WriteTimeout: 5 * time.Minute, RequeueFor: 5 * time.Minute,
	}, p, nil, nil, nil)
	if err := a.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { a.Stop(shortlyCtx()) })
	<-p.up
	return a, p
}

func shortlyCtx() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// BenchmarkSession/ours is a whole submit: offered, encoded, written, answered,
// joined, reported, on a loopback socket with a stub that answers at once; the
// stub's own time is in it, in both ns/op and cpu-ns/op (all threads).
//
// BenchmarkSession/gosmpp is gosmpp's session with the same stub, in the way that
// costs it least: its own window (at most 255, a concurrent map, and an answer that
// comes before the request is filed is lost) is off, and a semaphore of the same
// size as our window stands in.
func BenchmarkSession(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		a, p := boundPump(b)
		p.run(a, 10_000, benchWindow)
		b.ReportAllocs()
		b.ResetTimer()
		cpu := cpuTime()
		p.run(a, b.N, benchWindow)
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
		b.StopTimer()
	})
	b.Run("gosmpp", func(b *testing.B) {
		s := newStub(b)
		slots := make(chan struct{}, benchWindow)
		var answered atomic.Int64
		done := make(chan struct{})
		session, err := gosmpp.NewSession(
			gosmpp.TRXConnector(gosmpp.NonTLSDialer, gosmpp.Auth{SMSC: s.Addr().String(), SystemID: "esme", Password: "secret"}),
			gosmpp.Settings{
				ReadTimeout: time.Minute,
				OnPDU: func(p pdu.PDU, _ bool) {
					if _, ok := p.(*pdu.SubmitSMResp); !ok {
						return
					}
					<-slots
					if answered.Add(1) == int64(b.N) {
						close(done)
					}
				},
			}, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer session.Close()
		text := "Your parcel has arrived. Track it at https://example.com/t/0123456789 or reply STOP to opt out."
		b.ReportAllocs()
		b.ResetTimer()
		cpu := cpuTime()
		for range b.N {
			m := pdu.NewSubmitSM().(*pdu.SubmitSM)
			m.SourceAddr.SetTon(5)
			m.SourceAddr.SetAddress("sender")
			m.DestAddr.SetTon(1)
			m.DestAddr.SetNpi(1)
			m.DestAddr.SetAddress("491700000000")
			m.RegisteredDelivery = 1
			m.Message.SetMessageWithEncoding(text, data.GSM7BIT)
			slots <- struct{}{}
			if err := session.Transceiver().Submit(m); err != nil {
				b.Fatal(err)
			}
		}
		<-done
		b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
		b.StopTimer()
	})
}

// cpuTime is what the process has used so far, in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func TestASubmitCostsNoAllocation(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 100,000 messages")
	}
	a, p := boundPump(t)
	p.run(a, 20_000, benchWindow) // buffers, queue and ring reach their size
	var before, after runtime.MemStats
	const n = 100_000
	p.batch, p.total = p.batch[:0], n
	again := benchMessages(2 * benchWindow)
	p.left.Store(n - 2*benchWindow)
	p.answered.Store(0)
	p.done = make(chan struct{})
	runtime.ReadMemStats(&before)
	a.Offer(again)
	<-p.done
	runtime.ReadMemStats(&after)
	// The string that holds the ids of a read is the one allocation, and a read
	// brings many; a lone answer a read is the worst there is.
	if each := float64(after.Mallocs-before.Mallocs) / n; each > 0.25 {
		t.Errorf("%.3f allocations a message, want far fewer than one", each)
	}
}
