package redrive

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// journal knows which dead letters have been put back: ranges of offsets by partition. Its topic, <name>.redriven, is written in the
// transactions that put records back, and holds a record for each transaction and partition. It is compacted, and no key comes
// twice, so nothing is lost of it until its dead letters themselves are gone.
type journal struct {
	topic, id string // of the dead letters; the id tells the topic from another of its name
	done      map[int32][]span
	gone      [][]byte // keys of entries whose dead letters no longer exist
}

// span is offsets from first to last.
type span struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// entry is the value of a record of the journal.
type entry struct {
	Offsets []span `json:"offsets"`
}

func newJournal(topic, id string) *journal {
	return &journal{topic: topic, id: id, done: make(map[int32][]span)}
}

// key is unique: a dead letter is put back once, so no other entry begins with the same.
func (j *journal) key(partition int32, first int64) []byte {
	return fmt.Appendf(nil, "%s:%s:%d:%d", j.topic, j.id, partition, first)
}

// take reads one record of the topic. starts are the dead letters' first offsets.
func (j *journal) take(r *kgo.Record, starts map[int32]int64) error {
	parts := strings.Split(string(r.Key), ":")
	if len(r.Value) == 0 || len(parts) != 4 || parts[0] != j.topic {
		return nil // a tombstone, or of another topic of dead letters
	}
	partition, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return fmt.Errorf("entry %q of topic %s cannot be read: %w", r.Key, r.Topic, err)
	}
	var e entry
	if err := json.Unmarshal(r.Value, &e); err != nil { // without it something would be sent twice
		return fmt.Errorf("entry %q of topic %s cannot be read: %w", r.Key, r.Topic, err)
	}
	p := int32(partition)
	if parts[1] != j.id || len(e.Offsets) > 0 && e.Offsets[len(e.Offsets)-1].Last < starts[p] {
		j.gone = append(j.gone, r.Key)
		return nil
	}
	j.done[p] = append(j.done[p], e.Offsets...)
	return nil
}

// settle makes has ready, once all is taken.
func (j *journal) settle() {
	for p, all := range j.done {
		slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.First, b.First) })
		joined := all[:0]
		for _, s := range all {
			if n := len(joined); n > 0 && s.First <= joined[n-1].Last+1 {
				joined[n-1].Last = max(joined[n-1].Last, s.Last)
				continue
			}
			joined = append(joined, s)
		}
		j.done[p] = joined
	}
}

// has tells whether a dead letter has been put back.
func (j *journal) has(partition int32, offset int64) bool {
	all := j.done[partition]
	i, _ := slices.BinarySearchFunc(all, offset, func(s span, o int64) int { return cmp.Compare(s.Last, o) })
	return i < len(all) && all[i].First <= offset
}

// tombstonesAtOnce bounds what one transaction clears away of the journal.
const tombstonesAtOnce = 1000

// entries are the records that go with a transaction which puts these dead letters back.
func (j *journal) entries(topic string, letters []letter) ([]*kgo.Record, error) {
	spans := make(map[int32][]span)
	for i := range letters {
		p, o := letters[i].rec.Partition, letters[i].rec.Offset
		if all := spans[p]; len(all) > 0 && all[len(all)-1].Last == o-1 {
			all[len(all)-1].Last = o
			continue
		}
		spans[p] = append(spans[p], span{o, o})
	}
	var records []*kgo.Record
	for p, all := range spans {
		value, err := json.Marshal(entry{all})
		if err != nil {
			return nil, err
		}
		records = append(records, &kgo.Record{Topic: topic, Key: j.key(p, all[0].First), Value: value})
	}
	n := min(len(j.gone), tombstonesAtOnce)
	for _, key := range j.gone[:n] {
		records = append(records, &kgo.Record{Topic: topic, Key: key})
	}
	j.gone = j.gone[n:]
	return records, nil
}
