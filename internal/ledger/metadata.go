package ledger

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxMetadata is the longest metadata string, in bytes, that a ledger writes:
// Kafka's default of offset.metadata.max.bytes.
const MaxMetadata = 4096

const (
	// maxBitmapSpan offsets at five to a byte are 3,000 bytes, 4,000 in base64.
	maxBitmapSpan = 15000
	// maxRuns bounds the runs of Done and single Granted offsets: each is at most
	// one run and one gap before it, of three bytes each: 3,003 bytes, 4,004 in base64.
	maxRuns = 500
	// frontierRuns of them are kept for offsets before the frontier: see CanGrant.
	frontierRuns = 100
	// maxWriter and maxTopic bound the names, so that the rest always has its place.
	maxWriter = 40
	maxTopic  = 8
)

// Meta is what the metadata of a committed offset says.
type Meta struct {
	// N counts the commits of this partition over all its owners. A writer that
	// finds its own N again knows that nobody has committed in between.
	N uint64
	// Writer is the transactional id's distinguishing part while grants are
	// open, so that a successor can fence it; empty after a clean hand-over.
	Writer string
	// Topic tells the topic that the offsets belong to from another of the same
	// name that came after it; empty where that was not known.
	Topic string
	// states beyond C.
	states []byte
}

// Clean tells that nothing was granted when this was written.
func (m *Meta) Clean() bool {
	for _, s := range m.states {
		if State(s) == Granted {
			return false
		}
	}
	return true
}

// Restore returns the ledger of a partition whose committed offset is c.
func (m *Meta) Restore(c int64) *Ledger {
	l := New(c)
	l.topic = m.Topic
	for i, s := range m.states {
		if State(s) != Pending {
			l.set(c+int64(i), State(s))
		}
	}
	l.changed = false
	return l
}

// AppendMetadata appends the metadata that belongs to the committed offset C():
//
//	v1;n=<commit>;t=<writer>;i=<topic>;r=<runs, base64>    or    …;b=<bitmap, base64>
//
// whichever of the two is shorter; neither where nothing lies beyond C.
func (l *Ledger) AppendMetadata(dst []byte, n uint64, writer string) ([]byte, error) {
	start := len(dst)
	if len(writer) > maxWriter || strings.ContainsAny(writer, ";=") {
		return dst, fmt.Errorf("ledger: writer %q: at most %d bytes without ; and =", writer, maxWriter)
	}
	dst = append(dst, "v1;n="...)
	dst = strconv.AppendUint(dst, n, 10)
	if writer != "" {
		dst = append(dst, ";t="...)
		dst = append(dst, writer...)
	}
	if l.topic != "" {
		dst = append(dst, ";i="...)
		dst = append(dst, l.topic...)
	}
	runs, top := l.appendRuns(nil)
	if top > l.c {
		body, kind := runs, byte('r')
		if span := int(top - l.c); (span+4)/5 < len(runs) {
			body, kind = l.appendBitmap(runs[:0], span), 'b'
		}
		dst = append(dst, ';', kind, '=')
		dst = base64.RawURLEncoding.AppendEncode(dst, body)
	}
	if len(dst)-start > MaxMetadata {
		return dst, fmt.Errorf("ledger: metadata of %d bytes at C=%d: over %d", len(dst)-start, l.c, MaxMetadata)
	}
	return dst, nil
}

// appendRuns appends uvarint(length*3+state) for each run, the last Pending run
// left out, and returns one past the last offset that it tells of.
func (l *Ledger) appendRuns(dst []byte) ([]byte, int64) {
	top, keep := l.c, len(dst)
	var run uint64
	var state State
	flush := func(at int64) {
		if run == 0 {
			return
		}
		dst = binary.AppendUvarint(dst, run*3+uint64(state))
		if state != Pending {
			top, keep = at, len(dst)
		}
	}
	for o := l.c; o < l.end; o++ {
		s := l.at(o)
		if s == gap { // goes with whatever stands before it: no run of its own
			s = state
		}
		if s != state {
			flush(o)
			run, state = 0, s
		}
		run++
	}
	flush(l.end)
	return dst[:keep], top
}

// appendBitmap appends five offsets a byte, base 3, lowest offset in the lowest
// digit.
func (l *Ledger) appendBitmap(dst []byte, span int) []byte {
	last := Pending
	for i := 0; i < span; i += 5 {
		var b, f byte = 0, 1
		for j := i; j < min(i+5, span); j++ {
			s := l.at(l.c + int64(j))
			if s == gap {
				s = last
			}
			last = s
			b += byte(s) * f
			f *= 3
		}
		dst = append(dst, b)
	}
	return dst
}

var errMetadata = errors.New("ledger: not a ledger's metadata")

// ParseMetadata reads what AppendMetadata wrote. The empty string, as an
// operator's offset reset leaves it, says that nothing lies beyond C. A string
// of another version or shape is an error: going on without its grants could
// send them a second time without a word.
func ParseMetadata(s string) (Meta, error) {
	var m Meta
	if s == "" {
		return m, nil
	}
	if len(s) > MaxMetadata {
		return m, fmt.Errorf("%w: %d bytes, over %d", errMetadata, len(s), MaxMetadata)
	}
	rest, ok := strings.CutPrefix(s, "v1;")
	if !ok {
		return m, fmt.Errorf("%w: %.20q… does not begin with v1; (written by a newer release, or not by this connector; reset the group's offset to drop it)", errMetadata, s)
	}
	seenN := false
	for field := range strings.SplitSeq(rest, ";") {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return m, fmt.Errorf("%w: field %.20q has no =", errMetadata, field)
		}
		var err error
		switch key {
		case "n":
			m.N, err = strconv.ParseUint(value, 10, 64)
			seenN = true
		case "t":
			if len(value) > maxWriter {
				err = fmt.Errorf("over %d bytes", maxWriter)
			}
			m.Writer = value
		case "i":
			if len(value) > maxTopic {
				err = fmt.Errorf("over %d bytes", maxTopic)
			}
			m.Topic = value
		case "r", "b":
			if m.states != nil {
				return m, fmt.Errorf("%w: states given twice", errMetadata)
			}
			var body []byte
			if body, err = base64.RawURLEncoding.DecodeString(value); err != nil {
				break
			}
			if key == "r" {
				m.states, err = parseRuns(body)
			} else {
				m.states, err = parseBitmap(body)
			}
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return m, fmt.Errorf("%w: field %s: %v", errMetadata, key, err)
		}
	}
	if !seenN {
		return m, fmt.Errorf("%w: no n", errMetadata)
	}
	return m, nil
}

func parseRuns(body []byte) ([]byte, error) {
	var states []byte
	for len(body) > 0 {
		v, n := binary.Uvarint(body)
		if n <= 0 {
			return nil, errors.New("a run is cut off")
		}
		body = body[n:]
		run := v / 3
		if run == 0 || uint64(len(states))+run > MaxSpan {
			return nil, fmt.Errorf("a run of %d at %d: none is empty, all together at most %d", run, len(states), MaxSpan)
		}
		for range run {
			states = append(states, byte(v%3))
		}
	}
	return states, nil
}

func parseBitmap(body []byte) ([]byte, error) {
	states := make([]byte, 0, len(body)*5)
	for _, b := range body {
		if b >= 243 {
			return nil, fmt.Errorf("byte %d is not five states", b)
		}
		for range 5 {
			states = append(states, b%3)
			b /= 3
		}
	}
	return states, nil
}
