// Package pcap writes two byte streams as a capture of one TCP connection, so that Wireshark's dissectors can judge PDUs
// without anybody having the right to capture: for tests, and for the captures that a session makes of itself.
//
// It imports nothing but the standard library.
package pcap

import (
	"bufio"
	"encoding/binary"
	"io"
	"net/netip"
	"time"
)

// Sizes in bytes, and fields of the headers that never change.
const (
	fileHeaderLen = 24
	packetHeadLen = 16
	ethernetLen   = 14
	ipLen         = 20
	tcpLen        = 20
	headersLen    = ethernetLen + ipLen + tcpLen

	segmentLen = 1400 // of data; under an Ethernet's 1,500, so that long streams are reassembled as on a real wire
	clientPort = 40000
	serverPort = 2775

	flagFIN = 0x01
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// The two ends: addresses of TEST-NET-1 (RFC 5737) and locally administered MAC addresses.
var (
	clientIP, serverIP   = [4]byte{192, 0, 2, 1}, [4]byte{192, 0, 2, 2}
	clientMAC, serverMAC = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
)

// Chunk is what one end wrote, of any length.
type Chunk struct {
	FromServer bool
	Data       []byte
	At         time.Time
}

// Write writes a classic libpcap file (microseconds, little-endian, Ethernet) that holds one connection from a client to port of a
// server: the handshake, the chunks in order, each cut into segments and acknowledged by the next packet of the other end, and the end of both
// streams. Checksums are right. Errors are w's.
func Write(w io.Writer, port uint16, chunks []Chunk) error {
	buf := bufio.NewWriter(w)
	if _, err := buf.Write(FileHeader()); err != nil {
		return err
	}
	c := NewSession(netip.AddrPortFrom(netip.AddrFrom4(clientIP), clientPort), netip.AddrPortFrom(netip.AddrFrom4(serverIP), port))
	at := time.Time{}
	if len(chunks) > 0 {
		at = chunks[0].At
	}
	scratch := c.Open(nil, at)
	for _, chunk := range chunks {
		if _, err := buf.Write(scratch); err != nil {
			return err
		}
		at = chunk.At
		scratch = c.Data(scratch[:0], chunk.FromServer, chunk.Data, at)
	}
	if _, err := buf.Write(c.Close(scratch, at)); err != nil {
		return err
	}
	return buf.Flush()
}

// FileHeader begins a file: libpcap (microseconds, little-endian, Ethernet).
func FileHeader() []byte {
	header := make([]byte, 0, fileHeaderLen)
	header = binary.LittleEndian.AppendUint32(header, 0xa1b2c3d4)
	header = binary.LittleEndian.AppendUint16(header, 2) // version 2.4
	header = binary.LittleEndian.AppendUint16(header, 4)
	header = binary.LittleEndian.AppendUint64(header, 0) // times are UTC and their accuracy is unknown
	header = binary.LittleEndian.AppendUint32(header, 65535)
	return binary.LittleEndian.AppendUint32(header, 1) // Ethernet
}

// Session makes the packets of one TCP connection, appended to a buffer, for a file that may be written while the connection goes on.
type Session struct {
	clientIP, serverIP     [4]byte
	clientPort, serverPort uint16
	at                     time.Time
	next                   [2]uint32 // the next sequence number of the client and of the server
	id                     uint16    // IP identification
	opened                 bool
}

// NewSession is a connection between two addresses. What has no IPv4 address gets one of TEST-NET-1, and a port where it has none.
func NewSession(client, server netip.AddrPort) *Session {
	s := &Session{clientIP: clientIP, serverIP: serverIP, clientPort: client.Port(), serverPort: server.Port(), next: [2]uint32{1000, 2000}}
	if a := client.Addr().Unmap(); a.Is4() {
		s.clientIP = a.As4()
	}
	if a := server.Addr().Unmap(); a.Is4() {
		s.serverIP = a.As4()
	}
	if s.clientPort == 0 {
		s.clientPort = clientPort
	}
	if s.serverPort == 0 {
		s.serverPort = serverPort
	}
	return s
}

// Open appends the handshake. Again it begins where the connection now is, for another file.
func (c *Session) Open(dst []byte, at time.Time) []byte {
	c.at = at
	if c.opened {
		c.next[0]--
		c.next[1]--
	}
	c.opened = true
	dst = c.packet(dst, false, flagSYN, nil)
	dst = c.packet(dst, true, flagSYN|flagACK, nil)
	return c.packet(dst, false, flagACK, nil)
}

// Data appends what one end wrote, cut into segments.
func (c *Session) Data(dst []byte, fromServer bool, data []byte, at time.Time) []byte {
	c.at = at
	for len(data) > 0 {
		n := min(len(data), segmentLen)
		dst = c.packet(dst, fromServer, flagPSH|flagACK, data[:n])
		data = data[n:]
	}
	return dst
}

// Skip leaves out octets of one end, which a reader takes for segments that were not captured.
func (c *Session) Skip(fromServer bool, octets uint32) {
	if fromServer {
		c.next[1] += octets
	} else {
		c.next[0] += octets
	}
}

// Close appends the end of both streams.
func (c *Session) Close(dst []byte, at time.Time) []byte {
	c.at = at
	dst = c.packet(dst, false, flagFIN|flagACK, nil)
	dst = c.packet(dst, true, flagFIN|flagACK, nil)
	return c.packet(dst, false, flagACK, nil)
}

// packet appends one TCP segment, at most segmentLen bytes of data.
func (c *Session) packet(b []byte, fromServer bool, flags byte, data []byte) []byte {
	srcIP, dstIP, srcMAC, dstMAC := c.clientIP, c.serverIP, clientMAC, serverMAC
	srcPort, dstPort, from, to := c.clientPort, c.serverPort, 0, 1
	if fromServer {
		srcIP, dstIP, srcMAC, dstMAC = dstIP, srcIP, dstMAC, srcMAC
		srcPort, dstPort, from, to = dstPort, srcPort, to, from
	}
	be, le := binary.BigEndian, binary.LittleEndian
	frame := uint32(headersLen + len(data))
	b = le.AppendUint32(b, uint32(c.at.Unix()))
	b = le.AppendUint32(b, uint32(c.at.Nanosecond()/1000))
	b = le.AppendUint32(b, frame)
	b = le.AppendUint32(b, frame)

	b = append(b, dstMAC[:]...)
	b = append(b, srcMAC[:]...)
	b = be.AppendUint16(b, 0x0800) // IPv4

	ip := len(b)
	c.id++
	b = append(b, 0x45, 0) // version 4, five words of header
	b = be.AppendUint16(b, uint16(ipLen+tcpLen+len(data)))
	b = be.AppendUint16(b, c.id)
	b = append(b, 0x40, 0, 64, 6, 0, 0) // not to be fragmented, 64 hops, TCP, checksum to come
	b = append(b, srcIP[:]...)
	b = append(b, dstIP[:]...)
	be.PutUint16(b[ip+10:], ^fold(sum(0, b[ip:])))

	tcp := len(b)
	b = be.AppendUint16(b, srcPort)
	b = be.AppendUint16(b, dstPort)
	b = be.AppendUint32(b, c.next[from])
	ack := uint32(0)
	if flags&flagACK != 0 {
		ack = c.next[to]
	}
	b = be.AppendUint32(b, ack)
	b = append(b, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0) // five words of header, window 65,535, checksum to come, no urgent data
	b = append(b, data...)
	pseudo := sum(0, srcIP[:])
	pseudo = sum(pseudo, dstIP[:])
	pseudo += 6 + uint32(tcpLen+len(data))
	be.PutUint16(b[tcp+16:], ^fold(sum(pseudo, b[tcp:])))

	c.next[from] += uint32(len(data))
	if flags&(flagSYN|flagFIN) != 0 {
		c.next[from]++
	}
	return b
}

// sum adds b as big-endian 16-bit words (RFC 1071). A packet is far too short for 32 bits to overflow.
func sum(acc uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		acc += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	return acc
}

func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}
