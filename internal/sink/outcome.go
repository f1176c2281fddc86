package sink

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/faultpoint"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// finish gives a message its result; the next commit writes it.
func (s *Sink) finish(m *message, status, reason string) {
	m.status, m.reason = status, reason
	s.decide(m)
}

// decide queues a message for the next transaction, in which it becomes done. Until
// then it stays granted in the ledger, or pending: a commit of grants alone that goes
// before must not say that it is done, as its result would be missing for good. A null
// value comes here too, with no status: it is done without a result.
func (s *Sink) decide(m *message) {
	if m.state = waiting; m.granted {
		m.state = finished
	}
	switch {
	case m.parked: // until its partition comes back: resume does the rest, and does it once
	case m.granted:
		s.draft.messages = append(s.draft.messages, m)
	default:
		s.verdicts.push(m)
	}
}

// settleAll marks all that is finished as done in the ledgers, for the commit that is
// being built.
func (s *Sink) settleAll() {
	for _, m := range s.draft.messages {
		if m.granted && m.part.held { // not granted: it was in a commit before, which failed
			m.part.ledger.Done(m.rec.Offset)
			m.part.unwritten++
			m.disown()
		}
	}
	s.verdictsDue()
}

// verdictsDue marks done what was decided without a grant, as far as the ledgers have a
// place for it.
func (s *Sink) verdictsDue() {
	for n := s.verdicts.len(); n > 0; n-- {
		m := s.verdicts.pop()
		if s.park(m) {
			continue
		}
		if m.part.letGo != nil {
			s.leave(m)
			continue
		}
		if !m.part.ledger.CanGrant(m.rec.Offset) {
			s.verdicts.push(m)
			continue
		}
		m.part.ledger.Done(m.rec.Offset)
		m.part.unwritten++
		m.state = finished
		s.draft.messages = append(s.draft.messages, m)
	}
}

// deadLettered tells which results have a dead letter beside them.
func deadLettered(status string) bool {
	switch status {
	case "invalid", "unroutable", "expired", "rejected", "in_doubt":
		return true
	}
	return false
}

// fillResult makes the result record.
func (s *Sink) fillResult(rec *kgo.Record, m *message) {
	r := &s.resultScratch
	r.ID, r.Status, r.To, r.From = m.out.ID, m.status, m.out.To, m.body.from
	r.Encoding, r.SMSC, r.Transliterated = "", "", nil
	if m.encodedFor >= 0 && m.out.Action != record.Cancel {
		r.Encoding, r.Transliterated = m.body.parts.Encoding.String(), m.body.changes
	}
	if m.attempts > 0 {
		r.SMSC = s.cfg.SMSCs[m.target].Name
	}
	if r.From == "" {
		r.From = m.out.From
	}
	r.Parts = r.Parts[:0]
	if m.attempts > 0 {
		for i := range m.pieces {
			pc := &m.pieces[i]
			id := pc.id
			if m.out.Action != record.Submit {
				id = m.out.MessageID // whose it is; the answer names none
			}
			r.Parts = append(r.Parts, record.PartResult{
				Part: i + 1, MessageID: id, CommandStatus: pc.status, StatusName: record.StatusName(pc.status),
				Answered: pc.state == accepted || pc.state == rejected || pc.state == refused,
			})
		}
	}
	r.Attempts, r.PossibleDuplicate, r.Error = m.attempts, m.inDoubt && m.status != "in_doubt", m.reason
	r.Source = sourceOf(m.rec)
	r.ReceivedAt, r.SubmittedAt, r.AnsweredAt, r.Metadata = m.receivedAt, m.submittedAt, m.answeredAt, m.out.Metadata
	arena := &s.draft.arena
	rec.Topic, rec.Key, rec.Value = s.cfg.Topics.Results, m.key(), arena.Keep(s.form.AppendResult(arena.Room(), r))
	rec.Headers = m.trace.Result(rec.Topic, m.status, m.attempts)
}

func sourceOf(r *kgo.Record) record.Source {
	return record.Source{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp}
}

// deadLetter makes the dead letter: the original record, and what Kafka Connect's
// tools expect to find beside it.
func (s *Sink) deadLetter(m *message) *kgo.Record {
	d := record.DeadLetter{
		Source: sourceOf(m.rec), Connector: s.cfg.Name + "-sink", Task: "0", Stage: "TASK_PUT",
		Class: "smpp-connector/sink", ExceptionClass: "smpp." + m.status, Message: m.reason, Status: m.status,
	}
	if m.status == "invalid" {
		d.Stage, d.Class = "VALUE_CONVERTER", "smpp-connector/record"
	}
	if m.attempts > 0 {
		d.SMSC = s.cfg.SMSCs[m.target].Name
		for i := range m.pieces {
			if pc := &m.pieces[i]; pc.state == rejected || pc.state == refused {
				d.CommandStatus, d.HasCommandStatus = pc.status, true
				break
			}
		}
	}
	rec := s.draft.record()
	*rec = kgo.Record{Topic: s.cfg.Topics.DeadLetter, Key: m.key(), Value: m.rec.Value, Timestamp: m.rec.Timestamp}
	if !m.shrunk {
		rec.Headers = append(rec.Headers, m.rec.Headers...)
	}
	if s.lettersNow {
		rec.Timestamp = time.Time{}
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: record.HeaderTimestamp, Value: m.rec.Timestamp.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z")})
	}
	for _, h := range d.AppendHeaders(nil) {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return rec
}

// submittedTopic packs submissions for the resolver, many to a record: a record
// each would double the load of the brokers for data that only we read.
type submittedTopic struct {
	name       string
	partitions int32
	packs      [][]byte // by partition
	spare      record.Spare[[]byte]
}

const (
	// maxPack is how large a packed record grows, well under a broker's limit of 1 MB. Where the topic's max.message.bytes is less, no full pack is
	// written, and notCommitted shrinks messages in vain, since a pack of smaller ones holds more of them: until the setting is raised nothing is committed.
	maxPack = 128 << 10
	// sparePacks bounds the packs that wait to be used again, to 16 MB. A transaction at full speed takes some twenty.
	sparePacks = 64
)

func (t *submittedTopic) add(sub *record.Submission, d *draft) {
	if t.packs == nil {
		t.packs = make([][]byte, t.partitions)
	}
	p := record.PartitionOf(sub.Key, t.partitions)
	t.packs[p] = record.AppendSubmission(t.packs[p], sub)
	if len(t.packs[p]) >= maxPack {
		t.cut(p, d)
	}
}

func (t *submittedTopic) cut(p int32, d *draft) {
	r := d.record()
	r.Topic, r.Partition, r.Value = t.name, p, t.packs[p]
	d.records = append(d.records, r)
	t.packs[p] = t.spare.Take()
}

// reuse takes the memory of a record that is written.
func (t *submittedTopic) reuse(pack []byte) {
	if cap(pack) <= 2*maxPack {
		t.spare.Put(pack[:0], sparePacks)
	}
}

// reset forgets what was added since the last flush.
func (t *submittedTopic) reset() {
	for p := range t.packs {
		t.packs[p] = t.packs[p][:0]
	}
	t.spare.Turn()
}

// flush makes records of what is left of all partitions.
func (t *submittedTopic) flush(d *draft) {
	for p := range t.packs {
		if len(t.packs[p]) > 0 {
			t.cut(int32(p), d)
		}
	}
	t.spare.Turn()
}

// appendSubmissions files a message for its receipts, under every form in which
// its ids may come back, and as the last one sent to that subscriber.
func (s *Sink) appendSubmissions(m *message) {
	if m.out.Action != record.Submit {
		return // the message's receipts belong to the record that submitted it
	}
	smsc := s.cfg.SMSCs[m.target].Name
	wants := receipts(&m.out, s.habits[m.target])
	sub := record.Submission{
		SMSC: smsc, ID: m.out.ID, Parts: len(m.pieces), To: m.out.To, From: m.body.from,
		Source: sourceOf(m.rec), SubmittedAt: faultpoint.Wall(m.submittedAt), Receipts: wants,
	}
	sub.RecordKey, sub.Metadata = m.carried()
	sent := false
	for i := range m.pieces {
		pc := &m.pieces[i]
		if pc.state != accepted {
			continue
		}
		sent = true
		if wants == "none" || pc.id == "" {
			continue
		}
		s.keys = sms.FilingKeys(s.keys[:0], pc.id, s.forms.Of(smsc))
		sub.Kind, sub.MessageID, sub.Part, sub.PrimaryKey, sub.Span = record.KindFiled, pc.id, i+1, "", m.trace.Ref(i)
		for k, id := range s.keys {
			sub.Key = record.ReceiptKey(smsc, id)
			if k == 1 {
				sub.PrimaryKey = record.ReceiptKey(smsc, s.keys[0])
			}
			s.submitted.add(&sub, &s.draft)
		}
	}
	if sent && m.body.sm.Source.TON != tonAlphanumeric && m.body.from != "" {
		// What a reply is given of it, and when it is forgotten: with all of the message it would be half of the topic.
		last := record.Submission{Kind: record.KindLast, Key: record.SubscriberKey(sms.NormalNumber(m.number), sms.NormalNumber(m.body.from)),
			ID: sub.ID, Metadata: sub.Metadata, SubmittedAt: sub.SubmittedAt, Span: m.trace.Ref(0)}
		s.submitted.add(&last, &s.draft)
	}
}

// tonAlphanumeric is SMPP v3.4 §5.2.5: nobody can reply to such a sender.
const tonAlphanumeric = 5

// shrink takes what is too large for Kafka out of a message's records: what
// must be told of it is told, the bulk is not.
func (m *message) shrink() {
	m.out.Metadata = nil
	m.out.To, m.out.From, m.body.from = clip(m.out.To), clip(m.out.From), clip(m.body.from)
	m.reason = fmt.Sprintf("%s (this record was too large for the topics and is given without its metadata, original value and a key of more than 64 KiB)", m.reason)
	m.shrunk = true
}

// maxKey is the longest key, in bytes, that a receipt carries, and a result that was too large with its own.
const maxKey = 64 << 10

// key is that of the message's result and dead letter.
func (m *message) key() []byte {
	if m.shrunk && len(m.rec.Key) > maxKey {
		return nil // of all that can be left out the last that could keep the result from being written
	}
	return m.rec.Key
}

// maxCarried bounds, in bytes, what the submissions of one message carry of it. They carry it once for each part and each
// form of its id, and without a bound a single record of 1 MB could make 700 MB of them.
const maxCarried = 1 << 20

// carried is the key and the metadata for the submissions, without which receipts do as well.
func (m *message) carried() (key, metadata []byte) {
	key, metadata = m.rec.Key, m.out.Metadata
	room := maxCarried / (maxForms * max(len(m.pieces), 1))
	if len(key) > min(maxKey, room) {
		key = nil
	}
	if len(key)+len(metadata) > room {
		metadata = nil
	}
	return key, metadata
}

// maxForms is under how many keys sms.FilingKeys files an id at most.
const maxForms = 3

// clip keeps what is longer than any address to a length that one may read.
func clip(s string) string { return s[:min(len(s), 256)] }
