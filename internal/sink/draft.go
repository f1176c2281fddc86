package sink

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// draft is the records of the next transaction, as far as they are made. They are made
// as the answers come, mostly while a commit is on its way, so that the next one finds
// them ready.
//
// A draft is thrown away and made again where something of it must not be told as it is
// there: a partition was lost meanwhile, or a commit failed.
type draft struct {
	messages []*message // finished; those of records in front
	made     int        // how many of them have their records
	records  []*kgo.Record
	arena    record.Arena // the values of the results

	// What the last commits used, to be used again.
	spareMessages []*message
	spareRecords  record.Spare[*kgo.Record]
}

// draftRecords makes the records of what is finished.
func (s *Sink) draftRecords() {
	d := &s.draft
	kept := d.messages[:d.made]
	for _, m := range d.messages[d.made:] {
		if s.park(m) {
			continue
		}
		kept = append(kept, m)
		if m.status == "" { // a null value
			continue
		}
		r := d.record()
		s.fillResult(r, m)
		d.records = append(d.records, r)
		if deadLettered(m.status) {
			dead := s.deadLetter(m)
			if m.shrunk {
				dead.Value = nil
			}
			d.records = append(d.records, dead)
		}
		if m.attempts > 0 {
			s.appendSubmissions(m)
		}
	}
	clear(d.messages[len(kept):])
	d.messages, d.made = kept, len(kept)
}

// takeDraft moves what is finished, all of it, into a commit: its offsets are done in the
// metadata of this very commit. How much that can be is bounded by what is held in
// memory (mostQueued, mostBytes).
func (s *Sink) takeDraft(c *commit) {
	d := &s.draft
	for _, m := range d.messages[:d.made] {
		if !m.part.held {
			d.discard(&s.submitted)
			break
		}
	}
	s.draftRecords()
	s.submitted.flush(d)
	c.Records, c.arena = d.records, append(c.arena, d.arena.Take()...)
	d.spareRecords.Turn()
	if c.finished == nil {
		c.finished, d.messages, d.spareMessages = d.messages, d.spareMessages[:0], nil
	} else {
		c.finished = append(c.finished, d.messages...)
		clear(d.messages)
		d.messages = d.messages[:0]
	}
	d.records, d.made = nil, 0
}

// giveBack puts what a commit has finished in front again: nothing of it happened. The memory of its results is not used again: the
// client may still be writing them to a broker that does not answer.
func (d *draft) giveBack(c *commit, t *submittedTopic) {
	d.discard(t)
	d.messages = append(c.finished, d.messages...)
}

// discard forgets the records.
func (d *draft) discard(t *submittedTopic) {
	t.reset()
	d.arena.Reset()
	d.records, d.made = nil, 0
}

// reuse takes over the memory of a commit that has succeeded.
func (d *draft) reuse(c *commit, t *submittedTopic) {
	clear(c.finished)
	d.spareMessages = c.finished[:0]
	d.arena.Reuse(c.arena)
	d.reuseRecords(c.begun, t)
	d.reuseRecords(c.Records, t)
}

func (d *draft) reuseRecords(records []*kgo.Record, t *submittedTopic) {
	for _, r := range records {
		if r.Topic == t.name {
			t.reuse(r.Value)
		}
		*r = kgo.Record{}
		d.spareRecords.Put(r, maxQueuedAll)
	}
}

// record is an empty one.
func (d *draft) record() *kgo.Record {
	if r := d.spareRecords.Take(); r != nil {
		return r
	}
	block := make([]kgo.Record, 64)
	for i := range block[1:] {
		d.spareRecords.Put(&block[1+i], maxQueuedAll)
	}
	return &block[0]
}

// age is called twice a second, and lets go of what the transactions of late have no use for.
func (d *draft) age(t *submittedTopic) {
	d.arena.Age()
	d.spareRecords.Age()
	t.spare.Age()
}
