package e2e

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The least SMSC that delivers: it sends deliver_sm as fast as its window allows or at a given rate, and notes
// when each was answered. Written out by hand as the one that only answers is.

const (
	smppDeliverSM   = 0x00000005
	smppBindFirst   = 0x00000001 // bind_receiver, bind_transmitter, bind_transceiver: SMPP v3.4 §5.1.2.1
	smppTransceiver = 0x00000009
	smppNumberAt    = smppHeader + 3 // service_type, source_addr_ton, source_addr_npi
)

// stormReport is what became of the messages.
type stormReport struct {
	Answered int           // with ESME_ROK
	Refused  int           // with another status; each was sent again
	Took     time.Duration // from the first deliver_sm to the last answer
	Latency  []int64       // percentiles 0 to 100, ns from deliver_sm to its answer
	Over30ms int
}

// serveStorm is the process. It prints its address, waits for STORM_BINDS binds, delivers STORM_MESSAGES at STORM_RATE
// a second (0: as fast as STORM_WINDOW allows, on each bind), writes its report to the file STORM_REPORT and serves on.
func serveStorm(out io.Writer, env func(string) string) error {
	var numbers [4]int
	for i, name := range []string{"STORM_BINDS", "STORM_MESSAGES", "STORM_RATE", "STORM_WINDOW"} {
		var err error
		if numbers[i], err = strconv.Atoi(env(name)); err != nil {
			return err
		}
	}
	binds, messages, rate, window := numbers[0], numbers[1], numbers[2], numbers[3]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "SMSC on %s\n", l.Addr())
	var gusts []*gust
	var ready sync.WaitGroup
	ready.Add(binds)
	var all sync.WaitGroup
	failed := make(chan error, binds)
	for i := range binds {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		g := &gust{conn: c, first: i * (messages / binds), n: messages / binds, rate: rate / binds, room: make(chan struct{}, window), bound: ready.Done}
		g.sent = make([]int64, g.n)
		gusts = append(gusts, g)
		all.Go(func() {
			if err := g.read(); err != nil {
				failed <- err
			}
		})
		go func() { // ends with its messages
			ready.Wait()
			if err := g.send(); err != nil {
				failed <- err
			}
		}()
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	report := summary(gusts)
	b, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if err := os.WriteFile(env("STORM_REPORT")+".tmp", b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(env("STORM_REPORT")+".tmp", env("STORM_REPORT")); err != nil {
		return err
	}
	select {} // the CPU time of a process that has ended cannot be read
}

// gust is one bind's share of the storm.
type gust struct {
	conn     net.Conn
	first, n int // which messages
	rate     int // a second; 0: as fast as the window allows
	room     chan struct{}
	bound    func()

	mu      sync.Mutex // of what is written
	w       *bufio.Writer
	sent    []int64 // by message, ns since 1970; the sender's until the message is answered
	took    []int64
	refused int
	last    int64
}

// send delivers all of it.
func (g *gust) send() error {
	pdu := deliverPDU()
	begun := time.Now()
	for i := range g.n {
		if g.rate > 0 {
			if wait := time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(g.rate))); wait > 0 {
				if err := g.flush(); err != nil {
					return err
				}
				time.Sleep(wait)
			}
		}
		select {
		case g.room <- struct{}{}:
		default:
			if err := g.flush(); err != nil {
				return err
			}
			g.room <- struct{}{}
		}
		if err := g.deliver(pdu, i); err != nil {
			return err
		}
	}
	return g.flush()
}

func (g *gust) flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.Flush()
}

func (g *gust) deliver(pdu []byte, i int) error {
	binary.BigEndian.PutUint32(pdu[12:], uint32(i)+1)
	digits := pdu[smppNumberAt+4 : smppNumberAt+13] // after 4917
	for n, at := g.first+i, len(digits)-1; at >= 0; n, at = n/10, at-1 {
		digits[at] = byte('0' + n%10)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent[i] = time.Now().UnixNano()
	_, err := g.w.Write(pdu)
	return err
}

// deliverPDU is a message of a subscriber, of 60 characters (SMPP v3.4 §4.6.1).
func deliverPDU() []byte {
	const text = "YES, please deliver it tomorrow between 9 and 11, thank you!"
	b := make([]byte, smppHeader, 256)
	b = append(b, "\x00\x01\x014917000000000\x00\x03\x0032323\x00"...) // service_type, source, destination
	b = append(b, "\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)           // esm_class … sm_default_msg_id
	b = append(append(b, byte(len(text))), text...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	binary.BigEndian.PutUint32(b[4:], smppDeliverSM)
	return b
}

// read takes answers until there is one for each message, and answers what the connector asks.
func (g *gust) read() error {
	defer func() { go g.idle() }()
	g.w = bufio.NewWriterSize(g.conn, 64<<10)
	r := bufio.NewReaderSize(g.conn, 64<<10)
	again := deliverPDU()
	for len(g.took) < g.n {
		head, err := r.Peek(smppHeader)
		if err != nil {
			return err
		}
		length, command, status, sequence := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
		if length < smppHeader || length > smppMaxPDU {
			return errors.New("a PDU of " + strconv.Itoa(int(length)) + " bytes")
		}
		if _, err := r.Discard(int(length)); err != nil {
			return err
		}
		switch {
		case command == smppDeliverSM|smppResponse && int(sequence) > g.n:
			return fmt.Errorf("an answer to deliver_sm %d, which was never sent", sequence)
		case command == smppDeliverSM|smppResponse && status != 0:
			g.refused++
			time.Sleep(10 * time.Millisecond)
			if err := errors.Join(g.deliver(again, int(sequence)-1), g.flush()); err != nil {
				return err
			}
		case command == smppDeliverSM|smppResponse:
			g.last = time.Now().UnixNano()
			g.took = append(g.took, g.last-g.sent[sequence-1])
			<-g.room
		case command&smppResponse == 0:
			if err := g.answer(command, sequence); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gust) answer(command, sequence uint32) error {
	resp := make([]byte, smppHeader+1) // an empty system_id
	if command != smppBindFirst && command != smppTransceiver {
		resp = resp[:smppHeader]
	}
	binary.BigEndian.PutUint32(resp, uint32(len(resp)))
	binary.BigEndian.PutUint32(resp[4:], command|smppResponse)
	binary.BigEndian.PutUint32(resp[12:], sequence)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.w.Write(resp); err != nil {
		return err
	}
	if err := g.w.Flush(); err != nil {
		return err
	}
	if command == smppBindFirst || command == smppTransceiver {
		g.bound()
	}
	return nil
}

// idle answers on until the connection ends, which the connector tells.
func (g *gust) idle() { _ = answerAll(g.conn, 0) }

func summary(gusts []*gust) stormReport {
	var r stormReport
	var all []int64
	first, last := int64(1<<62), int64(0)
	for _, g := range gusts {
		all = append(all, g.took...)
		r.Refused += g.refused
		first, last = min(first, slices.Min(g.sent)), max(last, g.last)
	}
	slices.Sort(all)
	r.Answered, r.Took = len(all), time.Duration(last-first)
	for p := range 101 {
		r.Latency = append(r.Latency, all[p*(len(all)-1)/100])
	}
	at, _ := slices.BinarySearch(all, int64(30*time.Millisecond)+1)
	r.Over30ms = len(all) - at
	return r
}
