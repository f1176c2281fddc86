package record

import (
	"encoding/binary"
	"math"
	"time"
)

// Deliver is the value of a record of `<name>.deliver`: a deliver_sm or data_sm as it
// came, so that it can be read again after a parser was mended.
type Deliver struct {
	SMSC       string
	Bind       int    // number of the bind it came through, from 0
	CommandID  uint32 // deliver_sm or data_sm
	ReceivedAt time.Time
	Body       []byte // the PDU without its header
}

// Append appends the binary form: version byte, SMSC, bind, command id, time in
// milliseconds, body.
func (d *Deliver) Append(dst []byte) []byte {
	dst = append(dst, formVersion)
	dst = appendBytes(dst, d.SMSC)
	dst = binary.AppendUvarint(dst, uint64(max(d.Bind, 0)))
	dst = binary.AppendUvarint(dst, uint64(d.CommandID))
	dst = appendMillis(dst, d.ReceivedAt)
	return appendBytes(dst, d.Body)
}

// Decode reads the binary form. SMSC and Body alias value. After an error d is zero.
func (d *Deliver) Decode(value []byte) error {
	c := cursor{b: value}
	c.version(formVersion)
	*d = Deliver{
		SMSC:       c.string("smsc"),
		Bind:       int(c.uint(math.MaxInt32, "bind")),
		CommandID:  uint32(c.uint(math.MaxUint32, "command id")),
		ReceivedAt: c.time("received at"),
		Body:       c.bytes("body"),
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(ErrMalformed, "bytes after the body")
	}
	if c.err != nil {
		*d = Deliver{}
	}
	return c.err
}
