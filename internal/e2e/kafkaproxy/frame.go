package kafkaproxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame is Kafka's own limit of a request (socket.request.max.bytes).
const maxFrame = 100 << 20

var errShort = errors.New("the frame ends within its header")

// readFrame reads one frame into buf, its length before it.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	buf = append(buf[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(r, buf); err != nil {
		return buf, err
	}
	n := binary.BigEndian.Uint32(buf)
	if n < 4 || n > maxFrame {
		return buf, fmt.Errorf("a frame of %d bytes", n)
	}
	if cap(buf) < int(n)+4 {
		buf = append(make([]byte, 0, int(n)+4), buf...)
	}
	buf = buf[:n+4]
	_, err := io.ReadFull(r, buf[4:])
	return buf, err
}

// header is what stands before every request.
type header struct {
	key     kmsg.Key
	version int16
	id      int32 // correlation id
	client  string
	body    []byte
}

func parseRequest(frame []byte) (header, error) {
	b := frame[4:]
	if len(b) < 10 {
		return header{}, errShort
	}
	h := header{
		key:     kmsg.Key(binary.BigEndian.Uint16(b)),
		version: int16(binary.BigEndian.Uint16(b[2:])),
		id:      int32(binary.BigEndian.Uint32(b[4:])),
	}
	n := int(int16(binary.BigEndian.Uint16(b[8:])))
	b = b[10:]
	if n > len(b) {
		return header{}, errShort
	}
	if n > 0 { // -1: none
		h.client, b = string(b[:n]), b[n:]
	}
	h.body = b
	if req := kmsg.RequestForKey(h.key.Int16()); req != nil {
		if req.SetVersion(h.version); req.IsFlexible() {
			var err error
			if h.body, err = skipTags(b); err != nil {
				return header{}, err
			}
		}
	}
	return h, nil
}

// request decodes all of it.
func (h *header) request() (kmsg.Request, error) {
	req := kmsg.RequestForKey(h.key.Int16())
	if req == nil || h.version > req.MaxVersion() {
		return nil, fmt.Errorf("%s version %d is not known here", h.key.Name(), h.version)
	}
	req.SetVersion(h.version)
	return req, req.ReadFrom(h.body)
}

// response decodes the answer to it.
func (h *header) response(frame []byte) (kmsg.Response, error) {
	resp := kmsg.ResponseForKey(h.key.Int16())
	if resp == nil || h.version > resp.MaxVersion() {
		return nil, fmt.Errorf("%s version %d is not known here", h.key.Name(), h.version)
	}
	resp.SetVersion(h.version)
	b := frame[8:]
	if taggedAnswer(resp) {
		var err error
		if b, err = skipTags(b); err != nil {
			return nil, err
		}
	}
	return resp, resp.ReadFrom(b)
}

// frame encodes an answer to it.
func (h *header) frame(resp kmsg.Response) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4, 512), uint32(h.id))
	if taggedAnswer(resp) {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// taggedAnswer tells whether tags follow the correlation id. In the answer to ApiVersions
// they never do, as a client must read that one before it knows any version (KIP-511).
func taggedAnswer(resp kmsg.Response) bool {
	return resp.IsFlexible() && resp.Key() != kmsg.ApiVersions.Int16()
}

// skipTags passes over a header's tagged fields (KIP-482).
func skipTags(b []byte) ([]byte, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errShort
	}
	b = b[n:]
	for range count {
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errShort
		}
		b = b[n:]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, errShort
		}
		b = b[n+int(size):]
	}
	return b, nil
}
