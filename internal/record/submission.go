package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Kind says what an entry of `<name>.submitted` is.
type Kind uint8

const (
	// KindFiled files a submitted part under the key that its receipt may come with.
	KindFiled Kind = 1
	// KindLast notes the last message to a subscriber from one of our addresses.
	KindLast Kind = 2
	// KindSettled notes that a receipt was published for the submission under the key.
	KindSettled Kind = 3
)

// Submission is an entry of `<name>.submitted`. Which fields mean something depends
// on its kind; all that are set are kept. Times are kept to the millisecond.
type Submission struct {
	Kind        Kind
	SMSC        string
	Key         string // ReceiptKey or SubscriberKey: decides the partition
	PrimaryKey  string // KindFiled under a further key: the first one; "" if this is the first
	MessageID   string // as in the submit_sm_resp
	ID          string // of the outbound record
	RecordKey   []byte // the outbound record's key; nil is a null key, which is not an empty one
	Part, Parts int
	To, From    string
	Source      Source
	SubmittedAt time.Time
	Receipts    string // none, final, failure, all
	Metadata    []byte // a compact JSON object; nil absent
	Final       bool
	Hash        uint64 // KindSettled: of the receipt that was published
	// Span is the trace id and the span id of the submit where that was traced and sampled, else zero.
	Span [24]byte
}

// The fields of a submission, by their bit in the entry's field set. Bits are never
// given a second meaning; a new field is a new bit and a new version. A batch says the
// least version that can read all of it, so that one who does not use a new field can go
// back to the release before it.
const (
	hasSMSC = 1 << iota
	hasPrimaryKey
	hasMessageID
	hasID
	hasRecordKey
	hasPart
	hasTo
	hasFrom
	hasSource
	hasTimestamp
	hasSubmittedAt
	hasReceipts
	hasMetadata
	hasHash
	isFinal
	hasSpan // from spanVersion on
	endOfFields
)

// spanVersion is the first version of a batch whose entries may have a Span.
const spanVersion = 2

// AppendSubmission appends an entry to a batch, the value of one record of
// `<name>.submitted`; an empty dst becomes a batch. All entries of a batch must have
// keys of the record's partition.
//
// A batch is the version byte and its entries one after another: the kind (1 byte),
// the set of fields present (varint), the key, and these fields in the order of
// their bits.
func AppendSubmission(dst []byte, s *Submission) []byte {
	if len(dst) == 0 {
		dst = append(dst, formVersion)
	}
	set := s.fieldSet()
	if set&hasSpan != 0 {
		dst[0] = spanVersion
	}
	dst = append(dst, byte(s.Kind))
	dst = binary.AppendUvarint(dst, set)
	dst = appendBytes(dst, s.Key)
	if set&hasSMSC != 0 {
		dst = appendBytes(dst, s.SMSC)
	}
	if set&hasPrimaryKey != 0 {
		dst = appendBytes(dst, s.PrimaryKey)
	}
	if set&hasMessageID != 0 {
		dst = appendBytes(dst, s.MessageID)
	}
	if set&hasID != 0 {
		dst = appendBytes(dst, s.ID)
	}
	if set&hasRecordKey != 0 {
		dst = appendBytes(dst, s.RecordKey)
	}
	if set&hasPart != 0 {
		dst = appendPart(dst, s.Part)
		dst = appendPart(dst, s.Parts)
	}
	if set&hasTo != 0 {
		dst = appendBytes(dst, s.To)
	}
	if set&hasFrom != 0 {
		dst = appendBytes(dst, s.From)
	}
	if set&hasSource != 0 {
		dst = appendBytes(dst, s.Source.Topic)
		dst = binary.AppendVarint(dst, int64(s.Source.Partition))
		dst = binary.AppendVarint(dst, s.Source.Offset)
	}
	if set&hasTimestamp != 0 {
		dst = appendMillis(dst, s.Source.Timestamp)
	}
	if set&hasSubmittedAt != 0 {
		dst = appendMillis(dst, s.SubmittedAt)
	}
	if set&hasReceipts != 0 {
		dst = appendBytes(dst, s.Receipts)
	}
	if set&hasMetadata != 0 {
		dst = appendBytes(dst, s.Metadata)
	}
	if set&hasHash != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, s.Hash)
	}
	if set&hasSpan != 0 {
		dst = append(dst, s.Span[:]...)
	}
	return dst
}

func (s *Submission) fieldSet() (set uint64) {
	for _, f := range [...]struct {
		bit uint64
		in  bool
	}{
		{hasSMSC, s.SMSC != ""},
		{hasPrimaryKey, s.PrimaryKey != ""},
		{hasMessageID, s.MessageID != ""},
		{hasID, s.ID != ""},
		{hasRecordKey, s.RecordKey != nil},
		{hasPart, s.Part > 0 || s.Parts > 0},
		{hasTo, s.To != ""},
		{hasFrom, s.From != ""},
		{hasSource, s.Source.Topic != "" || s.Source.Partition != 0 || s.Source.Offset != 0},
		{hasTimestamp, writable(s.Source.Timestamp)},
		{hasSubmittedAt, writable(s.SubmittedAt)},
		{hasReceipts, s.Receipts != ""},
		{hasMetadata, s.Metadata != nil},
		{hasHash, s.Hash != 0},
		{isFinal, s.Final},
		{hasSpan, s.Span != [24]byte{}},
	} {
		if f.in {
			set |= f.bit
		}
	}
	return set
}

// maxParts is far above the 255 that a reference can count; it only keeps the number
// an int everywhere.
const maxParts = 1<<31 - 1

func appendPart(dst []byte, n int) []byte {
	return binary.AppendUvarint(dst, uint64(min(max(n, 0), maxParts)))
}

// writable says whether t is a time that the reader takes: set, and one that
// records can show. A record's timestamp is its producer's word and can be anything.
func writable(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}

// EachSubmission calls fn with every entry of a batch, in order, until fn returns an
// error, which it then returns. The Submission is reused for the next call; its
// strings and bytes alias value. A batch that is malformed at some entry gives its
// earlier entries to fn before the error.
func EachSubmission(value []byte, fn func(*Submission) error) error {
	c := cursor{b: value}
	fields := uint64(hasSpan - 1)
	if c.version(spanVersion) == spanVersion {
		fields = endOfFields - 1
	}
	var s Submission
	for n := 1; len(c.b) > 0; n++ {
		c.submission(&s, fields)
		if c.err != nil {
			return fmt.Errorf("entry %d: %w", n, c.err)
		}
		if err := fn(&s); err != nil {
			return err
		}
	}
	return c.err
}

// submission reads an entry of these fields at most.
func (c *cursor) submission(s *Submission, fields uint64) {
	*s = Submission{Kind: Kind(c.byte("kind"))}
	if s.Kind < KindFiled || s.Kind > KindSettled {
		c.fail(ErrMalformed, "kind")
	}
	set := c.uint(fields, "field set")
	s.Key = c.string("key")
	if set&hasSMSC != 0 {
		s.SMSC = c.string("smsc")
	}
	if set&hasPrimaryKey != 0 {
		s.PrimaryKey = c.string("primary key")
	}
	if set&hasMessageID != 0 {
		s.MessageID = c.string("message id")
	}
	if set&hasID != 0 {
		s.ID = c.string("id")
	}
	if set&hasRecordKey != 0 {
		s.RecordKey = c.bytes("record key")
	}
	if set&hasPart != 0 {
		s.Part = int(c.uint(maxParts, "part"))
		s.Parts = int(c.uint(maxParts, "parts"))
	}
	if set&hasTo != 0 {
		s.To = c.string("to")
	}
	if set&hasFrom != 0 {
		s.From = c.string("from")
	}
	if set&hasSource != 0 {
		s.Source.Topic = c.string("topic")
		s.Source.Partition = int32(c.int(math.MinInt32, math.MaxInt32, "partition"))
		s.Source.Offset = c.int(math.MinInt64, math.MaxInt64, "offset")
	}
	if set&hasTimestamp != 0 {
		s.Source.Timestamp = c.time("timestamp")
	}
	if set&hasSubmittedAt != 0 {
		s.SubmittedAt = c.time("submitted at")
	}
	if set&hasReceipts != 0 {
		s.Receipts = c.string("receipts")
	}
	if set&hasMetadata != 0 {
		s.Metadata = c.bytes("metadata")
	}
	if set&hasHash != 0 {
		s.Hash = c.uint64("hash")
	}
	s.Final = set&isFinal != 0
	if set&hasSpan != 0 {
		copy(s.Span[:], c.take(len(s.Span), "span"))
	}
}
