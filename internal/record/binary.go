package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// The values of the internal topics begin with one byte that names the version of
// their form. Integers are varints (unsigned, or zigzag where they can be negative),
// strings and bytes are preceded by their length, times are milliseconds since
// 1970 in UTC.
const formVersion = 1

// Errors of the internal forms. Such a value was written by another version of the
// connector, or by something else.
var (
	ErrVersion   = errors.New("record: unknown version of an internal record")
	ErrTruncated = errors.New("record: internal record ends too early")
	ErrMalformed = errors.New("record: malformed internal record")
)

func appendBytes[T string | []byte](dst []byte, v T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

func appendMillis(dst []byte, t time.Time) []byte {
	return binary.AppendVarint(dst, t.UnixMilli())
}

// cursor reads an internal form. The first error sticks, and what is read after it
// is zero. Nothing is allocated by a length that was read: values alias b.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(err error, what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", err, what)
	}
	c.b = nil
}

// version reads the version, from formVersion to newest; 0 after an error.
func (c *cursor) version(newest byte) byte {
	if len(c.b) == 0 {
		c.fail(ErrTruncated, "version")
		return 0
	}
	v := c.b[0]
	if v < formVersion || v > newest {
		c.fail(ErrVersion, fmt.Sprint(v))
		return 0
	}
	c.b = c.b[1:]
	return v
}

// take reads n bytes.
func (c *cursor) take(n int, what string) []byte {
	if len(c.b) < n {
		c.fail(ErrTruncated, what)
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte(what string) byte {
	if len(c.b) == 0 {
		c.fail(ErrTruncated, what)
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

// uint reads an unsigned integer up to limit.
func (c *cursor) uint(limit uint64, what string) uint64 {
	v, n := binary.Uvarint(c.b)
	switch {
	case n == 0:
		c.fail(ErrTruncated, what)
		return 0
	case n < 0 || v > limit:
		c.fail(ErrMalformed, what)
		return 0
	}
	c.b = c.b[n:]
	return v
}

// int reads a signed integer from least to most.
func (c *cursor) int(least, most int64, what string) int64 {
	v, n := binary.Varint(c.b)
	switch {
	case n == 0:
		c.fail(ErrTruncated, what)
		return 0
	case n < 0 || v < least || v > most:
		c.fail(ErrMalformed, what)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(what string) []byte {
	n := c.uint(1<<63-1, what)
	if n > uint64(len(c.b)) {
		c.fail(ErrTruncated, what)
	}
	if c.err != nil {
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) string(what string) string {
	v := c.bytes(what)
	return unsafe.String(unsafe.SliceData(v), len(v))
}

func (c *cursor) uint64(what string) uint64 {
	if len(c.b) < 8 {
		c.fail(ErrTruncated, what)
		return 0
	}
	v := binary.LittleEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

// The times that RFC 3339 can write, years 0 to 9999, in milliseconds.
const (
	leastMillis = -62167219200000
	mostMillis  = 253402300799999
)

func (c *cursor) time(what string) time.Time {
	v := c.int(leastMillis, mostMillis, what)
	if c.err != nil {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}
