package store

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is put, moved, deleted and taken, in batches that are committed or not, each entry that is there comes due at its own time, once. Others may
// be taken, too, but lead to nothing.
func TestEachEntryComesDueOnceAtItsTime(t *testing.T) {
	t.Parallel()
	d := openIn(t, t.TempDir())
	defer d.Close()
	partition := int32(0)
	rapid.Check(t, func(t *rapid.T) {
		partition++ // a new one for each
		have := map[ID]int64{}
		now, floor := int64(0), int64(0)
		b := d.NewBatch()
		defer func() { b.Close() }()
		ids := rapid.Custom(func(t *rapid.T) ID {
			return origin(rapid.Uint64Range(1, 3).Draw(t, "hash"), rapid.Uint64Range(1, 300).Draw(t, "tail"))
		})
		take := func(until int64, limit int) {
			refs, next, more := b.TakeDue(nil, partition, Submitted, floor, until, limit)
			if len(refs) > limit {
				t.Fatalf("%d of at most %d", len(refs), limit)
			}
			floor = next
			for _, r := range refs {
				if r.Due > until {
					t.Fatalf("taken at %d: due at %d", until, r.Due)
				}
				e, ok := b.Coming(partition, r)
				if !ok {
					continue
				}
				if due, there := have[e.ID]; !there || due != r.Due || string(e.Row) != fmt.Sprint(due) {
					t.Fatalf("%+v came due at %d, want %d, %v", e, r.Due, due, there)
				}
				delete(have, e.ID)
				b.Delete(partition, e.ID)
			}
			if !more {
				now = max(now, until)
				for id, due := range have {
					if due <= until {
						t.Fatalf("%+v is not taken at %d: it was due at %d", id, until, due)
					}
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					id, due := ids.Draw(t, "id"), now+1+rapid.Int64Range(0, 3*groupSpan).Draw(t, "in")
					have[id] = due
					b.Put(partition, id, due, nil, fmt.Append(nil, due))
					floor = min(floor, due)
				}
			},
			"delete": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				delete(have, id)
				b.Delete(partition, id)
			},
			"commit": func(rt *rapid.T) {
				if err := b.Commit(); err != nil {
					rt.Fatal(err)
				}
				b = d.NewBatch()
				if rapid.Bool().Draw(rt, "fold") {
					b = d.NewFold()
				}
			},
			"take": func(t *rapid.T) {
				take(now+rapid.Int64Range(0, 2*groupSpan).Draw(t, "until"), rapid.IntRange(1, 50).Draw(t, "limit"))
			},
			"see": func(t *rapid.T) {
				from := now + rapid.Int64Range(0, groupSpan).Draw(t, "from")
				until := from + rapid.Int64Range(0, 2*groupSpan).Draw(t, "until")
				seen := map[ID]bool{}
				last := from
				for _, r := range b.SeeDue(nil, partition, Submitted, from, until, 1<<20) {
					if r.Due < last || r.Due > until {
						t.Fatalf("from %d to %d: due at %d after %d", from, until, r.Due, last)
					}
					last = r.Due
					if e, ok := b.Coming(partition, r); ok {
						seen[e.ID] = true
					}
				}
				for id, due := range have {
					if due >= from && due <= until && !seen[id] {
						t.Fatalf("%+v, due at %d, is not seen from %d to %d", id, due, from, until)
					}
				}
			},
		})
		for limit := 1; len(have) > 0; limit++ {
			take(now+10*groupSpan, limit)
		}
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
	})
}

// What is seen is in the order of time and complete up to its end, however small the limit: whoever goes on from there misses nothing.
func TestWhatIsSeenInPiecesIsAllThereIs(t *testing.T) {
	t.Parallel()
	d := openIn(t, t.TempDir())
	defer d.Close()
	const n = 3000
	b := d.NewFold()
	for i := range uint64(n) {
		b.Put(1, origin(i, i), int64(i*7919%n)*3, nil, nil)
		if i%37 == 0 {
			commit(t, b)
			b = d.NewFold()
		}
	}
	commit(t, b)
	b = d.NewBatch()
	defer b.Close()
	seen := 0
	for from := int64(0); from < 3*n; {
		refs := b.SeeDue(nil, 1, Submitted, from, 3*n, 10)
		if len(refs) == 0 {
			break
		}
		seen += len(refs)
		from = refs[len(refs)-1].Due + 1 // each is due at a time of its own
	}
	if seen != n {
		t.Fatalf("%d of %d", seen, n)
	}
}

func TestASweepDropsWhatIsOverAndNothingElse(t *testing.T) {
	t.Parallel()
	d := openIn(t, t.TempDir())
	defer d.Close()
	b := d.NewBatch()
	defer func() { b.Close() }()
	const n = 1000
	id := func(i int) ID { return ID{Class: Last, Hash: uint64(i) << 54} }
	for i := range n {
		b.Put(1, id(i), int64(100+i%2), nil, nil)
	}
	b.Put(1, origin(1, 1), 100, nil, nil)
	b.Put(2, id(1), 100, nil, nil)
	for at, more := uint64(0), true; more; {
		at, more = b.Sweep(1, Last, at, 1<<64-1, 100, 7)
	}
	for i := range n {
		if _, ok := b.Get(1, id(i)); ok != (i%2 == 1) {
			t.Fatalf("entry %d is there: %v", i, ok)
		}
	}
	_, other := b.Get(2, id(1))
	if _, ok := b.Get(1, origin(1, 1)); !ok || !other {
		t.Error("what is of another class or partition is gone")
	}
}

// A group that was written over would never be due.
func TestAStoreThatIsOpenedAgainGivesGroupsOtherNumbers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range uint64(3) {
		d := openIn(t, dir)
		b := d.NewBatch()
		b.Put(0, origin(i, i), 1000, nil, nil)
		commit(t, b)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d := openIn(t, dir)
	defer d.Close()
	b := d.NewBatch()
	defer b.Close()
	if refs, _, _ := b.TakeDue(nil, 0, Submitted, 0, 1000, 10); len(refs) != 3 {
		t.Fatalf("%d of 3 came due", len(refs))
	}
}
