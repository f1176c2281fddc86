package leaks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// peer is an SMSC that writes markers and control characters into everything that it sends, and does everything wrong that
// can be done wrong, in turn. What it answers with differs each time, so that whatever makes a label of it is found out.
type peer struct {
	listener net.Listener
	turns    atomic.Uint32 // counts what it does
	binds    atomic.Uint32
	running  sync.WaitGroup
	mu       sync.Mutex // guards conns
	conns    map[net.Conn]bool
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{listener: l, conns: map[net.Conn]bool{}}
	p.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns[c] = true
			p.mu.Unlock()
			p.running.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.drop()
		p.running.Wait()
	})
	return p
}

// drop closes every connection in the middle of whatever it does.
func (p *peer) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

const (
	bindTransceiver, submitSM, deliverSM, dataSM, enquireLink, genericNack = 0x09, 0x04, 0x05, 0x103, 0x15, 0x8000_0000
	response                                                               = 0x8000_0000
)

func packet(id, status, sequence uint32, body ...string) []byte {
	all := strings.Join(body, "")
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(all)))
	for _, v := range []uint32{id, status, sequence} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, all...)
}

func tlv(tag uint16, value string) string {
	b := binary.BigEndian.AppendUint16(nil, tag)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(value)))) + value
}

// serve reads what the connector sends and answers in its own way.
func (p *peer) serve(c net.Conn) {
	defer c.Close()
	var head [16]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		length, id, sequence := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[12:])
		body := make([]byte, max(int(length), 16)-16)
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		var out []byte
		switch id {
		case bindTransceiver:
			if out = p.bound(sequence); out == nil {
				return
			}
		case submitSM:
			out = p.submitted(sequence, body)
		case enquireLink:
			out = packet(enquireLink|response, 0, sequence, marker)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// bound answers a bind: the first few in the wrong ways.
func (p *peer) bound(sequence uint32) []byte {
	switch n := p.binds.Add(1); n {
	case 1:
		return nil // closed without a word
	case 2:
		return []byte("HTTP/1.1 400 " + marker + control)
	case 3:
		return packet(bindTransceiver|response, 0x0400+n, sequence, marker, control, "\x00")
	case 4:
		return packet(genericNack, 0x0A, sequence, marker)
	default:
		return packet(bindTransceiver|response, 0, sequence, marker, "\x1b[31m\n\x00", tlv(0x0210, "\x34"), tlv(0x1400, marker+control))
	}
}

// submitted answers a submit_sm, and says something unasked.
func (p *peer) submitted(sequence uint32, body []byte) []byte {
	n := p.turns.Add(1)
	id := fmt.Sprintf("%s-%d\x1b[31m\r\n", marker, n)
	var out []byte
	switch n % 8 {
	case 0:
		out = packet(submitSM|response, 0, sequence, id, "\x00", tlv(0x001d, marker+control))
	case 1:
		out = packet(submitSM|response, 0x0400+n, sequence, id, "\x00", tlv(0x001d, marker+control)) // a status that nobody knows
	case 2:
		out = packet(genericNack, 0x0500+n, sequence)
	case 3:
		out = packet(submitSM|response, 0, sequence, strings.Repeat(marker, 100)) // an id beyond all bounds
	case 4:
		out = packet(submitSM|response, 0, sequence+1000, id, "\x00") // an answer to nothing, and the right one after it
		out = append(out, packet(submitSM|response, 0x0B, sequence)...)
	case 5:
		out = packet(submitSM|response, 0x58, sequence, marker) // throttled
	case 6:
		out = packet(submitSM|response, 0, sequence, digits, fmt.Sprint(n), "\x00")
	case 7: // no answer at all
	}
	return append(out, p.unasked(n)...)
}

// address is one that ends in the digits that must not be told, or a marker.
func address(s string) string { return "\x01\x01" + s + "\x00" }

func (p *peer) unasked(n uint32) []byte {
	from, to := address("49151"+digits), address("4930"+digits)
	sm := func(esm byte, text string, more ...string) string {
		text = text[:min(len(text), 254)]
		return "Qzm\x00" + from + to + string([]byte{esm, byte(n), byte(n)}) + "\x00\x00" + string([]byte{0, 0, byte(n) & 0x0f, 0, byte(len(text))}) + text + strings.Join(more, "")
	}
	receipt := fmt.Sprintf("id:%s-%d sub:%s dlvrd:%s submit date:%s done date:%s stat:%s%d err:%s text:%s%s", marker, n, marker, marker, marker, marker, marker, n, marker, marker, control)
	switch n % 12 {
	case 0:
		return packet(deliverSM, 0, n, sm(0x04, receipt))
	case 1:
		return packet(deliverSM, 0, n, sm(0, marker+control))
	case 2:
		return packet(deliverSM, 0, n, "no NUL "+marker) // a body that cannot be read
	case 3:
		return packet(0x0700+n, 0, n, marker, control) // a command that nobody knows
	case 4:
		return packet(0x8000_0700+n, n, n, marker)
	case 5:
		return packet(deliverSM, 0, n, sm(0x40, "\x05\x00\x03\x01\x02\x01"+marker))
	case 6:
		return packet(deliverSM, 0, n, sm(0x40, "\xff\x00\x03"+marker))
	case 7:
		return packet(dataSM, 0, n, "Qzm\x00"+from+to+"\x04\x00\x00"+tlv(0x001e, marker+control)+tlv(0x0427, string([]byte{byte(n)}))+tlv(0x1400+uint16(n%1000), marker))
	case 8:
		return packet(deliverSM, 0, n, sm(0x04, "", tlv(0x001e, fmt.Sprintf("%s%d\x00", marker, n)), tlv(0x0427, "\x02"), tlv(0x0423, marker[:3]), tlv(0x0424, receipt)))
	case 9:
		return packet(deliverSM, 0, n, strings.ReplaceAll(sm(0, marker), "4930"+digits, marker+control[:5]))
	case 10:
		return packet(submitSM, 0, n, marker) // a request that an ESME does not serve
	default:
		if n == 35 { // framing is lost, and the session with it: once, as each time costs a pause
			return bytes.Repeat([]byte(marker+control), 4)
		}
		return packet(deliverSM, 0, n, sm(0x04, receipt), tlv(0xffff, marker)[:6])
	}
}
