package e2e

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
)

// The least SMSC that there can be: it answers every request at once and looks at
// nothing but length, command id and sequence number. It is what remains when the
// SMSC is not the limit. The frames are written out by hand, so that no codec of
// the project's is measured on both sides.

const (
	smppHeader   = 16
	smppResponse = 0x80000000
	smppSubmitSM = 0x00000004
	smppMaxPDU   = 64 << 10
	messageIDLen = 16
)

// serveSMSC listens on a free port, prints it and serves until the process ends.
func serveSMSC(out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "SMSC on %s\n", l.Addr())
	var binds atomic.Uint64
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() { // ends with its connection
			defer c.Close()
			_ = answerAll(c, binds.Add(1)<<40) // the connector tells how it ended
		}()
	}
}

// answerAll answers until the connection ends. Message ids count up from id, each
// once in the life of the process.
func answerAll(c io.ReadWriter, id uint64) error {
	submitResp := make([]byte, smppHeader+messageIDLen+1)
	binary.BigEndian.PutUint32(submitResp, uint32(len(submitResp)))
	binary.BigEndian.PutUint32(submitResp[4:], smppSubmitSM|smppResponse)
	r := bufio.NewReaderSize(c, 256<<10)
	w := bufio.NewWriterSize(c, 256<<10)
	for {
		head, err := r.Peek(smppHeader)
		if err != nil {
			return err
		}
		length, command := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
		if length < smppHeader || length > smppMaxPDU {
			return errors.New("a PDU of " + strconv.Itoa(int(length)) + " bytes")
		}
		var sequence [4]byte
		copy(sequence[:], head[12:])
		if _, err := r.Discard(int(length)); err != nil {
			return err
		}
		switch {
		case command == smppSubmitSM:
			copy(submitResp[12:], sequence[:])
			id++
			hexInto(submitResp[smppHeader:smppHeader+messageIDLen], id)
			_, err = w.Write(submitResp)
		case command&smppResponse == 0: // bind, unbind, enquire_link; the empty body is an empty system_id
			resp := make([]byte, smppHeader+1)
			if command == 0x15 || command == 0x06 {
				resp = resp[:smppHeader]
			}
			binary.BigEndian.PutUint32(resp, uint32(len(resp)))
			binary.BigEndian.PutUint32(resp[4:], command|smppResponse)
			copy(resp[12:], sequence[:])
			_, err = w.Write(resp)
		}
		if err != nil {
			return err
		}
		if r.Buffered() < smppHeader { // answers leave together, as the requests came
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

func hexInto(dst []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[n&15]
		n >>= 4
	}
}
