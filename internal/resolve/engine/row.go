package engine

import (
	"encoding/binary"
	"strings"
	"time"
	"unsafe"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// The rows of origins and last messages, millions of which are kept: the length of what is the same in most, that, and what
// differs. What follows from something else, or from the entry's key, is left out.
//
// The local store alone has rows of this form: whoever changes it raises the store's format.

// The parts of a row that are not always there, by their bit in its first bytes.
const (
	rowKey = 1 << iota // the key does not follow from the SMSC and the message id
	rowPrimaryKey
	rowRecordKey
	rowParts // it is not of one part
	rowSubmittedAt
	rowTimestamp
	rowMetadata
	rowSpan
	rowPlus // the number that it went to begins with a plus sign
)

// rowWriter makes rows, one after another in the same memory.
type rowWriter struct {
	packer
	row []byte
}

func (w *rowWriter) begin(set uint64) {
	w.same, w.numbers = binary.AppendUvarint(w.same[:0], set), w.numbers[:0]
}

func (w *rowWriter) end() []byte {
	w.row = binary.AppendUvarint(w.row[:0], uint64(len(w.same)))
	w.row = append(append(w.row, w.same...), w.numbers...)
	return w.row
}

// origin is the row of a submission that is due then, valid until the next. Its source but the topic, and its part, are in its id: see originID.
func (w *rowWriter) origin(s *record.Submission, due int64) []byte {
	var set uint64
	for _, f := range [...]struct {
		bit uint64
		in  bool
	}{
		{rowKey, !keyFollows(s)}, {rowPrimaryKey, s.PrimaryKey != ""}, {rowRecordKey, s.RecordKey != nil}, {rowParts, s.Parts != 1},
		{rowSubmittedAt, !s.SubmittedAt.IsZero()}, {rowTimestamp, !s.Source.Timestamp.IsZero()}, {rowMetadata, s.Metadata != nil}, {rowSpan, s.Span != [24]byte{}},
		{rowPlus, strings.HasPrefix(s.To, "+")},
	} {
		if f.in {
			set |= f.bit
		}
	}
	w.begin(set)
	at := due
	if set&rowSubmittedAt != 0 {
		at = s.SubmittedAt.UnixMilli()
		w.same = binary.AppendVarint(w.same, due-at) // how long origins stay
	}
	if set&rowTimestamp != 0 {
		w.numbers = binary.AppendVarint(w.numbers, at-s.Source.Timestamp.UnixMilli())
	}
	if set&rowParts != 0 {
		w.same = binary.AppendUvarint(w.same, uint64(s.Parts))
	}
	w.text(s.SMSC)
	w.text(s.From)
	w.text(s.Source.Topic)
	w.text(s.Receipts)
	if set&rowRecordKey != 0 {
		w.text(textOf(s.RecordKey))
	}
	if set&rowMetadata != 0 {
		w.text(textOf(s.Metadata))
	}
	w.text(s.MessageID)
	w.text(strings.TrimPrefix(s.To, "+"))
	w.text(s.ID)
	if set&rowKey != 0 {
		w.text(s.Key)
	}
	if set&rowPrimaryKey != 0 {
		w.text(s.PrimaryKey)
	}
	if set&rowSpan != 0 {
		w.numbers = append(w.numbers, s.Span[:]...)
	}
	return w.end()
}

func keyFollows(s *record.Submission) bool {
	id := sms.NormalID(s.MessageID)
	n := len(s.Key) - len(s.SMSC) - len(id)
	return n == 3 && s.Key[:2] == "r\x00" && s.Key[2:2+len(s.SMSC)] == s.SMSC && s.Key[len(s.SMSC)+2] == 0 && s.Key[len(s.SMSC)+3:] == id
}

// readOrigin reads one; what it reads is its own. ok is false where b or the tail of its id is not one.
func readOrigin(b []byte, tail string, due int64, s *record.Submission) (ok bool) {
	r := newRowReader(b)
	set := r.uint(&r.same)
	*s = record.Submission{Kind: record.KindFiled, Parts: 1}
	at := due
	if set&rowSubmittedAt != 0 {
		at = due - r.int(&r.same)
		s.SubmittedAt = time.UnixMilli(at).UTC()
	}
	if set&rowTimestamp != 0 {
		s.Source.Timestamp = time.UnixMilli(at - r.int(&r.numbers)).UTC()
	}
	if set&rowParts != 0 {
		s.Parts = int(r.uint(&r.same))
	}
	s.SMSC, s.From, s.Source.Topic, s.Receipts = r.string(), r.string(), r.string(), r.string()
	if set&rowRecordKey != 0 {
		s.RecordKey = r.bytes()
	}
	if set&rowMetadata != 0 {
		s.Metadata = r.bytes()
	}
	s.MessageID = r.string()
	if set&rowPlus != 0 {
		r.before = "+"
	}
	s.To, s.ID = r.string(), r.string()
	if set&rowKey != 0 {
		s.Key = r.string()
	} else {
		s.Key = record.ReceiptKey(s.SMSC, sms.NormalID(s.MessageID))
	}
	if set&rowPrimaryKey != 0 {
		s.PrimaryKey = r.string()
	}
	if set&rowSpan != 0 {
		r.span(&s.Span)
	}
	return readTail(tail, s) && !r.bad
}

// last is the row of the last message to a subscriber: what a reply is given.
func (w *rowWriter) last(s *record.Submission) []byte {
	var set uint64
	if s.Metadata != nil {
		set |= rowMetadata
	}
	spanned := s.Span != [24]byte{}
	if spanned {
		set |= rowSpan
	}
	w.begin(set)
	w.text(s.ID)
	if s.Metadata != nil {
		w.text(textOf(s.Metadata))
	}
	if spanned {
		w.numbers = append(w.numbers, s.Span[:]...)
	}
	return w.end()
}

func readLast(b []byte, s *record.Submission) (ok bool) {
	r := newRowReader(b)
	set := r.uint(&r.same)
	*s = record.Submission{Kind: record.KindLast, ID: r.string()}
	if set&rowMetadata != 0 {
		s.Metadata = r.bytes()
	}
	if set&rowSpan != 0 {
		r.span(&s.Span)
	}
	return !r.bad
}

// rowReader reads a row from its beginning. After the first error all is empty, and bad.
type rowReader struct {
	unpacker
	out    []byte // what was unpacked; written once, so that texts may alias it
	before string // comes before the next text
	bad    bool
}

func newRowReader(b []byte) *rowReader {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return &rowReader{bad: true}
	}
	// No segment unpacks to more than three times its bytes, and there is one plus sign.
	return &rowReader{unpacker: unpacker{same: b[w : w+int(n)], numbers: b[w+int(n):]}, out: make([]byte, 0, 3*len(b)+1)}
}

func (r *rowReader) bytes() []byte {
	if r.bad {
		return nil
	}
	at := len(r.out)
	out, ok := r.text(append(r.out, r.before...))
	if !ok {
		r.bad = true
		return nil
	}
	r.out, r.before = out, ""
	return out[at:len(out):len(out)]
}

func (r *rowReader) string() string { return textOf(r.bytes()) }

func (r *rowReader) uint(from *[]byte) uint64 {
	v, n := binary.Uvarint(*from)
	if n <= 0 {
		r.bad, n = true, 0
	}
	*from = (*from)[n:]
	return v
}

func (r *rowReader) int(from *[]byte) int64 {
	v, n := binary.Varint(*from)
	if n <= 0 {
		r.bad, n = true, 0
	}
	*from = (*from)[n:]
	return v
}

func (r *rowReader) span(to *[24]byte) {
	if len(r.numbers) < len(to) {
		r.bad = true
		return
	}
	r.numbers = r.numbers[copy(to[:], r.numbers):]
}

// textOf is b as a text. Nobody writes to it any more.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
