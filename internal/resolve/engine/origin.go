package engine

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
)

// origin is a submission under one of the keys that its receipts may come with.
type origin struct {
	id  store.ID
	due int64 // the end of its time
	row []byte
	originState
	record.Submission
}

// originState is what changes of it, kept apart from its row.
type originState struct {
	final  bool     // its final receipt is published
	hashes []uint64 // of the receipts published
}

func (s *originState) append(dst []byte) []byte {
	if !s.final && len(s.hashes) == 0 {
		return dst // as most are
	}
	flag := byte(0)
	if s.final {
		flag = 1
	}
	dst = append(dst, flag)
	for _, h := range s.hashes {
		dst = binary.LittleEndian.AppendUint64(dst, h)
	}
	return dst
}

func (s *originState) decode(b []byte) {
	s.final, s.hashes = false, nil
	if len(b) == 0 {
		return
	}
	s.final = b[0] == 1
	for b = b[1:]; len(b) >= 8; b = b[8:] {
		s.hashes = append(s.hashes, binary.LittleEndian.Uint64(b))
	}
}

// note takes a published receipt in, and tells whether that changed anything. Of more
// than can be remembered the oldest is forgotten.
func (s *originState) note(hash uint64, final bool) bool {
	changed := final && !s.final
	s.final = s.final || final
	if hash != 0 && !slices.Contains(s.hashes, hash) {
		if len(s.hashes) >= maxHashes {
			s.hashes = s.hashes[1:]
		}
		s.hashes = append(s.hashes, hash)
		changed = true
	}
	return changed
}

// originID tells one submission under a key from others: an SMSC may give an id
// twice, or all messages the same. What is filed and what settles it give the same.
func originID(s *record.Submission) store.ID {
	return store.ID{Class: store.Origin, Hash: hashOf(s.Key), Tail: tailOf(s)}
}

// tailOf is the source of a submission but the name of its topic, and its part: the two lowest bytes of the offset, which differ most; two of the
// hash of topic and message id; the partition and whether a part other than the first is named, and that; the rest of the offset.
func tailOf(s *record.Submission) string {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(s.Source.Topic)
	_, _ = d.WriteString("\x00")
	_, _ = d.WriteString(s.MessageID)
	which, at := d.Sum64(), uint64(s.Source.Offset)
	b := append(make([]byte, 0, 32), byte(at), byte(at>>8), byte(which), byte(which>>8))
	if s.Part == 1 {
		b = binary.AppendUvarint(b, uint64(uint32(s.Source.Partition))<<1)
	} else {
		b = binary.AppendUvarint(b, uint64(uint32(s.Source.Partition))<<1|1)
		b = binary.AppendUvarint(b, uint64(s.Part))
	}
	return string(binary.AppendUvarint(b, at>>16))
}

func readTail(tail string, s *record.Submission) bool {
	if len(tail) < 4 {
		return false
	}
	b := []byte(tail[4:])
	uint := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[max(n, 0):]
		return v
	}
	p := uint()
	s.Source.Partition, s.Part = int32(uint32(p>>1)), 1
	if p&1 != 0 {
		s.Part = int(uint())
	}
	s.Source.Offset = int64(uint()<<16 | uint64(tail[1])<<8 | uint64(tail[0]))
	return true
}

// foldSubmission takes an entry of `submitted` into the state.
func (e *Engine) foldSubmission(b *store.Batch, s *record.Submission) {
	switch s.Kind {
	case record.KindFiled:
		e.putOrigin(b, s)
	case record.KindLast:
		due := e.endOf(s)
		b.Put(e.cfg.Partition, store.ID{Class: store.Last, Hash: hashOf(s.Key)}, due, nil, e.scratch.rows.last(s))
	case record.KindSettled:
		e.foldSettled(b, s)
	}
}

// endOf is the end of a submission's time, when it is forgotten.
func (e *Engine) endOf(s *record.Submission) int64 {
	at := s.SubmittedAt
	if at.IsZero() {
		at = s.Source.Timestamp
	}
	return unixMilli(at) + e.cfg.ReceiptWait.Milliseconds()
}

// putOrigin needs not look whether it is there: each record of the log is folded into
// the store once, since the position is written with it.
func (e *Engine) putOrigin(b *store.Batch, s *record.Submission) {
	due := e.endOf(s)
	b.Put(e.cfg.Partition, originID(s), due, nil, e.scratch.rows.origin(s, due))
	e.floors.lower(store.Submitted, due)
	e.head.Origins++
}

// foldSettled takes in what was published, by us or by the engine of another key of
// the same submission. It is done twice without harm; what is not there any more is
// past its time.
func (e *Engine) foldSettled(b *store.Batch, s *record.Submission) {
	id := originID(s)
	entry, ok := b.Get(e.cfg.Partition, id)
	if !ok {
		return
	}
	var st originState
	st.decode(entry.State)
	if st.note(s.Hash, s.Final) {
		b.Set(e.cfg.Partition, id, entry.Due, st.append(nil), entry.Row)
	}
}

// origins returns the submissions under a key, those filed first first.
func (e *Engine) origins(b *store.Batch, key string) []origin {
	e.scratch.entries = b.Find(e.scratch.entries[:0], e.cfg.Partition, store.Origin, hashOf(key), maxCandidates)
	if len(e.scratch.entries) == 0 {
		return nil
	}
	out := make([]origin, 0, len(e.scratch.entries))
	for _, entry := range e.scratch.entries {
		o := origin{id: entry.ID, due: entry.Due, row: entry.Row}
		o.decode(entry.State)
		if !readOrigin(entry.Row, entry.ID.Tail, entry.Due, &o.Submission) || o.Key != key {
			continue
		}
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b origin) int { return a.SubmittedAt.Compare(b.SubmittedAt) })
	return out
}

// settle publishes, so to say, that a receipt for the submission was published: in its
// own partition, so that its repetition is known wherever the state is rebuilt, and in
// that of the key which watches over its time, if that is another.
func (e *Engine) settle(out *Output, o *origin, hash uint64, final bool) {
	o.note(hash, final)
	out.batch.Set(e.cfg.Partition, o.id, o.due, o.originState.append(nil), o.row)
	s := record.Submission{Kind: record.KindSettled, SMSC: o.SMSC, Key: o.Key, MessageID: o.MessageID, ID: o.ID, Part: o.Part, Parts: o.Parts,
		Source: o.Source, SubmittedAt: o.SubmittedAt, Final: final, Hash: hash}
	out.settle(e, &s)
	if o.PrimaryKey == "" || !final {
		return
	}
	s.Key = o.PrimaryKey
	out.settle(e, &s)
	if record.PartitionOf(s.Key, e.cfg.Partitions) == e.cfg.Partition {
		e.foldSettled(out.batch, &s)
	}
}
