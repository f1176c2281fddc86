package pcap

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
)

// Bounds of what Read takes into memory.
const (
	maxCapture = 256 << 20
	maxStreams = 10_000
)

// Link types (www.tcpdump.org/linktypes.html) that SMPP is captured on.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRaw      = 101
	linkLinuxSLL = 113
	linkSLL2     = 276
)

// Stream is what one end of a TCP connection sent, in order.
type Stream struct {
	From, To netip.AddrPort
	Data     []byte
	marks    []mark
}

// mark is when the data from a place on was captured.
type mark struct {
	at   int
	time time.Time
}

// At is when the octet at a place was captured.
func (s *Stream) At(place int) time.Time {
	i, found := slices.BinarySearchFunc(s.marks, place, func(m mark, place int) int { return cmp.Compare(m.at, place) })
	if !found {
		i--
	}
	if i < 0 {
		return time.Time{}
	}
	return s.marks[i].time
}

type segment struct {
	seq  uint32
	data []byte
	time time.Time
}

// Read reads a classic libpcap file of either byte order and resolution, and puts together what each end of each TCP connection sent.
// Segments that were sent twice count once; what was not captured is left out of the stream. Packets that are not TCP are passed over.
func Read(r io.Reader) ([]Stream, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCapture+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxCapture:
		return nil, fmt.Errorf("the capture has more than %d bytes: cut it with editcap or tshark -w", maxCapture)
	case len(data) < fileHeaderLen:
		return nil, errors.New("the capture is shorter than a file header")
	}
	var order binary.ByteOrder = binary.LittleEndian
	unit := time.Microsecond
	switch magic := binary.LittleEndian.Uint32(data); magic {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		unit = time.Nanosecond
	case 0xd4c3b2a1:
		order = binary.BigEndian
	case 0x4d3cb2a1:
		order, unit = binary.BigEndian, time.Nanosecond
	case 0x0a0d0d0a:
		return nil, errors.New("the capture is pcapng: convert it with tshark -r FILE -F pcap -w NEW")
	default:
		return nil, errors.New("the file is no capture in the libpcap format")
	}
	link := order.Uint32(data[20:]) & 0xFFFF
	streams := map[[2]netip.AddrPort][]segment{}
	for data = data[fileHeaderLen:]; len(data) >= packetHeadLen; {
		n := int(order.Uint32(data[8:]))
		at := time.Unix(int64(order.Uint32(data)), int64(order.Uint32(data[4:]))*int64(unit)).UTC()
		data = data[packetHeadLen:]
		if n < 0 || n > len(data) {
			break // cut off while it was written
		}
		if ends, seg, ok := tcpOf(link, data[:n]); ok {
			if _, known := streams[ends]; !known && len(streams) >= maxStreams {
				return nil, fmt.Errorf("the capture has more than %d connections: filter it for the SMSC's address", maxStreams/2)
			}
			seg.time = at
			streams[ends] = append(streams[ends], seg)
		}
		data = data[n:]
	}
	out := make([]Stream, 0, len(streams))
	for ends, segments := range streams {
		s := Stream{From: ends[0], To: ends[1]}
		s.join(segments)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Stream) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	return out, nil
}

// join orders segments by their sequence numbers, counted from the first that was captured, since they wrap around.
func (s *Stream) join(segments []segment) {
	first := segments[0].seq
	slices.SortStableFunc(segments, func(a, b segment) int { return cmp.Compare(int32(a.seq-first), int32(b.seq-first)) })
	next := int64(int32(segments[0].seq - first))
	for _, seg := range segments {
		from := int64(int32(seg.seq - first))
		if skip := next - from; skip > 0 {
			if skip >= int64(len(seg.data)) {
				continue
			}
			seg.data, from = seg.data[skip:], next
		}
		s.marks = append(s.marks, mark{len(s.Data), seg.time})
		s.Data = append(s.Data, seg.data...)
		next = from + int64(len(seg.data))
	}
}

// tcpOf is the data of a packet that is TCP with data.
func tcpOf(link uint32, p []byte) (ends [2]netip.AddrPort, seg segment, ok bool) {
	kind := uint16(0x0800)
	cut := func(header, kindAt int) bool {
		if len(p) < header {
			return false
		}
		if kindAt >= 0 {
			kind = binary.BigEndian.Uint16(p[kindAt:])
		}
		p = p[header:]
		return true
	}
	fine := true
	switch link {
	case linkEthernet:
		fine = cut(ethernetLen, 12)
		for fine && kind == 0x8100 { // a VLAN's tag
			fine = cut(4, 2)
		}
	case linkLinuxSLL:
		fine = cut(16, 14)
	case linkSLL2:
		fine = cut(20, 0)
	case linkNull:
		fine = cut(4, -1)
	case linkRaw:
	default:
		return ends, seg, false
	}
	if !fine || len(p) < ipLen || link != linkNull && link != linkRaw && kind != 0x0800 && kind != 0x86DD {
		return ends, seg, false
	}
	var from, to netip.Addr
	switch p[0] >> 4 {
	case 4:
		head, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		if head < ipLen || total < head || total > len(p) || p[9] != 6 || binary.BigEndian.Uint16(p[6:])&0x3FFF != 0 { // fragments are passed over
			return ends, seg, false
		}
		from, to = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
		p = p[head:total]
	case 6:
		const head = 40
		if len(p) < head || p[6] != 6 || head+int(binary.BigEndian.Uint16(p[4:])) > len(p) {
			return ends, seg, false
		}
		from, to = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
		p = p[head : head+int(binary.BigEndian.Uint16(p[4:]))]
	default:
		return ends, seg, false
	}
	if len(p) < tcpLen || int(p[12]>>4)*4 < tcpLen || int(p[12]>>4)*4 > len(p) {
		return ends, seg, false
	}
	ends = [2]netip.AddrPort{netip.AddrPortFrom(from, binary.BigEndian.Uint16(p)), netip.AddrPortFrom(to, binary.BigEndian.Uint16(p[2:]))}
	seg = segment{seq: binary.BigEndian.Uint32(p[4:]), data: bytes.Clone(p[int(p[12]>>4)*4:])}
	return ends, seg, len(seg.data) > 0
}
