package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Follower reads a compacted topic as a table, all of it and then what is added, in the way of Kafka Streams' GlobalKTable: every replica has all
// of it, and no group keeps offsets.
//
// It asks for the ends once a second and reads up to them, rather than to have a fetch wait for more: so it knows when it has everything that
// was there, at the start as later on, and a partition that is added is seen like any other. It is for one goroutine.
type Follower struct {
	Client *kgo.Client
	Topic  string
	// Take is given each record; one without a value deletes its key.
	Take func(*kgo.Record)
	// Anew is told, before the first record and whenever all is read again, that what was taken does not count any more.
	Anew func()
	// Whole is told each time that everything which was there a moment ago has been taken.
	Whole func()
	// Trouble is told why a look has failed. There is a next one.
	Trouble func(error)

	id     string          // of the topic
	at     map[int32]int64 // next offsets; nil: nothing is read
	looked time.Time       // when all was taken for the last time
}

const (
	followEvery = time.Second
	// followPatience is how long one look bears that nothing comes.
	followPatience = 10 * time.Second
	// followMemory is well below the day for which a topic keeps the record that deletes a key (delete.retention.ms): who was away for longer may
	// have missed some.
	followMemory = time.Hour
)

// Run goes on until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	for n := 0; ; {
		wait := followEvery
		if err := f.look(ctx); err == nil {
			n, f.looked = 0, time.Now()
			f.Whole()
		} else if ctx.Err() == nil {
			f.Trouble(Remedy(err))
			n++
			wait = max(wait, Backoff(n))
		}
		if Sleep(ctx, wait) != nil {
			return
		}
	}
}

// look reads up to the ends as they are now: to the very ends, so that a transaction which is open is waited for, and one that stays so is told of.
func (f *Follower) look(ctx context.Context) error {
	ids, err := TopicIDs(ctx, f.Client, f.Topic)
	if err != nil {
		return err
	}
	id, ok := ids[f.Topic]
	if !ok {
		return fmt.Errorf("topic %s does not exist", f.Topic)
	}
	adm := kadm.NewClient(f.Client)
	ends, err := ListOffsets(ctx, f.Topic, adm.ListEndOffsets)
	if err != nil {
		return err
	}
	if f.at == nil || id != f.id || !f.looked.IsZero() && time.Since(f.looked) > followMemory || f.beyond(ends) {
		f.Anew()
		f.id, f.at, f.looked = id, make(map[int32]int64), time.Time{}
	}
	if err := f.begin(ctx, adm, ends); err != nil {
		return err
	}
	take := func(r *kgo.Record) error { f.Take(r); return nil }
	reader := Reader{Client: f.Client, Patience: followPatience, Compacted: true}
	for p, end := range ends {
		for f.at[p] < end {
			if f.at[p], err = reader.ReadSome(ctx, f.Topic, p, f.at[p], end, take); err != nil {
				return err
			}
		}
	}
	return nil
}

// beyond tells that a partition ends before what was read of it: its log has lost its end, or is another one.
func (f *Follower) beyond(ends map[int32]int64) bool {
	for p, at := range f.at {
		if end, ok := ends[p]; !ok || at > end {
			return true
		}
	}
	return false
}

// begin finds the start of the partitions that are new.
func (f *Follower) begin(ctx context.Context, adm *kadm.Client, ends map[int32]int64) error {
	if len(f.at) == len(ends) {
		return nil
	}
	starts, err := ListOffsets(ctx, f.Topic, adm.ListStartOffsets)
	if err != nil {
		return err
	}
	for p := range ends {
		if _, known := f.at[p]; !known {
			f.at[p] = starts[p]
		}
	}
	return nil
}
