package wire

import (
	"encoding/binary"
	"slices"
)

// The PDUs that most traffic consists of are written by index into a slice that has their length: all of it was counted before, and each
// append would ask again whether there is room. A put writes to b from n on and returns where it ended. The rare PDUs (cancel_sm,
// replace_sm, query_sm) and those without a body append.

// extend makes dst longer by size octets, which are b. What they hold is left from earlier PDUs: each of them must be written.
func extend(dst []byte, size int) (extended, b []byte) {
	n := len(dst)
	extended = slices.Grow(dst, size)[:n+size]
	return extended, extended[n:]
}

func putHeader(b []byte, length int, id, status, seq uint32) int {
	h := b[:HeaderLen]
	binary.BigEndian.PutUint32(h[0:4], uint32(length))
	binary.BigEndian.PutUint32(h[4:8], id)
	binary.BigEndian.PutUint32(h[8:12], status)
	binary.BigEndian.PutUint32(h[12:16], seq)
	return HeaderLen
}

// putCString writes v and its NUL. Most messages leave most of their strings empty, and copying nothing takes as long as copying a number.
func putCString(b []byte, n int, v []byte) int {
	end := n + len(v)
	if len(v) > 0 {
		copy(b[n:end], v)
	}
	b[end] = 0
	return end + 1
}

// put writes TON, NPI and the address with its NUL.
func (a *Address) put(b []byte, n int) int {
	f := b[n : n+2]
	f[0], f[1] = a.TON, a.NPI
	return putCString(b, n+2, a.Addr)
}

func putTLVs(b []byte, n int, tlvs []TLV) {
	for i := range tlvs {
		v := tlvs[i].Value
		d := b[n : n+tlvHeaderLen+len(v)]
		n += len(d)
		binary.BigEndian.PutUint32(d, uint32(tlvs[i].Tag)<<16|uint32(len(v)))
		copy(d[tlvHeaderLen:], v)
	}
}
